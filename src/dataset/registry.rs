//! The data sets of a workspace: `datasets/<name>.toml`, one file each.

use super::fingerprint::{fingerprint, stamp};
use super::hc18::{Folder, Part};
use super::raw::Raw;
use super::{aside, audit};
use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What kind of data a folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetKind {
    Hc18,
    Acdc,
}

impl DatasetKind {
    pub fn word(self) -> &'static str {
        match self {
            DatasetKind::Hc18 => "hc18",
            DatasetKind::Acdc => "acdc",
        }
    }
}

impl std::str::FromStr for DatasetKind {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "hc18" => Ok(DatasetKind::Hc18),
            "acdc" => Ok(DatasetKind::Acdc),
            other => Err(Error::usage(format!("there is no kind of data called \"{}\"", text::line(other)))
                .cure("the kinds are: hc18, acdc")),
        }
    }
}

/// How many images an audit read and how much it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditSummary {
    pub images: usize,
    pub errors: usize,
    pub warnings: usize,
}

/// A registered data set. Its raw data are never written to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    pub name: String,
    pub kind: DatasetKind,
    /// Where the raw data lie; absolute.
    pub path: PathBuf,
    /// Of names and contents; see [`super::fingerprint`].
    pub fingerprint: String,
    /// Of names, sizes and times: when it still fits, so does the fingerprint.
    pub stamp: String,
    pub images: usize,
    pub added: jiff::Timestamp,
    /// The last audit, if the data have not changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditSummary>,
}

/// Whether the raw data are still those that were registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    Same,
    /// Contents differ: the fingerprint was renewed and the audit forgotten.
    Changed,
    /// The folder cannot be read any more.
    Gone,
}

impl Dataset {
    fn file(ws: &Workspace, name: &str) -> PathBuf {
        ws.datasets().join(format!("{name}.toml"))
    }

    /// Refuses data of another kind than what is being done can be done with.
    pub fn of_kind(&self, kind: DatasetKind, doing: &str) -> Result<()> {
        if self.kind == kind {
            return Ok(());
        }
        let (name, is, wanted) = (&self.name, self.kind.word(), kind.word());
        Err(Error::usage(format!("{name} is of kind {is}; {doing} wants data of kind {wanted}"))
            .cure("hcwb data list shows the kinds"))
    }

    /// Where the image called `file` in a sample lies: for screens that show it.
    pub fn image_path(&self, file: &str) -> Result<PathBuf> {
        self.of_kind(DatasetKind::Hc18, "showing an ultrasound image")?;
        let folder = Folder::find(&self.path)?;
        // Samples come from the training part alone, and their names were listed there: no separators in them.
        let part = folder.part(Part::Training).filter(|_| !file.contains(['/', '\\']));
        part.map(|part| part.images.join(file))
            .ok_or_else(|| Error::new(format!("{} has no image called {}", self.name, text::line(file))).at(&self.path))
    }

    /// Writes this back over its file.
    pub(super) fn store(&self, ws: &Workspace) -> Result<()> {
        aside::replace(&Self::file(ws, &self.name), self.to_toml()?.as_bytes())
    }

    fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::new("cannot write the data set's description").because(e))
    }

    /// This as its raw data are now, and what a person should know of them: that they changed, or are gone.
    ///
    /// Fails where a folder that is there cannot be read.
    pub fn refreshed(&self, ws: &Workspace, progress: &dyn Progress) -> Result<(Dataset, Vec<String>)> {
        let mut now = self.clone();
        let note = match now.refresh(ws, progress)? {
            Freshness::Same => None,
            Freshness::Changed => Some(format!(
                "the files of {} changed since they were added or last read: prepared anew, the audit is due again",
                now.name
            )),
            Freshness::Gone => {
                Some(format!("the raw files of {} are not at {} any more", now.name, now.path.display()))
            }
        };
        Ok((now, note.into_iter().collect()))
    }

    /// Looks, cheaply unless something moved, whether the raw data changed since they were registered.
    pub fn refresh(&mut self, ws: &Workspace, progress: &dyn Progress) -> Result<Freshness> {
        let Ok(raw) = Raw::find(self.kind, &self.path) else { return Ok(Freshness::Gone) };
        let now = stamp(&raw)?;
        if now == self.stamp {
            return Ok(Freshness::Same);
        }
        let fingerprint = fingerprint(&raw, progress)?;
        let changed = fingerprint != self.fingerprint;
        if changed {
            self.fingerprint = fingerprint;
            self.images = raw.count_images()?;
            self.audit = None;
        }
        self.stamp = now;
        self.store(ws)?;
        Ok(if changed { Freshness::Changed } else { Freshness::Same })
    }
}

