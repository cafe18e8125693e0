//! One run from where it stands to its end: data, split and network put together, then the session.

use super::journal::Journal;
use super::session::Session;
use super::task::Task;
use crate::dataset::{cache, registry, split};
use crate::error::{Error, IoContext, Result};
use crate::nn::Device;
use crate::progress::Silent;
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::workspace::Workspace;
use std::sync::atomic::AtomicBool;

/// How a worker's work ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Finished,
    Stopped,
}

/// What a worker may be asked to do with the processor while it waits.
pub trait Turn: Send {
    /// Called when the run pauses: gives the slot to others.
    fn yield_slot(&mut self);
    /// Called before work goes on; false if the run was asked to stop while waiting. Calls `waiting`
    /// once if others are at work.
    fn take_slot(&mut self, waiting: &mut dyn FnMut() -> Result<()>) -> Result<bool>;
}

/// Trains the run on `device` from its last checkpoint, or from nothing, to its end or until asked to stop.
/// `interrupted` is set by a signal and means the same as the request `stop`.
pub fn fit(
    ws: &Workspace,
    run: &RunDir,
    device: Device,
    journal: &mut Journal<'_>,
    turn: &mut dyn Turn,
    interrupted: &AtomicBool,
) -> Result<Ended> {
    let (recipe, provenance) = run.frozen()?;
    let mut dataset = registry::load(ws, &recipe.data.dataset)?;
    dataset.refresh(ws, &Silent)?;
    if dataset.fingerprint != provenance.dataset_fingerprint {
        return Err(Error::new(format!("the data set {} is not the one this run began with", dataset.name))
            .at(&dataset.path)
            .cure("start a new run, or register the former data under that name"));
    }
    let threads = threads(&recipe);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::new("cannot start the worker's threads").because(e).cure("lower train.threads"))?;
    pool.install(|| {
        let [width, height] = recipe.data.size;
        let prepared = cache::prepare(ws, &dataset, &cache::Preparation { width, height }, &Silent)?;
        for note in &prepared.notes {
            journal.warn(note)?;
        }
        for skipped in &prepared.skipped {
            journal.warn(format!("{} is left out: {}", skipped.file, skipped.reason))?;
        }
        let rule = recipe.data.split.parse()?;
        let split = split::split(&prepared.exams(), &rule, recipe.data.folds, recipe.data.fold, recipe.seed)?;
        let path = run.split_csv();
        std::fs::write(&path, split::manifest_csv(&split, &prepared.samples)).doing("write the split", path)?;
        let task = Task::new(&recipe, prepared, split, &recipe.graph()?)?;
        if let Some(copies) = &task.copies {
            let path = run.path().join("copies.csv");
            std::fs::write(&path, copies).doing("write the list of copies", path)?;
        }
        let mut session = Session::new(ws, run, recipe, task, device)?;
        let resumed = session.restore()?;
        session.announce(journal, threads, resumed)?;
        session.run(journal, turn, interrupted)
    })
}

fn threads(recipe: &Recipe) -> usize {
    match recipe.train.threads {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        n => n,
    }
}
