//! 4 Triage: which predictions are bad, and how?
//!
//! ```text
//! ╭ predictions, worst first ──────╮╭ 392_HC.png ─────────╮
//! │ 392_HC.png  392  1  52.5 px …  ││ the image with the  │
//! │                                ││ true ellipse        │
//! │                                ││ truth, prediction   │
//! ╰────────────────────────────────╯╰─────────────────────╯
//! ```

mod view;

pub use view::{draw, picture_room};

use crate::run::RunDir;
use crate::tui::filter::Filter;
use crate::tui::keymap::Command;
use crate::tui::model::Case;
use crate::tui::widget::list::Selection;
use crate::tui::widget::picture::Oval;

/// The order of the predictions, worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Px,
    Mm,
    Percent,
    File,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Sort::Px => "worst first, in px",
            Sort::Mm => "worst first, in mm",
            Sort::Percent => "worst first, in %",
            Sort::File => "by file",
        }
    }
}

/// Which ellipses lie over the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ellipses {
    #[default]
    Truth,
    /// With one of the true shape and place, as large as predicted.
    Both,
    None,
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
            *self = Triage { run: Some(run), sort: self.sort, ellipses: self.ellipses, ..Triage::default() };
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
        self.visible = (0..cases.len()).filter(|&i| fits(&filter, &cases[i])).collect();
        let key = |i: usize| match self.sort {
            Sort::Px => cases[i].error_px.abs(),
            Sort::Mm => cases[i].error_mm.abs(),
            Sort::Percent | Sort::File => cases[i].error_percent.abs(),
        };
        match self.sort {
            Sort::File => self.visible.sort_by(|&a, &b| cases[a].file.cmp(&cases[b].file)),
            _ => {
                self.visible.sort_by(|&a, &b| key(b).total_cmp(&key(a)).then_with(|| cases[a].file.cmp(&cases[b].file)))
            }
        }
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
                self.sort = match self.sort {
                    Sort::Px => Sort::Mm,
                    Sort::Mm => Sort::Percent,
                    Sort::Percent => Sort::File,
                    Sort::File => Sort::Px,
                };
                self.arrange(None);
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

    /// The ellipses over the selected image.
    pub fn ovals(&self) -> Vec<Oval> {
        let Some(case) = self.selected() else { return Vec::new() };
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
}

fn fits(filter: &Filter, case: &Case) -> bool {
    let trimester = case.trimester.map_or(String::new(), |t| format!("t{t}"));
    filter.fits(&format!("{} {trimester} {}", case.file, case.set), |name| match name {
        "" | "px" | "error" => Some(case.error_px.abs()),
        "mm" => Some(case.error_mm.abs()),
        "%" | "percent" => Some(case.error_percent.abs()),
        "exam" => Some(f64::from(case.exam)),
        "hc" | "truth" => Some(case.truth_mm),
        _ => None,
    })
}
