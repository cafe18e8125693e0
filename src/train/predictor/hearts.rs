//! A trained network for hearts, ready to say what it sees in patients' folders.

use super::about::{Metadata, missing, numbers, word, wrong};
use crate::clinic::cardiac::{
    Body, Diagnosis, Measures, body_surface_m2, diagnose, ejection_fraction, myocardial_mass_g,
};
use crate::dataset::acdc::STRUCTURES;
use crate::dataset::acdc::batch::{CLASSES, fill_slices, fill_volumes};
use crate::dataset::acdc::crop::Crop;
use crate::dataset::acdc::prepare::of_patients;
use crate::dataset::acdc::slices::to_native;
use crate::dataset::acdc::{
    Form, Frame, HeartNormalise, HeartSample, HeartView, Input, LabelMap, Patient, Phase, PhaseVolumes, PreparedHearts,
    read_header,
};
use crate::error::{Error, Result};
use crate::model::{self, ModelOptions};
use crate::nn::program::Arithmetic;
use crate::nn::{Device, Loss, Network, OptimizerKind, OptimizerSpec, Precision, Trainer, weights};
use crate::run::RunDir;
use crate::run::checkpoint::Which;
use crate::train::task::heart_target::{Structure, Target};
use std::path::Path;

/// A network with its weights, and all that stands between a patient's files and volumes.
pub struct HeartPredictor {
    form: Form,
    crop: Option<Crop>,
    normalise: HeartNormalise,
    answer: Answer,
    input: Vec<usize>,
    trainer: Trainer,
}

enum Answer {
    /// Numbers; `sees` the image, or the ground truth.
    Volumes { target: Target, sees: Input },
    /// Four classes a pixel.
    Masks,
}

/// What was found in one heart.
pub struct HeartFound {
    pub sample: HeartSample,
    /// `rv`, `myo`, `lv`, or `heart`, and its volume in ml.
    pub volumes_ml: Vec<(&'static str, f64)>,
    /// Of a segmentation, in the grid of the file, z x y x x.
    pub labels: Option<Vec<u8>>,
    /// The image file.
    pub frame: Frame,
}

impl HeartPredictor {
    /// Whether a weights file's metadata speak of hearts.
    pub fn is_file_for_hearts(file: &Path) -> Result<bool> {
        let (_, metadata) = weights::load(file)?;
        Ok(metadata.get("task").is_some_and(|task| task.starts_with("cardiac-")))
    }

    /// The best weights of a run.
    pub fn of_run(run: &RunDir, device: Device) -> Result<HeartPredictor> {
        let file = Which::Best.weights(run);
        if !file.is_file() {
            return Err(Error::new(format!("the run {} has no best weights yet", run.id()))
                .at(&file)
                .cure("wait for its first epoch to end, or name another run"));
        }
        HeartPredictor::of_file(&file, device)
    }

    /// A weights file whose metadata say what it is for, as every run on hearts writes them.
    pub fn of_file(file: &Path, device: Device) -> Result<HeartPredictor> {
        let (state, metadata) = weights::load(file)?;
        let read = || -> Result<HeartPredictor> {
            let (form, crop) = (json::<Form>(&metadata, "form")?, json::<Option<Crop>>(&metadata, "crop")?);
            form.check()?;
            let (volumes, [height, width]) = (word(&metadata, "task")? == "cardiac-volume", form.size());
            let input: Vec<usize> = numbers(&metadata, "input")?;
            let expected = match (form, input.len()) {
                (Form::Volume { slices, .. }, 4) => vec![slices, height, width, 1],
                (Form::Volume { slices, .. }, _) => vec![height, width, slices],
                (Form::Slices { .. }, _) => vec![height, width, 1],
            };
            if input != expected || volumes != matches!(form, Form::Volume { .. }) {
                return Err(wrong("input", &metadata));
            }
            let mut options = ModelOptions::default().with_input(&input);
            for (key, _) in model::options::KEYS.iter().filter(|(key, _)| *key != "input") {
                if let Some(value) = metadata.get(*key) {
                    options.set(key, value)?;
                }
            }
            if !volumes {
                options.set("classes", &CLASSES.to_string())?;
            }
            let answer = if volumes { volumes_of(&metadata)? } else { Answer::Masks };
            let graph = model::build(word(&metadata, "model")?, &options)?;
            let outputs = match &answer {
                Answer::Volumes { target, .. } => vec![target.structures.len()],
                Answer::Masks => vec![height, width, CLASSES],
            };
            if graph.output_shape() != outputs {
                return Err(wrong("model", &metadata));
            }
            let mut network = Network::new(graph, 0);
            network.load_state(&state)?;
            // Nothing is trained: the optimizer with the least memory, and a loss that is never asked for.
            let optimizer = OptimizerSpec::new(OptimizerKind::Sgd);
            let arithmetic = Arithmetic { precision: Precision::F32, deterministic: false };
            let trainer = Trainer::new(network, device, arithmetic, Loss::Mse, &optimizer)?;
            Ok(HeartPredictor { form, crop, normalise: normalise(&metadata)?, answer, input, trainer })
        };
        read().map_err(|e| if e.file.is_none() { e.at(file) } else { e })
    }

    pub fn segments(&self) -> bool {
        matches!(self.answer, Answer::Masks)
    }

    /// Both phases of a patient, ED first. A ground truth that is there places the crop, as it did in training.
    pub fn predict(&mut self, patient: &Patient) -> Result<Vec<HeartFound>> {
        let frames = patient.frames()?;
        let hearts = of_patients(std::slice::from_ref(patient), &self.form, self.crop.as_ref())?;
        if let Some(skipped) = hearts.skipped.first() {
            return Err(Error::new(skipped.reason.clone()).at(&patient.path));
        }
        frames.into_iter().enumerate().map(|(i, frame)| self.one(&hearts, i, frame)).collect()
    }

