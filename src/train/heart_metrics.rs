//! How far predicted volumes of hearts are from the truth: over all rows, by structure, by phase, and ejection fractions.

use super::metrics::{Figure, mean_and_sd};
use crate::clinic::cardiac::ejection_fraction;
use crate::dataset::acdc::{Phase, STRUCTURES};
use crate::run::predictions_hearts::HeartPrediction;
use std::collections::BTreeMap;

/// The whole heart, where no structure is told from another.
pub const WHOLE: &str = "heart";
/// The chambers that have an ejection fraction.
pub const CHAMBERS: [&str; 2] = ["rv", "lv"];

type Figures = BTreeMap<String, Option<f64>>;

/// A patient's ejection fraction in percent, both ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Ejection {
    pub patient: String,
    pub truth_percent: f64,
    pub prediction_percent: f64,
}

/// Adds `<prefix>mae_ml`, `pmae`, `bias_ml` and, of masks, `dice` and `hausdorff_mm`, each with `_sd`: over all rows, by
/// structure (`lv_mae_ml`), and by structure and phase (`lv_ed_mae_ml`); by structure also Pearson's `lv_r`. Where both
/// phases of a patient are there, `lv_ef_mae_points`, `lv_ef_bias_points` (each with `_sd`), `lv_ef_r`, and of how
/// many patients there is none (`lv_ef_missing`: an EDV that is not above 0); and the same of `rv`. What cannot be said is `None`, and a figure of something that is not there is absent.
pub fn record(rows: &[HeartPrediction], prefix: &str, figures: &mut Figures) {
    let all: Vec<&HeartPrediction> = rows.iter().collect();
    of_rows(&all, prefix, figures);
    for structure in STRUCTURES.iter().copied().chain([WHOLE]) {
        let rows: Vec<&HeartPrediction> = rows.iter().filter(|r| r.structure == structure).collect();
        if rows.is_empty() {
            continue;
        }
        of_rows(&rows, &format!("{prefix}{structure}_"), figures);
        let column = |of: fn(&HeartPrediction) -> f64| rows.iter().map(|r| of(r)).collect::<Vec<f64>>();
        let r = pearson(&column(|r| r.truth_ml), &column(|r| r.prediction_ml));
        figures.insert(format!("{prefix}{structure}_r"), r);
        for phase in Phase::ALL {
            let rows: Vec<&HeartPrediction> = rows.iter().filter(|r| r.phase == phase).copied().collect();
            if !rows.is_empty() {
                of_rows(&rows, &format!("{prefix}{structure}_{}_", phase.word().to_lowercase()), figures);
            }
        }
    }
    for chamber in CHAMBERS {
        let patients = both_phases(rows, chamber).len();
        if patients == 0 {
            continue;
        }
        let found = ejections(rows, chamber);
        figures.insert(format!("{prefix}{chamber}_ef_missing"), Some((patients - found.len()) as f64));
        let errors: Vec<f64> = found.iter().map(|e| e.prediction_percent - e.truth_percent).collect();
        let absolute: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        let column = |of: fn(&Ejection) -> f64| found.iter().map(of).collect::<Vec<f64>>();
        insert(figures, format!("{prefix}{chamber}_ef_mae_points"), &absolute);
        insert(figures, format!("{prefix}{chamber}_ef_bias_points"), &errors);
        let r = pearson(&column(|e| e.truth_percent), &column(|e| e.prediction_percent));
        figures.insert(format!("{prefix}{chamber}_ef_r"), r);
    }
}

fn of_rows(rows: &[&HeartPrediction], prefix: &str, figures: &mut Figures) {
    let column = |of: fn(&HeartPrediction) -> Option<f64>| rows.iter().filter_map(|r| of(r)).collect::<Vec<f64>>();
    insert(figures, format!("{prefix}mae_ml"), &column(|r| Some(r.error_ml.abs())));
    insert(figures, format!("{prefix}bias_ml"), &column(|r| Some(r.error_ml)));
    insert(figures, format!("{prefix}pmae"), &column(|r| r.error_percent));
    if rows.iter().any(|r| r.dice.is_some()) {
        insert(figures, format!("{prefix}dice"), &column(|r| r.dice));
        insert(figures, format!("{prefix}hausdorff_mm"), &column(|r| r.hausdorff_mm));
    }
}

/// A mean and its standard deviation over those that have the figure.
fn insert(figures: &mut Figures, name: String, values: &[f64]) {
    let Figure { value, sd } = mean_and_sd(values);
    figures.insert(format!("{name}_sd"), Some(sd).filter(|v| v.is_finite()));
    figures.insert(name, Some(value).filter(|v| v.is_finite()));
}

