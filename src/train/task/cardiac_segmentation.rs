//! Cardiac segmentation: slices are learned; hearts are judged, in the grid of their files.
//!
//! A U-Net of four sigmoids, one a class against the rest, learns the one-hot truth; a voxel's label is the likeliest
//! class. Training classes or regions one against the rest is settled practice (nnU-Net's regions, Isensee et al. 2021);
//! it needs no softmax.

use super::hearts::{Hearts, figures};
use super::{Figures, Judge, Set, Task};
use crate::dataset::acdc::batch::fill_slices;
use crate::dataset::acdc::slices::to_native;
use crate::dataset::acdc::{HeartSample, Hearts as RawHearts, STRUCTURES};
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
        self.hearts.metadata(recipe, &self.shape)
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
        // The raw data may be gone by now; the masks are kept all the same.
        let raw = RawHearts::find(&self.task.hearts.root).ok();
        let image =
            |sample: &HeartSample| Some(raw.as_ref()?.patient(&sample.patient)?.frame(sample.phase).ok()?.image);
        let write = |(i, labels): &(usize, Vec<u8>)| {
            let sample = &samples[*i];
            predictions_hearts::write_mask(run, sample, labels, image(sample).as_deref())
        };
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

#[cfg(test)]
mod tests {
    use super::super::drawn_hearts::{SIDE, SLICES, drawn};
    use super::*;
    use crate::dataset::acdc::batch::CLASSES;

    fn task() -> CardiacSegmentation {
        let mut recipe = Recipe::load("cardiac-unet").unwrap();
        recipe.set("data.size", "32x32").unwrap();
        let graph = recipe.graph().unwrap();
        assert_eq!(graph.output_shape(), [SIDE, SIDE, CLASSES]);
        recipe.check_task(&graph).unwrap();
        CardiacSegmentation::new(Hearts::new(&recipe, drawn(10, true), "".into()).unwrap(), &graph)
    }

    /// The figures where `change` is done to the true classes of every voxel.
    fn figures_of(task: &CardiacSegmentation, batch: usize, change: impl Fn(&mut [f32])) -> Figures {
        let mut judge = task.judge();
        for numbers in task.judged(Set::Validation).chunks(batch) {
            let (_, truth) = task.plain_batch(numbers).unwrap();
            let mut said = truth.clone();
            said.chunks_exact_mut(CLASSES).for_each(&change);
            let output = Tensor::from_vec(&[numbers.len(), SIDE, SIDE, CLASSES], said).unwrap();
            judge.take(Set::Validation, numbers, &output, &truth).unwrap();
        }
        judge.figures(Set::Validation)
    }

    #[test]
    fn the_truth_itself_agrees_with_itself_however_slices_fall_into_batches() {
        let task = task();
        assert_eq!(task.judged(Set::Validation).len(), 4 * SLICES);
        for batch in [1, 2, 5, 100] {
            let figures = figures_of(&task, batch, |_| {});
            for (name, wanted) in [
                ("val_dice", 1.0),
                ("val_rv_es_dice", 1.0),
                ("val_hausdorff_mm", 0.0),
                ("val_mae_ml", 0.0),
                ("val_lv_ef_mae_points", 0.0),
            ] {
                assert_eq!(figures[name], Some(wanted), "{name} at {batch}");
            }
            assert!((figures["val_lv_ef_r"].unwrap() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_structure_that_is_never_found_has_no_overlap_no_distance_and_no_volume() {
        let figures = figures_of(&task(), 4, |classes| {
            if classes[3] > 0.5 {
                classes.copy_from_slice(&[0.0, 0.0, 1.0, 0.0]);
            }
        });
        assert_eq!((figures["val_lv_dice"], figures["val_lv_hausdorff_mm"]), (Some(0.0), None));
        assert_eq!(figures["val_lv_pmae"], Some(100.0));
        assert_eq!(figures["val_rv_dice"], Some(1.0));
        assert!(figures["val_myo_dice"].unwrap() < 1.0 && figures["val_myo_bias_ml"].unwrap() > 0.0);
    }

    #[test]
    fn predictions_are_kept_as_rows_and_as_masks_that_read_back() {
        let (task, folder) = (task(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("recipe.toml"), Recipe::default().to_toml()).unwrap();
        let run = RunDir::open(folder.path()).unwrap();
        let mut judge = task.judge();
        let numbers = task.judged(Set::Validation);
        let (_, truth) = task.plain_batch(numbers).unwrap();
        let output = Tensor::from_vec(&[numbers.len(), SIDE, SIDE, CLASSES], truth.clone()).unwrap();
        judge.take(Set::Validation, numbers, &output, &truth).unwrap();
        judge.keep(&run).unwrap();
        let rows = predictions_hearts::read(&run).unwrap();
        assert_eq!(rows.len(), 4 * STRUCTURES.len());
        assert!(rows.iter().all(|r| r.dice == Some(1.0) && r.error_ml == 0.0 && r.truth_ml > 0.0));
        let (i, _) = task.slices[numbers[0]];
        let sample = &task.hearts.prepared.samples[i];
        let path = predictions_hearts::mask_nifti(&run, &sample.patient, sample.phase);
        let kept = crate::dataset::acdc::read_labels(&path).unwrap();
        assert_eq!(kept.labels, task.hearts.prepared.native_labels(i));
        assert_eq!((&kept.header.shape[..3], kept.header.spacing_mm), (&sample.shape[..], sample.spacing_mm));
    }
}
