//! Progress of a background job, told to the screen a few times a second.

use crate::progress::Progress;
use crate::tui::action::Action;
use crate::tui::model::Job;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Often enough to look alive, seldom enough to cost nothing.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// One job; its end is told when this is dropped.
pub struct Reporter {
    actions: UnboundedSender<Action>,
    now: Mutex<(Job, Instant)>,
}

impl Reporter {
    pub fn new(id: u64, title: String, actions: UnboundedSender<Action>) -> Reporter {
        let job = Job { id, title, stage: String::new(), done: 0, total: 0 };
        let _ = actions.send(Action::Job(id, Some(job.clone())));
        Reporter { actions, now: Mutex::new((job, Instant::now())) }
    }

    fn change(&self, always: bool, change: impl FnOnce(&mut Job)) {
        let mut now = self.now.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        change(&mut now.0);
        if always || now.1.elapsed() >= TELL_EVERY {
            now.1 = Instant::now();
            let _ = self.actions.send(Action::Job(now.0.id, Some(now.0.clone())));
        }
    }
}

impl Progress for Reporter {
    fn begin(&self, what: &str, total: u64) {
        self.change(true, |job| (job.stage, job.done, job.total) = (what.to_owned(), 0, total));
    }

    fn advance(&self, units: u64) {
        self.change(false, |job| job.done += units);
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let id = self.now.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).0.id;
        let _ = self.actions.send(Action::Job(id, None));
    }
}
