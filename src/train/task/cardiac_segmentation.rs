//! Cardiac segmentation: slices are learned; hearts are judged, in the grid of their files.
//!
//! A U-Net of four sigmoids, one a class against the rest, learns the one-hot truth; a voxel's label is the likeliest
//! class. Training classes or regions one against the rest is settled practice (nnU-Net's regions, Isensee et al. 2021);
//! it needs no softmax.

use super::hearts::{Hearts, figures};
use super::{Figures, Judge, Set, Task};
use crate::dataset::acdc::batch::fill_slices;
use crate::dataset::acdc::slices::to_native;
use crate::dataset::acdc::{HeartSample, STRUCTURES};
use crate::error::Result;
use crate::geometry::hausdorff_mm;
use crate::nn::{Graph, Loss, Tensor};
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::run::predictions_hearts::{self, HeartPrediction};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Slices with their four classes.
pub struct CardiacSegmentation {
    hearts: Hearts,
    /// Every slice of every heart: sample, z. Its place here is its number.
    slices: Vec<(usize, usize)>,
    training: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
    shape: Vec<usize>,
}

impl CardiacSegmentation {
    pub fn new(hearts: Hearts, graph: &Graph) -> CardiacSegmentation {
        let prepared = &hearts.prepared;
        let slices: Vec<(usize, usize)> =
            (0..prepared.samples.len()).flat_map(|i| (0..prepared.shape(i)[0]).map(move |z| (i, z))).collect();
        let of = |samples: &[usize]| -> Vec<usize> {
            let taken = |number: &usize| samples.contains(&slices[*number].0);
            (0..slices.len()).filter(taken).collect()
        };
        let [training, validation, test] =
            [&hearts.split.train, &hearts.split.validation, &hearts.split.test].map(|p| of(p));
        CardiacSegmentation { shape: graph.input_shape().to_vec(), training, validation, test, slices, hearts }
    }

    fn chosen(&self, numbers: &[usize]) -> Vec<(usize, usize)> {
        numbers.iter().map(|n| self.slices[*n]).collect()
    }
}

impl Task for CardiacSegmentation {
    fn training(&self) -> &[usize] {
        &self.training
    }

    fn judged(&self, set: Set) -> &[usize] {
        match set {
            Set::Validation => &self.validation,
            Set::Test => &self.test,
        }
    }

    fn loss(&self) -> Loss {
        self.hearts.loss
    }

    fn training_batch(&self, numbers: &[usize], epoch: u64) -> Result<(Tensor, Vec<f32>)> {
        let Hearts { prepared, normalise, augment, seed, .. } = &self.hearts;
        fill_slices(prepared, &self.chosen(numbers), normalise, Some((augment, *seed, epoch)))
    }

    fn plain_batch(&self, numbers: &[usize]) -> Result<(Tensor, Vec<f32>)> {
        fill_slices(&self.hearts.prepared, &self.chosen(numbers), &self.hearts.normalise, None)
    }

    /// A slice has no volume.
    fn training_error(&self) -> Option<&'static str> {
        None
    }

    fn abs_error(&self, _number: usize, _output: &[f32]) -> Option<f64> {
        None
    }

    fn judge(&self) -> Box<dyn Judge + '_> {
        Box::new(Masks { task: self, rows: Vec::new(), masks: Vec::new(), begun: Vec::new() })
    }

    fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        let mut metadata = self.hearts.metadata(recipe, &self.shape);
        metadata.insert("spacing_mm".to_owned(), recipe.data.spacing_mm.to_string());
        metadata
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        vec![self.hearts.split_csv()]
    }
}

struct Masks<'a> {
    task: &'a CardiacSegmentation,
    rows: Vec<HeartPrediction>,
    /// Each sample's labels in the grid of its file.
    masks: Vec<(usize, Vec<u8>)>,
    /// Probabilities of the heart whose slices are not all there yet: sets come slice by slice, in order.
    begun: Vec<f32>,
}

impl Judge for Masks<'_> {
    fn take(&mut self, set: Set, numbers: &[usize], output: &Tensor, _truth: &[f32]) -> Result<()> {
        let prepared = &self.task.hearts.prepared;
        let mut whole: Vec<(usize, Vec<f32>)> = Vec::new();
        for ((sample, z), probabilities) in self.task.chosen(numbers).into_iter().zip(super::each(output)) {
            self.begun.extend_from_slice(probabilities);
            if z + 1 == prepared.shape(sample)[0] {
                whole.push((sample, std::mem::take(&mut self.begun)));
            }
        }
        let judged: Vec<(usize, Vec<u8>, Vec<HeartPrediction>)> = whole
            .into_par_iter()
            .map(|(i, probabilities)| {
                let sample = &prepared.samples[i];
                let labels = to_native(sample, &probabilities, &prepared.form);
                let rows = judge(sample, prepared.native_labels(i), &labels, set.word());
                (i, labels, rows)
            })
            .collect();
        for (sample, labels, rows) in judged {
            self.masks.push((sample, labels));
            self.rows.extend(rows);
        }
        Ok(())
    }

    fn figures(&self, set: Set) -> Figures {
        figures(&self.rows, set)
    }

    /// Writes the rows, and beside them the masks in NIfTI.
    fn keep(&self, run: &RunDir) -> Result<()> {
        let samples = &self.task.hearts.prepared.samples;
        let write = |(i, labels): &(usize, Vec<u8>)| predictions_hearts::write_mask(run, &samples[*i], labels);
        self.masks.par_iter().try_for_each(write)?;
        predictions_hearts::write(run, &self.rows)
    }
}

/// A row a structure: volumes by counting, Dice and Hausdorff distance; both label maps z x y x x as the file has them.
fn judge(sample: &HeartSample, truth: &[u8], prediction: &[u8], set: &str) -> Vec<HeartPrediction> {
    let row = |(i, structure): (usize, &&str)| {
        let label = i as u8 + 1;
        let count = |of: &dyn Fn(bool, bool) -> bool| {
            truth.iter().zip(prediction).filter(|(t, p)| of(**t == label, **p == label)).count() as f64
        };
        let (true_voxels, found) = (count(&|t, _| t), count(&|_, p| p));
        let (truth_ml, found_ml) = (true_voxels * sample.voxel_ml(), found * sample.voxel_ml());
        let both = count(&|t, p| t && p);
        HeartPrediction {
            // Two empty masks agree on nothing.
            dice: (true_voxels + found > 0.0).then(|| 2.0 * both / (true_voxels + found)),
            hausdorff_mm: hausdorff_mm(truth, prediction, label, sample.shape, sample.spacing_mm),
            ..HeartPrediction::new(sample, structure, set, truth_ml, found_ml)
        }
    };
    STRUCTURES.iter().enumerate().map(row).collect()
}
