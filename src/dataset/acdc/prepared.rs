//! Hearts in one form: samples, and their arrays in memory or mapped from the cache.

use super::STRUCTURES;
use super::crop::Crop;
use super::form::Form;
use super::normalise::moments;
use super::sample::HeartSample;
use crate::dataset::Skipped;
use crate::dataset::stored::Mapped;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Where the values of a sample begin, in values of each array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub prepared: usize,
    pub native: usize,
}

/// What is known of prepared hearts, beside their arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Index {
    pub form: Form,
    pub samples: Vec<HeartSample>,
    pub places: Vec<Place>,
    /// Mean and standard deviation of every heart as prepared.
    pub moments: Vec<[f64; 2]>,
    /// Values in the array of images and in that of labels; and in that of native labels.
    pub values: Place,
    pub crop: Option<Crop>,
    pub skipped: Vec<Skipped>,
}

impl Index {
    /// Whether every sample lies within the arrays.
    pub fn is_sound(&self) -> bool {
        let within = |sample: &HeartSample, place: &Place| {
            let [height, width] = self.form.size();
            let prepared = checked(&[self.form.slices_of(sample.shape), height, width]);
            let native = if sample.voxels.is_some() { checked(&sample.shape) } else { Some(0) };
            prepared.and_then(|n| n.checked_add(place.prepared)).is_some_and(|end| end <= self.values.prepared)
                && native.and_then(|n| n.checked_add(place.native)).is_some_and(|end| end <= self.values.native)
        };
        !self.samples.is_empty()
            && self.samples.len() == self.places.len()
            && self.samples.len() == self.moments.len()
            && self.samples.iter().zip(&self.places).all(|(sample, place)| within(sample, place))
    }
}

fn checked(sides: &[usize]) -> Option<usize> {
    sides.iter().try_fold(1usize, |all, side| all.checked_mul(*side))
}

/// The arrays: prepared images, prepared labels, native labels.
pub(super) enum Arrays {
    Owned(Vec<f32>, Vec<u8>, Vec<u8>),
    Mapped([Mapped; 3]),
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
    /// How a volume was cut out; `None` for slices, and where no heart was outlined.
    pub crop: Option<Crop>,
    places: Vec<Place>,
    moments: Vec<[f64; 2]>,
    arrays: Arrays,
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
        let values = Place { prepared, native: natives };
        let of = |sample: &HeartSample, place: &Place| {
            let voxels = form.slices_of(sample.shape) * form.size()[0] * form.size()[1];
            moments(&images[place.prepared..][..voxels])
        };
        let moments = samples.iter().zip(&places).map(|(sample, place)| of(sample, place)).collect();
        let index = Index { form, samples, places, moments, values, crop: None, skipped: Vec::new() };
        Ok(PreparedHearts::of(index, Arrays::Owned(images, labels, native)))
    }

    /// The index and arrays as long as it says.
    pub(super) fn of(index: Index, arrays: Arrays) -> PreparedHearts {
        PreparedHearts {
            samples: index.samples,
            form: index.form,
            skipped: index.skipped,
            fingerprint: String::new(),
            made: true,
            notes: Vec::new(),
            crop: index.crop,
            places: index.places,
            moments: index.moments,
            arrays,
        }
    }

    /// Slices, height and width of sample `i` as prepared.
    pub fn shape(&self, i: usize) -> [usize; 3] {
        let [height, width] = self.form.size();
        [self.form.slices_of(self.samples[i].shape), height, width]
    }

    /// The values of sample `i` as the scanner gave them, slices x height x width, not normalised.
    pub fn image(&self, i: usize) -> &[f32] {
        let voxels = self.shape(i).iter().product();
        let images = match &self.arrays {
            Arrays::Owned(images, ..) => images,
            Arrays::Mapped([images, ..]) => images.f32s(),
        };
        &images[self.places[i].prepared..][..voxels]
    }

    /// The ground truth of sample `i` in the same shape, 0 to 3; zeros where there is none.
    pub fn labels(&self, i: usize) -> &[u8] {
        let voxels = self.shape(i).iter().product();
        let labels = match &self.arrays {
            Arrays::Owned(_, labels, _) => labels,
            Arrays::Mapped([_, labels, _]) => labels.bytes(),
        };
        &labels[self.places[i].prepared..][..voxels]
    }

    /// The ground truth of sample `i` as its file has it, z x y x x; empty where there is none.
    pub fn native_labels(&self, i: usize) -> &[u8] {
        let sample = &self.samples[i];
        let voxels = if sample.voxels.is_some() { sample.shape.iter().product() } else { 0 };
        let native = match &self.arrays {
            Arrays::Owned(_, _, native) => native,
            Arrays::Mapped([_, _, native]) => native.bytes(),
        };
        &native[self.places[i].native..][..voxels]
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
