//! Known weights brought from their hub, checked by what the hub says of them, and kept as ours.

use super::import::{Imported, Origin, import};
use super::known::Known;
use super::store;
use crate::error::Result;
use crate::fetch::{Download, Patience, Size, download, hub};
use crate::nn::weights;
use crate::progress::Progress;
use crate::workspace::Workspace;
use std::collections::BTreeMap;

/// More than any of the known files has, in bytes: the largest has 553 MB.
const MOST: u64 = 2 << 30;

/// What was kept; nothing where weights from that address were there already. And whether a checksum was known.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub imported: Option<Imported>,
    pub checked: bool,
}

/// Fetches `known` from `hub` (an address such as [`super::known::HUB`]) into the workspace.
///
/// A download that was cut stays in `weights/downloads` and goes on the next time.
pub fn fetch(
    ws: &Workspace,
    known: &Known,
    hub: &str,
    patience: &Patience,
    progress: &dyn Progress,
) -> Result<Fetched> {
    let (url, path) = (known.url(hub), store::path(ws, known.name));
    if path.exists() {
        return match weights::header(&path)?.metadata.get(store::URL) {
            Some(there) if *there == url => Ok(Fetched { imported: None, checked: true }),
            _ => Err(store::taken(known.name, &path)),
        };
    }
    let about = hub::ask(&url, patience)?;
    let downloads = ws.weights().join("downloads");
    ws.make(&downloads)?;
    let file = downloads.join(format!("{}.safetensors", known.name));
    let size = about.size.map_or(Size::AtMost(MOST), Size::Exactly);
    let checked = about.sha256.is_some();
    if !checked {
        // Without a checksum nothing says that a file from last time is this one.
        drop(std::fs::remove_file(&file));
    }
    download(&Download { url: &url, path: &file, size, checksum: about.sha256 }, patience, progress)?;
    let told = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let metadata = BTreeMap::from([
        told(store::URL, &url),
        told("source_file", &format!("{}/model.safetensors", known.repository)),
        told("training", known.training),
        told("licence", known.licence),
    ]);
    let origin = Origin { variant: known.variant().map(str::to_owned), metadata };
    let imported = import(ws, &file, known.name, &origin, progress)?;
    drop(std::fs::remove_file(&file));
    // Goes only where nothing else is in it.
    drop(std::fs::remove_dir(&downloads));
    Ok(Fetched { imported: Some(imported), checked })
}
