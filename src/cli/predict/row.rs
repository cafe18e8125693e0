//! What is said of one image: a row of the table, an object of the JSON.

use crate::cli::pixel_sizes::Known;
use crate::clinic::{Assessment, NOTICE};
use crate::train::predictor::Found;
use serde::Serialize;
use std::path::Path;

/// One image. Numbers are empty where `reason` says why there is no circumference.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    pub file: String,
    pub hc_px: Option<f64>,
    pub hc_mm: Option<f64>,
    pub center_x_px: Option<f64>,
    pub center_y_px: Option<f64>,
    pub semi_axis_a_px: Option<f64>,
    pub semi_axis_b_px: Option<f64>,
    pub angle_rad: Option<f64>,
    pub reason: Option<String>,
    /// What a person should know of an ellipse that there is.
    pub note: Option<String>,
    pub pixel_size_mm: Option<f64>,
    pub truth_hc_mm: Option<f64>,
    /// Empty as long as nothing calibrates it.
    pub hc_mm_interval: Option<[f64; 2]>,
    pub ga_hadlock_weeks: Option<f64>,
    pub ga_hadlock_sd_weeks: Option<f64>,
    pub ga_intergrowth_weeks: Option<f64>,
    pub ga_intergrowth_sd_weeks: Option<f64>,
    /// Why an age is not said.
    pub ga_reason: Option<String>,
    /// What ages are for.
    pub ga_notice: Option<&'static str>,
    /// Where the mask and the overlay lie, relative to the folder of results.
    pub mask: Option<String>,
    pub overlay: Option<String>,
}

impl Row {
    pub fn unreadable(file: &Path, reason: String) -> Row {
        Row { file: shown(file), reason: Some(reason), ..Row::default() }
    }

    /// `hc_sd_mm`: of the network's errors, where it is known.
    pub fn of(file: &Path, found: &Found, known: Known, hc_sd_mm: Option<f64>) -> Row {
        let ellipse = found.ellipse();
        let hc_mm = found.hc_mm(known.pixel_size_mm);
        let row = Row {
            file: shown(file),
            hc_px: found.hc_px(known.pixel_size_mm),
            hc_mm,
            center_x_px: ellipse.map(|e| e.center_x_px),
            center_y_px: ellipse.map(|e| e.center_y_px),
            semi_axis_a_px: ellipse.map(|e| e.semi_axis_a_px),
            semi_axis_b_px: ellipse.map(|e| e.semi_axis_b_px),
            angle_rad: ellipse.map(|e| e.angle_rad),
            reason: found.reason(),
            note: found.note(),
            pixel_size_mm: known.pixel_size_mm,
            truth_hc_mm: known.hc_mm,
            ..Row::default()
        };
        match hc_mm {
            Some(hc_mm) => row.with_age(&Assessment::of(hc_mm, hc_sd_mm, None)),
            None => row,
        }
    }

    fn with_age(self, found: &Assessment) -> Row {
        let (hadlock, intergrowth) = (&found.hadlock, &found.intergrowth);
        let reasons: Vec<&str> = [hadlock, intergrowth].iter().filter_map(|e| e.reason.as_deref()).collect();
        Row {
            ga_hadlock_weeks: hadlock.ga_weeks,
            ga_hadlock_sd_weeks: hadlock.sd_weeks,
            ga_intergrowth_weeks: intergrowth.ga_weeks,
            ga_intergrowth_sd_weeks: intergrowth.sd_weeks,
            ga_reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            ga_notice: Some(NOTICE),
            ..self
        }
    }
}

fn shown(file: &Path) -> String {
    crate::text::line(&file.to_string_lossy()).into_owned()
}
