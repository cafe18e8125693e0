//! The events of a run folded into what people ask of it: curves, best epoch, time left.

use super::event::{Body, Epoch, Event, Finished, Place, Started, System};
use jiff::Timestamp;

/// The last life-cycle event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Queued,
    Started,
    Paused,
    Resumed,
    Stopped,
    Finished,
    Failed,
}

/// Steps kept; beyond, every second one is dropped.
const MOST_STEPS: usize = 4096;

/// Everything the events say, superseded epochs and steps left out.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub epochs: Vec<Epoch>,
    /// Step since the run began, and its loss; thinned evenly.
    pub steps: Vec<(u64, f64)>,
    /// The last step that was reported, and its loss.
    pub step: u64,
    pub loss: Option<f64>,
    pub last: Option<Life>,
    pub ever_started: bool,
    /// What the last worker said when it began.
    pub setup: Option<Started>,
    /// When the first worker began.
    pub started: Option<Timestamp>,
    pub last_time: Option<Timestamp>,
    pub system: Option<System>,
    pub warnings: Vec<String>,
    pub failure: Option<String>,
    pub finished: Option<Finished>,
    /// Seconds at work in spans that have ended, and the beginning of the one that has not.
    worked_seconds: f64,
    at_work_since: Option<Timestamp>,
}

impl History {
    pub fn apply(&mut self, event: &Event) {
        let before = self.last_time.replace(event.time);
        match &event.body {
            Body::Queued(_) => self.last = Some(Life::Queued),
            Body::Started(started) => {
                self.begin(event.time, before, Life::Started);
                self.setup = Some(started.clone());
                // A worker says `started` only when it begins from nothing.
                self.cut(&Place::default());
            }
            Body::Resumed(place) => {
                self.begin(event.time, before, Life::Resumed);
                self.cut(place);
            }
            Body::Paused(_) => self.end(event.time, Life::Paused),
            Body::Stopped(_) => self.end(event.time, Life::Stopped),
            Body::Finished(finished) => {
                self.end(event.time, Life::Finished);
                self.finished = Some(finished.clone());
            }
            Body::Failed(failed) => {
                self.end(event.time, Life::Failed);
                self.failure = Some(failed.error.clone());
            }
            Body::Epoch(epoch) => {
                self.step = epoch.step;
                self.epochs.push(epoch.clone());
            }
            Body::Step(step) => {
                self.step = step.step;
                self.loss = step.loss;
                self.steps.extend(step.loss.map(|loss| (step.step, loss)));
                if self.steps.len() > MOST_STEPS {
                    let mut keep = false;
                    self.steps.retain(|_| {
                        keep = !keep;
                        keep
                    });
                }
            }
            Body::System(system) => self.system = Some(system.clone()),
            Body::Warning(warning) => self.warnings.push(warning.message.clone()),
            Body::Checkpoint(_) | Body::Other => {}
        }
    }

    fn begin(&mut self, now: Timestamp, before: Option<Timestamp>, life: Life) {
        // A span left open by a crash ended, as far as anyone knows, with its last event.
        if let (Some(since), Some(before)) = (self.at_work_since, before) {
            self.worked_seconds += seconds_between(since, before);
        }
        self.at_work_since = Some(now);
        self.started.get_or_insert(now);
        self.ever_started = true;
        self.last = Some(life);
        (self.failure, self.finished) = (None, None);
    }

    fn end(&mut self, now: Timestamp, life: Life) {
        if let Some(since) = self.at_work_since.take() {
            self.worked_seconds += seconds_between(since, now);
        }
        self.last = Some(life);
    }

    /// Forgets what was done after `place`: it will be done again.
    fn cut(&mut self, place: &Place) {
        self.epochs.retain(|e| e.epoch <= place.epoch);
        self.steps.retain(|(step, _)| *step <= place.step);
        self.step = place.step;
    }

    /// Whole epochs done.
    pub fn epoch(&self) -> u64 {
        self.epochs.last().map_or(0, |e| e.epoch)
    }

    /// Epochs planned at most, once a worker has said so.
    pub fn epochs_planned(&self) -> Option<u64> {
        self.epochs.last().map(|e| e.epochs).or(self.setup.as_ref().map(|s| s.epochs))
    }

    /// The best epoch by the run's own monitor.
    pub fn best(&self) -> Option<&Epoch> {
        self.epochs.iter().rev().find(|e| e.best)
    }

    /// Seconds at work, pauses left out; `now` counts only while `live`.
    pub fn seconds(&self, now: Timestamp, live: bool) -> f64 {
        let open = self
            .at_work_since
            .map_or(0.0, |since| seconds_between(since, if live { now } else { self.last_time.unwrap_or(since) }));
        self.worked_seconds + open
    }

    /// Seconds until the last planned epoch, by the median of the last five. Early stopping may come first.
    pub fn eta_seconds(&self) -> Option<f64> {
        let planned = self.epochs_planned()?;
        let mut recent: Vec<f64> = self.epochs.iter().rev().take(5).map(|e| e.seconds).collect();
        recent.sort_by(f64::total_cmp);
        let per_epoch = *recent.get(recent.len() / 2)?;
        let steps_per_epoch = self.setup.as_ref().map_or(0, |s| s.steps_per_epoch);
        let into = match steps_per_epoch {
            0 => 0.0,
            steps => self.step.saturating_sub(self.epoch() * steps) as f64 / steps as f64,
        };
        Some(((planned.saturating_sub(self.epoch())) as f64 - into).max(0.0) * per_epoch)
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_millisecond() - from.as_millisecond()).max(0) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::event::{Checkpoint, Step};
    use super::*;

    fn event(seq: u64, body: Body) -> Event {
        Event { seq, time: Timestamp::from_second(1000 + seq as i64).unwrap(), body }
    }
    fn epoch(n: u64, best: bool) -> Body {
        Body::Epoch(Epoch { epoch: n, epochs: 10, step: n * 5, seconds: 2.0, best, ..Epoch::default() })
    }

    #[test]
    fn a_resumed_run_has_curves_without_gap_or_double() {
        let mut history = History::default();
        let started = Started { epochs: 10, steps_per_epoch: 5, ..Started::default() };
        let bodies = [
            Body::Started(started),
            epoch(1, true),
            Body::Checkpoint(Checkpoint::default()),
            epoch(2, false),
            Body::Step(Step { epoch: 3, step: 11, loss: Some(1.0) }),
            // Killed; the last checkpoint was made after epoch 1.
            Body::Resumed(Place { epoch: 1, step: 5 }),
            epoch(2, true),
        ];
        for (seq, body) in bodies.into_iter().enumerate() {
            history.apply(&event(seq as u64, body));
        }
        let numbers: Vec<u64> = history.epochs.iter().map(|e| e.epoch).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(history.best().unwrap().epoch, 2);
        assert!(history.steps.is_empty());
        assert_eq!(history.eta_seconds(), Some(16.0));
        // Four seconds before the crash, one since, and those that pass while it lives.
        assert_eq!(history.seconds(Timestamp::from_second(1008).unwrap(), false), 5.0);
        assert_eq!(history.seconds(Timestamp::from_second(1008).unwrap(), true), 7.0);
    }

    #[test]
    fn steps_are_thinned_not_dropped() {
        let mut history = History::default();
        for n in 0..10_000 {
            history.apply(&event(n, Body::Step(Step { epoch: 1, step: n + 1, loss: Some(n as f64) })));
        }
        assert!(history.steps.len() <= MOST_STEPS && history.steps.len() > MOST_STEPS / 2);
        assert_eq!(history.step, 10_000);
    }
}
