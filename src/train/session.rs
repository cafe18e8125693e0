//! The loop itself: steps, epochs, requests, checkpoints, the end.

use super::evaluate::{Evaluation, evaluate};
use super::fit::{Ended, Turn};
use super::journal::Journal;
use super::loader::Loader;
use super::order::{batches, shuffled};
use super::standing::Standing;
use super::task::Task;
use super::{memory, pretrained};
use crate::error::{Error, Result};
use crate::nn::program::Arithmetic;
use crate::nn::schedule::{Position, Schedule};
use crate::nn::trainer::{Done, Part};
use crate::nn::{Device, Network, OptimizerSpec, Trainer, kernel::cpu::Isa};
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::run::checkpoint::{self, State, Which};
use crate::run::control::{self, Control};
use crate::run::event::{Body, Checkpoint, Epoch, Finished, Place, Queued, Started, Step};
use crate::run::predictions::{self, Prediction};
use crate::workspace::Workspace;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A network, its data and its optimizer, between two steps.
pub struct Session<'a> {
    run: &'a RunDir,
    recipe: Recipe,
    task: Arc<Task>,
    device: Device,
    trainer: Trainer,
    /// Trainable parameters.
    trainable: usize,
    progress: Standing,
    schedule: Schedule,
    steps_per_epoch: u64,
    /// The images of each step in flight.
    in_flight: VecDeque<Vec<usize>>,
    /// What became of pre-trained weights.
    pretrained: Option<String>,
    /// When the epoch under way began or went on.
    since: Instant,
}

