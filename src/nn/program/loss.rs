//! Losses on a card: the value, and the gradient towards the predictions.

use super::emitter::{Emitter, Value};
use super::geometry;
use super::op::{Arg, Element, Place};
use crate::nn::Loss;
use crate::nn::loss::{Overlap, Point};

/// Where a loss leaves what it found.
pub(super) struct Emitted {
    /// f32, as many as predictions: written by the caller.
    pub truth: Place,
    /// One f64.
    pub value: Place,
    pub grad: Value,
}

impl Emitter {
    /// The same sums as [`Loss::value_and_grad`]; the gradient is multiplied by the part's share of the batch.
    pub(super) fn loss(&mut self, loss: Loss, prediction: &Value) -> Emitted {
        let terms = loss.terms();
        let (point_weight, point, [a, b]) = terms.point.map_or((0.0, 0, [0.0; 2]), |(weight, point)| {
            let (number, settings) = numbered(point);
            (weight, number, settings)
        });
        let (overlap_weight, overlap) = terms.overlap.map_or((0.0, 0), |(weight, overlap)| {
            let number = match overlap {
                Overlap::Dice => 1,
                Overlap::Kappa => 2,
                Overlap::KappaPrinted => 3,
            };
            (weight, number)
        });
        let (count, channels) = (prediction.count(), prediction.channels());
        let (grid, block) = geometry::planes(prediction.rows(), channels);
        let blocks = grid[0] as usize;
        let (truth, value) = (self.floats(count), self.bytes(8));
        let (partial, slopes) = (self.bytes(32 * blocks * channels), self.bytes(16 * channels));
        let grad = self.value(prediction.shape.clone(), Element::F32);
        let n = Arg::I64(prediction.rows() as i64);
        let [channels, blocks, point, overlap] = [channels as i32, blocks as i32, point, overlap].map(Arg::I32);
        let [a, b, point_weight, overlap_weight] = [a, b, point_weight, overlap_weight].map(Arg::F64);
        let pointers = [prediction.at(), truth.into(), grad.at(), partial.into(), self.scalars()];
        let args = [&pointers[..], &[n, a, b, point_weight, channels, point, overlap]].concat();
        self.launch("loss_sums", (grid, block), args);
        let pointers = [partial.into(), slopes.into(), value.into()];
        let args = [&pointers[..], &[n, point_weight, overlap_weight, channels, blocks, point, overlap]].concat();
        self.launch("loss_finish", geometry::one(), args);
        if terms.overlap.is_some() {
            let args = vec![truth.into(), slopes.into(), grad.at(), self.scalars(), n, channels, point];
            self.launch("loss_grad", (grid, block), args);
        }
        Emitted { truth, value, grad }
    }
}

/// A point loss's number in `kernels/loss.cu`, and its settings.
fn numbered(point: Point) -> (i32, [f64; 2]) {
    match point {
        Point::Mae => (1, [0.0; 2]),
        Point::Mse => (2, [0.0; 2]),
        Point::Huber { delta } => (3, [delta, 0.0]),
        Point::Bce => (4, [0.0; 2]),
        Point::Focal { alpha, gamma } => (5, [alpha, gamma]),
    }
}
