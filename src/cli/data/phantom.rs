//! `hcwb data phantom`: made-up data with known truth.

use super::{images, show};
use crate::dataset::DatasetKind;
use crate::dataset::phantom::{self, heart};
use crate::error::Result;
use crate::progress::Progress;
use crate::text;
use std::path::Path;

pub fn run(
    kind: DatasetKind,
    dir: &Path,
    count: Option<u64>,
    seed: u64,
    json: bool,
    progress: &dyn Progress,
) -> Result<()> {
    let (count, drew) = match kind {
        DatasetKind::Hc18 => {
            let count = count.unwrap_or(120);
            phantom::write(dir, count, seed, progress)?;
            (count, images(count as usize))
        }
        DatasetKind::Acdc => {
            let count = count.unwrap_or(20);
            heart::write(dir, count, seed, progress)?;
            (count, format!("{count} patient{}", if count == 1 { "" } else { "s" }))
        }
    };
    let report = serde_json::json!({ "path": dir, "count": count, "seed": seed });
    show(json, &report, || {
        let dir = dir.to_string_lossy();
        let dir = text::line(&dir);
        format!("drew {drew} into {dir}\nnext: hcwb data add {} {dir} --name NAME\n", kind.word())
    })
}
