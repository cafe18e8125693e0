//! `hcwb predict` with a network for hearts: patients' folders to volumes, ejection fractions and masks.

use super::results::Results;
use super::{Predict, write_csv};
use crate::cli::output;
use crate::clinic::cardiac::ejection_fraction;
use crate::dataset::acdc::nifti::write_labels_like;
use crate::dataset::acdc::{Group, Hearts, Patient, Phase};
use crate::dataset::{DatasetKind, registry};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::text;
use crate::train::predictor::{HeartFound, diagnosis};
use crate::workspace::Workspace;
use serde::Serialize;
use std::path::Path;

/// A patient at one phase. What the network does not speak of, and what could not be read, is null.
#[derive(Clone, Debug, Default, Serialize)]
struct Row {
    patient: String,
    group: Option<Group>,
    phase: Option<Phase>,
    frame: Option<u32>,
    rv_ml: Option<f64>,
    myo_ml: Option<f64>,
    lv_ml: Option<f64>,
    /// The three together.
    heart_ml: Option<f64>,
    /// From 0 to 1; of both phases, in both rows.
    lv_ef: Option<f64>,
    rv_ef: Option<f64>,
    truth_rv_ml: Option<f64>,
    truth_myo_ml: Option<f64>,
    truth_lv_ml: Option<f64>,
    truth_heart_ml: Option<f64>,
    truth_lv_ef: Option<f64>,
    truth_rv_ef: Option<f64>,
    /// By ACDC's published rules; null without height and weight.
    predicted_group: Option<Group>,
    mask: Option<String>,
    reason: Option<String>,
}

/// Predicts every patient; those that cannot be read are named, skipped, and an error at the end.
pub fn run(args: &Predict, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    for (given, name) in [
        (args.overlay.is_some(), "--overlay"),
        (args.pixel_size.is_some(), "--pixel-size"),
        (args.pixel_sizes.is_some(), "--pixel-sizes"),
        (args.sd_mm.is_some(), "--sd-mm"),
    ] {
        if given {
            return Err(Error::usage(format!("{name} is for heads, and this network is for hearts"))
                .cure(format!("leave {name} out")));
        }
    }
    let patients = find(args, ws)?;
    let results = args.out.as_deref().map(|folder| Results::begin(folder, args.force)).transpose()?;
    let (rows, errors) = args.how.on_threads(|| {
        let mut predictor = args.which.hearts(ws, &args.how)?;
        progress.begin("predicting", patients.len() as u64);
        let (mut rows, mut errors) = (Vec::new(), Vec::new());
        for patient in &patients {
            match predictor.predict(patient) {
                Ok(found) => {
                    for heart in &found {
                        let mask = results.as_ref().map(|results| mask(results, heart)).transpose()?.flatten();
                        rows.push(Row { mask, ..row(heart, &found) });
                    }
                }
                Err(error) => {
                    let reason = Some(text::line(&error.chain()).into_owned());
                    rows.push(Row { patient: patient.name.clone(), reason, ..Row::default() });
                    errors.push(error);
                }
            }
            progress.advance(1);
        }
        Ok((rows, errors))
    })?;
    let content = csv_of(&rows)?;
    results.map_or(Ok(()), |results| results.finish_with(&content))?;
    if let Some(path) = &args.csv {
        write_csv(path, &content, args.force)?;
    }
    match args.json {
        true => output::json(&rows)?,
        false => output::print(&shown(&rows))?,
    }
    let (failed, all) = (errors.len(), patients.len());
    match errors.into_iter().next() {
        None => Ok(()),
        Some(error) if all == 1 => Err(error),
        Some(error) => {
            Err(Error::new(format!("{failed} of {all} patients could not be read; the others were predicted"))
                .cure(error.cure.unwrap_or_else(|| "see their reasons above".into())))
        }
    }
}

/// Patients of folders in ACDC's layout, patients' own folders, and those of data sets.
fn find(args: &Predict, ws: &Workspace) -> Result<Vec<Patient>> {
    let mut found = Vec::new();
    for name in &args.data {
        found.extend(of_dataset(name, ws)?);
    }
    for word in &args.paths {
        let path = Path::new(word);
        if path.is_dir() {
            found.extend(of_folder(path)?);
        } else if registry::list(ws)?.iter().any(|data| data.name == *word) {
            found.extend(of_dataset(word, ws)?);
        } else {
            return Err(Error::usage("there is no such folder or data set")
                .at(path)
                .cure("name patients' folders, a folder of them, or a data set that hcwb data list shows"));
        }
    }
    Ok(found)
}

fn of_dataset(name: &str, ws: &Workspace) -> Result<Vec<Patient>> {
    let dataset = registry::load(ws, name)?;
    dataset.of_kind(DatasetKind::Acdc, "a network for hearts")?;
    Ok(Hearts::find(&dataset.path)?.patients)
}

