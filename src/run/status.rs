//! What a run is doing, from its events and its lock; and the summary that lists show.

use super::history::{History, Life};
use super::log::Tail;
use super::{RunDir, lock};
use crate::error::Result;
use serde::Serialize;

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Running,
    Paused,
    Stopped,
    Finished,
    Failed,
    /// Begun, not ended, and nobody holds its lock.
    Crashed,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
            Status::Finished => "finished",
            Status::Failed => "failed",
            Status::Crashed => "crashed",
        }
    }

    /// One cell wide.
    pub fn glyph(self) -> &'static str {
        match self {
            Status::Queued => "◷",
            Status::Running => "▶",
            Status::Paused => "‖",
            Status::Stopped => "■",
            Status::Finished => "✔",
            Status::Failed => "✘",
            Status::Crashed => "!",
        }
    }

    /// A worker holds it, or may take it up: its figures can still change.
    pub fn is_live(self) -> bool {
        matches!(self, Status::Queued | Status::Running | Status::Paused)
    }

    /// `resume` serves it.
    pub fn can_resume(self) -> bool {
        !matches!(self, Status::Running | Status::Finished)
    }
}

/// The status of `run`, whose events are `history`.
pub fn status(run: &RunDir, history: &History) -> Status {
    // Asked for only where the answer matters: 200 finished runs are 200 locks not opened.
    let held = || lock::held(run);
    match history.last {
        Some(Life::Finished) => Status::Finished,
        Some(Life::Failed) => Status::Failed,
        Some(Life::Stopped) => Status::Stopped,
        Some(Life::Queued) | None => {
            if history.ever_started && !held() {
                Status::Crashed
            } else {
                Status::Queued
            }
        }
        Some(Life::Paused) if held() => Status::Paused,
        Some(Life::Started | Life::Resumed) if held() => Status::Running,
        Some(Life::Paused | Life::Started | Life::Resumed) => Status::Crashed,
    }
}

/// One row of a list of runs.
#[derive(Clone, Debug)]
pub struct Summary {
    pub id: String,
    pub status: Status,
    pub recipe: String,
    pub dataset: String,
    pub fold: usize,
    /// How many folds the split has; `None` where it is no k-fold split.
    pub folds: Option<usize>,
    pub epoch: u64,
    pub epochs: u64,
    pub seconds: f64,
    pub history: History,
}

/// Reads a run's recipe and events (its steps only if `with_steps`).
pub fn summary(run: &RunDir, with_steps: bool) -> Result<Summary> {
    let mut tail = if with_steps { Tail::new(run.events()) } else { Tail::without_steps(run.events()) };
    let mut history = History::default();
    tail.poll()?.iter().for_each(|event| history.apply(event));
    let recipe = run.recipe()?;
    let status = status(run, &history);
    Ok(Summary {
        id: run.id().to_owned(),
        status,
        fold: recipe.data.fold,
        folds: (recipe.data.split == "kfold").then_some(recipe.data.folds),
        epoch: history.epoch(),
        epochs: history.epochs_planned().unwrap_or(recipe.train.epochs as u64),
        seconds: history.seconds(jiff::Timestamp::now(), status == Status::Running),
        recipe: recipe.name,
        dataset: recipe.data.dataset,
        history,
    })
}

/// The run as `run list --json` shows it.
pub fn json(summary: &Summary) -> serde_json::Value {
    let best = summary.history.best().map(|epoch| {
        let mut best = serde_json::json!({"epoch": epoch.epoch, "val_loss": epoch.val_loss});
        for (name, value) in epoch.metrics.iter().filter(|(name, _)| name.starts_with("val_")) {
            best[name.as_str()] = serde_json::json!(value);
        }
        best
    });
    serde_json::json!({
        "id": summary.id,
        "status": summary.status,
        "recipe": summary.recipe,
        "dataset": summary.dataset,
        "fold": summary.fold,
        "epoch": summary.epoch,
        "epochs": summary.epochs,
        "best": best,
        "started": summary.history.started.map(|t| t.to_string()),
        "seconds": summary.seconds,
    })
}
