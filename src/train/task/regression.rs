//! HC regression: what the network's number stands for.

use crate::dataset::cache::{Prepared, Sample};
use crate::recipe::Recipe;

/// What the network's output of 1 stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Target {
    /// Regress millimetres rather than pixels.
    pub mm: bool,
    /// So many of them.
    pub unit: f64,
}

impl Target {
    pub fn of(recipe: &Recipe, prepared: &Prepared, training: &[usize]) -> Target {
        let mm = recipe.data.target == "hc_mm";
        let hc = |s: &Sample| if mm { s.hc_mm } else { s.hc_px };
        let largest = training.iter().map(|i| hc(&prepared.samples[*i])).fold(0.0, f64::max);
        Target { mm, unit: if recipe.data.target_scale == "none" { 1.0 } else { largest } }
    }

    /// As the network should say it.
    pub fn scaled(&self, sample: &Sample) -> f32 {
        ((if self.mm { sample.hc_mm } else { sample.hc_px }) / self.unit) as f32
    }

    /// What the network said, in pixels of the file's own resolution.
    pub fn to_px(self, output: f32, sample: &Sample) -> f64 {
        f64::from(output) * self.unit / if self.mm { sample.pixel_size_mm } else { 1.0 }
    }
}
