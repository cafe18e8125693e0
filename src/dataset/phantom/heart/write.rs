//! A folder of phantom hearts in ACDC's own layout.

use super::super::write::{MARKER, empty_folder};
use super::{Patient, Rendered, render};
use crate::dataset::acdc::Phase;
use crate::dataset::acdc::nifti::{Voxels, write_gz};
use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use rayon::prelude::*;
use std::fs;
use std::path::Path;

/// More would need names of more than three digits.
const MOST: u64 = 999;

/// Writes `count` patients of the series `seed` into `dir`, which is made, or must be empty: `training/patientNNN/`, and
/// beside it `analytic_volumes.csv` with the volumes that the formulas give.
pub fn write(dir: &Path, count: u64, seed: u64, progress: &dyn Progress) -> Result<()> {
    if count == 0 || count > MOST {
        return Err(Error::usage(format!("{count} phantoms cannot be drawn")).cure(format!("ask for 1 to {MOST}")));
    }
    empty_folder(dir)?;
    let training = dir.join("training");
    fs::create_dir_all(&training).doing("make the folder for the phantoms", &training)?;
    // First, so that even an interrupted folder is never taken for real images.
    let marker = format!(
        "# Drawn by hcwb, not scanned: phantom hearts in the layout of ACDC.\nseed = {seed}\ncount = {count}\n"
    );
    fs::write(dir.join(MARKER), marker).doing("write", dir.join(MARKER))?;
    progress.begin("drawing phantoms", count);
    let rows: Vec<String> = (0..count)
        .into_par_iter()
        .map(|index| {
            let rows = save(&training, &Patient::of(seed, index))?;
            progress.advance(1);
            Ok(rows)
        })
        .collect::<Result<_>>()?;
    let table = dir.join("analytic_volumes.csv");
    let text = format!("patient,phase,rv_ml,myo_ml,lv_ml\n{}", rows.concat());
    fs::write(&table, text).doing("write the table", &table)
}

fn save(training: &Path, patient: &Patient) -> Result<String> {
    let name = patient.name();
    let folder = training.join(&name);
    fs::create_dir(&folder).doing("make the patient's folder", &folder)?;
    let Patient { group, body, ed_frame, es_frame, frames, .. } = patient;
    let info = format!(
        "ED: {ed_frame}\nES: {es_frame}\nGroup: {}\nHeight: {:.1}\nNbFrame: {frames}\nWeight: {:.1}\n",
        group.word(),
        body.height_cm,
        body.weight_kg
    );
    fs::write(folder.join("Info.cfg"), info).doing("write", folder.join("Info.cfg"))?;
    let mut rows = String::new();
    for (phase, frame) in Phase::ALL.into_iter().zip([ed_frame, es_frame]) {
        let Rendered { image, labels } = render(patient, phase);
        let path = |end: &str| folder.join(format!("{name}_frame{frame:02}{end}.nii.gz"));
        write_gz(&path(""), patient.shape, patient.spacing_mm, Voxels::I16(&image))?;
        write_gz(&path("_gt"), patient.shape, patient.spacing_mm, Voxels::U8(&labels))?;
        let [rv, myo, lv] = patient.shapes[phase as usize].volumes_ml();
        rows += &format!("{name},{},{rv:.4},{myo:.4},{lv:.4}\n", phase.word());
    }
    Ok(rows)
}
