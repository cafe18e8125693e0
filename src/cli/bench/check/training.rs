//! Short trainings on drawn ellipses: the loss that a device ends with beside the CPU's.

use super::{Checked, Row};
use crate::error::{Error, Result};
use crate::nn::program::Arithmetic;
use crate::nn::trainer::Part;
use crate::nn::{Loss, Network, OptimizerKind, OptimizerSpec, Precision, Tensor, Trainer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How far a device's last losses may be from the CPU's: this many times the distance of two trainings there that begin
/// with other weights, and at least that share of the first losses.
const TIMES: f64 = 2.0;
const LEAST: f64 = 0.05;
const MOST: f64 = 0.5;

/// What is trained, and how.
struct Course {
    model: &'static str,
    side: usize,
    batch: usize,
    steps: u64,
    loss: Loss,
    lr: f64,
}

pub(super) fn check(on: Checked, quick: bool) -> Result<Vec<Row>> {
    let courses = match quick {
        true => [
            Course { model: "cnn263k", side: 32, batch: 8, steps: 40, loss: Loss::Mse, lr: 1e-3 },
            Course { model: "unet-small", side: 32, batch: 4, steps: 12, loss: Loss::Dice, lr: 1e-3 },
        ],
        false => [
            Course { model: "cnn1m", side: 128, batch: 16, steps: 300, loss: Loss::Mse, lr: 1e-3 },
            Course { model: "unet", side: 64, batch: 16, steps: 60, loss: Loss::Dice, lr: 1e-3 },
        ],
    };
    let mut rows = Vec::new();
    for course in courses {
        let [expected, other] = [1, 2].map(|seed| course.train(Checked::CPU, Precision::F32, seed));
        let (expected, other) = (expected?, other?);
        let limit = (TIMES * (expected.last - other.last).abs() / expected.first).clamp(LEAST, MOST);
        for precision in [Precision::F32, Precision::Bf16] {
            let found = course.train(on, precision, 1)?;
            let difference = (found.last - expected.last).abs() / expected.first;
            let ok = difference <= limit && found.last < 0.9 * found.first;
            let where_ =
                format!("{:.4} → {:.4}; CPU {:.4} and {:.4}", found.first, found.last, expected.last, other.last);
            let (what, precision) = (course.model.to_owned(), precision.name());
            rows.push(Row { part: "training", what, precision, difference, limit, ok, where_ });
        }
    }
    Ok(rows)
}

/// Mean losses of the first and of the last steps.
struct Outcome {
    first: f64,
    last: f64,
}

impl Course {
    fn train(&self, on: Checked, precision: Precision, seed: u64) -> Result<Outcome> {
        let graph = super::networks::at_size(self.model, self.side)?;
        let channels = graph.input_shape()[2];
        let arithmetic = Arithmetic { precision, deterministic: on.deterministic };
        let adam = OptimizerSpec::new(OptimizerKind::Adam);
        let mut trainer = Trainer::new(Network::new(graph, seed), on.device, arithmetic, self.loss, &adam)?;
        let mut losses = Vec::new();
        for step in 0..self.steps {
            trainer.submit(&[self.batch(step, channels)?], self.lr)?;
            while trainer.in_flight() > trainer.ahead() {
                losses.extend(trainer.collect()?.map(|d| d.loss));
            }
        }
        while let Some(done) = trainer.collect()? {
            losses.push(done.loss);
        }
        if let Some(step) = losses.iter().position(|l| !l.is_finite()) {
            return Err(Error::new(format!(
                "{} on {}: the loss of step {step} is not a number",
                self.model, on.device
            )));
        }
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let few = (losses.len() / 6).max(1);
        Ok(Outcome { first: mean(&losses[..few]), last: mean(&losses[losses.len() - few..]) })
    }

    /// Bright ellipses on a dim ground; the truth is their mask, or their width.
    fn batch(&self, step: u64, channels: usize) -> Result<Part> {
        let side = self.side;
        let mut values = vec![0f32; self.batch * side * side * channels];
        let (mut masks, mut widths) = (Vec::new(), Vec::new());
        for (i, image) in values.chunks_exact_mut(side * side * channels).enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(step * 977 + i as u64);
            let mut draw = || rng.random::<f32>();
            let of = |share: f32| share * side as f32;
            let (cx, cy) = (of(0.4 + 0.2 * draw()), of(0.4 + 0.2 * draw()));
            let (a, b) = (of(0.15 + 0.2 * draw()), of(0.15 + 0.2 * draw()));
            widths.push(2.0 * a / side as f32);
            for (p, pixel) in image.chunks_exact_mut(channels).enumerate() {
                let (x, y) = ((p % side) as f32 - cx, (p / side) as f32 - cy);
                let inside = (x / a).powi(2) + (y / b).powi(2) < 1.0;
                masks.push(f32::from(u8::from(inside)));
                pixel.fill(if inside { 1.0 } else { -0.5 } + 0.2 * draw());
            }
        }
        let input = Tensor::from_vec(&[self.batch, side, side, channels], values)?;
        Ok(Part { input, truth: if self.loss == Loss::Dice { masks } else { widths }, seed: step })
    }
}