/// Checks a data set's name: it becomes a file's name.
pub fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with(['.', '-']) || !name.chars().all(allowed) {
        return Err(Error::usage(format!("\"{}\" cannot be a data set's name", text::line(name)))
            .cure("use at most 64 letters, digits, '-', '_' and '.', beginning with a letter or a digit"));
    }
    Ok(())
}

/// Registers the folder `dir` as `name`. Damaged data are taken too: the audit judges them.
pub fn add(ws: &Workspace, kind: DatasetKind, dir: &Path, name: &str, progress: &dyn Progress) -> Result<Dataset> {
    check_name(name)?;
    let file = Dataset::file(ws, name);
    let exists = || {
        Error::usage(format!("a data set called {name} exists already"))
            .at(&file)
            .cure("choose another --name; nothing was changed")
    };
    if file.symlink_metadata().is_ok() {
        return Err(exists());
    }
    // Found as named first, so that the message about a missing folder names what was typed.
    Raw::find(kind, dir)?;
    let path = std::fs::canonicalize(dir).doing("open the data folder", dir)?;
    if path.to_str().is_none() {
        return Err(Error::new("the folder's path is not valid UTF-8").at(dir).cure("rename the folder"));
    }
    ws.make(&ws.datasets())?;
    let raw = Raw::find(kind, &path)?;
    let dataset = Dataset {
        name: name.to_owned(),
        kind,
        fingerprint: fingerprint(&raw, progress)?,
        stamp: stamp(&raw)?,
        images: raw.count_images()?,
        path,
        added: jiff::Timestamp::now(),
        audit: None,
    };
    if !aside::create(&file, dataset.to_toml()?.as_bytes())? {
        return Err(exists());
    }
    Ok(dataset)
}

/// The data set called `name`; an unknown name suggests the nearest one.
pub fn load(ws: &Workspace, name: &str) -> Result<Dataset> {
    check_name(name)?;
    let file = Dataset::file(ws, name);
    match std::fs::read_to_string(&file) {
        Ok(text) => parse(&file, &text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(unknown(ws, name)),
        Err(e) => Err(Error::io("read the data set's description", &file, e)),
    }
}

fn unknown(ws: &Workspace, name: &str) -> Error {
    let names = names(ws).unwrap_or_default();
    let error = Error::usage(format!("there is no data set called \"{name}\"")).at(ws.datasets());
    match text::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.cure(format!("did you mean \"{near}\"?")),
        None if names.is_empty() => error.cure(format!("add one: hcwb data add hc18 DIR --name {name}")),
        None => error.cure(format!("there are: {}", names.join(", "))),
    }
}

/// All data sets, by name. A description that cannot be read is an error that names it.
pub fn list(ws: &Workspace) -> Result<Vec<Dataset>> {
    names(ws)?.iter().map(|name| load(ws, name)).collect()
}

fn names(ws: &Workspace) -> Result<Vec<String>> {
    let dir = ws.datasets();
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list the data sets", dir, e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.doing("list the data sets", &dir)?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".toml").filter(|name| check_name(name).is_ok()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn parse(file: &Path, text: &str) -> Result<Dataset> {
    let mut dataset: Dataset = toml::from_str(text).map_err(|e| {
        Error::new(format!("the data set's description is damaged: {}", text::line(e.message())))
            .at(file)
            .cure("delete that file and add the data again; raw data and runs are not touched by this")
    })?;
    // The file's name is the name, so that a copied description is a data set of its own.
    if let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) {
        dataset.name = stem.to_owned();
    }
    Ok(dataset)
}

/// Forgets the data set and deletes its caches, where no other data set shares them. Raw data are never touched.
pub fn remove(ws: &Workspace, name: &str) -> Result<()> {
    let dataset = load(ws, name)?;
    let shared = list(ws)?.iter().any(|other| other.name != name && other.fingerprint == dataset.fingerprint);
    if !shared {
        super::cache::delete_all(ws, &dataset)?;
    }
    let findings = audit::findings_file(ws, name);
    if findings.is_file() {
        std::fs::remove_file(&findings).doing("delete the recorded audit", &findings)?;
    }
    let file = Dataset::file(ws, name);
    std::fs::remove_file(&file).doing("delete the data set's description", &file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        for bad in ["", ".", "..", "a/b", "../x", ".hidden", "-x", "a b", "é", "a\nb", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for good in ["hc18", "HC-18_a.b", "0"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
    }
}
