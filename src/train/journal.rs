//! What the worker says: every event to the log, and to whoever watches in the same process.

use super::card_load::CardLoad;
use crate::error::Result;
use crate::nn::Device;
use crate::run::event::{Body, Step, System, Warning};
use crate::run::{RunDir, log};
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate};

/// The worker's pen. Holds the log open; only the holder of the run's lock may have one.
pub struct Journal<'a> {
    log: log::Writer,
    watch: &'a mut (dyn FnMut(&Body) + Send),
    last_step: Option<Instant>,
    last_system: Instant,
    system: sysinfo::System,
    card: Option<CardLoad>,
}

/// At most ten `step` events a second.
const STEP_EVERY: Duration = Duration::from_millis(100);
const SYSTEM_EVERY: Duration = Duration::from_secs(2);

impl<'a> Journal<'a> {
    pub fn open(run: &RunDir, watch: &'a mut (dyn FnMut(&Body) + Send)) -> Result<Journal<'a>> {
        let log = log::Writer::open(&run.events())?;
        let (last_step, last_system) = (None, Instant::now());
        Ok(Journal { log, watch, last_step, last_system, system: sysinfo::System::new(), card: None })
    }

    /// From now on `system` events speak of that device too, if it is a card.
    pub fn watch_card(&mut self, device: Device) {
        self.card = CardLoad::of(device);
    }

    pub fn say(&mut self, body: Body) -> Result<()> {
        (self.watch)(&body);
        self.log.write(body)
    }

    pub fn warn(&mut self, message: impl Into<String>) -> Result<()> {
        self.say(Body::Warning(Warning { message: message.into() }))
    }

    /// A step was made: said if the last one said is long enough ago. The watcher hears every one.
    pub fn step(&mut self, step: Step) -> Result<()> {
        let body = Body::Step(step);
        (self.watch)(&body);
        if self.last_step.is_none_or(|last| last.elapsed() >= STEP_EVERY) {
            self.last_step = Some(Instant::now());
            self.log.write(body)?;
        }
        if self.last_system.elapsed() >= SYSTEM_EVERY {
            self.last_system = Instant::now();
            if let Some(system) = self.measure() {
                self.say(Body::System(system))?;
            }
        }
        Ok(())
    }

    fn measure(&mut self) -> Option<System> {
        let me = Pid::from_u32(std::process::id());
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[me]), false, what);
        let process = self.system.process(me)?;
        let cpu_percent = f64::from(process.cpu_usage()).round();
        let mut system = System { cpu_percent, rss_bytes: process.memory(), ..System::default() };
        if let Some(card) = &self.card {
            card.measure(&mut system);
        }
        Some(system)
    }
}
