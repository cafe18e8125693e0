//! What keys, clicks and the beat of a playing perturbation do on the screen Explain.

use super::{Below, Explain, INTENSITIES, OPACITIES, SHOWN_AT_MOST};
use crate::explain::ANALYZERS;
use crate::explain::perturb::Order;
use crate::tui::action::Effect;
use crate::tui::keymap::Command;
use crate::tui::widget::list::Selection;

impl Explain {
    /// The time of one step has passed.
    pub fn beat(&mut self) -> Option<Effect> {
        if !self.playing {
            return None;
        }
        let steps = self.played()?.as_ref().ok()?.said.len();
        self.step = (self.step + 1).min(steps.saturating_sub(1));
        self.playing = self.step + 1 < steps;
        self.playing.then_some(Effect::Beat)
    }

    /// Up and down in the lower half.
    pub fn step(&mut self, by: isize) {
        match self.below {
            _ if self.open => self.step_image(by),
            Below::Perturbation => {
                let steps = self.played().and_then(|p| p.as_ref().ok()).map_or(1, |played| played.said.len());
                self.step = self.step.saturating_add_signed(by).min(steps.saturating_sub(1));
                self.playing = false;
            }
            Below::Areas => self.areas.step(by),
            Below::Audit => {
                let rows = self.audited().and_then(|r| r.as_ref().ok()).map_or(0, Vec::len);
                self.audit_row.step(by, rows);
            }
            Below::Analyzers => self.choice.step(by, ANALYZERS.len()),
        }
    }

    /// A click on a row of the lower half selects it; true if it was selected already.
    pub fn click(&mut self, index: usize) -> bool {
        match self.below {
            Below::Areas => self.areas.click(index),
            Below::Analyzers => std::mem::replace(&mut self.choice.index, index.min(ANALYZERS.len() - 1)) == index,
            Below::Perturbation | Below::Audit => false,
        }
    }

    /// What a command means here.
    pub fn command(&mut self, command: Command) -> Result<Option<Effect>, String> {
        match command {
            Command::Open if self.below == Below::Areas && !self.open => {
                if let Some((run, analyzer)) = self.areas.selected() {
                    self.show(run.clone());
                    self.follow(&analyzer);
                    return Ok(Some(Effect::ReadPredictions(run)));
                }
            }
            Command::Open | Command::Mark if self.below == Below::Analyzers && !self.open => return self.mark(),
            Command::Open => self.open = !self.cases().is_empty(),
            Command::Back => self.open = false,
            Command::NextPane => (self.below, self.open) = (self.below.next(), false),
            Command::NextImage => self.step_image(1),
            Command::PreviousImage => self.step_image(-1),
            Command::NextAnalyzer => {
                self.focus = (self.focus + 1) % self.shown.len().max(1);
                (self.step, self.playing) = (0, false);
                self.audit_row = Selection::default();
            }
            Command::Stronger => self.intensity = (self.intensity + 1).min(INTENSITIES),
            Command::Weaker => self.intensity = (self.intensity - 1).max(-INTENSITIES),
            Command::MoreMap => self.opacity = (self.opacity + 1).min(OPACITIES),
            Command::MoreImage => self.opacity = (self.opacity - 1).max(0),
            Command::Order => {
                self.order = match self.order {
                    Order::MostRelevantFirst => Order::LeastRelevantFirst,
                    Order::LeastRelevantFirst => Order::Random,
                    Order::Random => Order::MostRelevantFirst,
                };
                (self.step, self.playing) = (0, false);
            }
            Command::Mark => return Ok(self.play()),
            Command::Sort => self.areas.sort_by_next(),
            Command::Reverse => self.areas.reverse(),
            Command::Measure => {
                return match &self.run {
                    Some(run) if !self.cases().is_empty() => Ok(Some(Effect::MeasureAreas(run.clone()))),
                    _ => Err("there are no predictions to measure".to_owned()),
                };
            }
            _ => {}
        }
        Ok(None)
    }

    /// Plays the perturbation, from the beginning if it has ended; or halts it.
    fn play(&mut self) -> Option<Effect> {
        (self.below, self.open) = (Below::Perturbation, false);
        if self.playing {
            self.playing = false;
            return None;
        }
        let steps = self.played()?.as_ref().ok()?.said.len();
        if self.step + 1 >= steps {
            self.step = 0;
        }
        self.playing = true;
        Some(Effect::Beat)
    }

    /// Shows the chosen analyzer, or no longer.
    fn mark(&mut self) -> Result<Option<Effect>, String> {
        let name = ANALYZERS[self.choice.index.min(ANALYZERS.len() - 1)].name;
        match self.shown.iter().position(|a| *a == name) {
            Some(_) if self.shown.len() == 1 => return Err("one analyzer has to stay".to_owned()),
            Some(at) => drop(self.shown.remove(at)),
            None if self.shown.len() == SHOWN_AT_MOST => {
                return Err(format!("{SHOWN_AT_MOST} are shown already; take one away first"));
            }
            None => self.shown.push(name),
        }
        self.focus = self.focus.min(self.shown.len() - 1);
        Ok(None)
    }

    /// Shows that analyzer, in the last place if it is not there, and follows it.
    fn follow(&mut self, analyzer: &str) {
        let Some(known) = ANALYZERS.iter().find(|a| a.name == analyzer) else { return };
        if !self.shown.contains(&known.name) {
            self.shown.truncate(SHOWN_AT_MOST - 1);
            self.shown.push(known.name);
        }
        self.focus = self.shown.iter().position(|a| *a == known.name).unwrap_or(0);
    }
}