fn of_folder(path: &Path) -> Result<Vec<Patient>> {
    let missing = match Hearts::find(path) {
        Ok(hearts) => return Ok(hearts.patients),
        Err(missing) => missing,
    };
    // A patient's own folder: one of those in the folder above.
    let whole = std::path::absolute(path).map_err(|e| Error::io("open the patient's folder", path, e))?;
    let (Some(above), Some(name)) = (whole.parent(), whole.file_name()) else { return Err(missing) };
    let Ok(hearts) = Hearts::find(above) else { return Err(missing) };
    let own: Vec<Patient> = hearts
        .patients
        .into_iter()
        .filter(|p| p.path.file_name() == Some(name) && p.path.parent() == Some(above))
        .collect();
    if own.is_empty() { Err(missing) } else { Ok(own) }
}

/// Writes a segmentation's labels in the grid of the image; where they will lie.
fn mask(results: &Results, heart: &HeartFound) -> Result<Option<String>> {
    let Some(labels) = &heart.labels else { return Ok(None) };
    let name = format!("masks/{}_{}.nii.gz", heart.sample.patient, heart.sample.phase.word());
    write_labels_like(&results.place(&name)?, &heart.frame.image, labels)?;
    Ok(Some(name))
}

/// One of `found`, a patient's phases, with the fractions of both.
fn row(heart: &HeartFound, found: &[HeartFound]) -> Row {
    let fraction = |of: &dyn Fn(&HeartFound) -> Option<f64>| {
        let at = |phase: Phase| found.iter().find(|f| f.sample.phase == phase).and_then(of);
        ejection_fraction(at(Phase::Ed)?, at(Phase::Es)?)
    };
    Row {
        patient: heart.sample.patient.clone(),
        group: heart.sample.group,
        phase: Some(heart.sample.phase),
        frame: Some(heart.sample.frame),
        rv_ml: heart.volume_ml("rv"),
        myo_ml: heart.volume_ml("myo"),
        lv_ml: heart.volume_ml("lv"),
        heart_ml: heart.volume_ml("heart"),
        lv_ef: fraction(&|f| f.volume_ml("lv")),
        rv_ef: fraction(&|f| f.volume_ml("rv")),
        truth_rv_ml: heart.truth_ml("rv"),
        truth_myo_ml: heart.truth_ml("myo"),
        truth_lv_ml: heart.truth_ml("lv"),
        truth_heart_ml: heart.truth_ml("heart"),
        truth_lv_ef: fraction(&|f| f.truth_ml("lv")),
        truth_rv_ef: fraction(&|f| f.truth_ml("rv")),
        predicted_group: diagnosis(found).group,
        mask: None,
        reason: None,
    }
}

fn csv_of(rows: &[Row]) -> Result<Vec<u8>> {
    let wrong = |e: csv::Error| Error::new("cannot write the predictions").because(e);
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(wrong)?;
    writer.into_inner().map_err(|e| Error::new("cannot write the predictions").because(e.into_error()))
}

fn shown(rows: &[Row]) -> String {
    let whole = rows.iter().any(|row| row.heart_ml.is_some());
    let number = |value: Option<f64>| value.map_or("–".into(), |v| format!("{v:.1}"));
    // The truth in brackets.
    let beside = |found: Option<f64>, truth: Option<f64>| match (found, truth) {
        (Some(found), Some(truth)) => format!("{found:.1} ({truth:.1})"),
        (found, _) => number(found),
    };
    let percent = |fraction: Option<f64>| fraction.map(|f| 100.0 * f);
    let cells = rows.iter().map(|row| {
        let mut cells = vec![row.patient.clone(), row.phase.map_or("–", Phase::word).to_owned()];
        match whole {
            true => cells.push(beside(row.heart_ml, row.truth_heart_ml)),
            false => cells.extend([
                beside(row.rv_ml, row.truth_rv_ml),
                beside(row.myo_ml, row.truth_myo_ml),
                beside(row.lv_ml, row.truth_lv_ml),
                beside(percent(row.lv_ef), percent(row.truth_lv_ef)),
                match (row.predicted_group, row.group) {
                    (Some(found), Some(truth)) => format!("{} ({})", found.word(), truth.word()),
                    (found, _) => found.map_or("–", Group::word).to_owned(),
                },
            ]),
        }
        cells.push(row.reason.clone().unwrap_or_default());
        cells
    });
    let mut header = vec!["patient", "phase"];
    match whole {
        true => header.push(">heart ml"),
        false => header.extend([">RV ml", ">MYO ml", ">LV ml", ">LVEF %", "group"]),
    }
    header.push("remark");
    let mut text = output::table(&header, &cells.collect::<Vec<_>>());
    if rows.iter().any(|row| row.truth_lv_ml.is_some()) {
        text += "in brackets: by the ground truth beside the images, and the group in Info.cfg\n";
    }
    text
}
