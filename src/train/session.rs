//! The loop itself: steps, epochs, requests, checkpoints, the end.

use super::evaluate::{Evaluation, evaluate};
use super::fit::{Ended, Turn};
use super::journal::Journal;
use super::order::{batches, shuffled};
use super::standing::Standing;
use super::task::Task;
use super::{memory, pretrained};
use crate::error::{Error, Result};
use crate::nn::{Device, Network, Optimizer, OptimizerSpec, Pass, kernel::cpu::Isa};
use crate::recipe::Recipe;
use crate::run::checkpoint::{self, State, Which};
use crate::run::control::{self, Control};
use crate::run::event::{Body, Checkpoint, Epoch, Finished, Place, Queued, Started, Step};
use crate::run::{RunDir, predictions};
use crate::workspace::Workspace;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A network, its data and its optimizer, between two steps.
pub struct Session<'a> {
    run: &'a RunDir,
    recipe: Recipe,
    task: Task,
    net: Network,
    optimizer: Optimizer,
    progress: Standing,
    /// What became of pre-trained weights.
    pretrained: Option<String>,
    /// When the epoch under way began or went on.
    since: Instant,
}

impl<'a> Session<'a> {
    pub fn new(run: &'a RunDir, recipe: Recipe, task: Task) -> Result<Session<'a>> {
        let graph = recipe.graph()?;
        memory::check(&recipe, &graph)?;
        let mut net = Network::new(graph, recipe.seed);
        net.set_precision(recipe.train.precision.parse()?);
        let optimizer = Optimizer::new(&OptimizerSpec::new(recipe.train.optimizer.parse()?), &net);
        let progress = Standing::new(recipe.train.patience);
        Ok(Session { run, recipe, task, net, optimizer, progress, pretrained: None, since: Instant::now() })
    }

    /// Goes back to the last checkpoint; false if there is none.
    pub fn restore(&mut self) -> Result<bool> {
        let Some(state) = checkpoint::load::<Standing>(self.run, Which::Last)? else {
            return Ok(false);
        };
        self.net.load_state(&state.weights)?;
        self.optimizer.load_state(&state.optimizer)?;
        self.progress = state.progress;
        // The worker may have died after saving its best epoch and before keeping it as the best.
        if self.progress.batch == 0 && self.progress.stopping.best_epoch == self.progress.epoch {
            checkpoint::keep_as_best(self.run)?;
            predictions::write(self.run, &self.evaluate(false)?.rows)?;
        }
        Ok(true)
    }

    /// Begins with the weights that the recipe names, if it names any.
    pub fn take_pretrained(&mut self, ws: &Workspace) -> Result<()> {
        self.pretrained = pretrained::load(ws, &self.recipe, &mut self.net)?;
        Ok(())
    }

    /// Says that the work begins, or goes on.
    pub fn announce(&self, journal: &mut Journal<'_>, threads: usize, resumed: bool) -> Result<()> {
        if resumed {
            return journal.say(Body::Resumed(self.progress.place()));
        }
        let batches = batches(self.task.split.train.len(), self.recipe.train.batch);
        journal.say(Body::Started(Started {
            pid: std::process::id(),
            host: sysinfo::System::host_name().unwrap_or_default(),
            device: Device::resolve(&self.recipe.train.device)?.device.describe(),
            threads: threads as u64,
            kernels: Isa::current().name().into(),
            model: self.recipe.model.name.clone(),
            trainable: self.net.trainable() as u64,
            precision: self.recipe.train.precision.clone(),
            pretrained: self.pretrained.clone(),
            train_images: self.task.split.train.len() as u64,
            validation_images: self.task.split.validation.len() as u64,
            test_images: self.task.split.test.len() as u64,
            epochs: self.recipe.train.epochs as u64,
            steps_per_epoch: batches.len() as u64,
        }))
    }

    /// Every epoch that is left, then the end.
    pub fn run(&mut self, journal: &mut Journal<'_>, turn: &mut dyn Turn, interrupted: &AtomicBool) -> Result<Ended> {
        let batches = batches(self.task.split.train.len(), self.recipe.train.batch);
        // A run stopped or killed between its last epoch and its end has nothing left to train.
        while self.progress.epoch < self.recipe.train.epochs as u64
            && !self.progress.stopping.is_over(self.progress.epoch)
        {
            self.since = Instant::now();
            let order = shuffled(&self.task.split.train, self.recipe.seed, self.progress.epoch);
            while let Some(batch) = batches.get(self.progress.batch) {
                if !self.attend(journal, turn, interrupted)? {
                    return Ok(Ended::Stopped);
                }
                self.step(&order[batch.clone()], journal)?;
            }
            self.end_epoch(journal)?;
        }
        self.finish(journal)
    }

    /// Answers requests; false after a stop.
    fn attend(&mut self, journal: &mut Journal<'_>, turn: &mut dyn Turn, interrupted: &AtomicBool) -> Result<bool> {
        let stop = |run: &RunDir| interrupted.load(Ordering::Relaxed) || control::requested(run, Control::Stop);
        if control::requested(self.run, Control::Checkpoint) {
            self.save(journal)?;
            control::withdraw(self.run, Control::Checkpoint)?;
        }
        if !stop(self.run) && control::requested(self.run, Control::Pause) {
            // Saved, because a machine may be switched off during a pause.
            self.save(journal)?;
            self.clock();
            journal.say(Body::Paused(self.progress.place()))?;
            turn.yield_slot();
            while control::requested(self.run, Control::Pause) && !stop(self.run) {
                std::thread::sleep(Duration::from_millis(100));
            }
            if !stop(self.run) && turn.take_slot(&mut || journal.say(Body::Queued(Queued {})))? {
                journal.say(Body::Resumed(self.progress.place()))?;
            }
            self.since = Instant::now();
        }
        if stop(self.run) {
            self.save(journal)?;
            control::clear(self.run)?;
            journal.say(Body::Stopped(self.progress.place()))?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Adds the time since it was last asked to the epoch's.
    fn clock(&mut self) {
        self.progress.seconds += self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
    }

    /// Forward, backward, update on one batch, by micro-batches whose gradients add up to the batch's.
    fn step(&mut self, images: &[usize], journal: &mut Journal<'_>) -> Result<()> {
        let begun = Instant::now();
        let micro = self.recipe.train.at_once();
        self.net.zero_grad();
        let mut loss = 0.0;
        for (part, indices) in images.chunks(micro).enumerate() {
            let (input, truth) = self.task.training_batch(indices, self.progress.epoch);
            // Another dropout mask for every micro-batch of every step.
            let seed = mix(self.recipe.seed, self.progress.step, part as u64);
            let output = self.net.forward(&input, Pass::Train { seed })?;
            let (value, mut grad) = self.task.loss.value_and_grad(&output, &truth);
            let share = indices.len() as f64 / images.len() as f64;
            grad.data_mut().iter_mut().for_each(|g| *g *= share as f32);
            self.net.backward(&grad);
            loss += share * value;
            let errors = output.data().iter().zip(indices).map(|(output, i)| self.task.abs_error_px(*i, *output));
            self.progress.abs_error_px_sum += errors.sum::<f64>();
        }
        if !loss.is_finite() {
            return Err(Error::new(format!(
                "the loss is not a number at step {} (epoch {})",
                self.progress.step + 1,
                self.progress.epoch + 1
            ))
            .cure("lower train.lr, or look for broken images with `hcwb data audit`"));
        }
        self.optimizer.step(&mut self.net, self.recipe.train.lr);
        self.progress.loss_sum += loss * images.len() as f64;
        self.progress.step += 1;
        self.progress.batch += 1;
        self.progress.train_seconds += begun.elapsed().as_secs_f64();
        journal.step(Step { epoch: self.progress.epoch + 1, step: self.progress.step, loss: Some(loss) })
    }

    fn end_epoch(&mut self, journal: &mut Journal<'_>) -> Result<()> {
        let found = self.evaluate(false)?;
        let images = self.task.split.train.len() as f64;
        let mut metrics = found.metrics;
        metrics.insert("train_mae_px".into(), Some(self.progress.abs_error_px_sum / images));
        let epoch = self.progress.epoch + 1;
        let monitored = match self.recipe.evaluate.monitor.as_str() {
            "val_loss" => found.loss,
            name => metrics.get(name).copied().flatten(),
        };
        let best = self.progress.stopping.observe(epoch, monitored);
        self.clock();
        let event = Epoch {
            epoch,
            epochs: self.recipe.train.epochs as u64,
            step: self.progress.step,
            lr: self.recipe.train.lr,
            seconds: self.progress.seconds,
            images_per_second: images / self.progress.train_seconds.max(1e-9),
            train_loss: Some(self.progress.loss_sum / images),
            val_loss: found.loss,
            best,
            metrics,
        };
        self.progress = self.progress.next_epoch();
        // Said before it is saved: a kill in between makes the epoch again, and the log says so.
        journal.say(Body::Epoch(event))?;
        self.save(journal)?;
        if best {
            checkpoint::keep_as_best(self.run)?;
            predictions::write(self.run, &found.rows)?;
            self.said(journal, Which::Best)?;
        }
        Ok(())
    }

    fn evaluate(&mut self, test: bool) -> Result<Evaluation> {
        let (indices, set, prefix) = match test {
            false => (&self.task.split.validation, "validation", "val_"),
            true => (&self.task.split.test, "test", "test_"),
        };
        evaluate(&mut self.net, &self.task, indices, set, prefix, self.recipe.train.at_once().max(8))
    }

    fn save(&mut self, journal: &mut Journal<'_>) -> Result<()> {
        self.clock();
        let state =
            State { weights: self.net.state(), optimizer: self.optimizer.state(), progress: self.progress.clone() };
        checkpoint::save(self.run, &state, &self.task.metadata(&self.recipe))?;
        self.said(journal, Which::Last)
    }

    fn said(&self, journal: &mut Journal<'_>, which: Which) -> Result<()> {
        let Place { epoch, step } = self.progress.place();
        journal.say(Body::Checkpoint(Checkpoint { epoch, step, name: which.name().into() }))
    }

    /// Evaluates the best weights once more, with the test part if there is one, and says the figures.
    fn finish(&mut self, journal: &mut Journal<'_>) -> Result<Ended> {
        let Some(best) = checkpoint::load::<Standing>(self.run, Which::Best)? else {
            return Err(Error::new("no epoch had a finite validation figure").cure("lower train.lr"));
        };
        self.net.load_state(&best.weights)?;
        let validation = self.evaluate(false)?;
        let (mut rows, mut metrics) = (validation.rows, validation.metrics);
        if !self.task.split.test.is_empty() {
            let test = self.evaluate(true)?;
            rows.extend(test.rows);
            metrics.extend(test.metrics);
        }
        predictions::write(self.run, &rows)?;
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

/// A seed for one forward pass (SplitMix64's finaliser over the three numbers).
fn mix(seed: u64, step: u64, part: u64) -> u64 {
    let mut z = seed ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
