//! Preparation: every heart brought into one form, and laid into memory-mapped arrays beside what is known of it.
//!
//! `cache/<fingerprint>-<form>-<version>/` holds `images.f32` and `labels.u8` (slices x height x width a sample),
//! `native.u8` (the ground truth at the files' own size) and `samples.json`. It is made aside and moved into place; it may
//! be deleted at any time. No more is in memory at once than one frame a thread.

use super::crop::{Crop, HeartBox};
pub use super::form::Form;
use super::heart::{self, Heart};
pub use super::prepared::PreparedHearts;
use super::prepared::{Arrays, Index, Place};
use super::{Frame, HeartSample, Hearts, Patient, read_header};
use crate::dataset::registry::DatasetKind;
use crate::dataset::stored::{self, Mapped};
use crate::dataset::{Dataset, Skipped};
use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use rayon::prelude::*;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Changes whenever prepared values would.
const VERSION: &str = "h1";
const ARRAYS: [&str; 3] = ["images.f32", "labels.u8", "native.u8"];
const INDEX: &str = "samples.json";

/// The cache's folder of these data in this form.
pub fn folder(ws: &Workspace, dataset: &Dataset, form: &Form) -> PathBuf {
    ws.cache().join(format!("{}-{}-{VERSION}", dataset.fingerprint, form.word()))
}

/// The forms in which these data lie prepared: "volume-9x224x224".
pub fn prepared_forms(ws: &Workspace, dataset: &Dataset) -> Vec<String> {
    let Ok(entries) = fs::read_dir(ws.cache()) else { return Vec::new() };
    let form = |name: String| {
        let rest = name.strip_prefix(&dataset.fingerprint)?.strip_prefix('-')?;
        rest.strip_suffix(VERSION)?.strip_suffix('-').map(str::to_owned)
    };
    let mut forms: Vec<String> =
        entries.flatten().filter_map(|e| form(e.file_name().to_string_lossy().into_owned())).collect();
    forms.sort();
    forms
}

/// Whether `prepare` would find the work done.
pub fn is_prepared(ws: &Workspace, dataset: &Dataset, form: &Form) -> bool {
    matches!(open(&folder(ws, dataset, form), form), Ok(Some(_)))
}

/// Opens the cache, or makes it. Patients that cannot be read are skipped and counted; whether that is acceptable is the
/// caller's affair.
pub fn prepare(ws: &Workspace, dataset: &Dataset, form: &Form, progress: &dyn Progress) -> Result<PreparedHearts> {
    form.check()?;
    dataset.of_kind(DatasetKind::Acdc, "preparing hearts")?;
    let (dataset, mut notes) = dataset.refreshed(ws, progress)?;
    let folder = folder(ws, &dataset, form);
    let damaged = match open(&folder, form) {
        Ok(Some(mut hearts)) => {
            (hearts.fingerprint, hearts.notes, hearts.made) = (dataset.fingerprint, notes, false);
            return Ok(hearts);
        }
        Ok(None) => false,
        Err(e) => {
            notes.push(format!("the prepared hearts were damaged and are made anew: {}", e.chain()));
            true
        }
    };
    let raw = Hearts::find(&dataset.path)?;
    stored::install(ws, &folder, damaged, |beside| {
        let index = make(&raw.patients, form, beside, progress)?;
        if index.samples.is_empty() {
            let why = index.skipped.first().map_or(String::new(), |s| format!("; the first, {}: {}", s.file, s.reason));
            return Err(Error::new(format!("none of the {} patients can be used{why}", index.skipped.len()))
                .at(&dataset.path)
                .cure(format!("see hcwb data audit {}", dataset.name)));
        }
        let text = serde_json::to_vec(&index)
            .map_err(|e| Error::new("cannot write the prepared samples").at(beside).because(e))?;
        stored::write(&beside.join(INDEX), &text)
    })?;
    let mut hearts = open(&folder, form)?
        .ok_or_else(|| Error::new("the prepared hearts vanished while they were made").at(&folder))?;
    (hearts.made, hearts.fingerprint, hearts.notes) = (true, dataset.fingerprint, notes);
    Ok(hearts)
}

/// Patients of any folder in memory, without a cache: for predicting. `crop` is that of the hearts which the network
/// learned from ([`PreparedHearts::crop`]); a volume is the whole image without.
pub fn of_patients(patients: &[Patient], form: &Form, crop: Option<&Crop>) -> Result<PreparedHearts> {
    form.check()?;
    let all = |patient: &Patient| {
        let own = heart::outline(patient)?.map(|own| own.heart);
        let frames = patient.frames()?;
        frames.iter().map(|frame| heart::read(patient, frame, form, crop, own.as_ref())).collect::<Result<Vec<_>>>()
    };
    let read: Vec<Result<Vec<Heart>>> = patients.par_iter().map(all).collect();
    let (mut samples, mut images, mut labels, mut native, mut skipped) = (vec![], vec![], vec![], vec![], vec![]);
    for (patient, hearts) in patients.iter().zip(read) {
        match hearts {
            Err(e) => skipped.push(skip(patient, &e)),
            Ok(hearts) => {
                for heart in hearts {
                    samples.push(heart.sample);
                    images.extend(heart.image);
                    labels.extend(heart.labels);
                    native.extend(heart.native);
                }
            }
        }
    }
    let mut hearts = PreparedHearts::in_memory(samples, *form, images, labels, native)?;
    (hearts.skipped, hearts.crop) = (skipped, crop.cloned());
    Ok(hearts)
}

