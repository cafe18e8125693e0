//! Learning-rate schedules: the rate of every step from where it stands in the training; PyTorch's sequences.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Every word, in the order in which they are offered.
pub const WORDS: [&str; 5] = ["constant", "step", "cosine", "one-cycle", "plateau"];

/// How the rate goes from its base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    Constant,
    /// Times `factor` every so many epochs.
    Step {
        every_epochs: u64,
        factor: f64,
    },
    /// Down half a cosine, from the base to `least_lr` behind the last step.
    Cosine {
        least_lr: f64,
    },
    /// Smith 2018, as PyTorch's OneCycleLR anneals by cosines: from base / `start_divisor` up to the base over the share
    /// `rise` of all steps, then down to `end_divisor` times less than it began with. Momentum is left alone.
    OneCycle {
        rise: f64,
        start_divisor: f64,
        end_divisor: f64,
    },
    /// Times `factor`, but no lower than `least_lr`, once more than `patience` epochs in a row have not lowered the
    /// validation loss by the share `threshold`.
    Plateau {
        factor: f64,
        patience: u64,
        threshold: f64,
        least_lr: f64,
    },
}

/// A curve, and a linear rise to where it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    pub curve: Curve,
    /// Epochs, or parts of one, before the curve begins; the curve has the rest.
    pub warmup_epochs: f64,
}

/// Where a step stands in the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Steps done before this one since the training began.
    pub step: u64,
    pub steps_per_epoch: u64,
    /// Of the whole training.
    pub epochs: u64,
}

/// What [`Curve::Plateau`] remembers between epochs: part of a checkpoint, and nothing to the other curves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The validation loss that counts as the best so far.
    pub best: Option<f64>,
    /// Epochs since, or since the last reduction.
    pub bad_epochs: u64,
    /// What is left of the base.
    pub scale: f64,
}

impl Default for Plateau {
    fn default() -> Plateau {
        Plateau { best: None, bad_epochs: 0, scale: 1.0 }
    }
}

/// The numbers that some schedules need; the others leave them alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub warmup_epochs: f64,
    /// Of step.
    pub every_epochs: u64,
    /// Of step and plateau.
    pub factor: f64,
    /// Of cosine and plateau.
    pub least_lr: f64,
    pub patience: u64,
    pub threshold: f64,
    /// Of one-cycle.
    pub rise: f64,
    pub start_divisor: f64,
    pub end_divisor: f64,
}

impl Default for Settings {
    /// PyTorch's defaults, and step's every 30 epochs.
    fn default() -> Settings {
        Settings {
            warmup_epochs: 0.0,
            every_epochs: 30,
            factor: 0.1,
            least_lr: 0.0,
            patience: 10,
            threshold: 1e-4,
            rise: 0.3,
            start_divisor: 25.0,
            end_divisor: 1e4,
        }
    }
}

impl Schedule {
    /// The base rate all along.
    pub const CONSTANT: Schedule = Schedule { curve: Curve::Constant, warmup_epochs: 0.0 };

    /// The schedule of that word; a wrong word or setting is a usage error.
    pub fn parse(word: &str, settings: &Settings) -> Result<Schedule> {
        let s = *settings;
        let within = |name: &str, value: f64, least: f64, most: f64| match value >= least && value <= most {
            true => Ok(value),
            false => Err(Error::usage(format!("{name} of a learning-rate schedule cannot be {value}"))
                .cure(format!("choose a number from {least} to {most}"))),
        };
        let warmup_epochs = within("the warm-up", s.warmup_epochs, 0.0, 1e6)?;
        let factor = || within("the factor", s.factor, 1e-9, 1.0);
        let least_lr = || within("the least rate", s.least_lr, 0.0, 1e3);
        let curve = match word {
            "constant" => Curve::Constant,
            "step" => {
                let every_epochs = within("the epochs between the steps", s.every_epochs as f64, 1.0, 1e6)? as u64;
                Curve::Step { every_epochs, factor: factor()? }
            }
            "cosine" => Curve::Cosine { least_lr: least_lr()? },
            "one-cycle" => Curve::OneCycle {
                rise: within("the rising share", s.rise, 0.0, 1.0)?,
                start_divisor: within("the start's divisor", s.start_divisor, 1.0, 1e9)?,
                end_divisor: within("the end's divisor", s.end_divisor, 1.0, 1e12)?,
            },
            "plateau" => {
                let threshold = within("the threshold", s.threshold, 0.0, 1.0)?;
                Curve::Plateau { factor: factor()?, patience: s.patience, threshold, least_lr: least_lr()? }
            }
            _ => {
                return Err(Error::usage(format!(
                    "there is no learning-rate schedule called {}",
                    crate::text::line(word)
                ))
                .cure(format!("use one of {}", WORDS.join(", "))));
            }
        };
        Ok(Schedule { curve, warmup_epochs })
    }

