//! `predictions.csv`: one row an image, truth beside prediction, in pixels and millimetres.

use super::RunDir;
use crate::error::{Error, IoContext, Result};
use crate::geometry::Ellipse;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One image's truth and prediction. Errors are prediction minus truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Of a segmentation: the ellipse that was found, in pixels of the file; empty where none was, and then the
    /// predicted circumference is 0 and [`Prediction::note`] says why.
    #[serde(default)]
    pub prediction_center_x_px: Option<f64>,
    #[serde(default)]
    pub prediction_center_y_px: Option<f64>,
    #[serde(default)]
    pub prediction_semi_axis_a_px: Option<f64>,
    #[serde(default)]
    pub prediction_semi_axis_b_px: Option<f64>,
    #[serde(default)]
    pub prediction_angle_rad: Option<f64>,
    /// How the predicted mask agrees with the true one at the file's own size: as the network gave it, after
    /// post-processing, and as the fitted ellipse filled. Empty where there is no true ellipse.
    #[serde(default)]
    pub raw_dice: Option<f64>,
    #[serde(default)]
    pub raw_iou: Option<f64>,
    #[serde(default)]
    pub raw_pixel_accuracy: Option<f64>,
    #[serde(default)]
    pub raw_hausdorff_px: Option<f64>,
    #[serde(default)]
    pub raw_hausdorff_mm: Option<f64>,
    #[serde(default)]
    pub raw_assd_px: Option<f64>,
    #[serde(default)]
    pub raw_assd_mm: Option<f64>,
    #[serde(default)]
    pub mask_dice: Option<f64>,
    #[serde(default)]
    pub mask_iou: Option<f64>,
    #[serde(default)]
    pub mask_pixel_accuracy: Option<f64>,
    #[serde(default)]
    pub mask_hausdorff_px: Option<f64>,
    #[serde(default)]
    pub mask_hausdorff_mm: Option<f64>,
    #[serde(default)]
    pub mask_assd_px: Option<f64>,
    #[serde(default)]
    pub mask_assd_mm: Option<f64>,
    #[serde(default)]
    pub ellipse_dice: Option<f64>,
    #[serde(default)]
    pub ellipse_iou: Option<f64>,
    #[serde(default)]
    pub ellipse_pixel_accuracy: Option<f64>,
    #[serde(default)]
    pub ellipse_hausdorff_px: Option<f64>,
    #[serde(default)]
    pub ellipse_hausdorff_mm: Option<f64>,
    #[serde(default)]
    pub ellipse_assd_px: Option<f64>,
    #[serde(default)]
    pub ellipse_assd_mm: Option<f64>,
    /// What is odd about the prediction: why there is no ellipse, or that one was drawn through doubtful points.
    #[serde(default)]
    pub note: Option<String>,
}

impl Prediction {
    /// The true ellipse, in px of the file.
    pub fn truth_ellipse(&self) -> Option<Ellipse> {
        let (x, y) = (self.truth_center_x_px?, self.truth_center_y_px?);
        Some(Ellipse::new(x, y, self.truth_semi_axis_a_px?, self.truth_semi_axis_b_px?, self.truth_angle_rad?))
    }
}

/// The columns that only a segmentation has begin with these, or are these.
const OF_MASKS: [&str; 5] = ["prediction_", "raw_", "mask_", "ellipse_", "note"];

/// The picture of a segmentation's probabilities for image `file`: 8-bit grey at training size, 255 for 1.
pub fn probabilities_png(run: &RunDir, file: &str) -> PathBuf {
    let name = Path::new(file).file_stem().unwrap_or_default();
    run.path().join("predictions").join(name).with_extension("png")
}

/// Writes them aside and renames: a reader sees the old rows or the new ones, never a part. Columns of masks are left
/// out where no row has a mask.
pub fn write(run: &RunDir, rows: &[Prediction]) -> Result<()> {
    let path = run.predictions_csv();
    let aside = path.with_extension("csv.new");
    let wrong = |e: csv::Error| Error::new("cannot write the predictions").at(&aside).because(e);
    let mut whole = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| whole.serialize(row)).map_err(wrong)?;
    let whole = whole.into_inner().map_err(|e| Error::new("cannot write the predictions").because(e.into_error()))?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&whole[..]);
    let records = reader.records().collect::<csv::Result<Vec<_>>>().map_err(wrong)?;
    let of_masks = |name: &str| OF_MASKS.iter().any(|p| name.starts_with(p)) && !name.starts_with("prediction_hc");
    let kept: Vec<usize> = records.first().map_or(Vec::new(), |head| {
        let empty = |i: usize| records[1..].iter().all(|r| r[i].is_empty());
        (0..head.len()).filter(|i| !of_masks(&head[*i]) || !empty(*i)).collect()
    });
    let mut writer = csv::Writer::from_path(&aside).map_err(wrong)?;
    let narrowed = records.iter().map(|r| kept.iter().map(|i| &r[*i]).collect::<Vec<_>>());
    narrowed.into_iter().try_for_each(|record| writer.write_record(record)).map_err(wrong)?;
    writer.flush().doing("write the predictions", &aside)?;
    std::fs::rename(&aside, &path).doing("write the predictions", &path)
}

/// Writes the probabilities of one image (0 to 255, height x width) aside and renames.
pub fn write_probabilities(run: &RunDir, file: &str, levels: &[u8], [height, width]: [usize; 2]) -> Result<()> {
    let path = probabilities_png(run, file);
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).doing("make a folder for masks", folder)?;
    let aside = path.with_extension("png.new");
    let kind = image::ExtendedColorType::L8;
    image::save_buffer_with_format(&aside, levels, width as u32, height as u32, kind, image::ImageFormat::Png)
        .map_err(|e| Error::new("cannot write a predicted mask").at(&aside).because(e))?;
    std::fs::rename(&aside, &path).doing("write a predicted mask", &path)
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
