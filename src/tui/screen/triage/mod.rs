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
mod order;
mod view;

pub use order::Sort;
pub use view::{draw, picture_room};

use crate::run::RunDir;
use crate::tui::filter::Filter;
use crate::tui::keymap::Command;
use crate::tui::model::{Agreement, Case};
use crate::tui::widget::list::Selection;
use crate::tui::widget::picture::{Oval, Veil};
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
    pub cases: Option<Result<Vec<Case>, String>>,
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
        self.visible.get(self.selection.index).map(|&i| &self.cases()[i])
    }

    /// Looks at another run.
    pub fn show(&mut self, run: RunDir) {
        if self.run.as_ref() != Some(&run) {
            let Triage { sort, ellipses, layer, .. } = *self;
            *self = Triage { run: Some(run), sort, ellipses, layer, ..Triage::default() };
        }
    }

    /// New predictions of the run; the selected file stays selected, unless the first one was: the worst stays shown.
    pub fn take(&mut self, cases: Result<Vec<Case>, String>) {
        let file = self.selected().filter(|_| self.selection.index > 0).map(|c| c.file.clone());
        self.cases = Some(cases);
        self.arrange(file);
    }

    /// Orders and filters anew, keeping `file` selected if it is in sight.
    pub fn arrange(&mut self, file: Option<String>) {
        let filter = Filter::parse(&self.filter);
        let cases = match &self.cases {
            Some(Ok(cases)) => cases.as_slice(),
            _ => &[],
        };
        self.visible = (0..cases.len()).filter(|&i| fits(&filter, &cases[i], self.layer)).collect();
        let order = self.order();
        self.visible.sort_by(|&a, &b| order.compare(&cases[a], &cases[b], self.layer));
        self.selection.index = file.and_then(|f| self.visible.iter().position(|&i| cases[i].file == f)).unwrap_or(0);
    }

    pub fn search(&mut self, words: &str, from: usize) {
        let words = words.to_lowercase();
        let len = self.visible.len();
        let cases = self.cases();
        let fits = |place: &usize| cases[self.visible[*place]].file.to_lowercase().contains(&words);
        if let Some(place) = (0..len).map(|n| (from + n) % len).find(fits) {
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
                self.arrange(self.selected().map(|c| c.file.clone()));
            }
            Command::Sort => {
                self.sort = self.order().next(self.segments());
                self.arrange(None);
            }
            Command::Overlay if self.segments() => {
                self.layer = self.layer.next();
                self.arrange(self.selected().map(|c| c.file.clone()));
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