    /// The rate of the step at `position`, for a base rate of `base`; finite, and never above `base` where the curve's
    /// numbers are as [`Schedule::parse`] checks them.
    pub fn lr(&self, base: f64, position: Position, plateau: &Plateau) -> f64 {
        let per_epoch = position.steps_per_epoch.max(1);
        let all = per_epoch.saturating_mul(position.epochs);
        let warmup = ((self.warmup_epochs * per_epoch as f64).round() as u64).min(all);
        let step = position.step.saturating_sub(warmup);
        let lr = self.curve.lr(base, step, per_epoch, all - warmup, plateau);
        match position.step < warmup {
            true => lr * (position.step + 1) as f64 / (warmup + 1) as f64,
            false => lr,
        }
    }
}

impl Curve {
    /// The rate of `step`, counted from the curve's beginning, of `steps`.
    fn lr(self, base: f64, step: u64, per_epoch: u64, steps: u64, plateau: &Plateau) -> f64 {
        match self {
            Curve::Constant => base,
            Curve::Step { every_epochs, factor } => {
                let times = step / per_epoch / every_epochs.max(1);
                base * factor.powi(times.min(i32::MAX as u64) as i32)
            }
            Curve::Cosine { least_lr } => {
                // A floor above the base is no reason to rise.
                anneal(base, least_lr.min(base), step as f64 / steps.max(1) as f64)
            }
            Curve::OneCycle { rise, start_divisor, end_divisor } => {
                let start = base / start_divisor;
                let (peak, last) = (rise * steps as f64 - 1.0, steps as f64 - 1.0);
                let step = step as f64;
                match step <= peak {
                    true => anneal(start, base, share(step, 0.0, peak)),
                    false => anneal(base, start / end_divisor, share(step, peak, last)),
                }
            }
            Curve::Plateau { .. } => base * plateau.scale,
        }
    }
}

/// How far `at` is between two ends; all the way where they meet.
fn share(at: f64, from: f64, to: f64) -> f64 {
    if to > from { (at - from) / (to - from) } else { 1.0 }
}

/// Half a cosine between two rates; flat beyond its ends.
fn anneal(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share.clamp(0.0, 1.0)).cos())
}

