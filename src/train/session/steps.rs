//! Steps: started one after the other, taken in when they are done.

use super::Session;
use crate::error::{Error, Result};
use crate::nn::schedule::Position;
use crate::nn::trainer::{Done, Part};
use crate::run::event::Step;
use crate::train::journal::Journal;

impl Session<'_> {
    /// Starts a step: forward, backward, update on one batch, by parts whose gradients add up to the batch's.
    pub(super) fn submit(&mut self, images: Vec<usize>, mut parts: Vec<Part>) -> Result<()> {
        let step = self.progress.step + self.in_flight.len() as u64;
        for (i, part) in parts.iter_mut().enumerate() {
            // Another dropout mask for every part of every step.
            part.seed = mix(self.recipe.seed, step, i as u64);
        }
        let lr = self.lr(step);
        self.trainer.submit(&parts, lr)?;
        self.in_flight.push_back(images);
        Ok(())
    }

    /// The rate of step `step`, counted from 0 over the whole run.
    pub(super) fn lr(&self, step: u64) -> f64 {
        let epochs = self.recipe.train.epochs as u64;
        let position = Position { step, steps_per_epoch: self.steps_per_epoch, epochs };
        self.schedule.lr(self.recipe.train.lr, position, &self.progress.plateau)
    }

    /// Takes in what steps found until at most `left` are in flight.
    pub(super) fn settle(&mut self, journal: &mut Journal<'_>, left: usize) -> Result<()> {
        while self.in_flight.len() > left
            && let Some(images) = self.in_flight.pop_front()
            && let Some(done) = self.trainer.collect()?
        {
            self.account(&images, done, journal)?;
        }
        Ok(())
    }

    fn account(&mut self, images: &[usize], done: Done, journal: &mut Journal<'_>) -> Result<()> {
        let Done { loss, outputs, .. } = done;
        let outputs = outputs.iter().flat_map(|o| o.data().chunks_exact(o.data().len() / o.batch()));
        let errors = outputs.zip(images).filter_map(|(output, i)| self.task.abs_error(*i, output));
        self.progress.abs_error_sum += errors.sum::<f64>();
        if !loss.is_finite() {
            return Err(Error::new(format!(
                "the loss is not a number at step {} (epoch {})",
                self.progress.step + 1,
                self.progress.epoch + 1
            ))
            .cure("lower train.lr, or look for broken images with `hcwb data audit`"));
        }
        self.progress.loss_sum += loss * images.len() as f64;
        self.progress.step += 1;
        self.progress.batch += 1;
        journal.step(Step { epoch: self.progress.epoch + 1, step: self.progress.step, loss: Some(loss) })
    }
}

/// A seed for one forward pass (SplitMix64's finaliser over the three numbers).
fn mix(seed: u64, step: u64, part: u64) -> u64 {
    let mut z = seed ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
