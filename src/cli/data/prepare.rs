//! `hcwb data prepare`: every image decoded and resized once, every heart brought into its form, into the cache.

use super::{images, parse_size, remark, show};
use crate::dataset::acdc::{self, Form, PreparedHearts};
use crate::dataset::{self, Dataset, DatasetKind, Preparation, Prepared, cache};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fmt::Write as _;

/// What to prepare, and how.
#[derive(Args, Clone, Debug)]
pub struct Prepare {
    name: String,
    /// Width and height in px (hc18: 128x128 unless said; acdc: 224x224)
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    size: Option<Preparation>,
    /// How hearts are laid out (acdc, volume unless said)
    #[arg(long)]
    form: Option<FormWord>,
    /// Slices of a volume (acdc, 9 unless said)
    #[arg(long, value_name = "N")]
    slices: Option<usize>,
    /// In-plane spacing of slices (acdc, 1.5 unless said)
    #[arg(long, value_name = "MM")]
    spacing_mm: Option<f64>,
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormWord {
    /// Cropped to the hearts, so many slices: for volumes
    Volume,
    /// Every slice at one spacing: for segmentation
    Slices,
}

pub fn run(args: &Prepare, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let data = dataset::load(ws, &args.name)?;
    match data.kind {
        DatasetKind::Hc18 => {
            if args.form.is_some() || args.slices.is_some() || args.spacing_mm.is_some() {
                return Err(Error::usage(format!("{} is of kind hc18: its images have a size alone", args.name))
                    .cure("leave --form, --slices and --spacing-mm away"));
            }
            let size = args.size.unwrap_or(Preparation { width: 128, height: 128 });
            let prepared = prepare(ws, &data, &size, progress)?;
            let report = PrepareReport::of(ws, &args.name, &size, &prepared)?;
            show(args.json, &report, || prepare_text(&report))
        }
        DatasetKind::Acdc => {
            let form = args.form()?;
            let hearts = acdc::prepare(ws, &data, &form, progress)?;
            hearts.notes.iter().for_each(|note| remark(note));
            let report = HeartsReport::of(ws, &args.name, &hearts)?;
            show(args.json, &report, || hearts_text(&report))
        }
    }
}

impl Prepare {
    fn form(&self) -> Result<Form> {
        let Preparation { width, height } = self.size.unwrap_or(Preparation { width: 224, height: 224 });
        match self.form.unwrap_or(FormWord::Volume) {
            FormWord::Volume if self.spacing_mm.is_some() => {
                Err(Error::usage("a volume has no spacing: it is cropped and resized").cure("add --form slices"))
            }
            FormWord::Slices if self.slices.is_some() => {
                Err(Error::usage("the form slices keeps every slice").cure("leave --slices away, or use --form volume"))
            }
            FormWord::Volume => Ok(Form::Volume { slices: self.slices.unwrap_or(9), height, width }),
            FormWord::Slices => Ok(Form::Slices { spacing_mm: self.spacing_mm.unwrap_or(1.5), height, width }),
        }
    }
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

/// As [`PrepareReport`], of hearts: an image is one phase of a patient.
#[derive(Serialize)]
struct HeartsReport {
    dataset: String,
    form: String,
    width: usize,
    height: usize,
    images: usize,
    crop: Option<acdc::crop::Crop>,
    skipped: Vec<dataset::Skipped>,
    made: bool,
    path: String,
}

impl HeartsReport {
    fn of(ws: &Workspace, name: &str, hearts: &PreparedHearts) -> Result<HeartsReport> {
        let [height, width] = hearts.form.size();
        Ok(HeartsReport {
            dataset: name.to_owned(),
            form: hearts.form.word(),
            width,
            height,
            images: hearts.samples.len(),
            crop: hearts.crop.clone(),
            skipped: hearts.skipped.clone(),
            made: hearts.made,
            path: acdc::prepare::folder(ws, &dataset::load(ws, name)?, &hearts.form).to_string_lossy().into_owned(),
        })
    }
}

fn hearts_text(report: &HeartsReport) -> String {
    let how = if report.made { "prepared" } else { "were prepared already" };
    let mut out = format!("{}: {} hearts as {} {how}\n", report.dataset, report.images, report.form);
    if let Some(crop) = &report.crop {
        let (width, height, left, top) = (crop.width_px, crop.height_px, crop.left_px, crop.top_px);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "cropped to {width}x{height} px from ({left}, {top}), which holds every heart");
        for patient in &crop.left_out {
            let _ = writeln!(out, "but for {patient}, whose heart lies beyond the other images: cropped about it");
        }
    }
    for skipped in &report.skipped {
        let _ = writeln!(out, "skipped {}: {}", skipped.file, text::line(&skipped.reason));
    }
    out
}
