//! Which hearts come first, and which fit a filter.

use crate::tui::filter::Filter;
use crate::tui::model::{HeartCase, PartCase};
use std::cmp::Ordering;

/// The order of hearts, worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By the sum of the structures' absolute errors.
    #[default]
    Ml,
    Rv,
    Myo,
    Lv,
    /// By the greatest error over its truth.
    Percent,
    /// By the error of the ejection fraction.
    Ef,
    /// By the least Dice index.
    Dice,
    Hausdorff,
    Patient,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Sort::Ml => "worst first, in ml",
            Sort::Rv => "worst RV first",
            Sort::Myo => "worst MYO first",
            Sort::Lv => "worst LV first",
            Sort::Percent => "worst first, in %",
            Sort::Ef => "worst EF first",
            Sort::Dice => "worst first, by DI",
            Sort::Hausdorff => "worst first, by HD",
            Sort::Patient => "by patient",
        }
    }

    /// The next order; those of masks only where there are some.
    pub fn next(self, masks: bool) -> Sort {
        match self {
            Sort::Ml => Sort::Rv,
            Sort::Rv => Sort::Myo,
            Sort::Myo => Sort::Lv,
            Sort::Lv => Sort::Percent,
            Sort::Percent => Sort::Ef,
            Sort::Ef if masks => Sort::Dice,
            Sort::Dice => Sort::Hausdorff,
            Sort::Ef | Sort::Hausdorff => Sort::Patient,
            Sort::Patient => Sort::Ml,
        }
    }

    /// Of volumes without masks: what such an order becomes.
    pub fn of_volumes(self) -> Sort {
        if matches!(self, Sort::Dice | Sort::Hausdorff) { Sort::Ml } else { self }
    }

    /// How bad a case is; nothing to go by is least, since one structure alone is no error of the others.
    fn badness(self, case: &HeartCase) -> f64 {
        let error = |name: &str| case.part(name).map(|part| part.error_ml.abs());
        let most = |of: &dyn Fn(&PartCase) -> Option<f64>| case.parts.iter().filter_map(of).reduce(f64::max);
        let badness = match self {
            Sort::Ml | Sort::Patient => Some(case.error_ml()),
            Sort::Rv => error("RV"),
            Sort::Myo => error("MYO"),
            Sort::Lv => error("LV"),
            Sort::Percent => most(&|part| part.error_percent),
            Sort::Ef => case.lv_ef.map(|[truth, prediction]| (prediction - truth).abs()),
            Sort::Dice => most(&|part| Some(100.0 - part.dice_percent?)),
            // A structure that is not found has no distance: worse than any.
            Sort::Hausdorff => most(&|part| Some(part.hausdorff_mm.unwrap_or(f64::INFINITY))),
        };
        badness.unwrap_or(f64::NEG_INFINITY)
    }

    pub fn compare(self, a: &HeartCase, b: &HeartCase) -> Ordering {
        let by_name = || (&a.patient, a.phase).cmp(&(&b.patient, b.phase));
        if self == Sort::Patient {
            return by_name();
        }
        self.badness(b).total_cmp(&self.badness(a)).then_with(by_name)
    }
}

/// Whether `case` fits: words in its name, group or set; bounds on errors in ml, in % or of one structure.
pub fn fits(filter: &Filter, case: &HeartCase) -> bool {
    let text = format!("{} {} {}", case.name(), case.group, case.set);
    let error = |name: &str| case.part(name).map(|part| part.error_ml.abs());
    filter.fits(&text, |name| match name {
        "" | "ml" | "error" => Some(case.error_ml()),
        "rv" => error("RV"),
        "myo" => error("MYO"),
        "lv" => error("LV"),
        "ef" => case.lv_ef.map(|[truth, prediction]| (prediction - truth).abs()),
        "%" | "percent" => case.parts.iter().filter_map(|part| part.error_percent).reduce(f64::max),
        "di" | "dice" => case.parts.iter().filter_map(|part| part.dice_percent).reduce(f64::min),
        "hd" | "hausdorff" => case.parts.iter().filter_map(|part| part.hausdorff_mm).reduce(f64::max),
        _ => None,
    })
}
