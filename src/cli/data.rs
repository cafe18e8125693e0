//! `hcwb data`: fetch, add, list, show, audit, prepare, stats, phantom, remove.

use super::output;
use crate::dataset::audit::{Audit, Finding, Severity};
use crate::dataset::fetch::{self, Published};
use crate::dataset::hc18::Folder;
use crate::dataset::stats::{Group, Range, Stats};
use crate::dataset::{self, Dataset, DatasetKind, Preparation, Prepared, cache, phantom, registry, stats};
use crate::error::{Error, Result};
use crate::fetch::{Outcome, Patience};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use clap::Subcommand;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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
        /// The folder with training_set/ and its table
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
        #[arg(long)]
        json: bool,
    },
    /// Decode and resize every image once, into the cache
    Prepare {
        name: String,
        /// Width and height in px
        #[arg(long, default_value = "128x128", value_name = "WxH", value_parser = parse_size)]
        size: Preparation,
        #[arg(long)]
        json: bool,
    },
    /// Show counts, image sizes, circumferences and pixel sizes
    Stats {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Draw phantoms with known truth, in the layout of the published data
    Phantom {
        #[arg(value_parser = parse_kind)]
        kind: DatasetKind,
        /// A new or empty folder
        dir: PathBuf,
        /// How many images
        #[arg(long, default_value_t = 120)]
        count: u64,
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
    fetch::published(word).map_err(sentence)
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
        DataCommand::Fetch { data, dir, base_url, json } => fetch(&data, &dir, base_url.as_deref(), progress, json),
        DataCommand::Add { kind, dir, name, json } => {
            let data = dataset::add(ws, kind, &dir, &name, progress)?;
            for part in &Folder::find(&data.path)?.parts {
                // Taken all the same: the audit judges. But a whole table that cannot be used is said at once.
                if let Err(e) = part.read()?.table.legible() {
                    remark(&e.to_string());
                }
            }
            let next = format!("added {}: {}\nnext: hcwb data audit {}\n", data.name, images(data.images), data.name);
            show(json, &Shown::of(ws, &data), || next)
        }
        DataCommand::List { json } => {
            let all: Vec<Shown> = dataset::list(ws)?.iter().map(|data| Shown::of(ws, data)).collect();
            show(json, &all, || list_text(&all))
        }
        DataCommand::Show { name, json } => {
            let mut data = dataset::load(ws, &name)?;
            remark_freshness(&mut data, ws, progress)?;
            let shown = Shown::of(ws, &data);
            show(json, &shown, || show_text(&shown))
        }
        DataCommand::Audit { name, json } => {
            let mut data = dataset::load(ws, &name)?;
            remark_freshness(&mut data, ws, progress)?;
            let audit = dataset::audit(ws, &data, progress)?;
            show(json, &audit, || audit_text(&name, &audit))
        }
        DataCommand::Prepare { name, size, json } => {
            let data = dataset::load(ws, &name)?;
            let prepared = prepare(ws, &data, &size, progress)?;
            let report = PrepareReport::of(ws, &name, &size, &prepared)?;
            show(json, &report, || prepare_text(&report))
        }
        DataCommand::Stats { name, json } => {
            let data = dataset::load(ws, &name)?;
            // Figures need the rings read once, which preparation does and keeps.
            let prepared = prepare(ws, &data, &Preparation { width: 128, height: 128 }, progress)?;
            let stats = stats::stats(&prepared.samples)
                .ok_or_else(|| Error::new("there is no image to count").at(&data.path))?;
            show(json, &stats, || stats_text(&name, &stats))
        }
        DataCommand::Phantom { kind: DatasetKind::Hc18, dir, count, seed, json } => {
            phantom::write(&dir, count, seed, progress)?;
            let report = serde_json::json!({ "path": dir, "count": count, "seed": seed });
            show(json, &report, || {
                let dir = dir.to_string_lossy();
                let dir = text::line(&dir);
                format!("drew {} into {dir}\nnext: hcwb data add hc18 {dir} --name NAME\n", images(count as usize))
            })
        }
        DataCommand::Remove { name, json } => {
            registry::remove(ws, &name)?;
            let report = serde_json::json!({ "removed": name });
            show(json, &report, || format!("removed {name} and its cache; the raw data were not touched\n"))
        }
    }
}

