//! What the network says of a set of images, and how good that is.

use super::metrics;
use super::task::Task;
use crate::error::Result;
use crate::nn::Trainer;
use crate::nn::loss::Sums;
use crate::run::predictions::Prediction;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Predictions and figures of one set.
pub struct Evaluation {
    pub rows: Vec<Prediction>,
    /// Of a segmentation: the head's probabilities of each row, as 0 to 255 at training size.
    pub masks: Vec<Vec<u8>>,
    /// The loss over the set, on the scaled target; `None` where not finite.
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
    let (mut rows, mut masks, mut sums) = (Vec::new(), Vec::new(), None::<Sums>);
    let (mut agreeing, mut background, mut pixels) = (0usize, 0usize, 0usize);
    for part in indices.chunks(batch) {
        let (images, truth) = task.plain_batch(part)?;
        let output = trainer.predict(&images)?;
        let found = task.loss.sums(&output, &truth);
        match &mut sums {
            Some(sums) => sums.add(&found),
            none => *none = Some(found),
        }
        let each = output.data().len() / part.len();
        let outputs: Vec<&[f32]> = output.data().chunks_exact(each).collect();
        let judged: Result<Vec<Prediction>> =
            part.par_iter().zip(&outputs).map(|(index, output)| task.prediction(*index, set, output)).collect();
        rows.extend(judged?);
        if task.segments() {
            let inside = |v: &f32| *v >= 0.5;
            agreeing += output.data().iter().zip(&truth).filter(|(p, t)| inside(p) == inside(t)).count();
            background += truth.iter().filter(|t| !inside(t)).count();
            pixels += truth.len();
            let level = |p: f32| (p.clamp(0.0, 1.0) * 255.0).round() as u8;
            masks.extend(outputs.iter().map(|o| task.probabilities(o).into_iter().map(level).collect()));
        }
    }
    let loss = sums.map_or(f64::NAN, |sums| task.loss.value(&sums));
    let mut found = BTreeMap::new();
    let column = |of: fn(&Prediction) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
    let px = metrics::regression(&column(|r| r.truth_hc_px), &column(|r| r.prediction_hc_px));
    let mm = metrics::regression(&column(|r| r.truth_hc_mm), &column(|r| r.prediction_hc_mm));
    // R² and PMAE are named without a unit: in px, as the papers regress px, so px is recorded last.
    mm.record(prefix, "mm", &mut found);
    px.record(prefix, "px", &mut found);
    if task.segments() {
        metrics::masks(&rows, prefix, &mut found);
        // At training size and against what is learned, as Keras counts; and what saying "background" everywhere gets.
        found.insert(format!("{prefix}accuracy"), Some(agreeing as f64 / pixels as f64));
        found.insert(format!("{prefix}accuracy_of_background"), Some(background as f64 / pixels as f64));
    }
    Ok(Evaluation { rows, masks, loss: Some(loss).filter(|l| l.is_finite()), metrics: found })
}
