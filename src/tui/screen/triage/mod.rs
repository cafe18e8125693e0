//! 4 Triage: which predictions are bad, and how?
//!
//! ```text
//! ╭ predictions, worst first ──────╮╭ 392_HC.png ─────────╮
//! │ 392_HC.png  392  1  52.5 px …  ││ the image with the  │
//! │                                ││ true ellipse; of a  │
//! │                                ││ segmentation mask   │
//! │                                ││ and ellipse too     │
//! │                                ││ truth, prediction   │
//! ╰────────────────────────────────╯╰─────────────────────╯
//! ```

mod figures;
pub mod hearts;
mod order;
mod view;

pub use order::Sort;
pub use view::{draw, picture_room};

use crate::run::RunDir;
use crate::tui::filter::Filter;
use crate::tui::keymap::Command;
use crate::tui::model::{Agreement, Case, HeartCase, Predictions};
use crate::tui::widget::list::Selection;
use crate::tui::widget::picture::{Oval, Slice, Veil};
use hearts::Hearts;
use order::fits;

/// Which ellipses lie over the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ellipses {
    #[default]
    Truth,
    /// With one of the true shape and place, as large as predicted.
    Both,
    None,
}

/// What of a segmentation lies over the image; its agreement with the truth is what lists and figures show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// The largest part without holes, and both ellipses.
    #[default]
    Processed,
    /// The mask as the network gave it, and both ellipses.
    Raw,
    Ellipses,
    /// The bare image.
    None,
}

impl Layer {
    /// What the agreement is that of.
    pub fn word(self) -> &'static str {
        match self {
            Layer::Processed => "post-processed",
            Layer::Raw => "raw mask",
            Layer::Ellipses | Layer::None => "ellipse",
        }
    }

    fn next(self) -> Layer {
        match self {
            Layer::Processed => Layer::Raw,
            Layer::Raw => Layer::Ellipses,
            Layer::Ellipses => Layer::None,
            Layer::None => Layer::Processed,
        }
    }

    /// How what is shown of `case` agrees with the truth.
    pub fn agreement(self, case: &Case) -> Agreement {
        let Some(segmented) = &case.segmented else { return Agreement::default() };
        match self {
            Layer::Processed => segmented.processed,
            Layer::Raw => segmented.raw,
            Layer::Ellipses | Layer::None => segmented.drawn,
        }
    }
}

/// Everything the screen knows.
#[derive(Default)]
pub struct Triage {
    pub run: Option<RunDir>,
    /// Of heads; of a run on hearts there are none, and [`Triage::hearts`].
    pub cases: Option<Result<Vec<Case>, String>>,
    pub hearts: Option<Hearts>,
    /// Numbers of the cases in sight, in order.
    pub visible: Vec<usize>,
    pub selection: Selection,
    pub filter: String,
    pub sort: Sort,
    pub ellipses: Ellipses,
    pub layer: Layer,
    /// One image on the whole screen.
    pub open: bool,
}

impl Triage {
    pub fn cases(&self) -> &[Case] {
        match &self.cases {
            Some(Ok(cases)) => cases,
            _ => &[],
        }
    }

    pub fn selected(&self) -> Option<&Case> {
        self.visible.get(self.selection.index).and_then(|&i| self.cases().get(i))
    }

    /// The hearts, and the one that is selected.
    pub fn selected_heart(&self) -> Option<(&Hearts, &HeartCase)> {
        let hearts = self.hearts.as_ref()?;
        Some((hearts, hearts.cases.get(*self.visible.get(self.selection.index)?)?))
    }

    /// The name of what is selected: an image's file, or a heart's patient and phase.
    pub fn selected_name(&self) -> Option<String> {
        let heart = || self.selected_heart().map(|(_, case)| case.name());
        self.selected().map(|case| case.file.clone()).or_else(heart)
    }

    /// The names of what is in sight, in order.
    fn names(&self) -> Vec<String> {
        let heart = |i: usize| self.hearts.as_ref().and_then(|h| h.cases.get(i)).map(HeartCase::name);
        let name = |&i: &usize| self.cases().get(i).map(|case| case.file.clone()).or_else(|| heart(i));
        self.visible.iter().filter_map(name).collect()
    }

    /// Where the image is, and what of it, if it is a slice of a heart.
    pub fn wanted(&self) -> Option<(std::path::PathBuf, Option<Slice>)> {
        match self.selected_heart() {
            Some((hearts, case)) => Some((case.path.clone(), Some(hearts.wanted_slice(case)))),
            None => Some((self.selected()?.path.clone(), None)),
        }
    }

    /// Looks at another run.
    pub fn show(&mut self, run: RunDir) {
        if self.run.as_ref() != Some(&run) {
            let Triage { sort, ellipses, layer, .. } = *self;
            // Order and view stay; the other run's predictions are on their way.
            let hearts = self.hearts.take().map(|before| Hearts::of(Vec::new(), Some(&before)));
            *self = Triage { run: Some(run), sort, ellipses, layer, hearts, ..Triage::default() };
        }
    }

