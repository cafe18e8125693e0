//! Data sets for the screen: listed, described, added, audited, prepared.

use super::{hearts, slice, words};
use crate::dataset::audit::Severity;
use crate::dataset::hc18::{Folder, Ring, decode_gray};
use crate::dataset::registry::{self, Dataset, DatasetKind};
use crate::dataset::{Preparation, acdc, audit as auditing, cache};
use crate::error::Result;
use crate::geometry::Ellipse;
use crate::progress::Progress;
use crate::tui::action::Action;
use crate::tui::model::{DataDetails, DataRow, FindingRow, ImageRow};
use crate::tui::widget::picture::Oval;
use crate::workspace::Workspace;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The size that the shipped recipes train at.
const USUAL: Preparation = Preparation { width: 128, height: 128 };

pub fn row(ws: &Workspace, dataset: &Dataset) -> DataRow {
    DataRow {
        name: dataset.name.clone(),
        kind: dataset.kind.word().to_owned(),
        path: dataset.path.clone(),
        images: dataset.images,
        audit: dataset.audit.map(|a| (a.errors, a.warnings)),
        prepared: match dataset.kind {
            DatasetKind::Hc18 => cache::is_prepared(ws, dataset, &USUAL),
            DatasetKind::Acdc => acdc::is_prepared(ws, dataset, &slice::USUAL),
        },
    }
}

pub fn list(ws: &Workspace) -> Result<Vec<DataRow>> {
    Ok(registry::list(ws)?.iter().map(|dataset| row(ws, dataset)).collect())
}

/// What is told of the data set `name`: of hearts at once what their headers say, then the volumes.
pub fn read(ws: &Workspace, name: &str, tell: impl Fn(Action)) {
    let told = |counted| {
        let details = details(ws, name, counted).map_err(|e| words(&e));
        tell(Action::DataRead(name.to_owned(), Box::new(details)));
    };
    told(false);
    if registry::load(ws, name).is_ok_and(|dataset| dataset.kind == DatasetKind::Acdc) {
        told(true);
    }
}

fn details(ws: &Workspace, name: &str, counted: bool) -> Result<DataDetails> {
    let dataset = registry::load(ws, name)?;
    let mut details = match dataset.kind {
        DatasetKind::Hc18 => heads(&dataset)?,
        DatasetKind::Acdc => hearts::details(&dataset, counted)?,
    };
    details.findings = auditing::recorded(ws, &dataset).map(|audit| {
        let row = |f: crate::dataset::Finding| FindingRow {
            error: f.severity == Severity::Error,
            kind: f.kind.word().to_owned(),
            file: f.file,
            detail: f.detail,
        };
        audit.findings.into_iter().map(row).collect()
    });
    Ok(details)
}

fn heads(dataset: &Dataset) -> Result<DataDetails> {
    let folder = Folder::find(&dataset.path)?;
    let mut details = DataDetails::default();
    let mut exams = BTreeSet::new();
    for part in &folder.parts {
        let listing = part.read()?;
        let table = listing.table.by_file();
        for image in &listing.images {
            let known = table.get(image.name.as_str());
            exams.insert(image.exam);
            details.images.push(ImageRow {
                file: crate::text::line(&image.name).into_owned(),
                path: image.path.clone(),
                ring: image.annotation.clone(),
                hc_mm: known.and_then(|row| row.hc_mm),
                pixel_size_mm: known.map(|row| row.pixel_size_mm),
                heart: None,
            });
        }
    }
    details.exams = exams.len();
    details.bytes = folder.files()?.iter().filter_map(|(_, path)| Some(std::fs::metadata(path).ok()?.len())).sum();
    Ok(details)
}

pub fn oval(ellipse: &Ellipse) -> Oval {
    Oval {
        center_x_px: ellipse.center_x_px,
        center_y_px: ellipse.center_y_px,
        semi_axis_a_px: ellipse.semi_axis_a_px,
        semi_axis_b_px: ellipse.semi_axis_b_px,
        angle_rad: ellipse.angle_rad,
        predicted: false,
    }
}

/// The ellipse through an annotated ring; none if there is no usable ring.
pub fn oval_of_ring(annotation: &Path) -> Option<Oval> {
    let gray = decode_gray(annotation).ok()?;
    Ring::of(&gray).ellipse.ok().as_ref().map(oval)
}

/// What the screen should know anew after `name` has changed, and what came of it.
fn afterwards(ws: &Workspace, name: &str, told: Result<String>) -> Vec<Action> {
    vec![
        Action::DataListed(list(ws).map_err(|e| words(&e))),
        Action::DataRead(name.to_owned(), Box::new(details(ws, name, true).map_err(|e| words(&e)))),
        Action::Told(told.map_err(|e| words(&e))),
    ]
}

/// `~` is the home folder, as a shell would have it.
fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

pub fn add(ws: &Workspace, path: &str, name: &str, progress: &dyn Progress) -> Vec<Action> {
    let path = expand(path);
    // What the folder holds is plain from it; where it is not, the error is that of ultrasound images.
    let kind = if acdc::Hearts::find(&path).is_ok() { DatasetKind::Acdc } else { DatasetKind::Hc18 };
    match registry::add(ws, kind, &path, name, progress) {
        Ok(dataset) => {
            let told = format!("{name}: {} images added; u audits them", dataset.images);
            afterwards(ws, name, Ok(told))
        }
        Err(error) => vec![Action::Told(Err(words(&error)))],
    }
}

pub fn audit(ws: &Workspace, name: &str, progress: &dyn Progress) -> Vec<Action> {
    let told = registry::load(ws, name).and_then(|dataset| auditing::audit(ws, &dataset, progress)).map(|audit| {
        let summary = audit.summary();
        format!("{name}: {} images audited, {} errors, {} warnings", summary.images, summary.errors, summary.warnings)
    });
    afterwards(ws, name, told)
}

pub fn prepare(ws: &Workspace, name: &str, progress: &dyn Progress) -> Vec<Action> {
    let told = registry::load(ws, name).and_then(|dataset| {
        let (count, made, skipped, form) = match dataset.kind {
            DatasetKind::Hc18 => {
                let prepared = cache::prepare(ws, &dataset, &USUAL, progress)?;
                (format!("{} images", prepared.samples.len()), prepared.made, prepared.skipped.len(), "128x128")
            }
            DatasetKind::Acdc => {
                let prepared = acdc::prepare(ws, &dataset, &slice::USUAL, progress)?;
                (format!("{} hearts", prepared.samples.len()), prepared.made, prepared.skipped.len(), "224x224x9")
            }
        };
        let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
        let made = if made { "prepared" } else { "were ready" };
        Ok(format!("{name}: {count} {made} at {form}{skipped}"))
    });
    afterwards(ws, name, told)
}
