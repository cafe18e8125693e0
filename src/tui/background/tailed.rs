//! One run being followed: its log, its lock, what its worker prints and predicts.

use crate::error::Result;
use crate::run::event::Event;
use crate::run::history::History;
use crate::run::log::Tail;
use crate::run::{self, RunDir, Status};
use crate::tui::action::RunNews;
use std::io::{Read, Seek, SeekFrom};
use std::time::SystemTime;

/// Of the end of `console.log`.
const CONSOLE_BYTES: u64 = 16 << 10;
const CONSOLE_LINES: usize = 40;

/// A run that is tailed.
pub struct Tailed {
    run: RunDir,
    tail: Tail,
    history: History,
    pub status: Status,
    pub with_steps: bool,
    console_length: u64,
    /// When the predictions were written, as far as is known.
    predicted: Option<SystemTime>,
}

impl Tailed {
    /// Reads the run from its start; the news are all there is.
    pub fn open(run: RunDir, with_steps: bool) -> Result<(Tailed, RunNews)> {
        let tail = if with_steps { Tail::new(run.events()) } else { Tail::without_steps(run.events()) };
        let recipe = run.recipe()?;
        let history = History::default();
        let mut tailed =
            Tailed { run, tail, history, status: Status::Queued, with_steps, console_length: 0, predicted: None };
        tailed.predicted = tailed.predictions_written();
        let events = tailed.tail.poll()?;
        tailed.apply(&events);
        let console = tailed.console();
        let news = RunNews { recipe: Some(recipe.into()), ..tailed.tell(true, events, console) };
        Ok((tailed, news))
    }

    /// What is new, if anything is; and whether there are new predictions.
    pub fn news(&mut self) -> (Option<RunNews>, bool) {
        // A run that is being deleted has no log: the list will say so.
        let events = self.tail.poll().unwrap_or_default();
        let before = self.status;
        self.apply(&events);
        let console = self.console();
        let written = self.predictions_written();
        let predicted = written != std::mem::replace(&mut self.predicted, written);
        let new = !events.is_empty() || self.status != before || console.is_some();
        (new.then(|| self.tell(false, events, console)), predicted)
    }

    fn apply(&mut self, events: &[Event]) {
        events.iter().for_each(|event| self.history.apply(event));
        self.status = run::status(&self.run, &self.history);
    }

    fn tell(&self, anew: bool, events: Vec<Event>, console: Option<Vec<String>>) -> RunNews {
        RunNews { run: self.run.clone(), anew, events, status: self.status, recipe: None, console }
    }

    fn predictions_written(&self) -> Option<SystemTime> {
        std::fs::metadata(self.run.predictions_csv()).ok()?.modified().ok()
    }

    /// The last lines the worker printed, if there are new ones.
    fn console(&mut self) -> Option<Vec<String>> {
        let path = self.run.console_log();
        let length = std::fs::metadata(&path).ok()?.len();
        if length == self.console_length {
            return None;
        }
        self.console_length = length;
        let mut file = std::fs::File::open(&path).ok()?;
        file.seek(SeekFrom::Start(length.saturating_sub(CONSOLE_BYTES))).ok()?;
        let mut bytes = Vec::new();
        file.take(CONSOLE_BYTES).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(CONSOLE_LINES);
        Some(lines[from..].iter().map(|l| crate::text::line(l).into_owned()).collect())
    }
}
