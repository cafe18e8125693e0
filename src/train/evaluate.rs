//! What the network says of a set of images: the loss, and everything handed to a judge.

use super::task::{Judge, Set, Task};
use crate::error::Result;
use crate::nn::Trainer;
use crate::nn::loss::Sums;

/// Runs the network over a set, `batch` images at a time, nothing kept for a backward pass. Gives the loss over the set,
/// on the truth as it is learned; `None` where it is not finite.
pub fn evaluate(
    trainer: &mut Trainer,
    task: &dyn Task,
    set: Set,
    batch: usize,
    judge: &mut dyn Judge,
) -> Result<Option<f64>> {
    let mut sums = None::<Sums>;
    for part in task.judged(set).chunks(batch) {
        let (images, truth) = task.plain_batch(part)?;
        let output = trainer.predict(&images)?;
        let found = task.loss().sums(&output, &truth);
        match &mut sums {
            Some(sums) => sums.add(&found),
            none => *none = Some(found),
        }
        judge.take(set, part, &output, &truth)?;
    }
    let loss = sums.map_or(f64::NAN, |sums| task.loss().value(&sums));
    Ok(Some(loss).filter(|l| l.is_finite()))
}
