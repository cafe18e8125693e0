//! `hcwb predict`: images through a trained network, to masks, ellipses and circumferences; or hearts to volumes.

mod hearts;
mod images;
mod overlay;
mod results;
mod row;

pub use images::find as find_images;
pub use overlay::png;
pub use results::names;

use super::output;
use super::pixel_sizes::PixelSizes;
use super::trained::{How, Which};
use crate::clinic::{NOTICE, days_words};
use crate::dataset::aside;
use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use crate::text;
use crate::train::predictor::Found;
use crate::workspace::Workspace;
use clap::Args;
use image::ExtendedColorType;
use results::Results;
use row::Row;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Circumferences of heads in images, or volumes of hearts in patients' folders, by a trained network.
#[derive(Args)]
pub struct Predict {
    #[command(flatten)]
    which: Which,
    /// PNG files of any size, folders of them, or a data set by its name; of hearts patients' folders
    #[arg(value_name = "PATH", required_unless_present = "data")]
    paths: Vec<String>,
    /// A data set, as `hcwb data list` has it; may repeat
    #[arg(long, value_name = "NAME")]
    data: Vec<String>,
    /// The test part of data sets and of folders in HC18's layout
    #[arg(long)]
    test: bool,
    /// One pixel's side in mm [default: from the table beside the images]
    #[arg(long, value_name = "MM", value_parser = positive, conflicts_with = "pixel_sizes")]
    pixel_size: Option<f64>,
    /// A table with the pixel sizes, as HC18 has it
    #[arg(long, value_name = "CSV")]
    pixel_sizes: Option<PathBuf>,
    /// SD of the network's errors in mm, for the ages' [default: the run's own]
    #[arg(long, value_name = "MM", value_parser = positive)]
    sd_mm: Option<f64>,
    /// A new folder for predictions.csv, masks/ and overlays/
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A folder for the overlays alone
    #[arg(long, value_name = "DIR")]
    overlay: Option<PathBuf>,
    /// Write the table alone
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Replace former results
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    how: How,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

pub fn positive(word: &str) -> Result<f64, String> {
    let value = word.parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    value.ok_or_else(|| format!("\"{}\" is not a positive number of mm", text::line(word)))
}

/// Predicts every image; those that cannot be read are named, skipped, and an error at the end.
pub fn run(args: &Predict, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    if args.which.is_for_hearts(ws)? {
        return hearts::run(args, ws, progress);
    }
    let files = images::find(&args.paths, &args.data, args.test, ws)?;
    let sizes = PixelSizes::of(&files, args.pixel_size, args.pixel_sizes.as_deref())?;
    sizes.remarks().iter().for_each(|remark| eprintln!("hcwb: {}", text::line(remark)));
    let names = match args.out.is_some() || args.overlay.is_some() {
        true => results::names(&files)?,
        false => Vec::new(),
    };
    let (rows, errors) = args.how.on_threads(|| {
        let mut trained = args.which.open(ws, &args.how)?;
        let segments = trained.predictor.about().segments();
        if !segments && args.overlay.is_some() {
            return Err(Error::usage(format!("{} gives circumferences alone, no masks", text::line(&trained.name)))
                .cure("leave --overlay out, or name a segmentation's run"));
        }
        let results = args.out.as_deref().map(|folder| Results::begin(folder, args.force)).transpose()?;
        let overlays = args.overlay.as_deref().map(|folder| Overlays::begin(folder, &names, args.force)).transpose()?;
        let hc_sd_mm = args.sd_mm.or(trained.predictor.hc_error_sd_mm());
        let rows = Mutex::new(vec![None; files.len()]);
        let errors = Mutex::new(Vec::new());
        trained.each(&files, &args.how, progress, |i, seen| {
            let file = &files[i];
            let row = match seen {
                Err(error) => {
                    let row = Row::unreadable(file, error.what.clone());
                    lock(&errors).push((i, error));
                    row
                }
                Ok((image, found)) => {
                    let mut row = Row::of(file, found, sizes.of_file(file), hc_sd_mm);
                    if let Found::Head(head) = found {
                        if let Some(results) = &results {
                            let (mask, overlay) = results.head(&names[i], image, head)?;
                            (row.mask, row.overlay) = (Some(mask), Some(overlay));
                        }
                        overlays.iter().try_for_each(|o| o.write(&names[i], image, head))?;
                    }
                    row
                }
            };
            lock(&rows)[i] = Some(row);
            Ok(())
        })?;
        // Every file was handed on once.
        let rows: Vec<Row> = rows.into_inner().unwrap_or_else(|e| e.into_inner()).into_iter().flatten().collect();
        results.map_or(Ok(()), |results| results.finish(&rows))?;
        let mut errors = errors.into_inner().unwrap_or_else(|e| e.into_inner());
        errors.sort_by_key(|(i, _)| *i);
        Ok((rows, errors))
    })?;
    if let Some(path) = &args.csv {
        write_csv(path, &results::csv(&rows)?, args.force)?;
    }
    match args.json {
        true => output::json(&rows)?,
        false => output::print(&shown(&rows))?,
    }
    for (_, error) in &errors {
        eprintln!("hcwb: skipped: {}", text::line(&error.chain()));
    }
    let (failed, all) = (errors.len(), rows.len());
    match errors.into_iter().next() {
        None => Ok(()),
        Some((_, error)) if all == 1 => Err(error),
        Some((_, error)) => {
            Err(Error::new(format!("{failed} of {all} images could not be read; the others were predicted"))
                .cure(error.cure.unwrap_or_else(|| "see their reasons above".into())))
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn shown(rows: &[Row]) -> String {
    let number = |value: Option<f64>, digits: usize| value.map_or("–".into(), |v| format!("{v:.digits$}"));
    let age = |weeks: Option<f64>, sd: Option<f64>| match (weeks, sd) {
        (Some(weeks), Some(sd)) => format!("{} ± {sd:.1}", days_words(weeks)),
        (Some(weeks), None) => days_words(weeks),
        (None, _) => "–".into(),
    };
    let cells = rows.iter().map(|row| {
        vec![
            row.file.clone(),
            number(row.hc_px, 1),
            number(row.hc_mm, 1),
            number(row.truth_hc_mm, 1),
            age(row.ga_hadlock_weeks, row.ga_hadlock_sd_weeks),
            age(row.ga_intergrowth_weeks, row.ga_intergrowth_sd_weeks),
            row.reason.clone().or_else(|| row.note.clone()).unwrap_or_default(),
        ]
    });
    let header = ["file", ">HC px", ">HC mm", ">table mm", ">GA Hadlock", ">GA INTERGROWTH", "remark"];
    let mut text = output::table(&header, &cells.collect::<Vec<_>>());
    if rows.iter().any(|row| row.ga_notice.is_some()) {
        text += &format!("GA: gestational age in weeks and days, ± SD in weeks; {NOTICE}\n");
    }
    text
}

fn write_csv(path: &Path, content: &[u8], force: bool) -> Result<()> {
    if force {
        return aside::replace(path, content);
    }
    match aside::create(path, content)? {
        true => Ok(()),
        false => Err(exists(path)),
    }
}

fn exists(path: &Path) -> Error {
    Error::usage("there is a file of that name already").at(path).cure("name another, or replace it with --force")
}

/// Overlays in a folder that may hold other things.
struct Overlays {
    folder: PathBuf,
}

impl Overlays {
    fn begin(folder: &Path, names: &[String], force: bool) -> Result<Overlays> {
        std::fs::create_dir_all(folder).doing("make the folder of overlays", folder)?;
        let taken = names.iter().map(|name| folder.join(format!("{name}.png"))).find(|path| path.exists());
        match taken.filter(|_| !force) {
            Some(path) => Err(exists(&path)),
            None => Ok(Overlays { folder: folder.to_path_buf() }),
        }
    }

    fn write(&self, name: &str, image: &image::GrayImage, head: &crate::geometry::Head) -> Result<()> {
        let (width, height) = image.dimensions();
        let bytes = overlay::png(overlay::overlay(image, head).as_raw(), width, height, ExtendedColorType::Rgb8)?;
        aside::replace(&self.folder.join(format!("{name}.png")), &bytes)
    }
}
