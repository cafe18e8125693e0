//! One run from where it stands to its end: data, split and network put together, then the session.

use super::journal::Journal;
use super::session::Session;
use super::task::Data;
use crate::dataset::registry;
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
        let data = Data::prepare(ws, &dataset, &recipe, &Silent)?;
        data.notes().into_iter().try_for_each(|note| journal.warn(note))?;
        let task = data.task(&recipe, &recipe.graph()?)?;
        for (name, content) in task.files() {
            let path = run.path().join(name);
            std::fs::write(&path, content).doing("write what the run keeps of its data", path)?;
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
