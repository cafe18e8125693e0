//! What screens show of data sets, runs and plans: plain values, read in the background.

use super::widget::picture::Oval;
use crate::run::Status;
use crate::run::event::System;
use std::path::PathBuf;
use std::time::SystemTime;

/// What a list shows of a run; its curves are not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    pub status: Status,
    pub recipe: String,
    pub dataset: String,
    pub fold: usize,
    pub folds: Option<usize>,
    pub epoch: u64,
    pub epochs: u64,
    /// Validation MAE of the best epoch.
    pub best_px: Option<f64>,
    pub best_mm: Option<f64>,
    /// Its data are hearts: errors are in ml.
    pub hearts: bool,
    pub best_ml: Option<f64>,
    /// Its network gives masks.
    pub segments: bool,
    /// DI of the best epoch's ellipses, or hearts' structures, in percent.
    pub best_dice_percent: Option<f64>,
    pub best_epoch: Option<u64>,
    /// Validation MAE in px, or of hearts in ml, epoch by epoch.
    pub curve: Vec<f64>,
    /// Until the last planned epoch.
    pub eta_seconds: Option<f64>,
    /// At work, pauses left out.
    pub seconds: f64,
    /// `epochs` or `patience`, once finished.
    pub reason: Option<String>,
}

/// A data set in the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataRow {
    pub name: String,
    pub kind: String,
    pub path: PathBuf,
    pub images: usize,
    /// Errors and warnings of the last audit.
    pub audit: Option<(usize, usize)>,
    /// Arrays of the usual size are ready.
    pub prepared: bool,
}

impl DataRow {
    /// The verdict in a few words; the first character is its glyph.
    pub fn verdict(&self) -> String {
        match self.audit {
            None => "? not audited".to_owned(),
            Some((0, 0)) => "✔ no findings".to_owned(),
            Some((0, 1)) => "✔ 1 warning".to_owned(),
            Some((0, warnings)) => format!("✔ {warnings} warnings"),
            Some((1, _)) => "✘ 1 error".to_owned(),
            Some((errors, _)) => format!("✘ {errors} errors"),
        }
    }
}

/// One image of a data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageRow {
    pub file: String,
    pub path: PathBuf,
    /// The annotated ring, from which the ellipse is fitted when the image is shown.
    pub ring: Option<PathBuf>,
    pub hc_mm: Option<f64>,
    pub pixel_size_mm: Option<f64>,
    /// It is a volume: a heart at one phase.
    pub heart: Option<Box<HeartRow>>,
}

/// A heart at end diastole or end systole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeartRow {
    pub patient: String,
    /// `ED` or `ES`.
    pub phase: &'static str,
    /// `NOR`, `DCM` …, or nothing.
    pub group: &'static str,
    pub labels: Option<PathBuf>,
    pub slices: usize,
    /// In x, y and z.
    pub spacing_mm: [f64; 3],
    /// RV, MYO and LV, once they are counted.
    pub volumes_ml: Option<[f64; 3]>,
    pub counted: bool,
    /// Of both phases, in percent.
    pub lv_ef: Option<f64>,
}

/// A finding of the audit.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingRow {
    pub error: bool,
    pub kind: String,
    pub file: String,
    pub detail: String,
}

/// What the right half of Data shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataDetails {
    pub images: Vec<ImageRow>,
    pub exams: usize,
    pub bytes: u64,
    /// None while nobody has audited the folder as it is now.
    pub findings: Option<Vec<FindingRow>>,
}

/// Images and exams of one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub images: usize,
    pub exams: usize,
}

/// What starting a recipe would mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub trainable: u64,
    pub non_trainable: u64,
    /// Training, validation, test; none if the data set could not be read.
    pub parts: Option<[Part; 3]>,
    pub data: Option<DataRow>,
    pub prepared: bool,
    /// What it would run on, and the memory that a step takes there.
    pub device: Option<(String, u64)>,
    /// Why `auto` is the CPU although there is a driver.
    pub note: Option<String>,
    /// Why it cannot start as it is, with the cure.
    pub obstacle: Option<String>,
}

/// A prediction with what is needed to show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub file: String,
    pub path: PathBuf,
    pub exam: u32,
    pub set: String,
    pub trimester: Option<u8>,
    pub pixel_size_mm: f64,
    pub truth_px: f64,
    pub prediction_px: f64,
    pub error_px: f64,
    pub truth_mm: f64,
    pub prediction_mm: f64,
    pub error_mm: f64,
    /// Absolute, of the truth.
    pub error_percent: f64,
    pub truth: Option<Oval>,
    /// What a segmentation says besides the circumference.
    pub segmented: Option<Box<Segmented>>,
}

