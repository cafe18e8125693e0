//! How far a run is: the part of every checkpoint that is neither weights nor optimizer.

use super::stopping::Stopping;
use crate::nn::schedule::Plateau;
use crate::run::event::Place;
use serde::{Deserialize, Serialize};

/// How far a run is; part of every checkpoint. All randomness is drawn from (seed, epoch, step), so
/// this is all that the random numbers need to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// Whole epochs done.
    pub epoch: u64,
    /// Steps done since the run began.
    pub step: u64,
    /// Batches done of the epoch under way.
    pub batch: usize,
    /// Sum over the images seen in this epoch.
    pub loss_sum: f64,
    /// In the task's own unit; every checkpoint so far calls it as heads need it.
    #[serde(rename = "abs_error_px_sum")]
    pub abs_error_sum: f64,
    /// Seconds of training and of all else spent in this epoch so far.
    pub train_seconds: f64,
    pub seconds: f64,
    pub stopping: Stopping,
    /// What the schedule `plateau` remembers.
    #[serde(default)]
    pub plateau: Plateau,
}

impl Standing {
    /// Before the first step.
    pub fn new(patience: usize) -> Standing {
        Standing {
            epoch: 0,
            step: 0,
            batch: 0,
            loss_sum: 0.0,
            abs_error_sum: 0.0,
            train_seconds: 0.0,
            seconds: 0.0,
            stopping: Stopping::new(patience),
            plateau: Plateau::default(),
        }
    }

    /// At the beginning of the epoch after this one.
    pub fn next_epoch(&self) -> Standing {
        let (stopping, plateau) = (self.stopping.clone(), self.plateau);
        Standing { epoch: self.epoch + 1, step: self.step, stopping, plateau, ..Standing::new(0) }
    }

    pub fn place(&self) -> Place {
        Place { epoch: self.epoch, step: self.step }
    }
}