impl<'a> Session<'a> {
    /// With fresh weights or, where the recipe names them, pre-trained ones.
    pub fn new(ws: &Workspace, run: &'a RunDir, recipe: Recipe, task: Task, device: Device) -> Result<Session<'a>> {
        let graph = recipe.graph()?;
        memory::check(&recipe, &graph, device)?;
        let mut net = Network::new(graph, recipe.seed);
        // A run that goes on takes its own weights afterwards; what these were stands in its log already.
        let pretrained = match checkpoint::exists(run, Which::Last) {
            true => None,
            false => pretrained::load(ws, &recipe, &mut net)?,
        };
        let trainable = net.trainable();
        let optimizer = OptimizerSpec::new(recipe.train.optimizer.parse()?);
        let arithmetic =
            Arithmetic { precision: recipe.train.precision.parse()?, deterministic: recipe.train.deterministic };
        let trainer = Trainer::new(net, device, arithmetic, task.loss, &optimizer)?;
        let progress = Standing::new(recipe.train.patience);
        let steps_per_epoch = batches(task.split.train.len(), recipe.train.batch).len() as u64;
        Ok(Session {
            run,
            task: Arc::new(task),
            device,
            trainer,
            trainable,
            progress,
            schedule: recipe.train.rates()?,
            steps_per_epoch,
            in_flight: VecDeque::new(),
            pretrained,
            since: Instant::now(),
            recipe,
        })
    }

    /// Goes back to the last checkpoint; false if there is none.
    pub fn restore(&mut self) -> Result<bool> {
        let Some(state) = checkpoint::load::<Standing>(self.run, Which::Last)? else {
            return Ok(false);
        };
        self.trainer.load_weights(&state.weights)?;
        self.trainer.load_optimizer(&state.optimizer)?;
        self.progress = state.progress;
        // The worker may have died after saving its best epoch and before keeping it as the best.
        if self.progress.batch == 0 && self.progress.stopping.best_epoch == self.progress.epoch {
            checkpoint::keep_as_best(self.run)?;
            let found = self.evaluate(false)?;
            self.keep(&found.rows, &found.masks)?;
        }
        Ok(true)
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
            device: self.device.describe(),
            threads: threads as u64,
            kernels: Isa::current().name().into(),
            model: self.recipe.model.name.clone(),
            trainable: self.trainable as u64,
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
        let mut ready: Option<Loader> = None;
        // A run stopped or killed between its last epoch and its end has nothing left to train.
        while self.progress.epoch < self.recipe.train.epochs as u64
            && !self.progress.stopping.is_over(self.progress.epoch)
        {
            self.since = Instant::now();
            let ahead = self.trainer.ahead();
            let mut loader = match ready.take() {
                Some(loader) => loader,
                None => self.loader(&batches, self.progress.epoch, self.progress.batch)?,
            };
            loop {
                if !self.attend(journal, turn, interrupted)? {
                    return Ok(Ended::Stopped);
                }
                let begun = Instant::now();
                let Some((images, parts)) = loader.next()? else { break };
                self.submit(images, parts)?;
                self.settle(journal, ahead)?;
                self.progress.train_seconds += begun.elapsed().as_secs_f64();
            }
            if ahead > 0 && self.progress.epoch + 1 < self.recipe.train.epochs as u64 {
                // The next epoch's first batches are made while this one is evaluated and saved.
                ready = Some(self.loader(&batches, self.progress.epoch + 1, 0)?);
            }
            let begun = Instant::now();
            self.settle(journal, 0)?;
            self.progress.train_seconds += begun.elapsed().as_secs_f64();
            self.end_epoch(journal)?;
        }
        self.finish(journal)
    }

    /// The batches of an epoch (from 0) from batch `first` on.
    fn loader(&self, batches: &[Range<usize>], epoch: u64, first: usize) -> Result<Loader> {
        let order = shuffled(&self.task.split.train, self.recipe.seed, epoch);
        let left = batches[first..].iter().map(|b| order[b.clone()].to_vec()).collect();
        Loader::new(self.task.clone(), left, self.recipe.train.at_once(), epoch, self.trainer.ahead())
    }

    /// Answers requests; false after a stop.
    fn attend(&mut self, journal: &mut Journal<'_>, turn: &mut dyn Turn, interrupted: &AtomicBool) -> Result<bool> {
        let stop = |run: &RunDir| interrupted.load(Ordering::Relaxed) || control::requested(run, Control::Stop);
        if stop(self.run) || [Control::Checkpoint, Control::Pause].iter().any(|c| control::requested(self.run, *c)) {
            // What is saved or said stands between two steps.
            self.settle(journal, 0)?;
        }
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

    /// Starts a step: forward, backward, update on one batch, by parts whose gradients add up to the batch's.
    fn submit(&mut self, images: Vec<usize>, mut parts: Vec<Part>) -> Result<()> {
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
    fn lr(&self, step: u64) -> f64 {
        let epochs = self.recipe.train.epochs as u64;
        let position = Position { step, steps_per_epoch: self.steps_per_epoch, epochs };
        self.schedule.lr(self.recipe.train.lr, position, &self.progress.plateau)
    }

    /// Takes in what steps found until at most `left` are in flight.
    fn settle(&mut self, journal: &mut Journal<'_>, left: usize) -> Result<()> {
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
        let errors = outputs.zip(images).filter_map(|(output, i)| self.task.abs_error_px(*i, output));
        self.progress.abs_error_px_sum += errors.sum::<f64>();
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

    fn end_epoch(&mut self, journal: &mut Journal<'_>) -> Result<()> {
        let found = self.evaluate(false)?;
        let images = self.task.split.train.len() as f64;
        let mut metrics = found.metrics;
        if !self.task.segments() {
            metrics.insert("train_mae_px".into(), Some(self.progress.abs_error_px_sum / images));
        }
        let epoch = self.progress.epoch + 1;
        let monitored = match self.recipe.evaluate.monitor.as_str() {
            "val_loss" => found.loss,
            name => metrics.get(name).copied().flatten(),
        };
        // Lower is better, but for overlap.
        let falling = if self.recipe.evaluate.monitor.ends_with("dice") { monitored.map(|m| -m) } else { monitored };
        let best = self.progress.stopping.observe(epoch, falling);
        let lr = self.lr(self.progress.step.saturating_sub(1));
        let (schedule, base) = (self.schedule, self.recipe.train.lr);
        self.progress.plateau.observe(&schedule, base, found.loss.unwrap_or(f64::NAN));
        self.clock();
        let event = Epoch {
            epoch,
            epochs: self.recipe.train.epochs as u64,
            step: self.progress.step,
            lr,
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
            self.keep(&found.rows, &found.masks)?;
            self.said(journal, Which::Best)?;
        }
        Ok(())
    }

    fn evaluate(&mut self, test: bool) -> Result<Evaluation> {
        let (indices, set, prefix) = match test {
            false => (&self.task.split.validation, "validation", "val_"),
            true => (&self.task.split.test, "test", "test_"),
        };
        evaluate(&mut self.trainer, &self.task, indices, set, prefix, self.recipe.train.at_once().max(8))
    }

    /// Writes the rows, and beside them the masks of a segmentation as pictures.
    fn keep(&self, rows: &[Prediction], masks: &[Vec<u8>]) -> Result<()> {
        let [height, width] = self.task.prepared.size;
        rows.par_iter()
            .zip(masks)
            .try_for_each(|(row, mask)| predictions::write_probabilities(self.run, &row.file, mask, [height, width]))?;
        predictions::write(self.run, rows)
    }

    fn save(&mut self, journal: &mut Journal<'_>) -> Result<()> {
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
    fn finish(&mut self, journal: &mut Journal<'_>) -> Result<Ended> {
        let Some(best) = checkpoint::load::<Standing>(self.run, Which::Best)? else {
            return Err(Error::new("no epoch had a finite validation figure").cure("lower train.lr"));
        };
        self.trainer.load_weights(&best.weights)?;
        let validation = self.evaluate(false)?;
        let (mut rows, mut masks, mut metrics) = (validation.rows, validation.masks, validation.metrics);
        if !self.task.split.test.is_empty() {
            let test = self.evaluate(true)?;
            rows.extend(test.rows);
            masks.extend(test.masks);
            metrics.extend(test.metrics);
        }
        self.keep(&rows, &masks)?;
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