    /// New predictions of the run; what is selected stays selected, unless the first one was: the worst stays shown.
    pub fn take(&mut self, predictions: Result<Predictions, String>) {
        let name = self.selected_name().filter(|_| self.selection.index > 0);
        match predictions {
            Ok(Predictions::Hearts(cases)) => {
                self.hearts = Some(Hearts::of(cases, self.hearts.as_ref()));
                self.cases = Some(Ok(Vec::new()));
            }
            Ok(Predictions::Heads(cases)) => (self.hearts, self.cases) = (None, Some(Ok(cases))),
            Err(error) => self.cases = Some(Err(error)),
        }
        self.arrange(name);
    }

    /// Orders and filters anew, keeping what is called `name` selected if it is in sight.
    pub fn arrange(&mut self, name: Option<String>) {
        let filter = Filter::parse(&self.filter);
        self.visible = match (&self.hearts, &self.cases) {
            (Some(hearts), _) => hearts.arranged(&filter),
            (None, Some(Ok(cases))) => {
                let mut visible: Vec<usize> =
                    (0..cases.len()).filter(|&i| fits(&filter, &cases[i], self.layer)).collect();
                let order = self.order();
                visible.sort_by(|&a, &b| order.compare(&cases[a], &cases[b], self.layer));
                visible
            }
            _ => Vec::new(),
        };
        let at = name.and_then(|name| self.names().into_iter().position(|n| n == name));
        self.selection.index = at.unwrap_or(0);
    }

    pub fn search(&mut self, words: &str, from: usize) {
        let words = words.to_lowercase();
        let names = self.names();
        let fits = |place: &usize| names[*place].to_lowercase().contains(&words);
        if let Some(place) = (0..names.len()).map(|n| (from + n) % names.len()).find(fits) {
            self.selection.index = place;
        }
    }

    /// What a command means here; true if the picture's surroundings changed.
    pub fn command(&mut self, command: Command) {
        match command {
            Command::Open => self.open = !self.visible.is_empty(),
            Command::Back if self.open => self.open = false,
            Command::Back => {
                self.filter.clear();
                self.arrange(self.selected_name());
            }
            Command::NextSlice => self.step_slice(1),
            Command::PreviousSlice => self.step_slice(-1),
            Command::Sort | Command::Overlay if self.hearts.is_some() => self.of_hearts(command),
            Command::Sort => {
                self.sort = self.order().next(self.segments());
                self.arrange(None);
            }
            Command::Overlay if self.segments() => {
                self.layer = self.layer.next();
                self.arrange(self.selected_name());
            }
            Command::Overlay => {
                self.ellipses = match self.ellipses {
                    Ellipses::Truth => Ellipses::Both,
                    Ellipses::Both => Ellipses::None,
                    Ellipses::None => Ellipses::Truth,
                };
            }
            _ => {}
        }
    }

    fn of_hearts(&mut self, command: Command) {
        let selected = self.selected_heart().map(|(_, case)| case.clone());
        let Some(hearts) = &mut self.hearts else { return };
        match (command, selected) {
            (Command::Overlay, Some(case)) => hearts.next_layer(&case),
            (Command::Overlay, None) => {}
            _ => {
                hearts.next_order();
                self.arrange(None);
            }
        }
    }

    fn step_slice(&mut self, by: isize) {
        let selected = self.selected_heart().map(|(_, case)| case.clone());
        if let (Some(hearts), Some(case)) = (&mut self.hearts, selected) {
            hearts.step_slice(by, &case);
        }
    }

    /// The order as far as this run knows it: without masks there is none by DI.
    pub fn order(&self) -> Sort {
        if self.segments() { self.sort } else { self.sort.of_regression() }
    }

    /// Whether the run predicts masks.
    pub fn segments(&self) -> bool {
        segments(self.cases())
    }

    /// The ellipses over the selected image.
    pub fn ovals(&self) -> Vec<Oval> {
        let Some(case) = self.selected() else { return Vec::new() };
        if let Some(segmented) = &case.segmented {
            let shown = self.layer != Layer::None;
            return [case.truth, segmented.ellipse].into_iter().flatten().filter(|_| shown).collect();
        }
        let Some(truth) = case.truth.filter(|_| self.ellipses != Ellipses::None) else { return Vec::new() };
        let mut ovals = vec![truth];
        if self.ellipses == Ellipses::Both && case.truth_px > 0.0 {
            let scale = case.prediction_px / case.truth_px;
            ovals.push(Oval {
                semi_axis_a_px: truth.semi_axis_a_px * scale,
                semi_axis_b_px: truth.semi_axis_b_px * scale,
                predicted: true,
                ..truth
            });
        }
        ovals
    }

    /// The mask over the selected image.
    pub fn veil(&self) -> Option<Veil> {
        let (probabilities, written) = self.selected()?.segmented.as_ref()?.probabilities.clone()?;
        match self.layer {
            Layer::Processed | Layer::Raw => {
                Some(Veil { probabilities, written, processed: self.layer == Layer::Processed })
            }
            Layer::Ellipses | Layer::None => None,
        }
    }
}

fn segments(cases: &[Case]) -> bool {
    cases.first().is_some_and(|case| case.segmented.is_some())
}