/// `Ok(None)` where there is no cache, an error where there is a damaged one.
fn open(folder: &Path, form: &Form) -> Result<Option<PreparedHearts>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let file = folder.join(INDEX);
    let text = fs::read(&file).doing("read the prepared samples", &file)?;
    let index: Index = serde_json::from_slice(&text)
        .map_err(|e| Error::new("the prepared samples cannot be read").at(&file).because(e))?;
    if index.form != *form || !index.is_sound() {
        return Err(Error::new("the prepared samples do not belong to their arrays").at(&file));
    }
    let Place { prepared, native } = index.values;
    let map = |i: usize, bytes: usize| Mapped::open(&folder.join(ARRAYS[i]), bytes as u64);
    let arrays = [map(0, prepared.saturating_mul(4))?, map(1, prepared)?, map(2, native)?];
    Ok(Some(PreparedHearts::of(index, Arrays::Mapped(arrays))))
}

/// A patient's frames, and where each goes.
type Planned<'a> = (&'a Patient, Vec<(Frame, Place)>);

/// Lays out the arrays in `folder`, then fills them patient by patient. A patient that is skipped on the way leaves a
/// hole, which takes no room on most file systems.
fn make(patients: &[Patient], form: &Form, folder: &Path, progress: &dyn Progress) -> Result<Index> {
    let (mut planned, mut skipped): (Vec<Planned>, Vec<Skipped>) = (Vec::new(), Vec::new());
    let mut values = Place::default();
    for patient in patients {
        match plan(patient, form, values) {
            Ok((frames, next)) => {
                planned.push((patient, frames));
                values = next;
            }
            Err(e) => skipped.push(skip(patient, &e)),
        }
    }
    let boxes = match form {
        Form::Volume { .. } => outlines(&planned, progress),
        Form::Slices { .. } => vec![None; planned.len()],
    };
    let crop = Crop::common(&boxes.iter().flatten().cloned().collect::<Vec<_>>());
    let sizes = [values.prepared as u64 * 4, values.prepared as u64, values.native as u64];
    let mut files = Vec::new();
    for (name, size) in ARRAYS.iter().zip(sizes) {
        let path = folder.join(name);
        let file = File::create(&path).and_then(|file| file.set_len(size).map(|()| file));
        files.push((file.doing("write the prepared hearts", &path)?, path));
    }
    progress.begin("preparing hearts", planned.len() as u64);
    let one = |patient: &Patient, frames: &[(Frame, Place)], own: Option<&HeartBox>| {
        let mut parts = Vec::new();
        for (frame, place) in frames {
            let heart = match heart::read(patient, frame, form, crop.as_ref(), own.map(|own| &own.heart)) {
                Ok(heart) => heart,
                Err(e) => return Ok(Err(skip(patient, &e))),
            };
            // A full disk is no fault of the patient's.
            write(&files, &heart, place)?;
            parts.push((heart.sample, heart.moments, *place));
        }
        Ok(Ok(parts))
    };
    let outcomes: Vec<Result<Result<Vec<Parts>, Skipped>>> = planned
        .par_iter()
        .zip(&boxes)
        .map(|((patient, frames), own)| {
            let outcome = one(patient, frames, own.as_ref());
            progress.advance(1);
            outcome
        })
        .collect();
    for (file, path) in &files {
        file.sync_all().doing("write the prepared hearts", path)?;
    }
    let mut index = Index { form: *form, samples: vec![], places: vec![], moments: vec![], values, crop, skipped };
    for outcome in outcomes {
        match outcome? {
            Ok(parts) => {
                for (sample, moments, place) in parts {
                    index.samples.push(sample);
                    index.moments.push(moments);
                    index.places.push(place);
                }
            }
            Err(skipped) => index.skipped.push(skipped),
        }
    }
    index.skipped.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(index)
}

/// What is kept of a heart, its mean and standard deviation, and where its arrays lie.
type Parts = (HeartSample, [f64; 2], Place);

/// Where the frames of a patient go, `from` being the first free place; and the next one.
fn plan(patient: &Patient, form: &Form, from: Place) -> Result<(Vec<(Frame, Place)>, Place)> {
    let [height, width] = form.size();
    let (mut next, mut planned) = (from, Vec::new());
    for frame in patient.frames()? {
        let [x, y, z, _] = read_header(&frame.image)?.shape;
        let place = next;
        next.prepared += form.slices_of([x, y, z]) * height * width;
        next.native += if frame.labels.is_some() { x * y * z } else { 0 };
        planned.push((frame, place));
    }
    Ok((planned, next))
}

/// Each patient's box. What cannot be read here is judged when it is prepared.
fn outlines(planned: &[Planned], progress: &dyn Progress) -> Vec<Option<HeartBox>> {
    progress.begin("outlining hearts", planned.len() as u64);
    planned
        .par_iter()
        .map(|(patient, _)| {
            let found = heart::outline(patient);
            progress.advance(1);
            found.ok().flatten()
        })
        .collect()
}

fn write(files: &[(File, PathBuf)], heart: &Heart, place: &Place) -> Result<()> {
    let contents = [
        (bytemuck::cast_slice(&heart.image), 4 * place.prepared),
        (&heart.labels[..], place.prepared),
        (&heart.native[..], place.native),
    ];
    for ((file, path), (content, at)) in files.iter().zip(contents) {
        file.write_all_at(content, at as u64).doing("write the prepared hearts", path)?;
    }
    Ok(())
}

fn skip(patient: &Patient, e: &Error) -> Skipped {
    let file = e.file.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    let reason = match file {
        Some(file) => format!("{}: {}", text::line(&file), e.what),
        None => e.what.clone(),
    };
    Skipped { file: patient.name.clone(), reason }
}
