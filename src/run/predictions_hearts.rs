//! `predictions.csv` of a run on hearts: one row a patient, phase and structure, truth beside prediction, in millilitres.

use super::RunDir;
use crate::dataset::acdc::nifti::{Voxels, write_gz, write_labels_like};
use crate::dataset::acdc::{Group, HeartSample, Phase};
use crate::dataset::aside;
use crate::error::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One structure of one heart at one phase. Errors are prediction minus truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeartPrediction {
    /// The folder's name: `patient001`.
    pub patient: String,
    pub phase: Phase,
    /// `rv`, `myo`, `lv`, or `heart` for the three together.
    pub structure: String,
    pub group: Option<Group>,
    /// `validation` or `test`.
    pub set: String,
    pub truth_ml: f64,
    pub prediction_ml: f64,
    pub error_ml: f64,
    /// Absolute error over truth, in percent; empty where the truth is 0.
    pub error_percent: Option<f64>,
    /// Of a segmentation: agreement with the ground truth in the file's own grid. No distance where either is empty.
    #[serde(default)]
    pub dice: Option<f64>,
    #[serde(default)]
    pub hausdorff_mm: Option<f64>,
}

impl HeartPrediction {
    /// Of `sample` in the set of that word.
    pub fn new(sample: &HeartSample, structure: &str, set: &str, truth_ml: f64, prediction_ml: f64) -> Self {
        let error_ml = prediction_ml - truth_ml;
        HeartPrediction {
            patient: sample.patient.clone(),
            phase: sample.phase,
            structure: structure.to_owned(),
            group: sample.group,
            set: set.to_owned(),
            truth_ml,
            prediction_ml,
            error_ml,
            error_percent: (truth_ml > 0.0).then(|| 100.0 * error_ml.abs() / truth_ml),
            dice: None,
            hausdorff_mm: None,
        }
    }
}

/// The predicted mask of a heart: NIfTI, in the grid of its file, labels 0 to 3.
pub fn mask_nifti(run: &RunDir, patient: &str, phase: Phase) -> PathBuf {
    run.path().join("predictions").join(format!("{patient}_{}.nii.gz", phase.word()))
}

/// Writes `labels` (z x y x x) of that heart in one step, with the geometry of its `image` where that can be read.
pub fn write_mask(run: &RunDir, sample: &HeartSample, labels: &[u8], image: Option<&Path>) -> Result<()> {
    let path = mask_nifti(run, &sample.patient, sample.phase);
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).doing("make a folder for masks", folder)?;
    let alike = image.is_some_and(|image| write_labels_like(&path, image, labels).is_ok());
    if alike { Ok(()) } else { write_gz(&path, sample.shape, sample.spacing_mm, Voxels::U8(labels)) }
}

/// Writes every row in one step: a reader sees the old rows or the new ones, never a part. Columns of masks are left out
/// where no row has a mask.
pub fn write(run: &RunDir, rows: &[HeartPrediction]) -> Result<()> {
    let path = run.predictions_csv();
    let wrong = |e: csv::Error| Error::new("cannot write the predictions").at(&path).because(e);
    let masks = rows.iter().any(|r| r.dice.is_some());
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let names = "patient,phase,structure,group,set,truth_ml,prediction_ml,error_ml,error_percent,dice,hausdorff_mm";
    let kept = if masks { 11 } else { 9 };
    writer.write_record(names.split(',').take(kept)).map_err(wrong)?;
    for row in rows {
        let number = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
        let cells = [
            row.patient.clone(),
            row.phase.word().to_owned(),
            row.structure.clone(),
            row.group.map_or("", Group::word).to_owned(),
            row.set.clone(),
            row.truth_ml.to_string(),
            row.prediction_ml.to_string(),
            row.error_ml.to_string(),
            number(row.error_percent),
            number(row.dice),
            number(row.hausdorff_mm),
        ];
        writer.write_record(&cells[..kept]).map_err(wrong)?;
    }
    let whole = writer.into_inner().map_err(|e| Error::new("cannot write the predictions").because(e.into_error()))?;
    aside::replace(&path, &whole)
}

/// Every row; none while the run has not written any.
pub fn read(run: &RunDir) -> Result<Vec<HeartPrediction>> {
    let path = run.predictions_csv();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let wrong = |e: csv::Error| Error::new("cannot read the predictions").at(&path).because(e);
    csv::Reader::from_path(&path).map_err(wrong)?.deserialize().collect::<csv::Result<_>>().map_err(wrong)
}
