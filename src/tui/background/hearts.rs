//! Hearts for the screen: the patients of a data set, and what a run has predicted of them.

use crate::clinic::cardiac::ejection_fraction;
use crate::dataset::acdc::{Frame, Hearts, Patient, PatientVolumes, read_header, volumes};
use crate::dataset::registry::{self, Dataset};
use crate::error::Result;
use crate::progress::Silent;
use crate::run::RunDir;
use crate::run::predictions_hearts::{self as table, HeartPrediction};
use crate::tui::model::{DataDetails, HeartCase, HeartRow, ImageRow, PartCase};
use crate::workspace::Workspace;
use rayon::prelude::*;
use std::collections::HashMap;

/// Every patient at both phases; with `counted`, which takes longer, the volumes of its ground truth too. Findings are left to
/// the caller.
///
/// # Errors
/// A folder that is gone. A damaged patient only lacks its figures.
pub fn details(dataset: &Dataset, counted: bool) -> Result<DataDetails> {
    let hearts = Hearts::find(&dataset.path)?;
    let counted = if counted { volumes(&hearts, &Silent) } else { Vec::new() };
    let patients = hearts.patients.par_iter().enumerate();
    let images = patients.flat_map_iter(|(i, patient)| rows(patient, counted.get(i))).collect();
    let size = |path: &std::path::Path| Some(std::fs::metadata(path).ok()?.len());
    let bytes = hearts.files()?.iter().filter_map(|(_, path)| size(path)).sum();
    Ok(DataDetails { images, exams: hearts.patients.len(), bytes, findings: None })
}

fn rows(patient: &Patient, counted: Option<&PatientVolumes>) -> Vec<ImageRow> {
    let group = patient.info().ok().and_then(|info| info.group).map_or("", |group| group.word());
    let row = |frame: Frame| {
        let header = read_header(&frame.image).ok();
        let volumes = counted.and_then(|counted| counted.phase(frame.phase));
        let heart = HeartRow {
            patient: crate::text::line(&patient.name).into_owned(),
            phase: frame.phase.word(),
            group,
            labels: frame.labels,
            slices: header.as_ref().map_or(0, |h| h.shape[2]),
            spacing_mm: header.map_or([0.0; 3], |h| h.spacing_mm),
            volumes_ml: volumes.map(|v| v.volumes_ml),
            counted: counted.is_some(),
            lv_ef: counted.and_then(|c| c.function()?.lv_ef).map(|ef| 100.0 * ef),
        };
        ImageRow {
            file: format!("{} {}", heart.patient, heart.phase),
            path: frame.image,
            heart: Some(Box::new(heart)),
            ..ImageRow::default()
        }
    };
    patient.frames().unwrap_or_default().into_iter().map(row).collect()
}

/// Every heart of which `run` has predicted something.
///
/// # Errors
/// A predictions file that cannot be read. A data set that is gone only leaves the pictures out.
pub fn cases(ws: &Workspace, run: &RunDir) -> Result<Vec<HeartCase>> {
    let rows = table::read(run)?;
    let dataset = registry::load(ws, &run.recipe()?.data.dataset);
    let hearts = dataset.and_then(|dataset| Hearts::find(&dataset.path)).ok();
    let mut cases: Vec<HeartCase> = Vec::new();
    let mut places = HashMap::new();
    for row in rows {
        let place = *places.entry((row.patient.clone(), row.phase.word())).or_insert_with(|| {
            cases.push(empty_case(run, hearts.as_ref(), &row));
            cases.len() - 1
        });
        cases[place].parts.push(part(&row));
    }
    let lv_at = |phase: &str| -> HashMap<String, [f64; 2]> {
        let of_phase = cases.iter().filter(|case| case.phase == phase);
        let lv = |case: &HeartCase| case.part("LV").map(|part| [part.truth_ml, part.prediction_ml]);
        of_phase.filter_map(|case| Some((case.patient.clone(), lv(case)?))).collect()
    };
    let (at_ed, at_es) = (lv_at("ED"), lv_at("ES"));
    for case in &mut cases {
        let percent = |ed: f64, es: f64| Some(100.0 * ejection_fraction(ed, es)?);
        case.lv_ef = at_ed.get(&case.patient).zip(at_es.get(&case.patient)).and_then(|(ed, es)| {
            let [truth, prediction] = [percent(ed[0], es[0])?, percent(ed[1], es[1])?];
            Some([truth, prediction])
        });
    }
    Ok(cases)
}

fn empty_case(run: &RunDir, hearts: Option<&Hearts>, row: &HeartPrediction) -> HeartCase {
    let frame = hearts.and_then(|h| h.patient(&row.patient)).and_then(|patient| patient.frame(row.phase).ok());
    let header = frame.as_ref().and_then(|frame| read_header(&frame.image).ok());
    let mask = table::mask_nifti(run, &row.patient, row.phase);
    let written = std::fs::metadata(&mask).and_then(|about| about.modified()).ok();
    let (path, labels) = frame.map_or_else(Default::default, |frame| (frame.image, frame.labels));
    HeartCase {
        patient: crate::text::line(&row.patient).into_owned(),
        phase: row.phase.word(),
        group: row.group.map_or("", |group| group.word()),
        set: crate::text::line(&row.set).into_owned(),
        path,
        slices: header.map_or(0, |h| h.shape[2]),
        labels,
        predicted: written.map(|written| (mask, written)),
        parts: Vec::new(),
        lv_ef: None,
    }
}

fn part(row: &HeartPrediction) -> PartCase {
    let name = match row.structure.as_str() {
        "rv" => "RV",
        "myo" => "MYO",
        "lv" => "LV",
        _ => "heart",
    };
    PartCase {
        name,
        truth_ml: row.truth_ml,
        prediction_ml: row.prediction_ml,
        error_ml: row.error_ml,
        error_percent: row.error_percent,
        dice_percent: row.dice.map(|dice| 100.0 * dice),
        hausdorff_mm: row.hausdorff_mm,
    }
}
