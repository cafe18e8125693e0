//! The worker: holds the run's lock, waits its turn, trains, and says how it ended.

use super::queue::Queue;
use crate::error::{Error, Result};
use crate::nn::device::{Device, Resolved};
use crate::run::control::{self, Control};
use crate::run::event::{Body, Failed, Place, Queued};
use crate::run::history::{History, Life};
use crate::run::{RunDir, lock, log};
use crate::train::{Ended, Journal, Turn, fit};
use crate::workspace::Workspace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Works on `run` until it ends. `watch` hears every event as it happens; `interrupted` is set by a
/// signal and stops the run with a checkpoint.
pub fn work(
    ws: &Workspace,
    run: &RunDir,
    interrupted: &AtomicBool,
    watch: &mut (dyn FnMut(&Body) + Send),
) -> Result<Ended> {
    let _lock = lock::take(run)?;
    let mut journal = Journal::open(run, watch)?;
    // Whoever comes after a finished run has nothing to do; whoever comes after a wish has heard it.
    control::clear(run)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| attempt(ws, run, interrupted, &mut journal)));
    let outcome = outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
    if let Err(error) = &outcome {
        let mut said = error.chain();
        if let Some(cure) = &error.cure {
            said.push_str(" — ");
            said.push_str(cure);
        }
        // Where even this cannot be written (a full disk), console.log and the caller still have it.
        let _ = journal.say(Body::Failed(Failed { error: said }));
    }
    outcome
}

fn attempt(ws: &Workspace, run: &RunDir, interrupted: &AtomicBool, journal: &mut Journal<'_>) -> Result<Ended> {
    let Resolved { device, note } = Device::resolve(&run.recipe()?.train.device)?;
    let mut turn = Waiting { run, interrupted, queue: Queue::new(ws, device, run.id())? };
    let mut before = History::default();
    log::Tail::new(run.events()).poll()?.iter().for_each(|event| before.apply(event));
    // A run taken up again is at once what it says: waiting, no longer stopped or failed.
    if before.last != Some(Life::Queued) {
        journal.say(Body::Queued(Queued {}))?;
    }
    if !turn.wait(&mut || Ok(()))? {
        control::clear(run)?;
        journal.say(Body::Stopped(Place { epoch: before.epoch(), step: before.step }))?;
        return Ok(Ended::Stopped);
    }
    if let Some(note) = note {
        journal.warn(note)?;
    }
    journal.watch_card(device);
    fit(ws, run, device, journal, &mut turn, interrupted)
}

/// The worker's dealings with the queue.
struct Waiting<'a> {
    run: &'a RunDir,
    interrupted: &'a AtomicBool,
    queue: Queue,
}

impl Waiting<'_> {
    fn wait(&mut self, waiting: &mut dyn FnMut() -> Result<()>) -> Result<bool> {
        let (run, interrupted) = (self.run, self.interrupted);
        let give_up = || interrupted.load(Ordering::Relaxed) || control::requested(run, Control::Stop);
        self.queue.wait(waiting, &give_up)
    }
}

impl Turn for Waiting<'_> {
    fn yield_slot(&mut self) {
        self.queue.release();
    }
    fn take_slot(&mut self, waiting: &mut dyn FnMut() -> Result<()>) -> Result<bool> {
        self.wait(waiting)
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::new(format!("the worker met a defect of hcwb: {said}")).cure("please report it, with the run's console.log")
}