/// A predicted mask and the ellipse in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segmented {
    /// None where no head was found; the predicted circumference is then 0 and means nothing.
    pub ellipse: Option<Oval>,
    /// The network's probabilities, and when they were written; none if they are not there.
    pub probabilities: Option<(PathBuf, SystemTime)>,
    pub raw: Agreement,
    pub processed: Agreement,
    pub drawn: Agreement,
    /// What is odd about it: why there is no head, or that the ellipse is doubtful.
    pub note: Option<String>,
}

/// How a mask agrees with the true one, at the file's own size; nothing where there is no truth, or no outline.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    pub dice_percent: Option<f64>,
    pub hausdorff_mm: Option<f64>,
    pub assd_mm: Option<f64>,
}

impl Case {
    /// None where a segmentation found no head.
    pub fn has_prediction(&self) -> bool {
        self.segmented.as_ref().is_none_or(|s| s.ellipse.is_some())
    }

    /// Why there is no head, or why it is doubtful.
    pub fn note(&self) -> Option<&str> {
        self.segmented.as_ref()?.note.as_deref()
    }
}

/// What a run has predicted.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictions {
    Heads(Vec<Case>),
    Hearts(Vec<HeartCase>),
}

/// A heart at one phase, and what was predicted of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeartCase {
    pub patient: String,
    /// `ED` or `ES`.
    pub phase: &'static str,
    /// `NOR`, `DCM` …, or nothing.
    pub group: &'static str,
    pub set: String,
    pub path: PathBuf,
    pub slices: usize,
    /// The ground truth.
    pub labels: Option<PathBuf>,
    /// The predicted mask, and when it was written.
    pub predicted: Option<(PathBuf, SystemTime)>,
    pub parts: Vec<PartCase>,
    /// LV ejection fraction of both phases in percent: truth and prediction.
    pub lv_ef: Option<[f64; 2]>,
}

/// One structure of a heart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartCase {
    /// `RV`, `MYO`, `LV`, or `heart`.
    pub name: &'static str,
    pub truth_ml: f64,
    pub prediction_ml: f64,
    pub error_ml: f64,
    /// Absolute, of the truth.
    pub error_percent: Option<f64>,
    pub dice_percent: Option<f64>,
    pub hausdorff_mm: Option<f64>,
}

impl HeartCase {
    pub fn name(&self) -> String {
        format!("{} {}", self.patient, self.phase)
    }

    pub fn part(&self, name: &str) -> Option<&PartCase> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The sum of the structures' absolute errors.
    pub fn error_ml(&self) -> f64 {
        self.parts.iter().map(|part| part.error_ml.abs()).sum()
    }
}

/// What a card is doing, as far as a run's worker knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CardUse {
    pub index: u8,
    pub percent: Option<f64>,
    /// In use and in all.
    pub memory_bytes: Option<(u64, u64)>,
    pub power_watts: Option<f64>,
    pub temperature_c: Option<f64>,
}

impl CardUse {
    /// None where the run is on the CPU, or nobody measured.
    pub fn of(system: &System) -> Option<CardUse> {
        let card = CardUse {
            index: system.gpu?,
            percent: system.gpu_percent,
            memory_bytes: system.gpu_memory_bytes.zip(system.gpu_memory_total_bytes),
            power_watts: system.gpu_power_watts,
            temperature_c: system.gpu_temperature_c,
        };
        (card.percent.is_some() || card.memory_bytes.is_some()).then_some(card)
    }

    /// `gpu0 97% 61G/139G 62°`, or without its last parts.
    pub fn words(&self, parts: usize) -> String {
        let gib = |bytes: u64| format!("{:.0}G", bytes as f64 / (1u64 << 30) as f64);
        let all = [
            self.percent.map(|p| format!("{p:.0}%")),
            self.memory_bytes.map(|(used, all)| format!("{}/{}", gib(used), gib(all))),
            self.temperature_c.map(|t| format!("{t:.0}°")),
        ];
        let words: Vec<String> = all.into_iter().take(parts).flatten().collect();
        format!("gpu{} {}", self.index, words.join(" "))
    }
}

/// How far a background job is.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: u64,
    pub title: String,
    /// A present participle ("decoding images"); empty before the first stage.
    pub stage: String,
    pub done: u64,
    pub total: u64,
}