/// 100 (EDV - ESV) / EDV of every patient of whom both phases are there, where truth and prediction have an EDV above 0.
pub fn ejections(rows: &[HeartPrediction], chamber: &str) -> Vec<Ejection> {
    let percent = |ed_ml: f64, es_ml: f64| Some(100.0 * ejection_fraction(ed_ml, es_ml)?);
    let ejection = |[ed, es]: [&HeartPrediction; 2]| {
        Some(Ejection {
            patient: ed.patient.clone(),
            truth_percent: percent(ed.truth_ml, es.truth_ml)?,
            prediction_percent: percent(ed.prediction_ml, es.prediction_ml)?,
        })
    };
    both_phases(rows, chamber).into_iter().filter_map(ejection).collect()
}

/// ED and ES of every patient of whom both are there, by name.
fn both_phases<'a>(rows: &'a [HeartPrediction], structure: &str) -> Vec<[&'a HeartPrediction; 2]> {
    let mut of: BTreeMap<&str, [Option<&HeartPrediction>; 2]> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.structure == structure) {
        of.entry(&row.patient).or_default()[row.phase as usize] = Some(row);
    }
    of.into_values().filter_map(|[ed, es]| Some([ed?, es?])).collect()
}

/// Pearson's correlation; `None` for fewer than two different values on either side.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let sums = a.iter().zip(b).fold([0.0; 3], |[ab, aa, bb], (x, y)| {
        let (x, y) = (x - mean_a, y - mean_b);
        [ab + x * y, aa + x * x, bb + y * y]
    });
    let r = sums[0] / (sums[1] * sums[2]).sqrt();
    Some(r).filter(|r| r.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(patient: &str, phase: Phase, structure: &str, truth_ml: f64, prediction_ml: f64) -> HeartPrediction {
        let error_ml = prediction_ml - truth_ml;
        HeartPrediction {
            patient: patient.into(),
            phase,
            structure: structure.into(),
            group: None,
            set: "validation".into(),
            truth_ml,
            prediction_ml,
            error_ml,
            error_percent: (truth_ml > 0.0).then(|| 100.0 * error_ml.abs() / truth_ml),
            dice: None,
            hausdorff_mm: None,
        }
    }

    fn rows() -> Vec<HeartPrediction> {
        vec![
            row("patient001", Phase::Ed, "lv", 200.0, 190.0),
            row("patient001", Phase::Es, "lv", 100.0, 114.0),
            row("patient002", Phase::Ed, "lv", 100.0, 100.0),
            row("patient002", Phase::Es, "lv", 25.0, 35.0),
            row("patient003", Phase::Ed, "lv", 50.0, 56.0),
            row("patient001", Phase::Ed, "rv", 0.0, 8.0),
        ]
    }

    #[test]
    fn figures_agree_with_the_formulas_by_hand() {
        let mut figures = Figures::new();
        record(&rows(), "val_", &mut figures);
        let of = |name: &str| figures[name].unwrap();
        assert_eq!((of("val_mae_ml"), of("val_lv_mae_ml"), of("val_lv_ed_mae_ml")), (8.0, 8.0, 16.0 / 3.0));
        assert_eq!((of("val_lv_bias_ml"), of("val_lv_es_bias_ml")), (4.0, 12.0));
        // 5, 14, 0, 40 and 12 percent; the empty right ventricle has none.
        assert!((of("val_lv_pmae") - 14.2).abs() < 1e-12 && (of("val_pmae") - 14.2).abs() < 1e-12);
        assert_eq!(figures["val_rv_pmae"], None);
        // 50 and 75 percent are seen as 40 and 65; patient003 has one phase.
        assert!((of("val_lv_ef_mae_points") - 10.0).abs() < 1e-12 && of("val_lv_ef_mae_points_sd").abs() < 1e-12);
        assert!((of("val_lv_ef_bias_points") + 10.0).abs() < 1e-12 && (of("val_lv_ef_r") - 1.0).abs() < 1e-12);
        assert_eq!(of("val_lv_ef_missing"), 0.0);
        assert!(!figures.contains_key("val_rv_ef_r") && !figures.contains_key("val_dice"));
        assert!(!figures.contains_key("val_myo_mae_ml") && figures["val_rv_r"].is_none());
    }

    #[test]
    fn correlation_is_numpys() {
        // numpy.corrcoef([1, 2, 4, 8], [3, 1, 5, 6])[0, 1]
        let r = pearson(&[1.0, 2.0, 4.0, 8.0], &[3.0, 1.0, 5.0, 6.0]).unwrap();
        assert!((r - 0.813_391_962_643_562_5).abs() < 1e-12, "{r}");
        assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(pearson(&[], &[]), None);
    }

    #[test]
    fn a_chamber_that_is_predicted_to_be_nothing_has_no_ejection_fraction() {
        let rows = [row("a", Phase::Ed, "lv", 100.0, 0.0), row("a", Phase::Es, "lv", 50.0, 0.0)];
        assert_eq!(ejections(&rows, "lv"), []);
        let mut figures = Figures::new();
        record(&rows, "", &mut figures);
        assert_eq!((figures["lv_ef_mae_points"], figures["lv_ef_missing"]), (None, Some(1.0)));
    }
}
