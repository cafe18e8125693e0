//! The loop itself: from request to request, epoch to epoch.

mod epochs;
mod steps;

use super::fit::{Ended, Turn};
use super::journal::Journal;
use super::loader::Loader;
use super::order::{batches, shuffled};
use super::standing::Standing;
use super::task::{Set, Task};
use super::{memory, pretrained};
use crate::error::Result;
use crate::nn::program::Arithmetic;
use crate::nn::schedule::Schedule;
use crate::nn::{Device, Network, OptimizerSpec, Trainer, kernel::cpu::Isa};
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::run::checkpoint::{self, Which};
use crate::run::control::{self, Control};
use crate::run::event::{Body, Queued, Started};
use crate::workspace::Workspace;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A network, its data and its optimizer, between two steps.
pub struct Session<'a> {
    run: &'a RunDir,
    recipe: Recipe,
    task: Arc<dyn Task>,
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
    pub fn new(
        ws: &Workspace,
        run: &'a RunDir,
        recipe: Recipe,
        task: Arc<dyn Task>,
        device: Device,
    ) -> Result<Session<'a>> {
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
        let trainer = Trainer::new(net, device, arithmetic, task.loss(), &optimizer)?;
        let progress = Standing::new(recipe.train.patience);
        let steps_per_epoch = batches(task.training().len(), recipe.train.batch).len() as u64;
        Ok(Session {
            run,
            task,
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
            let task = self.task.clone();
            let mut judge = task.judge();
            self.evaluate(Set::Validation, judge.as_mut())?;
            judge.keep(self.run)?;
        }
        Ok(true)
    }

    /// Says that the work begins, or goes on.
    pub fn announce(&self, journal: &mut Journal<'_>, threads: usize, resumed: bool) -> Result<()> {
        if resumed {
            return journal.say(Body::Resumed(self.progress.place()));
        }
        let batches = batches(self.task.training().len(), self.recipe.train.batch);
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
            train_images: self.task.training().len() as u64,
            validation_images: self.task.judged(Set::Validation).len() as u64,
            test_images: self.task.judged(Set::Test).len() as u64,
            epochs: self.recipe.train.epochs as u64,
            steps_per_epoch: batches.len() as u64,
        }))
    }

    /// Every epoch that is left, then the end.
    pub fn run(&mut self, journal: &mut Journal<'_>, turn: &mut dyn Turn, interrupted: &AtomicBool) -> Result<Ended> {
        let batches = batches(self.task.training().len(), self.recipe.train.batch);
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
        let order = shuffled(self.task.training(), self.recipe.seed, epoch);
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
}