impl Plateau {
    /// Takes in an epoch's validation loss (a NaN is no better); to be called once behind each epoch.
    pub fn observe(&mut self, schedule: &Schedule, base: f64, loss: f64) {
        let Curve::Plateau { factor, patience, threshold, least_lr } = schedule.curve else { return };
        if self.best.is_none_or(|best| loss < best * (1.0 - threshold)) && loss.is_finite() {
            (self.best, self.bad_epochs) = (Some(loss), 0);
        } else {
            self.bad_epochs += 1;
        }
        if self.bad_epochs > patience {
            self.bad_epochs = 0;
            let (old, new) = (base * self.scale, (base * self.scale * factor).max(least_lr));
            // PyTorch's own measure of what is worth a change.
            if old - new > 1e-8 {
                self.scale = new / base;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn golden() -> Vec<Value> {
        serde_json::from_str(include_str!("../../tests/golden/schedules.json")).unwrap()
    }

    fn schedule(case: &Value) -> Schedule {
        let mut s = Settings::default();
        for (key, value) in case["settings"].as_object().unwrap() {
            let value = value.as_f64().unwrap();
            match key.as_str() {
                "warmup_epochs" => s.warmup_epochs = value,
                "every_epochs" => s.every_epochs = value as u64,
                "factor" => s.factor = value,
                "least_lr" => s.least_lr = value,
                "patience" => s.patience = value as u64,
                "rise" => s.rise = value,
                "start_divisor" => s.start_divisor = value,
                "end_divisor" => s.end_divisor = value,
                other => panic!("{other}"),
            }
        }
        Schedule::parse(case["word"].as_str().unwrap(), &s).unwrap()
    }

    #[test]
    fn every_step_has_the_rate_that_pytorch_gives_it() {
        let cases = golden();
        assert!(WORDS.iter().all(|word| cases.iter().any(|case| case["word"] == *word)));
        for case in cases {
            let (schedule, base) = (schedule(&case), case["base"].as_f64().unwrap());
            let [steps_per_epoch, epochs] = ["steps_per_epoch", "epochs"].map(|key| case[key].as_u64().unwrap());
            let mut plateau = Plateau::default();
            let rates = case["rates"].as_array().unwrap();
            assert_eq!(rates.len() as u64, steps_per_epoch * epochs);
            for (step, rate) in rates.iter().enumerate() {
                let position = Position { step: step as u64, steps_per_epoch, epochs };
                let (lr, rate) = (schedule.lr(base, position, &plateau), rate.as_f64().unwrap());
                assert!((lr - rate).abs() <= 1e-11 * base, "{schedule:?}, step {step}: {lr} {rate}");
                if let Some(losses) = case["losses"].as_array() {
                    plateau.observe(&schedule, base, losses[step].as_f64().unwrap_or(f64::NAN));
                }
            }
        }
    }

    #[test]
    fn a_resumed_plateau_goes_on_where_it_was() {
        let case = golden().into_iter().find(|case| case["word"] == "plateau").unwrap();
        let (schedule, mut whole) = (schedule(&case), Plateau::default());
        let mut resumed = whole;
        for loss in case["losses"].as_array().unwrap() {
            let loss = loss.as_f64().unwrap_or(f64::NAN);
            whole.observe(&schedule, 1e-3, loss);
            resumed = serde_json::from_str(&serde_json::to_string(&resumed).unwrap()).unwrap();
            resumed.observe(&schedule, 1e-3, loss);
            assert_eq!(whole, resumed);
        }
        assert!(whole.scale < 1.0);
    }

    #[test]
    fn short_trainings_and_steps_beyond_the_end_have_finite_rates_up_to_the_base() {
        for word in WORDS {
            for warmup_epochs in [0.0, 0.5, 100.0] {
                let schedule = Schedule::parse(word, &Settings { warmup_epochs, ..Settings::default() }).unwrap();
                for (steps_per_epoch, epochs) in [(1, 1), (1, 2), (3, 1), (0, 5), (7, 0)] {
                    for step in 0..20 {
                        let position = Position { step, steps_per_epoch, epochs };
                        let lr = schedule.lr(1e-3, position, &Plateau::default());
                        assert!((0.0..=1e-3).contains(&lr), "{schedule:?} {position:?}: {lr}");
                    }
                }
            }
        }
    }

    #[test]
    fn words_and_numbers_that_make_no_schedule_are_refused() {
        let usual = Settings::default();
        assert!(Schedule::parse("linear", &usual).unwrap_err().cure.unwrap().contains("one-cycle"));
        for (word, wrong) in [
            ("step", Settings { every_epochs: 0, ..usual }),
            ("plateau", Settings { factor: 1.5, ..usual }),
            ("cosine", Settings { least_lr: f64::NAN, ..usual }),
            ("one-cycle", Settings { rise: 2.0, ..usual }),
            ("constant", Settings { warmup_epochs: -1.0, ..usual }),
        ] {
            assert!(Schedule::parse(word, &wrong).is_err(), "{word}");
        }
    }
}
