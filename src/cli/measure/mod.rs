//! `hcwb measure`: the circumference of heads in ring annotations and masks.

mod file;
mod files;

use super::output;
use super::pixel_sizes::PixelSizes;
use crate::dataset::hc18::FILLED_RING_INSET_PX;
use crate::error::{Error, Result};
use crate::geometry::{Canny, Contour, Fit, HeadOptions};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use clap::{Args, ValueEnum};
use file::{DrawnAs, Measured};
use rayon::prelude::*;
use std::f64::consts::PI;
use std::path::PathBuf;

/// Ellipse and circumference of heads drawn as rings or filled.
#[derive(Args)]
pub struct Measure {
    /// PNG files, folders of them, or a data set by its name
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// One pixel's side in mm [default: from the table beside the images]
    #[arg(long, value_name = "MM", value_parser = positive, conflicts_with = "pixel_sizes")]
    pixel_size: Option<f64>,
    /// A table with the pixel sizes, as HC18 has it
    #[arg(long, value_name = "CSV")]
    pixel_sizes: Option<PathBuf>,
    /// What the files show
    #[arg(long, value_enum, default_value = "auto", value_name = "HOW")]
    drawn_as: DrawnAs,
    /// How the ellipse is fitted
    #[arg(long, value_enum, default_value = "robust")]
    method: Method,
    /// The papers' wording to the letter: half of the extents along x and y as the semi-axes
    #[arg(long, conflicts_with = "method")]
    literal: bool,
    /// Which points of a filled mask it is fitted to
    #[arg(long, value_enum, default_value = "between", value_name = "POINTS")]
    contour: Points,
    /// How far inside of a filled mask's outline the head's lies: 1.29 for masks made by filling HC18's rings
    #[arg(long, default_value_t = 0.0, value_name = "PX", value_parser = not_negative)]
    inset: f64,
    /// Write a table, one row a file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Method {
    /// Least squares of what lies along one ellipse
    Robust,
    /// Least squares of all points
    Direct,
}

#[derive(Clone, Copy, ValueEnum)]
enum Points {
    /// Between the pixels: without bias
    Between,
    /// The centres of border pixels: too far inside by 0.45 px
    Border,
    /// Canny's edges
    Canny,
}

fn positive(word: &str) -> Result<f64, String> {
    let value = word.parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    value.ok_or_else(|| format!("\"{}\" is not a positive number of mm", text::line(word)))
}

fn not_negative(word: &str) -> Result<f64, String> {
    let value = word.parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
    value.ok_or_else(|| format!("\"{}\" is not a number of px, 0 or more", text::line(word)))
}

impl Measure {
    fn options(&self) -> HeadOptions {
        HeadOptions {
            contour: match self.contour {
                Points::Between => Contour::Between,
                Points::Border => Contour::Border,
                Points::Canny => Contour::Canny(Canny::default()),
            },
            fit: match (self.literal, self.method) {
                (true, _) => Fit::HalfExtents,
                (false, Method::Robust) => Fit::Robust,
                (false, Method::Direct) => Fit::Direct,
            },
            inset_px: self.inset,
            ..HeadOptions::default()
        }
    }
}

