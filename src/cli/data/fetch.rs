//! `hcwb data fetch`: the published data sets brought here.

use super::{remark, show};
use crate::dataset::fetch::{self, Published};
use crate::error::Result;
use crate::fetch::{Outcome, Patience};
use crate::progress::Progress;
use crate::text;
use std::fmt::Write as _;
use std::path::Path;

pub fn run(data: &Published, dir: &Path, mirror: Option<&str>, progress: &dyn Progress, json: bool) -> Result<()> {
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
