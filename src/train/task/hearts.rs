//! What both tasks on hearts share: which hearts take part, their split by patients, their values, their rows.

use super::data::check_parts;
use super::{Figures, Set};
use crate::dataset::acdc::{ABNORMAL_PATIENTS, HeartAugment, HeartNormalise, HeartSample, Phase, PreparedHearts};
use crate::dataset::split::{self, Split};
use crate::error::{Error, Result};
use crate::nn::Loss;
use crate::recipe::{Recipe, TrainPart};
use crate::run::predictions_hearts::HeartPrediction;
use crate::train::heart_metrics;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Prepared hearts, cut as a recipe says.
pub struct Hearts {
    pub prepared: PreparedHearts,
    /// Where the raw data lay when they were prepared.
    pub root: PathBuf,
    /// Indices of samples; both phases of a patient are in one part.
    pub split: Split,
    pub loss: Loss,
    pub normalise: HeartNormalise,
    pub augment: HeartAugment,
    pub seed: u64,
}

impl Hearts {
    pub fn new(recipe: &Recipe, prepared: PreparedHearts, root: PathBuf) -> Result<Hearts> {
        let known = |s: &HeartSample| s.volumes_ml.is_some() && takes(recipe, &s.patient, s.phase);
        let taken: Vec<usize> = (0..prepared.samples.len()).filter(|i| known(&prepared.samples[*i])).collect();
        if taken.is_empty() {
            return Err(Error::new("no heart of these data can be learned from")
                .cure("see data.phases and data.clean, and whether the data have ground truth: `hcwb data audit`"));
        }
        let numbers: Vec<u32> = taken.iter().map(|i| prepared.samples[*i].number).collect();
        let rule = recipe.data.split.parse()?;
        let split = split::split(&numbers, &rule, recipe.data.folds, recipe.data.fold, recipe.seed)?;
        let of = |part: Vec<usize>| part.into_iter().map(|i| taken[i]).collect::<Vec<usize>>();
        let split = Split { train: of(split.train), validation: of(split.validation), test: of(split.test) };
        check_parts(split.train.len(), split.validation.len())?;
        let normalise = match recipe.data.normalise.as_str() {
            "z-score" => HeartNormalise::over(&prepared, &split.train),
            _ => HeartNormalise::Each,
        };
        let (loss, augment) = (TrainPart::loss(&recipe.train)?, recipe.augment.heart_bounds(recipe.data.size[0]));
        Ok(Hearts { prepared, root, split, loss, normalise, augment, seed: recipe.seed })
    }

    pub fn part(&self, set: Set) -> &[usize] {
        match set {
            Set::Validation => &self.split.validation,
            Set::Test => &self.split.test,
        }
    }

    /// `patient,phase,set`, a line a heart that takes part.
    pub fn split_csv(&self) -> (&'static str, String) {
        let Split { train, validation, test } = &self.split;
        let parts = [(train, "train"), (validation, "validation"), (test, "test")];
        let mut sets: Vec<(usize, &str)> =
            parts.iter().flat_map(|(part, set)| part.iter().map(|i| (*i, *set))).collect();
        sets.sort_unstable();
        let mut csv = String::from("patient,phase,set\n");
        for (i, set) in sets {
            let HeartSample { patient, phase, .. } = &self.prepared.samples[i];
            csv.push_str(&format!("{patient},{},{set}\n", phase.word()));
        }
        ("split.csv", csv)
    }

    /// What anyone needs to know of the input, beside the task's own.
    pub fn metadata(&self, recipe: &Recipe, input: &[usize]) -> BTreeMap<String, String> {
        let sizes: Vec<String> = input.iter().map(usize::to_string).collect();
        let mut metadata = BTreeMap::from([
            ("model".to_owned(), recipe.model.name.clone()),
            ("input".to_owned(), sizes.join(",")),
            ("task".to_owned(), recipe.task.clone()),
            ("normalise".to_owned(), recipe.data.normalise.clone()),
            ("batch_norm_eps".to_owned(), recipe.model.batch_norm_eps.to_string()),
            ("form".to_owned(), json(&self.prepared.form)),
            // How patients without a ground truth are cropped.
            ("crop".to_owned(), json(&self.prepared.crop)),
        ]);
        if let HeartNormalise::Fixed { mean, sd } = self.normalise {
            metadata.insert("grey_mean".to_owned(), mean.to_string());
            metadata.insert("grey_sd".to_owned(), sd.to_string());
        }
        metadata
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("numbers and words make JSON")
}

/// Whether a recipe learns from a heart, or is judged by it, if there is a ground truth. Clean data are without the patients
/// of S4's Table 9.
pub fn takes(recipe: &Recipe, patient: &str, phase: Phase) -> bool {
    let wanted = match recipe.data.phases.as_str() {
        "ed" => phase == Phase::Ed,
        "es" => phase == Phase::Es,
        _ => true,
    };
    wanted && !(recipe.data.clean && ABNORMAL_PATIENTS.contains(&patient))
}

/// Figures of one set among all rows.
pub fn figures(rows: &[HeartPrediction], set: Set) -> Figures {
    let of_set: Vec<HeartPrediction> = rows.iter().filter(|r| r.set == set.word()).cloned().collect();
    let mut figures = Figures::new();
    heart_metrics::record(&of_set, set.prefix(), &mut figures);
    figures
}