/// Measures every file; those that cannot be read are named at the end, after the results of the others.
pub fn run(args: &Measure, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let files = files::find(&args.paths, ws)?;
    let sizes = PixelSizes::of(&files, args.pixel_size, args.pixel_sizes.as_deref())?;
    sizes.remarks().iter().for_each(|remark| eprintln!("hcwb: {}", text::line(remark)));
    let options = args.options();
    progress.begin("measuring", files.len() as u64);
    let outcomes: Vec<Result<Measured>> = files
        .par_iter()
        .map(|file| {
            let outcome = file::measure(file, args.drawn_as, &options).map(|m| m.in_mm(sizes.of_file(file)));
            progress.advance(1);
            outcome
        })
        .collect();
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for (file, outcome) in files.iter().zip(outcomes) {
        rows.push(outcome.unwrap_or_else(|error| {
            let row = Measured::none(file, error.chain());
            errors.push(error);
            row
        }));
    }
    if let Some(path) = &args.csv {
        write_csv(path, &rows)?;
    }
    let (summary, hint) = (summary(&rows), hint(&rows, args.inset));
    if args.json {
        output::json(&rows)?;
        summary.iter().for_each(|line| eprintln!("{line}"));
    } else {
        output::print(&shown(&rows))?;
        summary.iter().try_for_each(|line| output::print(&format!("{line}\n")))?;
    }
    hint.iter().for_each(|line| eprintln!("{line}"));
    let (failed, all) = (errors.len(), rows.len());
    match errors.into_iter().next() {
        None => Ok(()),
        Some(error) if all == 1 => Err(error),
        Some(error) => Err(Error::new(format!("{failed} of {all} files could not be measured, the first"))
            .cure(error.cure.clone().unwrap_or_else(|| "see their reasons above".into()))
            .because(error)),
    }
}

fn shown(rows: &[Measured]) -> String {
    let number = |value: Option<f64>, digits: usize| value.map_or("–".into(), |v| format!("{v:.digits$}"));
    let cells = rows.iter().map(|row| {
        vec![
            row.file.clone(),
            number(row.hc_px, 2),
            number(row.hc_mm, 2),
            number(row.truth_hc_mm, 2),
            row.difference_mm.map_or("–".into(), |v| format!("{v:+.3}")),
            row.reason.clone().or_else(|| row.note.clone()).unwrap_or_default(),
        ]
    });
    output::table(&["file", ">HC px", ">HC mm", ">table mm", ">difference", "remark"], &cells.collect::<Vec<_>>())
}

/// One line on how far measurements and tables lie apart, where there is a table.
fn summary(rows: &[Measured]) -> Option<String> {
    let with_truth = rows.iter().filter(|row| row.truth_hc_mm.is_some()).count();
    let apart: Vec<(f64, &str)> = rows.iter().filter_map(|r| Some((r.difference_mm?, r.file.as_str()))).collect();
    let (worst, file) = apart.iter().copied().max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))?;
    let n = apart.len() as f64;
    let mae = apart.iter().map(|(d, _)| d.abs()).sum::<f64>() / n;
    let mean = apart.iter().map(|(d, _)| d).sum::<f64>() / n;
    Some(format!(
        "{} of {with_truth} with a circumference in the table: MAE {mae:.4} mm, mean difference {mean:+.4} mm, greatest \
         {:.4} mm ({})",
        apart.len(),
        worst.abs(),
        text::line(file)
    ))
}

/// Filled masks that are all too large by about half of a ring were rings.
fn hint(rows: &[Measured], inset_px: f64) -> Option<String> {
    let filled = rows.iter().filter(|row| row.drawn_as == Some("filled"));
    let outside: Vec<f64> =
        filled.filter_map(|row| Some(row.difference_mm? / row.pixel_size_mm? / (2.0 * PI))).collect();
    let mean = outside.iter().sum::<f64>() / outside.len() as f64;
    (outside.len() >= 5 && inset_px == 0.0 && (mean - FILLED_RING_INSET_PX).abs() < 0.25).then(|| {
        format!(
            "on average these masks lie {mean:.2} px outside of the table's ellipses, as rings do that were filled to \
             their outer edge: --inset {FILLED_RING_INSET_PX} measures them to the middle of the ring"
        )
    })
}

fn write_csv(path: &PathBuf, rows: &[Measured]) -> Result<()> {
    let fail = |e: csv::Error| Error::new("cannot write the table").at(path).because(e);
    let mut writer = csv::Writer::from_path(path).map_err(fail)?;
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(fail)?;
    writer.flush().map_err(|e| Error::io("write the table", path, e))
}
