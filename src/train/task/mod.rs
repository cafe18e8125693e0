//! What a run learns: images in, the truth in the network's own terms, and what it says judged in the field's.
//!
//! One file a task: [`hc_regression`], [`hc_segmentation`], [`cardiac_volume`],
//! [`cardiac_segmentation`]; [`data`] prepares and splits what they learn from. The
//! session knows none of them.

mod cardiac_segmentation;
mod cardiac_volume;
mod data;
#[cfg(test)]
mod drawn_hearts;
mod hc_regression;
mod hc_segmentation;
pub(super) mod head_masks;
mod heads;
pub(super) mod heart_target;
mod hearts;

pub use data::Data;
pub use hearts::takes as takes_heart;

use crate::error::Result;
use crate::nn::{Loss, Tensor};
use crate::recipe::Recipe;
use crate::run::RunDir;
use std::collections::BTreeMap;

/// Figures by name; `None` where there is no number.
pub type Figures = BTreeMap<String, Option<f64>>;

/// A part of the data that a network is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    Validation,
    Test,
}

impl Set {
    pub fn word(self) -> &'static str {
        match self {
            Set::Validation => "validation",
            Set::Test => "test",
        }
    }

    /// With which the names of its figures begin.
    pub fn prefix(self) -> &'static str {
        match self {
            Set::Validation => "val_",
            Set::Test => "test_",
        }
    }
}

/// Data, split and scaling of one run. What is learned from is known by numbers, which the task alone understands.
pub trait Task: Send + Sync {
    /// What is learned from.
    fn training(&self) -> &[usize];

    /// What it is judged by; may be empty for the test part.
    fn judged(&self, set: Set) -> &[usize];

    fn loss(&self) -> Loss;

    /// Those of [`Task::training`] as epoch `epoch` (from 0) augments them, and their truth.
    fn training_batch(&self, numbers: &[usize], epoch: u64) -> Result<(Tensor, Vec<f32>)>;

    /// Those of [`Task::judged`] as they are, and their truth.
    fn plain_batch(&self, numbers: &[usize]) -> Result<(Tensor, Vec<f32>)>;

    /// The name of the error that is reckoned of training images in passing; none where that would cost too much.
    fn training_error(&self) -> Option<&'static str>;

    /// That error of one image, by its number and the network's output.
    fn abs_error(&self, number: usize, output: &[f32]) -> Option<f64>;

    fn judge(&self) -> Box<dyn Judge + '_>;

    /// What anyone needs besides the weights to use them: stands in the weights file's metadata.
    fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String>;

    /// Names and contents of what a run keeps of its data: the split, and whatever else was decided before training.
    fn files(&self) -> Vec<(&'static str, String)>;
}

/// Takes in what a network says of one set or two, batch by batch.
pub trait Judge {
    /// `output` and `truth` of [`Task::plain_batch`] of `numbers`, which come in the order of [`Task::judged`].
    fn take(&mut self, set: Set, numbers: &[usize], output: &Tensor, truth: &[f32]) -> Result<()>;

    /// Of all of a set that was taken in: `<prefix>mae_px`, `<prefix>mae_mm`, … each with `_sd`.
    fn figures(&self, set: Set) -> Figures;

    /// Writes all that was taken in as the run's predictions.
    fn keep(&self, run: &RunDir) -> Result<()>;
}

/// The outputs of a batch, one a sample.
fn each(output: &Tensor) -> impl Iterator<Item = &[f32]> {
    output.data().chunks_exact(output.data().len() / output.batch())
}

/// `1.5` or, where channels differ, `1.5,2,2.5`.
fn words(values: &[f32]) -> String {
    let one = values.iter().all(|v| *v == values[0]);
    let some = if one { &values[..1] } else { values };
    some.iter().map(f32::to_string).collect::<Vec<_>>().join(",")
}
