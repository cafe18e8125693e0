//! 5 Explain: why did it say so?
//!
//! ```text
//! ╭ the run · the image ────────────────────────╮
//! │ image        gradient        lrp-z          │
//! │ (picture)    (picture)       (picture)      │
//! ╰─────────────────────────────────────────────╯
//! ╭ [perturbation] AOPC  audit  analyzers ──────╮
//! │ the error while regions go under noise …    │
//! ╰─────────────────────────────────────────────╯
//! ```

mod areas;
mod audit;
mod choice;
mod command;
mod known;
mod play;
mod view;

pub use areas::Areas;
pub use view::{draw, picture_room, sheet};

use crate::explain::perturb::Order;
use crate::explain::picture::Look;
use crate::nn::network::AuditRow;
use crate::run::RunDir;
use crate::tui::action::Effect;
use crate::tui::explained::{Answer, Explained, Played, Subject, Wish};
use crate::tui::model::{Case, Predictions};
use crate::tui::widget::list::Selection;
use known::Known;
use std::sync::Arc;

/// What the lower half shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Below {
    #[default]
    Perturbation,
    Areas,
    Audit,
    Analyzers,
}

impl Below {
    pub const ALL: [Below; 4] = [Below::Perturbation, Below::Areas, Below::Audit, Below::Analyzers];

    pub fn word(self) -> &'static str {
        match self {
            Below::Perturbation => "perturbation",
            Below::Areas => "AOPC",
            Below::Audit => "audit",
            Below::Analyzers => "analyzers",
        }
    }

    fn next(self) -> Below {
        let at = Below::ALL.iter().position(|b| *b == self).unwrap_or(0);
        Below::ALL[(at + 1) % Below::ALL.len()]
    }
}

/// Analyzers that are shown at once, at most.
pub const SHOWN_AT_MOST: usize = 4;
/// Steps of the two sliders.
const INTENSITIES: i8 = 6;
const OPACITIES: i8 = 10;

const NO_HEARTS: &str = "This run measures hearts, and this screen explains heads. `hcwb attribute` explains any network \
                         with one output. > and < show other runs.";

/// Everything the screen knows.
pub struct Explain {
    pub run: Option<RunDir>,
    /// Held-out images, the worst first.
    pub cases: Option<Result<Vec<Case>, String>>,
    pub selection: Selection,
    /// Analyzers beside the image, from left to right.
    pub shown: Vec<&'static str>,
    /// Which of them perturbation and audit follow.
    pub focus: usize,
    /// Doublings of the map's values.
    intensity: i8,
    /// Tenths of the map's colour.
    opacity: i8,
    pub below: Below,
    /// The pictures on the whole screen.
    pub open: bool,
    pub order: Order,
    /// The step that is shown, and whether it goes on by itself.
    pub step: usize,
    pub playing: bool,
    pub audit_row: Selection,
    pub choice: Selection,
    pub areas: Areas,
    known: Known,
    /// The image to select once the predictions are there.
    wanted: Option<String>,
}

impl Default for Explain {
    fn default() -> Explain {
        Explain {
            run: None,
            cases: None,
            selection: Selection::default(),
            shown: vec!["gradient", "lrp-z", "deep-taylor", "guided-backprop"],
            focus: 0,
            intensity: 0,
            opacity: 9,
            below: Below::default(),
            open: false,
            order: Order::MostRelevantFirst,
            step: 0,
            playing: false,
            audit_row: Selection::default(),
            choice: Selection::default(),
            areas: Areas::default(),
            known: Known::default(),
            wanted: None,
        }
    }
}

impl Explain {
    /// Looks at another run: nothing that is known of the one before counts any more.
    pub fn show(&mut self, run: RunDir) {
        if self.run.as_ref() != Some(&run) {
            let before = std::mem::take(self);
            let Explain { shown, focus, intensity, opacity, below, open, order, choice, areas, .. } = before;
            *self = Explain {
                run: Some(run),
                shown,
                focus,
                intensity,
                opacity,
                below,
                open,
                order,
                choice,
                areas,
                ..Explain::default()
            };
        }
    }

