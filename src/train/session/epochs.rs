//! What is done behind an epoch and at the end: evaluate, say the figures, save, keep the best.

use super::Session;
use crate::error::{Error, Result};
use crate::run::checkpoint::{self, State, Which};
use crate::run::event::{Body, Checkpoint, Epoch, Finished, Place};
use crate::train::evaluate::evaluate;
use crate::train::fit::Ended;
use crate::train::journal::Journal;
use crate::train::standing::Standing;
use crate::train::task::{Figures, Judge, Set};

impl Session<'_> {
    pub(super) fn end_epoch(&mut self, journal: &mut Journal<'_>) -> Result<()> {
        let task = self.task.clone();
        let mut judge = task.judge();
        let val_loss = self.evaluate(Set::Validation, judge.as_mut())?;
        let images = task.training().len() as f64;
        let mut metrics = judge.figures(Set::Validation);
        if let Some(name) = task.training_error() {
            metrics.insert(name.into(), Some(self.progress.abs_error_sum / images));
        }
        let epoch = self.progress.epoch + 1;
        let monitored = match self.recipe.evaluate.monitor.as_str() {
            "val_loss" => val_loss,
            name => metrics.get(name).copied().flatten(),
        };
        // Lower is better, but for overlap.
        let falling = if self.recipe.evaluate.monitor.ends_with("dice") { monitored.map(|m| -m) } else { monitored };
        let best = self.progress.stopping.observe(epoch, falling);
        let lr = self.lr(self.progress.step.saturating_sub(1));
        let (schedule, base) = (self.schedule, self.recipe.train.lr);
        self.progress.plateau.observe(&schedule, base, val_loss.unwrap_or(f64::NAN));
        self.clock();
        let event = Epoch {
            epoch,
            epochs: self.recipe.train.epochs as u64,
            step: self.progress.step,
            lr,
            seconds: self.progress.seconds,
            images_per_second: images / self.progress.train_seconds.max(1e-9),
            train_loss: Some(self.progress.loss_sum / images),
            val_loss,
            best,
            metrics,
        };
        self.progress = self.progress.next_epoch();
        // Said before it is saved: a kill in between makes the epoch again, and the log says so.
        journal.say(Body::Epoch(event))?;
        self.save(journal)?;
        if best {
            checkpoint::keep_as_best(self.run)?;
            judge.keep(self.run)?;
            self.said(journal, Which::Best)?;
        }
        Ok(())
    }

    /// The loss over a set; everything else goes to the judge.
    pub(super) fn evaluate(&mut self, set: Set, judge: &mut dyn Judge) -> Result<Option<f64>> {
        evaluate(&mut self.trainer, &*self.task, set, self.recipe.train.at_once().max(8), judge)
    }

    pub(super) fn save(&mut self, journal: &mut Journal<'_>) -> Result<()> {
        self.clock();
        let state = State {
            weights: self.trainer.weights()?,
            optimizer: self.trainer.optimizer_state()?,
            progress: self.progress.clone(),
        };
        checkpoint::save(self.run, &state, &self.task.metadata(&self.recipe))?;
        self.said(journal, Which::Last)
    }

    fn said(&self, journal: &mut Journal<'_>, which: Which) -> Result<()> {
        let Place { epoch, step } = self.progress.place();
        journal.say(Body::Checkpoint(Checkpoint { epoch, step, name: which.name().into() }))
    }

    /// Evaluates the best weights once more, with the test part if there is one, and says the figures.
    pub(super) fn finish(&mut self, journal: &mut Journal<'_>) -> Result<Ended> {
        let Some(best) = checkpoint::load::<Standing>(self.run, Which::Best)? else {
            return Err(Error::new("no epoch had a finite validation figure").cure("lower train.lr"));
        };
        self.trainer.load_weights(&best.weights)?;
        let task = self.task.clone();
        let (mut judge, mut metrics) = (task.judge(), Figures::new());
        for set in [Set::Validation, Set::Test] {
            if !task.judged(set).is_empty() {
                self.evaluate(set, judge.as_mut())?;
                metrics.extend(judge.figures(set));
            }
        }
        judge.keep(self.run)?;
        let early = self.progress.epoch < self.recipe.train.epochs as u64;
        journal.say(Body::Finished(Finished {
            epoch: self.progress.epoch,
            step: self.progress.step,
            reason: if early { "patience" } else { "epochs" }.into(),
            best_epoch: self.progress.stopping.best_epoch,
            metrics,
        }))?;
        Ok(Ended::Finished)
    }
}
