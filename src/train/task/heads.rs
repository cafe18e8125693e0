//! What both tasks on heads share: images, their split, their grey values, and the rows of their predictions.

use super::data::check_parts;
use super::{Set, words};
use crate::dataset::augment::Augment;
use crate::dataset::cache::{Prepared, Sample};
use crate::dataset::normalise::Normalise;
use crate::dataset::split::{self, Split};
use crate::error::Result;
use crate::nn::{Graph, Loss};
use crate::recipe::Recipe;
use crate::run::predictions::Prediction;
use crate::train::metrics;
use std::collections::BTreeMap;

/// Prepared images of heads, cut as a recipe says.
pub struct Heads {
    pub prepared: Prepared,
    pub split: Split,
    pub loss: Loss,
    pub normalise: Normalise,
    pub augment: Augment,
    pub seed: u64,
}

impl Heads {
    pub fn new(recipe: &Recipe, prepared: Prepared, graph: &Graph) -> Result<Heads> {
        let rule = recipe.data.split.parse()?;
        let split = split::split(&prepared.exams(), &rule, recipe.data.folds, recipe.data.fold, recipe.seed)?;
        check_parts(split.train.len(), split.validation.len())?;
        let channels = *graph.input_shape().last().expect("images have channels");
        let normalise = match recipe.data.normalise.as_str() {
            "encoder" => Normalise::encoder(channels),
            "unit" => Normalise::unit(channels),
            _ => Normalise::z_score(&prepared, &split.train, channels),
        };
        let (loss, augment) = (recipe.train.loss()?, recipe.augment.bounds());
        Ok(Heads { prepared, split, loss, normalise, augment, seed: recipe.seed })
    }

    pub fn judged(&self, set: Set) -> &[usize] {
        match set {
            Set::Validation => &self.split.validation,
            Set::Test => &self.split.test,
        }
    }

    pub fn split_csv(&self) -> (&'static str, String) {
        ("split.csv", split::manifest_csv(&self.split, &self.prepared.samples))
    }

    /// The row of image `index`, of which `found` says what was predicted.
    pub fn row(&self, index: usize, set: Set, found: Prediction) -> Prediction {
        let sample: &Sample = &self.prepared.samples[index];
        let prediction_hc_px = found.prediction_hc_px;
        let prediction_hc_mm = prediction_hc_px * sample.pixel_size_mm;
        let truth = sample.truth.as_ref();
        Prediction {
            file: sample.file.clone(),
            exam: sample.exam,
            set: set.word().to_owned(),
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
        }
    }

    pub fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        let [width, height] = recipe.data.size;
        BTreeMap::from([
            ("model".to_owned(), recipe.model.name.clone()),
            ("input".to_owned(), format!("{height},{width},{}", self.normalise.channels())),
            ("task".to_owned(), recipe.task.clone()),
            ("normalise".to_owned(), recipe.data.normalise.clone()),
            ("grey_mean".to_owned(), words(&self.normalise.mean)),
            ("grey_sd".to_owned(), words(&self.normalise.sd)),
            ("batch_norm_eps".to_owned(), recipe.model.batch_norm_eps.to_string()),
        ])
    }
}

/// The circumference's figures over rows, in mm and px.
pub fn circumferences(rows: &[Prediction], prefix: &str, figures: &mut BTreeMap<String, Option<f64>>) {
    let column = |of: fn(&Prediction) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
    let px = metrics::regression(&column(|r| r.truth_hc_px), &column(|r| r.prediction_hc_px));
    let mm = metrics::regression(&column(|r| r.truth_hc_mm), &column(|r| r.prediction_hc_mm));
    // R² and PMAE are named without a unit: in px, as the papers regress px, so px is recorded last.
    mm.record(prefix, "mm", figures);
    px.record(prefix, "px", figures);
}

/// Rows of one set.
pub fn of_set(rows: &[Prediction], set: Set) -> Vec<Prediction> {
    rows.iter().filter(|r| r.set == set.word()).cloned().collect()
}
