//! `hcwb data audit`: what is wrong, file by file.

use super::{counted, images, remark_freshness, show};
use crate::cli::output;
use crate::dataset::acdc;
use crate::dataset::audit::{self, Audit, Finding, Severity};
use crate::dataset::{self, DatasetKind};
use crate::error::Result;
use crate::progress::Progress;
use crate::workspace::Workspace;
use std::path::Path;

pub fn run(name: &str, offered: Option<&Path>, json: bool, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let mut data = dataset::load(ws, name)?;
    let offers = match offered {
        Some(path) => {
            data.of_kind(DatasetKind::Acdc, "comparing offered volumes")?;
            acdc::read_offered(path)?
        }
        None => Vec::new(),
    };
    remark_freshness(&mut data, ws, progress)?;
    let audit = audit::audit_with(ws, &data, &offers, progress)?;
    show(json, &audit, || audit_text(name, &audit))
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