    fn one(&mut self, hearts: &PreparedHearts, i: usize, frame: Frame) -> Result<HeartFound> {
        let sample = hearts.samples[i].clone();
        match &self.answer {
            Answer::Volumes { target, sees } => {
                if *sees == Input::Labels && frame.labels.is_none() {
                    return Err(Error::new("this network sees the ground truth, and there is none").at(&frame.image));
                }
                let flat = self.input.len() == 3;
                let batch = fill_volumes(hearts, &HeartView::plain(&[i]), &self.normalise, None, *sees, flat)?;
                let output = self.trainer.predict(&batch)?;
                let found = target.to_ml(output.data(), &sample);
                let volumes_ml = target.structures.iter().map(|s| s.word()).zip(found).collect();
                Ok(HeartFound { sample, volumes_ml, labels: None, frame })
            }
            Answer::Masks => {
                let mut probabilities = Vec::new();
                let slices: Vec<(usize, usize)> = (0..hearts.shape(i)[0]).map(|z| (i, z)).collect();
                for slices in slices.chunks(8) {
                    let (images, _) = fill_slices(hearts, slices, &self.normalise, None)?;
                    probabilities.extend_from_slice(self.trainer.predict(&images)?.data());
                }
                let labels = to_native(&sample, &probabilities, &self.form);
                let count = |label: u8| labels.iter().filter(|l| **l == label).count() as f64;
                let ml = |(i, word): (usize, &&'static str)| (*word, count(i as u8 + 1) * sample.voxel_ml());
                let volumes_ml = STRUCTURES.iter().enumerate().map(ml).collect();
                Ok(HeartFound { volumes_ml, labels: Some(labels), sample, frame })
            }
        }
    }
}

impl HeartFound {
    pub fn volume_ml(&self, structure: &str) -> Option<f64> {
        self.volumes_ml.iter().find(|(word, _)| *word == structure).map(|(_, ml)| *ml)
    }

    /// By the ground truth beside the image, where there is one.
    pub fn truth_ml(&self, structure: &str) -> Option<f64> {
        let volumes = self.sample.volumes_ml?;
        match Structure::parse(structure)? {
            Structure::One(i) => Some(volumes[i]),
            Structure::Whole => Some(volumes.iter().sum()),
        }
    }
}

/// The group by ACDC's published rules, of what was found in both phases of a patient. A regression measures no wall.
pub fn diagnosis(found: &[HeartFound]) -> Diagnosis {
    let at = |phase: Phase| found.iter().find(|f| f.sample.phase == phase);
    let (ed, es) = (at(Phase::Ed), at(Phase::Es));
    let body = ed.and_then(|ed| Some(Body { height_cm: ed.sample.height_cm?, weight_kg: ed.sample.weight_kg? }));
    let bsa_m2 = body.as_ref().map(body_surface_m2);
    let fraction = |word: &str| ejection_fraction(ed?.volume_ml(word)?, es?.volume_ml(word)?);
    let per_m2 = |word: &str| Some(ed?.volume_ml(word)? / bsa_m2?);
    let thick_segments = ed.and_then(|ed| {
        let map = LabelMap { header: read_header(&ed.frame.image).ok()?, labels: ed.labels.clone()? };
        Some(PhaseVolumes::count(&map, Phase::Ed, ed.sample.frame).thick_segments)
    });
    diagnose(&Measures {
        lv_ef: fraction("lv"),
        rv_ef: fraction("rv"),
        lv_edv_ml_per_m2: per_m2("lv"),
        rv_edv_ml_per_m2: per_m2("rv"),
        myo_mass_g_per_m2: per_m2("myo").map(myocardial_mass_g),
        thick_segments,
    })
}

fn volumes_of(metadata: &Metadata) -> Result<Answer> {
    let structures: Option<Vec<Structure>> = word(metadata, "structures")?.split(',').map(Structure::parse).collect();
    let structures = structures.ok_or_else(|| wrong("structures", metadata))?;
    let voxels = metadata.contains_key("target_unit_voxels");
    let key = if voxels { "target_unit_voxels" } else { "target_unit_ml" };
    let units: Vec<f64> = numbers(metadata, key)?;
    if units.len() != structures.len() || units.iter().any(|u| !u.is_finite() || *u <= 0.0) {
        return Err(wrong(key, metadata));
    }
    let sees = match word(metadata, "sees")? {
        "image" => Input::Image,
        "truth" => Input::Labels,
        _ => return Err(wrong("sees", metadata)),
    };
    Ok(Answer::Volumes { target: Target { voxels, structures, units }, sees })
}

fn normalise(metadata: &Metadata) -> Result<HeartNormalise> {
    let one = |key: &str| match numbers::<f64>(metadata, key)?[..] {
        [value] if value.is_finite() => Ok(value),
        _ => Err(wrong(key, metadata)),
    };
    match metadata.get("normalise").map(String::as_str) {
        Some("each") => Ok(HeartNormalise::Each),
        Some("z-score") => match (one("grey_mean")?, one("grey_sd")?) {
            (mean, sd) if sd > 0.0 => Ok(HeartNormalise::Fixed { mean, sd }),
            _ => Err(wrong("grey_sd", metadata)),
        },
        _ => Err(missing("normalise")),
    }
}

fn json<T: serde::de::DeserializeOwned>(metadata: &Metadata, key: &str) -> Result<T> {
    serde_json::from_str(word(metadata, key)?).map_err(|_| wrong(key, metadata))
}
