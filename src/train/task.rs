//! HC regression: images in, the circumference in the target's unit out, and back to px and mm.

use crate::dataset::augment::Augment;
use crate::dataset::batch;
use crate::dataset::cache::{Prepared, Sample};
use crate::dataset::normalise::Normalise;
use crate::dataset::split::Split;
use crate::error::{Error, Result};
use crate::nn::{Loss, Tensor};
use crate::recipe::Recipe;
use crate::run::predictions::Prediction;
use std::collections::BTreeMap;

/// Data, split and scaling of one run.
pub struct Task {
    pub prepared: Prepared,
    pub split: Split,
    pub loss: Loss,
    normalise: Normalise,
    augment: Augment,
    seed: u64,
    target: Target,
}

/// What the network's output of 1 stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Target {
    /// Regress millimetres rather than pixels.
    mm: bool,
    /// So many of them.
    unit: f64,
}

impl Target {
    fn of(recipe: &Recipe, prepared: &Prepared, training: &[usize]) -> Target {
        let mm = recipe.data.target == "hc_mm";
        let hc = |s: &Sample| if mm { s.hc_mm } else { s.hc_px };
        let largest = training.iter().map(|i| hc(&prepared.samples[*i])).fold(0.0, f64::max);
        Target { mm, unit: if recipe.data.target_scale == "none" { 1.0 } else { largest } }
    }

    /// As the network should say it.
    fn scaled(&self, sample: &Sample) -> f32 {
        ((if self.mm { sample.hc_mm } else { sample.hc_px }) / self.unit) as f32
    }

    /// What the network said, in pixels of the file's own resolution.
    fn to_px(self, output: f32, sample: &Sample) -> f64 {
        f64::from(output) * self.unit / if self.mm { sample.pixel_size_mm } else { 1.0 }
    }
}

impl Task {
    /// `prepared` cut by `split` as `recipe` says, for a network that takes `channels`. Mean, deviation
    /// and largest circumference come from the training part only.
    pub fn new(recipe: &Recipe, prepared: Prepared, split: Split, channels: usize) -> Result<Task> {
        if split.train.len() < 2 || split.validation.is_empty() {
            return Err(Error::new(format!(
                "the split leaves {} images to train on and {} to validate with",
                split.train.len(),
                split.validation.len()
            ))
            .cure("use a larger data set, fewer folds or another data.split"));
        }
        let target = Target::of(recipe, &prepared, &split.train);
        let normalise = match recipe.data.normalise.as_str() {
            "encoder" => Normalise::encoder(channels),
            "unit" => Normalise::unit(channels),
            _ => Normalise::z_score(&prepared, &split.train, channels),
        };
        let loss = match recipe.train.loss.as_str() {
            "mae" => Loss::Mae,
            "huber" => Loss::Huber { delta: recipe.train.huber_delta },
            _ => Loss::Mse,
        };
        let augment = Augment {
            flip: recipe.augment.flip,
            shift_px: recipe.augment.shift_px,
            rotation_deg: recipe.augment.rotation_deg,
        };
        Ok(Task { prepared, split, loss, normalise, augment, seed: recipe.seed, target })
    }

    /// Training images of `epoch` (from 0), augmented.
    pub fn training_batch(&self, indices: &[usize], epoch: u64) -> (Tensor, Vec<f32>) {
        let augment = Some((&self.augment, self.seed, epoch));
        (batch::fill(&self.prepared, indices, &self.normalise, augment), self.targets(indices))
    }

    /// Images as they are.
    pub fn plain_batch(&self, indices: &[usize]) -> (Tensor, Vec<f32>) {
        (batch::fill(&self.prepared, indices, &self.normalise, None), self.targets(indices))
    }

    fn targets(&self, indices: &[usize]) -> Vec<f32> {
        indices.iter().map(|i| self.target.scaled(&self.prepared.samples[*i])).collect()
    }

    /// |prediction - truth| of image `index` in pixels of its own resolution.
    pub fn abs_error_px(&self, index: usize, output: f32) -> f64 {
        let sample = &self.prepared.samples[index];
        (self.target.to_px(output, sample) - sample.hc_px).abs()
    }

    /// The row of image `index` whose network output is `output`.
    pub fn prediction(&self, index: usize, set: &str, output: f32) -> Prediction {
        let sample: &Sample = &self.prepared.samples[index];
        let prediction_hc_px = self.target.to_px(output, sample);
        let prediction_hc_mm = prediction_hc_px * sample.pixel_size_mm;
        let truth = sample.truth.as_ref();
        Prediction {
            file: sample.file.clone(),
            exam: sample.exam,
            set: set.to_owned(),
            trimester: sample.trimester,
            pixel_size_mm: sample.pixel_size_mm,
            truth_hc_px: sample.hc_px,
            prediction_hc_px,
            error_px: prediction_hc_px - sample.hc_px,
            truth_hc_mm: sample.hc_mm,
            prediction_hc_mm,
            error_mm: prediction_hc_mm - sample.hc_mm,
            error_percent: 100.0 * (prediction_hc_px - sample.hc_px).abs() / sample.hc_px,
            truth_center_x_px: truth.map(|e| e.center_x_px),
            truth_center_y_px: truth.map(|e| e.center_y_px),
            truth_semi_axis_a_px: truth.map(|e| e.semi_axis_a_px),
            truth_semi_axis_b_px: truth.map(|e| e.semi_axis_b_px),
            truth_angle_rad: truth.map(|e| e.angle_rad),
            ..Prediction::default()
        }
    }

    /// What anyone needs besides the weights to use them: stands in the weights file's metadata.
    pub fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        let [width, height] = recipe.data.size;
        BTreeMap::from([
            ("model".to_owned(), recipe.model.name.clone()),
            ("input".to_owned(), format!("{height},{width},{}", self.normalise.channels())),
            ("task".to_owned(), recipe.task.clone()),
            ("normalise".to_owned(), recipe.data.normalise.clone()),
            ("grey_mean".to_owned(), words(&self.normalise.mean)),
            ("grey_sd".to_owned(), words(&self.normalise.sd)),
            ("target".to_owned(), recipe.data.target.clone()),
            (format!("target_unit_{}", if self.target.mm { "mm" } else { "px" }), self.target.unit.to_string()),
            ("batch_norm_eps".to_owned(), recipe.model.batch_norm_eps.to_string()),
        ])
    }
}

/// `1.5` or, where channels differ, `1.5,2,2.5`.
fn words(values: &[f32]) -> String {
    let one = values.iter().all(|v| *v == values[0]);
    let some = if one { &values[..1] } else { values };
    some.iter().map(f32::to_string).collect::<Vec<_>>().join(",")
}
