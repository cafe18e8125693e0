//! HC regression: what the network's number stands for.

use super::heads::{Heads, circumferences, of_set};
use super::{Figures, Judge, Set, Task, each};
use crate::dataset::batch;
use crate::dataset::cache::{Prepared, Sample};
use crate::error::Result;
use crate::nn::{Loss, Tensor};
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::run::predictions::{self, Prediction};
use std::collections::BTreeMap;

/// One number an image: its circumference.
pub struct HcRegression {
    heads: Heads,
    target: Target,
}

impl HcRegression {
    pub fn new(recipe: &Recipe, heads: Heads) -> Result<HcRegression> {
        let target = Target::of(recipe, &heads.prepared, &heads.split.train);
        Ok(HcRegression { heads, target })
    }

    fn truth(&self, numbers: &[usize]) -> Vec<f32> {
        numbers.iter().map(|i| self.target.scaled(&self.heads.prepared.samples[*i])).collect()
    }
}

impl Task for HcRegression {
    fn training(&self) -> &[usize] {
        &self.heads.split.train
    }

    fn judged(&self, set: Set) -> &[usize] {
        self.heads.judged(set)
    }

    fn loss(&self) -> Loss {
        self.heads.loss
    }

    fn training_batch(&self, numbers: &[usize], epoch: u64) -> Result<(Tensor, Vec<f32>)> {
        let Heads { prepared, normalise, augment, seed, .. } = &self.heads;
        Ok((batch::fill(prepared, numbers, normalise, Some((augment, *seed, epoch))), self.truth(numbers)))
    }

    fn plain_batch(&self, numbers: &[usize]) -> Result<(Tensor, Vec<f32>)> {
        let Heads { prepared, normalise, .. } = &self.heads;
        Ok((batch::fill(prepared, numbers, normalise, None), self.truth(numbers)))
    }

    fn training_error(&self) -> Option<&'static str> {
        Some("train_mae_px")
    }

    /// In pixels of the image's own resolution.
    fn abs_error(&self, number: usize, output: &[f32]) -> Option<f64> {
        let sample = &self.heads.prepared.samples[number];
        Some((self.target.to_px(output[0], sample) - sample.hc_px).abs())
    }

    fn judge(&self) -> Box<dyn Judge + '_> {
        Box::new(Circumferences { task: self, rows: Vec::new() })
    }

    fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        let mut metadata = self.heads.metadata(recipe);
        metadata.insert("target".to_owned(), recipe.data.target.clone());
        let unit = format!("target_unit_{}", if self.target.mm { "mm" } else { "px" });
        metadata.insert(unit, self.target.unit.to_string());
        metadata
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        vec![self.heads.split_csv()]
    }
}

struct Circumferences<'a> {
    task: &'a HcRegression,
    rows: Vec<Prediction>,
}

impl Judge for Circumferences<'_> {
    fn take(&mut self, set: Set, numbers: &[usize], output: &Tensor, _truth: &[f32]) -> Result<()> {
        let HcRegression { heads, target } = self.task;
        self.rows.extend(numbers.iter().zip(each(output)).map(|(index, output)| {
            let prediction_hc_px = target.to_px(output[0], &heads.prepared.samples[*index]);
            heads.row(*index, set, Prediction { prediction_hc_px, ..Prediction::default() })
        }));
        Ok(())
    }

    fn figures(&self, set: Set) -> Figures {
        let mut figures = Figures::new();
        circumferences(&of_set(&self.rows, set), set.prefix(), &mut figures);
        figures
    }

    fn keep(&self, run: &RunDir) -> Result<()> {
        predictions::write(run, &self.rows)
    }
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
