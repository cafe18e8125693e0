//! Preparation: every heart brought into one form, and laid into memory-mapped arrays beside what is known of it.

use super::STRUCTURES;
use super::normalise::moments;
use super::sample::HeartSample;
use crate::dataset::{Dataset, Skipped};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::workspace::Workspace;
use serde::{Deserialize, Serialize};

/// How hearts are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Cropped to the box of the hearts, so many slices, resized (S4, 5.1.2 and 5.1.3).
    Volume { slices: usize, height: usize, width: usize },
    /// Every slice at one in-plane spacing, cut or padded to size about its centre.
    Slices { spacing_mm: f64, height: usize, width: usize },
}

impl Form {
    /// Height and width of a slice, in px.
    pub fn size(&self) -> [usize; 2] {
        match *self {
            Form::Volume { height, width, .. } | Form::Slices { height, width, .. } => [height, width],
        }
    }

    /// How many slices of a heart of `shape` (x, y, z) this form has.
    pub fn slices_of(&self, shape: [usize; 3]) -> usize {
        match *self {
            Form::Volume { slices, .. } => slices,
            Form::Slices { .. } => shape[2],
        }
    }
}

/// Where the values of a sample begin, in values of each array.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Place {
    prepared: usize,
    native: usize,
}

/// Hearts in one form.
pub struct PreparedHearts {
    /// By patient, ED before ES.
    pub samples: Vec<HeartSample>,
    pub form: Form,
    /// Patients that could not be prepared.
    pub skipped: Vec<Skipped>,
    /// Of the raw data that these were made from.
    pub fingerprint: String,
    /// Whether this call had to read the raw data.
    pub made: bool,
    /// What a person should know: raw data changed, a damaged cache made anew.
    pub notes: Vec<String>,
    places: Vec<Place>,
    /// Mean and standard deviation of every prepared heart.
    moments: Vec<[f64; 2]>,
    images: Vec<f32>,
    labels: Vec<u8>,
    native: Vec<u8>,
}

impl PreparedHearts {
    /// Samples and their arrays, as made by other means: tests, phantoms. `images` and `labels` hold slices x height x
    /// width a sample, `native` z x y x x of those that have a ground truth.
    pub fn in_memory(
        samples: Vec<HeartSample>,
        form: Form,
        images: Vec<f32>,
        labels: Vec<u8>,
        native: Vec<u8>,
    ) -> Result<PreparedHearts> {
        let (places, prepared, natives) = places(&samples, &form);
        if images.len() != prepared || labels.len() != prepared || native.len() != natives {
            return Err(Error::new("there are not as many voxels as the samples need"));
        }
        if labels.iter().chain(&native).any(|label| usize::from(*label) > STRUCTURES.len()) {
            return Err(Error::new("a label is none of 0 to 3"));
        }
        let (skipped, notes, fingerprint) = (Vec::new(), Vec::new(), String::new());
        let mut hearts = PreparedHearts {
            samples,
            form,
            skipped,
            fingerprint,
            made: true,
            notes,
            places,
            moments: Vec::new(),
            images,
            labels,
            native,
        };
        hearts.moments = (0..hearts.samples.len()).map(|i| moments(hearts.image(i))).collect();
        Ok(hearts)
    }

    /// Slices, height and width of sample `i` as prepared.
    pub fn shape(&self, i: usize) -> [usize; 3] {
        let [height, width] = self.form.size();
        [self.form.slices_of(self.samples[i].shape), height, width]
    }

    /// The values of sample `i` as the scanner gave them, slices x height x width, not normalised.
    pub fn image(&self, i: usize) -> &[f32] {
        let voxels = self.shape(i).iter().product();
        &self.images[self.places[i].prepared..][..voxels]
    }

    /// The ground truth of sample `i` in the same shape, 0 to 3; zeros where there is none.
    pub fn labels(&self, i: usize) -> &[u8] {
        let voxels = self.shape(i).iter().product();
        &self.labels[self.places[i].prepared..][..voxels]
    }

    /// The ground truth of sample `i` as its file has it, z x y x x; empty where there is none.
    pub fn native_labels(&self, i: usize) -> &[u8] {
        let sample = &self.samples[i];
        let voxels = if sample.voxels.is_some() { sample.shape.iter().product() } else { 0 };
        &self.native[self.places[i].native..][..voxels]
    }

    /// Mean and standard deviation of sample `i` as prepared.
    pub fn moments(&self, i: usize) -> [f64; 2] {
        self.moments[i]
    }

    /// The patient's number of every sample, as a split by patients wants it.
    pub fn numbers(&self) -> Vec<u32> {
        self.samples.iter().map(|s| s.number).collect()
    }
}

/// Opens the cache, or makes it, with the memory of one patient a thread. Patients that cannot be read are skipped and
/// counted; whether that is acceptable is the caller's affair.
pub fn prepare(ws: &Workspace, dataset: &Dataset, form: &Form, progress: &dyn Progress) -> Result<PreparedHearts> {
    let _ = (ws, form, progress);
    Err(Error::new("hearts cannot be prepared yet").at(&dataset.path))
}

/// Where each sample begins, and how many prepared and native voxels there are.
fn places(samples: &[HeartSample], form: &Form) -> (Vec<Place>, usize, usize) {
    let [height, width] = form.size();
    let (mut prepared, mut native) = (0, 0);
    let mut places = Vec::with_capacity(samples.len());
    for sample in samples {
        places.push(Place { prepared, native });
        prepared += form.slices_of(sample.shape) * height * width;
        native += if sample.voxels.is_some() { sample.shape.iter().product() } else { 0 };
    }
    (places, prepared, native)
}
