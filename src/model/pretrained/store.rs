//! The workspace's `weights/`: one safetensors file a name, which says of itself what it is.

use super::known::KNOWN;
use super::variant;
use crate::error::{Error, IoContext, Result};
use crate::nn::{Array, weights};
use crate::text;
use crate::workspace::Workspace;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Metadata keys: the sha256 of the file that was imported, and where it came from.
pub const SHA256: &str = "source_sha256";
pub const URL: &str = "source_url";

/// Weights in the workspace; whatever the file does not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    pub name: String,
    pub file: PathBuf,
    pub tensors: usize,
    pub bytes: u64,
    pub architecture: Option<String>,
    /// Of a ResNet: `v1` or `v1.5`.
    pub variant: Option<String>,
    /// What they were trained on.
    pub training: Option<String>,
    pub licence: Option<String>,
    pub source: Option<String>,
    /// Of the file that was fetched or imported.
    pub sha256: Option<String>,
    /// Why the file cannot be used.
    pub fault: Option<String>,
}

/// `weights/<name>.safetensors`.
pub fn path(ws: &Workspace, name: &str) -> PathBuf {
    ws.weights().join(format!("{name}.safetensors"))
}

/// Everything in `weights/`, by name; a file that cannot be read is listed with its fault.
pub fn list(ws: &Workspace) -> Result<Vec<Stored>> {
    let folder = ws.weights();
    let entries = match std::fs::read_dir(&folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing("list the weights", &folder)?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let file = entry.doing("list the weights", &folder)?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".safetensors").filter(|name| !name.starts_with('.')) {
            all.push(look(text::line(name).into_owned(), file));
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// Tensors and metadata of the weights called `name`; fails with the command that brings them where they are not there.
pub fn open(ws: &Workspace, name: &str) -> Result<(BTreeMap<String, Array>, BTreeMap<String, String>)> {
    check_name(name)?;
    let path = path(ws, name);
    if path.exists() {
        return weights::load(&path);
    }
    let here: Vec<_> = list(ws)?.into_iter().map(|s| s.name).collect();
    let cure = match (KNOWN.iter().any(|k| k.name == name), text::nearest(name, here.iter().map(String::as_str))) {
        (true, _) => format!("fetch them: hcwb weights fetch {name}"),
        (false, Some(nearest)) => format!("did you mean {nearest}? hcwb weights list shows all"),
        (false, None) => "hcwb weights list shows what is there and what can be fetched".into(),
    };
    Err(Error::usage(format!("there are no weights called {name} in the workspace")).at(path).cure(cure))
}

fn look(name: String, file: PathBuf) -> Stored {
    let bytes = std::fs::metadata(&file).map_or(0, |m| m.len());
    let (header, fault) = match weights::header(&file) {
        Ok(header) => (Some(header), None),
        Err(e) => (None, Some(text::line(&e.what).into_owned())),
    };
    let says = |keys: &[&str]| {
        let metadata = &header.as_ref()?.metadata;
        keys.iter().find_map(|key| metadata.get(*key)).map(|v| text::line(v).into_owned())
    };
    Stored {
        tensors: header.as_ref().map_or(0, |h| h.tensors.len()),
        bytes,
        architecture: says(&["architecture"]),
        variant: says(&["variant"]).map(|v| variant::word(&v).map_or(v.clone(), str::to_owned)),
        training: says(&["training"]),
        licence: says(&["licence", "license"]),
        source: says(&[URL, "source", "source_file"]),
        sha256: says(&[SHA256]),
        fault,
        name,
        file,
    }
}

/// Checks a name for weights: it becomes a file's name.
pub fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with(['.', '-']) || !name.chars().all(allowed) {
        return Err(Error::usage(format!("\"{}\" cannot be a name for weights", text::line(name))).cure(
            "give --name with at most 64 letters, digits, '-', '_' and '.', beginning with a letter or a digit",
        ));
    }
    Ok(())
}

pub(super) fn taken(name: &str, path: &Path) -> Error {
    Error::usage(format!("other weights are called {name} already"))
        .at(path)
        .cure("import under another --name, or delete that file first")
}
