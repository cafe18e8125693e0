//! HC regression: images in, the circumference over the training part's largest out, and back to px and mm.

use crate::dataset::augment::Augment;
use crate::dataset::batch::{self, Standardise};
use crate::dataset::cache::{Prepared, Sample};
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
    standardise: Standardise,
    augment: Augment,
    seed: u64,
    /// The largest circumference of the training part: the target's unit.
    largest_hc_px: f64,
}

impl Task {
    /// `prepared` cut by `split` as `recipe` says. Mean, deviation and largest circumference come from
    /// the training part only.
    pub fn new(recipe: &Recipe, prepared: Prepared, split: Split) -> Result<Task> {
        if split.train.len() < 2 || split.validation.is_empty() {
            return Err(Error::new(format!(
                "the split leaves {} images to train on and {} to validate with",
                split.train.len(),
                split.validation.len()
            ))
            .cure("use a larger data set, fewer folds or another data.split"));
        }
        let largest_hc_px = split.train.iter().map(|i| prepared.samples[*i].hc_px).fold(0.0, f64::max);
        let standardise = Standardise::of(&prepared, &split.train);
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
        Ok(Task { prepared, split, loss, standardise, augment, seed: recipe.seed, largest_hc_px })
    }

    /// Training images of `epoch` (from 0), augmented.
    pub fn training_batch(&self, indices: &[usize], epoch: u64) -> (Tensor, Vec<f32>) {
        let augment = Some((&self.augment, self.seed, epoch));
        (batch::fill(&self.prepared, indices, &self.standardise, augment), self.targets(indices))
    }

    /// Images as they are.
    pub fn plain_batch(&self, indices: &[usize]) -> (Tensor, Vec<f32>) {
        (batch::fill(&self.prepared, indices, &self.standardise, None), self.targets(indices))
    }

    fn targets(&self, indices: &[usize]) -> Vec<f32> {
        indices.iter().map(|i| (self.prepared.samples[*i].hc_px / self.largest_hc_px) as f32).collect()
    }

    /// A network's output in pixels of the image's own resolution.
    pub fn to_px(&self, output: f32) -> f64 {
        f64::from(output) * self.largest_hc_px
    }

    /// The row of image `index` whose network output is `output`.
    pub fn prediction(&self, index: usize, set: &str, output: f32) -> Prediction {
        let sample: &Sample = &self.prepared.samples[index];
        let prediction_hc_px = self.to_px(output);
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
        }
    }

    /// What anyone needs besides the weights to use them: stands in the weights file's metadata.
    pub fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        let [width, height] = recipe.data.size;
        BTreeMap::from([
            ("model".to_owned(), recipe.model.name.clone()),
            ("input".to_owned(), format!("{height},{width},1")),
            ("task".to_owned(), recipe.task.clone()),
            ("normalise".to_owned(), recipe.data.normalise.clone()),
            ("grey_mean".to_owned(), self.standardise.mean.to_string()),
            ("grey_sd".to_owned(), self.standardise.sd.to_string()),
            ("target".to_owned(), recipe.data.target.clone()),
            ("target_unit_px".to_owned(), self.largest_hc_px.to_string()),
            ("batch_norm_eps".to_owned(), "1e-5".to_owned()),
        ])
    }
}
