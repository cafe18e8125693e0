//! Which epoch was the best, and when to give up hoping for a better one.

use serde::{Deserialize, Serialize};

/// Early stopping on a figure that should fall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// Epochs without a better figure before training ends; 0: never.
    patience: usize,
    pub best: Option<f64>,
    /// The epoch of `best`, from 1; 0 while there is none.
    pub best_epoch: u64,
}

impl Stopping {
    pub fn new(patience: usize) -> Self {
        Stopping { patience, best: None, best_epoch: 0 }
    }

    /// Takes the figure of `epoch`; true if it is the best so far. What is not finite never is.
    pub fn observe(&mut self, epoch: u64, figure: Option<f64>) -> bool {
        let better = figure.is_some_and(|f| f.is_finite() && self.best.is_none_or(|best| f < best));
        if better {
            (self.best, self.best_epoch) = (figure, epoch);
        }
        better
    }

    /// Whether to end after `epoch`.
    pub fn is_over(&self, epoch: u64) -> bool {
        self.patience > 0 && epoch.saturating_sub(self.best_epoch) >= self.patience as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_after_patience_epochs_without_a_better_one() {
        let mut stopping = Stopping::new(2);
        let figures = [Some(3.0), Some(2.0), None, Some(2.0)];
        let over: Vec<bool> = (1..)
            .zip(figures)
            .map(|(e, f)| {
                stopping.observe(e, f);
                stopping.is_over(e)
            })
            .collect();
        assert_eq!(over, [false, false, false, true]);
        assert_eq!((stopping.best, stopping.best_epoch), (Some(2.0), 2));
        assert!(!Stopping::new(0).is_over(1_000_000));
    }
}
