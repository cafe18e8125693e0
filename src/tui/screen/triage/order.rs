//! Which predictions come first, and which fit a filter.

use super::Layer;
use crate::tui::filter::Filter;
use crate::tui::model::Case;
use std::cmp::Ordering;

/// The order of the predictions, worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Px,
    Mm,
    Percent,
    Dice,
    Hausdorff,
    Assd,
    File,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Sort::Px => "worst first, in px",
            Sort::Mm => "worst first, in mm",
            Sort::Percent => "worst first, in %",
            Sort::Dice => "worst first, by DI",
            Sort::Hausdorff => "worst first, by HD",
            Sort::Assd => "worst first, by ASSD",
            Sort::File => "by file",
        }
    }

    /// The next order; those of masks only where there are some.
    pub fn next(self, masks: bool) -> Sort {
        match self {
            Sort::Px => Sort::Mm,
            Sort::Mm => Sort::Percent,
            Sort::Percent if masks => Sort::Dice,
            Sort::Dice => Sort::Hausdorff,
            Sort::Hausdorff => Sort::Assd,
            Sort::Percent | Sort::Assd => Sort::File,
            Sort::File => Sort::Px,
        }
    }

    /// Of predictions without masks: what such an order becomes when another run is shown.
    pub fn of_regression(self) -> Sort {
        if matches!(self, Sort::Dice | Sort::Hausdorff | Sort::Assd) { Sort::Px } else { self }
    }

    /// How bad a prediction is; nothing to go by is worst.
    fn badness(self, case: &Case, layer: Layer) -> f64 {
        let agreement = layer.agreement(case);
        let badness = match self {
            Sort::Px | Sort::File => Some(case.error_px.abs()),
            Sort::Mm => Some(case.error_mm.abs()),
            Sort::Percent => Some(case.error_percent.abs()),
            Sort::Dice => agreement.dice_percent.map(|dice| 100.0 - dice),
            Sort::Hausdorff => agreement.hausdorff_mm,
            Sort::Assd => agreement.assd_mm,
        };
        badness.unwrap_or(f64::INFINITY)
    }

    /// Images without a head, or with a doubtful one, lead whatever the figure.
    pub fn compare(self, a: &Case, b: &Case, layer: Layer) -> Ordering {
        let by_file = || a.file.cmp(&b.file);
        if self == Sort::File {
            return by_file();
        }
        let rank = |case: &Case| (case.has_prediction(), case.note().is_none());
        rank(a).cmp(&rank(b)).then_with(|| self.badness(b, layer).total_cmp(&self.badness(a, layer))).then_with(by_file)
    }
}

/// Whether `case` fits, with the agreement of what `layer` shows.
pub fn fits(filter: &Filter, case: &Case, layer: Layer) -> bool {
    let trimester = case.trimester.map_or(String::new(), |t| format!("t{t}"));
    let text = format!("{} {trimester} {} {}", case.file, case.set, case.note().unwrap_or_default());
    let agreement = layer.agreement(case);
    filter.fits(&text, |name| match name {
        "" | "px" | "error" => Some(case.error_px.abs()),
        "mm" => Some(case.error_mm.abs()),
        "%" | "percent" => Some(case.error_percent.abs()),
        "exam" => Some(f64::from(case.exam)),
        "hc" | "truth" => Some(case.truth_mm),
        "di" | "dice" => agreement.dice_percent,
        "hd" | "hausdorff" => agreement.hausdorff_mm,
        "assd" => agreement.assd_mm,
        _ => None,
    })
}
