//! `predictions.csv`: one row an image, truth beside prediction, in pixels and millimetres.

use super::RunDir;
use crate::error::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};

/// One image's truth and prediction. Errors are prediction minus truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    pub file: String,
    pub exam: u32,
    /// `validation` or `test`.
    pub set: String,
    /// 1 to 3; inferred from the exam's number.
    pub trimester: Option<u8>,
    pub pixel_size_mm: f64,
    pub truth_hc_px: f64,
    pub prediction_hc_px: f64,
    pub error_px: f64,
    pub truth_hc_mm: f64,
    pub prediction_hc_mm: f64,
    pub error_mm: f64,
    /// Absolute error over truth, in percent.
    pub error_percent: f64,
    /// The true ellipse, in pixels of the file; empty where there is no ring.
    pub truth_center_x_px: Option<f64>,
    pub truth_center_y_px: Option<f64>,
    pub truth_semi_axis_a_px: Option<f64>,
    pub truth_semi_axis_b_px: Option<f64>,
    pub truth_angle_rad: Option<f64>,
}

/// Writes them aside and renames: a reader sees the old rows or the new ones, never a part.
pub fn write(run: &RunDir, rows: &[Prediction]) -> Result<()> {
    let path = run.predictions_csv();
    let aside = path.with_extension("csv.new");
    let wrong = |e: csv::Error| Error::new("cannot write the predictions").at(&aside).because(e);
    let mut writer = csv::Writer::from_path(&aside).map_err(wrong)?;
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(wrong)?;
    writer.flush().doing("write the predictions", &aside)?;
    std::fs::rename(&aside, &path).doing("write the predictions", &path)
}

/// Every row; none while the run has not written any.
pub fn read(run: &RunDir) -> Result<Vec<Prediction>> {
    let path = run.predictions_csv();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let wrong = |e: csv::Error| Error::new("cannot read the predictions").at(&path).because(e);
    csv::Reader::from_path(&path).map_err(wrong)?.deserialize().collect::<csv::Result<_>>().map_err(wrong)
}
