//! Losses on a card: the value, and the gradient towards the predictions.

use super::emitter::{Emitter, Value};
use super::geometry;
use super::op::{Arg, Element, Place};
use crate::nn::Loss;

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
        let count = prediction.count();
        let (grid, block) = geometry::flat(count);
        let (truth, value) = (self.floats(count), self.bytes(8));
        let grad = self.value(prediction.shape.clone(), Element::F32);
        let (n, blocks) = (Arg::I64(count as i64), Arg::I32(grid[0] as i32));
        let kind = match loss {
            Loss::Mae => (0, 0.0),
            Loss::Mse => (1, 0.0),
            Loss::Huber { delta } => (2, delta),
            Loss::Dice => {
                let (partial, sums) = (self.bytes(16 * grid[0] as usize), self.bytes(16));
                let args = vec![prediction.at(), truth.into(), partial.into(), n];
                self.launch("dice_sums", (grid, block), args);
                let args = vec![partial.into(), sums.into(), value.into(), blocks];
                self.launch("dice_finish", geometry::one(), args);
                let args = vec![truth.into(), sums.into(), grad.at(), self.scalars(), n];
                self.launch("dice_grad", (grid, block), args);
                return Emitted { truth, value, grad };
            }
        };
        let partial = self.bytes(8 * grid[0] as usize);
        let (pointers, scalars) = ([prediction.at(), truth.into(), grad.at(), partial.into()], self.scalars());
        let args = [&pointers[..], &[scalars, n, n, Arg::F64(kind.1), Arg::I32(kind.0)]].concat();
        self.launch("loss_errors", (grid, block), args);
        self.launch("loss_finish", geometry::one(), vec![partial.into(), value.into(), n, blocks]);
        Emitted { truth, value, grad }
    }
}