    /// New predictions: with them came better weights, so everything is explained anew. The image stays selected.
    pub fn take(&mut self, predictions: Result<Predictions, String>) {
        let cases = predictions.and_then(|predictions| match predictions {
            Predictions::Heads(cases) => Ok(cases),
            Predictions::Hearts(_) => Err(NO_HEARTS.to_owned()),
        });
        let file = self.wanted.take().or_else(|| self.case().map(|case| case.file.clone()));
        let cases = cases.map(|mut cases| {
            cases.sort_by(|a, b| b.error_mm.abs().total_cmp(&a.error_mm.abs()));
            cases
        });
        if self.cases.as_ref() != Some(&cases) {
            self.known = Known::default();
        }
        self.cases = Some(cases);
        let at = file.and_then(|file| self.cases().iter().position(|case| case.file == file));
        self.selection.index = at.unwrap_or(0);
    }

    pub fn cases(&self) -> &[Case] {
        match &self.cases {
            Some(Ok(cases)) => cases,
            _ => &[],
        }
    }

    pub fn case(&self) -> Option<&Case> {
        self.cases().get(self.selection.index)
    }

    /// Looks at that image of `run`.
    pub fn show_image(&mut self, run: RunDir, file: String) {
        self.show(run);
        match self.cases().iter().position(|case| case.file == file) {
            Some(at) => self.go_to(at),
            None => self.wanted = Some(file),
        }
    }

    fn go_to(&mut self, image: usize) {
        if image != self.selection.index {
            self.selection.index = image;
            (self.step, self.playing) = (0, false);
        }
    }

    pub fn step_image(&mut self, by: isize) {
        let mut selection = self.selection;
        selection.step(by, self.cases().len());
        self.go_to(selection.index);
    }

    /// The analyzer that perturbation and audit follow.
    pub fn analyzer(&self) -> Option<&'static str> {
        self.shown.get(self.focus).copied()
    }

    fn subject(&self) -> Option<Subject> {
        let case = self.case()?;
        Some(Subject { run: self.run.clone()?, file: case.file.clone(), path: case.path.clone() })
    }

    pub fn map(&self, analyzer: &'static str) -> Option<&Result<Explained, String>> {
        self.known.map(&self.case()?.file, analyzer)
    }

    pub fn played(&self) -> Option<&Result<Arc<Played>, String>> {
        self.known.played(&self.case()?.file, self.analyzer()?, self.order)
    }

    pub fn audited(&self) -> Option<&Result<Vec<AuditRow>, String>> {
        self.known.audited(&self.case()?.file, self.analyzer()?)
    }

    pub fn look(&self) -> Look {
        Look { intensity: 2f32.powi(i32::from(self.intensity)), opacity: f32::from(self.opacity) / 10.0 }
    }

    /// What is shown and not known yet, each asked for once.
    pub fn missing(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.below == Below::Areas {
            effects.extend(self.areas.missing());
        }
        let Some(subject) = self.subject() else { return effects };
        self.known.look_at(&subject.file);
        let mut wanted = vec![Wish::Maps(subject.clone(), self.shown.clone())];
        if let Some(analyzer) = self.analyzer().filter(|_| !self.open) {
            match self.below {
                Below::Perturbation => wanted.push(Wish::Play(subject, analyzer, self.order)),
                Below::Audit => wanted.push(Wish::Audit(subject, analyzer)),
                Below::Areas | Below::Analyzers => {}
            }
        }
        effects.extend(wanted.into_iter().filter_map(|wish| self.known.ask(wish)).map(Effect::Explain));
        effects
    }

    /// What the background found.
    pub fn answered(&mut self, subject: &Subject, answer: Answer) {
        if self.run.as_ref() == Some(&subject.run) {
            self.known.take(subject.file.clone(), answer);
        }
    }
}
