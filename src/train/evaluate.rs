//! What the network says of a set of images, and how good that is.

use super::metrics;
use super::task::Task;
use crate::error::Result;
use crate::nn::{Tensor, Trainer};
use crate::run::predictions::Prediction;
use std::collections::BTreeMap;

/// Predictions and figures of one set.
pub struct Evaluation {
    pub rows: Vec<Prediction>,
    /// Mean loss on the scaled target; `None` where not finite.
    pub loss: Option<f64>,
    /// `<prefix>mae_px`, `<prefix>mae_mm`, … each with `_sd`.
    pub metrics: BTreeMap<String, Option<f64>>,
}

/// Runs the network over `indices`, `batch` at a time, nothing kept for a backward pass.
pub fn evaluate(
    trainer: &mut Trainer,
    task: &Task,
    indices: &[usize],
    set: &str,
    prefix: &str,
    batch: usize,
) -> Result<Evaluation> {
    let mut outputs: Vec<f32> = Vec::with_capacity(indices.len());
    let mut targets: Vec<f32> = Vec::with_capacity(indices.len());
    for part in indices.chunks(batch) {
        let (images, truth) = task.plain_batch(part);
        outputs.extend_from_slice(trainer.predict(&images)?.data());
        targets.extend(truth);
    }
    let all = Tensor::from_vec(&[outputs.len(), 1], outputs.clone())?;
    let (loss, _) = task.loss.value_and_grad(&all, &targets);
    let rows: Vec<Prediction> =
        indices.iter().zip(&outputs).map(|(index, output)| task.prediction(*index, set, *output)).collect();
    let mut found = BTreeMap::new();
    let column = |of: fn(&Prediction) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
    let px = metrics::regression(&column(|r| r.truth_hc_px), &column(|r| r.prediction_hc_px));
    let mm = metrics::regression(&column(|r| r.truth_hc_mm), &column(|r| r.prediction_hc_mm));
    // R² and PMAE are named without a unit: in px, as the papers regress px, so px is recorded last.
    mm.record(prefix, "mm", &mut found);
    px.record(prefix, "px", &mut found);
    Ok(Evaluation { rows, loss: Some(loss).filter(|l| l.is_finite()), metrics: found })
}
