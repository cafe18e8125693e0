//! `hcwb data prepare`: every image decoded and resized once, into the cache.

use super::{images, remark, show};
use crate::dataset::{self, Dataset, Preparation, Prepared, cache};
use crate::error::Result;
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use serde::Serialize;
use std::fmt::Write as _;

pub fn run(name: &str, size: &Preparation, json: bool, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let data = dataset::load(ws, name)?;
    let prepared = prepare(ws, &data, size, progress)?;
    let report = PrepareReport::of(ws, name, size, &prepared)?;
    show(json, &report, || prepare_text(&report))
}

pub(super) fn prepare(ws: &Workspace, data: &Dataset, size: &Preparation, progress: &dyn Progress) -> Result<Prepared> {
    let prepared = dataset::prepare(ws, data, size, progress)?;
    prepared.notes.iter().for_each(|note| remark(note));
    if !prepared.skipped.is_empty() {
        remark(&format!("{} could not be used; see hcwb data audit {}", images(prepared.skipped.len()), data.name));
    }
    Ok(prepared)
}

#[derive(Serialize)]
struct PrepareReport {
    dataset: String,
    width: usize,
    height: usize,
    images: usize,
    skipped: Vec<dataset::Skipped>,
    /// Whether raw images were read, or the cache was there.
    made: bool,
    path: String,
}

impl PrepareReport {
    fn of(ws: &Workspace, name: &str, size: &Preparation, prepared: &Prepared) -> Result<PrepareReport> {
        Ok(PrepareReport {
            dataset: name.to_owned(),
            width: size.width,
            height: size.height,
            images: prepared.samples.len(),
            skipped: prepared.skipped.clone(),
            made: prepared.made,
            path: cache::folder(ws, &dataset::load(ws, name)?, size).to_string_lossy().into_owned(),
        })
    }
}

fn prepare_text(report: &PrepareReport) -> String {
    let PrepareReport { dataset, width, height, made, .. } = report;
    let how = if *made { "prepared" } else { "was prepared already" };
    let mut out = format!("{dataset}: {} at {width}x{height} px {how}\n", images(report.images));
    for skipped in &report.skipped {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "skipped {}: {}", skipped.file, text::line(&skipped.reason));
    }
    out
}
