//! `hcwb data add`, `list`, `show` and `remove`: which data sets there are.

use super::{counted, images, remark, remark_freshness, show};
use crate::cli::output;
use crate::dataset::acdc;
use crate::dataset::raw::Raw;
use crate::dataset::{self, Dataset, DatasetKind, cache, registry};
use crate::error::Result;
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use serde::Serialize;
use std::path::Path;

pub fn add(
    kind: DatasetKind,
    dir: &Path,
    name: &str,
    json: bool,
    ws: &Workspace,
    progress: &dyn Progress,
) -> Result<()> {
    let data = dataset::add(ws, kind, dir, name, progress)?;
    // Damaged data are taken all the same: the audit judges. But what cannot be used at all is said at once.
    match Raw::find(kind, &data.path)? {
        Raw::Hc18(folder) => {
            for part in &folder.parts {
                if let Err(e) = part.read()?.table.legible() {
                    remark(&e.to_string());
                }
            }
        }
        Raw::Acdc(hearts) => {
            let without = hearts.patients.iter().filter(|patient| patient.info.is_err()).count();
            if without > 0 {
                remark(&format!("{without} of {} patients have no usable Info.cfg", hearts.patients.len()));
            }
        }
    }
    let next = format!("added {}: {}\nnext: hcwb data audit {}\n", data.name, images(data.images), data.name);
    show(json, &Shown::of(ws, &data), || next)
}

pub fn list(json: bool, ws: &Workspace) -> Result<()> {
    let all: Vec<Shown> = dataset::list(ws)?.iter().map(|data| Shown::of(ws, data)).collect();
    show(json, &all, || list_text(&all))
}

pub fn show_one(name: &str, json: bool, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let mut data = dataset::load(ws, name)?;
    remark_freshness(&mut data, ws, progress)?;
    let shown = Shown::of(ws, &data);
    show(json, &shown, || show_text(&shown))
}

pub fn remove(name: &str, json: bool, ws: &Workspace) -> Result<()> {
    registry::remove(ws, name)?;
    let report = serde_json::json!({ "removed": name });
    show(json, &report, || format!("removed {name} and its cache; the raw data were not touched\n"))
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
    /// Sizes or forms for which a cache lies ready.
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
            prepared: match data.kind {
                DatasetKind::Hc18 => cache::prepared_sizes(ws, data),
                DatasetKind::Acdc => acdc::prepare::prepared_forms(ws, data),
            },
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

fn list_text(all: &[Shown]) -> String {
    if all.is_empty() {
        return "no data sets yet; add one: hcwb data add hc18|acdc DIR --name NAME\n".into();
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
