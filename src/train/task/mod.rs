//! What a run learns: images in, the truth in the network's own terms, and back to px and mm.

mod regression;
pub(super) mod segmentation;

use crate::dataset::augment::{Augment, Plan};
use crate::dataset::batch;
use crate::dataset::cache::{Prepared, Sample};
use crate::dataset::mask_batch::{self, View};
use crate::dataset::normalise::Normalise;
use crate::dataset::split::Split;
use crate::error::{Error, Result};
use crate::nn::{Graph, Loss, Tensor};
use crate::recipe::Recipe;
use crate::run::predictions::Prediction;
use regression::Target;
use segmentation::Masks;
use std::collections::BTreeMap;

/// Data, split and scaling of one run.
pub struct Task {
    pub prepared: Prepared,
    pub split: Split,
    /// What is learned from: samples, and beyond them copies ([`View::numbered`]).
    pub training: Vec<usize>,
    /// What became of every possible copy, where the training part is grown by copies.
    pub copies: Option<String>,
    pub loss: Loss,
    normalise: Normalise,
    augment: Augment,
    seed: u64,
    kind: Kind,
}

enum Kind {
    /// One number an image: its circumference.
    Regression(Target),
    /// The head's mask.
    Segmentation(Masks),
}

impl Task {
    /// `prepared` cut by `split` as `recipe` says, for that network. Mean, deviation and largest circumference come
    /// from the training part only.
    pub fn new(recipe: &Recipe, prepared: Prepared, split: Split, graph: &Graph) -> Result<Task> {
        let channels = *graph.input_shape().last().expect("images have channels");
        if split.train.len() < 2 || split.validation.is_empty() {
            return Err(Error::new(format!(
                "the split leaves {} images to train on and {} to validate with",
                split.train.len(),
                split.validation.len()
            ))
            .cure("use a larger data set, fewer folds or another data.split"));
        }
        recipe.check_task(graph)?;
        let loss = recipe.train.loss()?;
        let segments = recipe.task == "hc-segmentation";
        let kind = match (segments, graph.output_shape()) {
            (true, [.., classes]) => {
                let needed = [&split.train[..], &split.validation, &split.test].concat();
                Kind::Segmentation(Masks::of(&prepared, &needed, *classes, recipe.data.truth == "ring")?)
            }
            _ => Kind::Regression(Target::of(recipe, &prepared, &split.train)),
        };
        let normalise = match recipe.data.normalise.as_str() {
            "encoder" => Normalise::encoder(channels),
            "unit" => Normalise::unit(channels),
            _ => Normalise::z_score(&prepared, &split.train, channels),
        };
        let augment = recipe.augment.bounds();
        let mut training = split.train.clone();
        let mut copies = None;
        if recipe.augment.grow_to > 0 {
            let plan = Plan::new(&prepared.samples, &split.train, recipe.augment.grow_to, recipe.seed);
            training = View::planned(&split.train, &plan, prepared.samples.len()).iter().map(|v| v.number).collect();
            copies = Some(plan.manifest_csv(&prepared.samples));
        }
        Ok(Task { prepared, split, training, copies, loss, normalise, augment, seed: recipe.seed, kind })
    }

    /// Those of [`Task::training`] as epoch `epoch` (from 0) augments them, and their truth.
    pub fn training_batch(&self, numbers: &[usize], epoch: u64) -> Result<(Tensor, Vec<f32>)> {
        self.batch(numbers, Some((&self.augment, self.seed, epoch)))
    }

    /// Images as they are.
    pub fn plain_batch(&self, indices: &[usize]) -> Result<(Tensor, Vec<f32>)> {
        self.batch(indices, None)
    }

    fn batch(&self, numbers: &[usize], augment: Option<(&Augment, u64, u64)>) -> Result<(Tensor, Vec<f32>)> {
        match &self.kind {
            Kind::Regression(target) => {
                let truth = numbers.iter().map(|i| target.scaled(&self.prepared.samples[*i])).collect();
                Ok((batch::fill(&self.prepared, numbers, &self.normalise, augment), truth))
            }
            Kind::Segmentation(Masks { levels, classes }) => {
                let samples = self.prepared.samples.len();
                let views: Vec<View> = numbers.iter().map(|n| View::numbered(*n, samples)).collect();
                let batch = mask_batch::fill(&self.prepared, levels, &views, &self.normalise, *classes, augment)?;
                Ok((batch.images, batch.truth))
            }
        }
    }

    /// |prediction - truth| of image `index` in pixels of its own resolution; of a mask it is not reckoned in passing.
    pub fn abs_error_px(&self, index: usize, output: &[f32]) -> Option<f64> {
        let Kind::Regression(target) = &self.kind else { return None };
        let sample = &self.prepared.samples[index];
        Some((target.to_px(output[0], sample) - sample.hc_px).abs())
    }

    /// Whether there are masks to be kept beside the figures.
    pub fn segments(&self) -> bool {
        matches!(self.kind, Kind::Segmentation(_))
    }

    /// The head's probabilities, height x width, of an image's output.
    pub fn probabilities(&self, output: &[f32]) -> Vec<f32> {
        let classes = if let Kind::Segmentation(masks) = &self.kind { masks.classes } else { 1 };
        output.iter().step_by(classes).copied().collect()
    }

    /// The row of image `index` whose network output is `output`.
    pub fn prediction(&self, index: usize, set: &str, output: &[f32]) -> Result<Prediction> {
        let sample: &Sample = &self.prepared.samples[index];
        let mut found = Prediction::default();
        match &self.kind {
            Kind::Regression(target) => found.prediction_hc_px = target.to_px(output[0], sample),
            Kind::Segmentation(_) => {
                segmentation::judge(sample, &self.probabilities(output), self.prepared.size, &mut found)?;
            }
        }
        let prediction_hc_px = found.prediction_hc_px;
        let prediction_hc_mm = prediction_hc_px * sample.pixel_size_mm;
        let truth = sample.truth.as_ref();
        Ok(Prediction {
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
            ..found
        })
    }

    /// What anyone needs besides the weights to use them: stands in the weights file's metadata.
    pub fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        let [width, height] = recipe.data.size;
        let mut metadata = BTreeMap::from([
            ("model".to_owned(), recipe.model.name.clone()),
            ("input".to_owned(), format!("{height},{width},{}", self.normalise.channels())),
            ("task".to_owned(), recipe.task.clone()),
            ("normalise".to_owned(), recipe.data.normalise.clone()),
            ("grey_mean".to_owned(), words(&self.normalise.mean)),
            ("grey_sd".to_owned(), words(&self.normalise.sd)),
            ("batch_norm_eps".to_owned(), recipe.model.batch_norm_eps.to_string()),
        ]);
        if let Kind::Regression(target) = &self.kind {
            metadata.insert("target".to_owned(), recipe.data.target.clone());
            let unit = format!("target_unit_{}", if target.mm { "mm" } else { "px" });
            metadata.insert(unit, target.unit.to_string());
        }
        metadata
    }
}

/// `1.5` or, where channels differ, `1.5,2,2.5`.
fn words(values: &[f32]) -> String {
    let one = values.iter().all(|v| *v == values[0]);
    let some = if one { &values[..1] } else { values };
    some.iter().map(f32::to_string).collect::<Vec<_>>().join(",")
}