fn fetch(data: &Published, dir: &Path, mirror: Option<&str>, progress: &dyn Progress, json: bool) -> Result<()> {
    let unchecked: Vec<_> = data.files.iter().filter(|f| f.md5.is_none()).map(|f| f.name).collect();
    if !unchecked.is_empty() {
        remark(&format!("no checksum was published for {}; only the archive's own are compared", unchecked.join(", ")));
    }
    let files = fetch::fetch(data, dir, mirror, &Patience::default(), progress)?;
    let root = fetch::root(data, dir);
    let next = format!("hcwb data add {} {} --name {}", data.word, text::line(&root.to_string_lossy()), data.word);
    let rows = files.iter().map(|f| {
        let outcome = if f.outcome == Outcome::Fetched { "fetched" } else { "there already" };
        let unpacked = f.unpacked.map(|u| serde_json::json!({ "new": u.new, "same": u.same }));
        serde_json::json!({ "name": f.name, "outcome": outcome, "unpacked": unpacked })
    });
    let report = serde_json::json!({
        "path": root, "files": rows.collect::<Vec<_>>(), "licence": data.licence, "citation": data.citation, "next": next,
    });
    show(json, &report, || {
        let mut out = String::new();
        for f in &files {
            let outcome = if f.outcome == Outcome::Fetched { "fetched" } else { "was there already" };
            let unpacked = f.unpacked.map(|u| format!("; {} files unpacked, {} there already", u.new, u.same));
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{} {outcome}{}", f.name, unpacked.unwrap_or_default());
        }
        let _ = write!(out, "licence: {}\ncite: {}\nnext: {next}\n", data.licence, data.citation);
        out
    })
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

fn prepare(ws: &Workspace, data: &Dataset, size: &Preparation, progress: &dyn Progress) -> Result<Prepared> {
    let prepared = dataset::prepare(ws, data, size, progress)?;
    prepared.notes.iter().for_each(|note| remark(note));
    if !prepared.skipped.is_empty() {
        remark(&format!("{} could not be used; see hcwb data audit {}", images(prepared.skipped.len()), data.name));
    }
    Ok(prepared)
}

/// A data set as listed and shown.
#[derive(Serialize)]
struct Shown {
    name: String,
    kind: &'static str,
    path: String,
    images: usize,
    fingerprint: String,
    added: String,
    audit: Option<registry::AuditSummary>,
    /// Sizes for which a cache lies ready.
    prepared: Vec<String>,
}

impl Shown {
    fn of(ws: &Workspace, data: &Dataset) -> Shown {
        Shown {
            name: data.name.clone(),
            kind: data.kind.word(),
            path: text::line(&data.path.to_string_lossy()).into_owned(),
            images: data.images,
            fingerprint: data.fingerprint.clone(),
            added: data.added.to_string(),
            audit: data.audit,
            prepared: cache::prepared_sizes(ws, data),
        }
    }

    fn verdict(&self) -> String {
        match self.audit {
            None => "not audited".into(),
            Some(audit) if audit.errors + audit.warnings == 0 => "clean".into(),
            Some(audit) => counted(audit.errors, audit.warnings),
        }
    }
}

fn counted(errors: usize, warnings: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
}

fn images(n: usize) -> String {
    format!("{n} image{}", if n == 1 { "" } else { "s" })
}

fn list_text(all: &[Shown]) -> String {
    if all.is_empty() {
        return "no data sets yet; add one: hcwb data add hc18 DIR --name NAME\n".into();
    }
    let row = |d: &Shown| {
        vec![d.name.clone(), d.kind.into(), d.images.to_string(), d.verdict(), d.prepared.join(" "), d.path.clone()]
    };
    output::table(&["name", "kind", ">images", "audit", "prepared", "path"], &all.iter().map(row).collect::<Vec<_>>())
}

fn show_text(d: &Shown) -> String {
    let prepared = if d.prepared.is_empty() { "not yet".into() } else { d.prepared.join(", ") };
    format!(
        "name         {}\nkind         {}\npath         {}\nimages       {}\naudit        {}\nprepared     {prepared}\n\
         added        {}\nfingerprint  {}\n",
        d.name,
        d.kind,
        d.path,
        d.images,
        d.verdict(),
        d.added,
        d.fingerprint
    )
}

fn audit_text(name: &str, audit: &Audit) -> String {
    let summary = audit.summary();
    let mut out = format!("{name}: {}, {}\n", images(audit.images), counted(summary.errors, summary.warnings));
    if audit.findings.is_empty() {
        return out;
    }
    out.push('\n');
    let row = |f: &Finding| {
        let severity = if f.severity == Severity::Error { "error" } else { "warning" };
        vec![severity.into(), f.kind.word().into(), f.file.clone(), f.detail.clone()]
    };
    let rows: Vec<_> = audit.findings.iter().map(row).collect();
    out.push_str(&output::table(&["severity", "kind", "file", "detail"], &rows));
    out.push('\n');
    let counts: Vec<_> = audit.counts().into_iter().map(|(kind, n)| vec![kind.word().into(), n.to_string()]).collect();
    out.push_str(&output::table(&["kind", ">count"], &counts));
    out
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

fn stats_text(name: &str, stats: &Stats) -> String {
    let mut out = format!("{name}: {} of {} examinations\n", images(stats.all.images), stats.all.exams);
    let sizes: Vec<String> =
        stats.sizes.iter().map(|s| format!("{}x{} ({})", s.width_px, s.height_px, s.images)).collect();
    let _ = writeln!(out, "sizes in px: {}", sizes.join(", "));
    if stats.without_ring > 0 {
        let _ = writeln!(out, "without a usable ring: {}", stats.without_ring);
    }
    out.push('\n');
    let row = |label: String, what: &str, range: Range, digits: usize| {
        let number = |v: f64| format!("{v:.digits$}");
        vec![label, what.into(), number(range.min), number(range.mean), number(range.median), number(range.max)]
    };
    let rows_of = |label: String, group: &Group| {
        [
            row(label, "HC px", group.hc_px, 1),
            row(format!("{} images", group.images), "HC mm", group.hc_mm, 2),
            row(String::new(), "pixel size mm", group.pixel_size_mm, 4),
        ]
    };
    let mut rows = Vec::from(rows_of("all".into(), &stats.all));
    for (trimester, group) in &stats.trimesters {
        rows.extend(rows_of(format!("trimester {trimester}"), group));
    }
    out.push_str(&output::table(&["group", "", ">min", ">mean", ">median", ">max"], &rows));
    if !stats.trimesters.is_empty() {
        out.push_str("\ntrimesters are inferred from the order of the published files\n");
    }
    out
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
        assert!(parse_kind("acdc").unwrap_err().contains("cannot be read yet"));
    }
}
