//! `hcwb data`: fetch, add, list, show, audit, prepare, stats, volumes, phantom, remove.

mod audit;
mod fetch;
mod list;
mod phantom;
mod prepare;
mod stats;
mod volumes;

use super::output;
use crate::dataset::fetch::Published;
use crate::dataset::{Dataset, DatasetKind, Preparation, registry};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use clap::Subcommand;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;

/// The verbs of `hcwb data`.
#[derive(Clone, Debug, Subcommand)]
pub enum DataCommand {
    /// Fetch a published data set: hc18 (176 MB, Zenodo 1327317) or acdc (2.3 GB)
    Fetch {
        /// hc18 or acdc
        #[arg(value_parser = parse_published)]
        data: Published,
        /// Where to put it; what is there already and right stays
        dir: PathBuf,
        /// A mirror that has the files under their published names
        #[arg(long, value_name = "ADDRESS")]
        base_url: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Register a folder of raw data under a name; the folder is never written to
    Add {
        /// What the folder holds
        #[arg(value_parser = parse_kind)]
        kind: DatasetKind,
        /// The folder with training_set/ and its table, or with training/ and its patients
        dir: PathBuf,
        /// What to call it
        #[arg(long)]
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// List the data sets
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show one data set
    Show {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Read every file and say what is wrong
    Audit {
        name: String,
        /// Volumes to compare with (acdc): a CSV with patient, volume_ml and, where wanted, phase and structure
        #[arg(long, value_name = "FILE")]
        offered: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Decode and resize every image once, into the cache
    Prepare(prepare::Prepare),
    /// Show counts and ranges: sizes, circumferences, pixel sizes; volumes by group
    Stats {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Count volumes in ml, ejection fractions and mass (acdc)
    Volumes(volumes::Volumes),
    /// Draw phantoms with known truth, in the layout of the published data
    Phantom {
        #[arg(value_parser = parse_kind)]
        kind: DatasetKind,
        /// A new or empty folder
        dir: PathBuf,
        /// How many images (hc18, 120 unless said) or patients (acdc, 20)
        #[arg(long)]
        count: Option<u64>,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long)]
        json: bool,
    },
    /// Forget a data set and its cache; the raw data stay
    Remove {
        name: String,
        #[arg(long)]
        json: bool,
    },
}

fn parse_kind(word: &str) -> Result<DatasetKind, String> {
    word.parse().map_err(sentence)
}

fn parse_published(word: &str) -> Result<Published, String> {
    crate::dataset::fetch::published(word).map_err(sentence)
}

fn parse_size(text: &str) -> Result<Preparation, String> {
    let (width, height) = text.split_once(['x', 'X', '×']).ok_or("write width x height, for instance 128x128")?;
    let side = |s: &str| s.trim().parse().map_err(|_| format!("\"{}\" is not a number of px", text::line(s)));
    let size = Preparation { width: side(width)?, height: side(height)? };
    size.check().map_err(sentence)?;
    Ok(size)
}

fn sentence(error: Error) -> String {
    match &error.cure {
        Some(cure) => format!("{}; {cure}", error.what),
        None => error.what.clone(),
    }
}

/// Does what `command` says; results go to standard output, remarks to standard error.
pub fn run(command: DataCommand, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    match command {
        DataCommand::Fetch { data, dir, base_url, json } => {
            fetch::run(&data, &dir, base_url.as_deref(), progress, json)
        }
        DataCommand::Add { kind, dir, name, json } => list::add(kind, &dir, &name, json, ws, progress),
        DataCommand::List { json } => list::list(json, ws),
        DataCommand::Show { name, json } => list::show_one(&name, json, ws, progress),
        DataCommand::Audit { name, offered, json } => audit::run(&name, offered.as_deref(), json, ws, progress),
        DataCommand::Prepare(args) => prepare::run(&args, ws, progress),
        DataCommand::Stats { name, json } => stats::run(&name, json, ws, progress),
        DataCommand::Volumes(args) => volumes::run(&args, ws, progress),
        DataCommand::Phantom { kind, dir, count, seed, json } => phantom::run(kind, &dir, count, seed, json, progress),
        DataCommand::Remove { name, json } => list::remove(&name, json, ws),
    }
}

/// Prints the JSON of `value`, or the text.
fn show<T: Serialize>(json: bool, value: &T, text: impl FnOnce() -> String) -> Result<()> {
    if json { output::json(value) } else { output::print(&text()) }
}

fn remark(note: &str) {
    // A closed standard error is no reason to fail.
    drop(writeln!(std::io::stderr(), "note: {}", text::line(note)));
}

fn remark_freshness(data: &mut Dataset, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    match data.refresh(ws, progress)? {
        registry::Freshness::Same => {}
        registry::Freshness::Changed => {
            remark(&format!("the files of {} changed since they were last read", data.name))
        }
        registry::Freshness::Gone => remark(&format!("the files of {} are not there any more", data.name)),
    }
    Ok(())
}

fn counted(errors: usize, warnings: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
}

fn images(n: usize) -> String {
    format!("{n} image{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_senseless_ones_refused() {
        assert_eq!(parse_size("128x96"), Ok(Preparation { width: 128, height: 96 }));
        for bad in ["128", "x", "128x", "0x0", "99999x128", "-1x5", "axb"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert!(parse_kind("brats").unwrap_err().contains("hc18, acdc"));
    }
}
