//! Files written aside and moved into place, so that nobody ever sees half of one.

use crate::error::{Error, IoContext, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Replaces `path` by `content` in one step.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let aside = write(path, content)?;
    fs::rename(&aside, path).doing("move a file into place", path).inspect_err(|_| drop(fs::remove_file(&aside)))
}

/// Makes `path` with `content` in one step; `Ok(false)` where something of that name exists already.
pub fn create(path: &Path, content: &[u8]) -> Result<bool> {
    let aside = write(path, content)?;
    // A hard link refuses an existing name atomically, which a rename does not.
    let linked = fs::hard_link(&aside, path);
    let outcome = match linked {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        // A file system without hard links.
        Err(_) if path.symlink_metadata().is_ok() => Ok(false),
        Err(_) => fs::rename(&aside, path).doing("move a file into place", path).map(|()| true),
    };
    drop(fs::remove_file(&aside));
    outcome
}

/// A hidden name beside `path` that no other process and no other thread uses.
pub fn name_beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}-{number}.aside", std::process::id()))
}

/// Deletes what killed processes left in `folder` a day or more ago.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        if name.starts_with('.') && name.ends_with(".aside") && age > Some(Duration::from_secs(24 * 3600)) {
            // What cannot be deleted does no harm.
            drop(fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path())));
        }
    }
}

fn write(path: &Path, content: &[u8]) -> Result<PathBuf> {
    let aside = name_beside(path);
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(|e| {
        drop(fs::remove_file(&aside));
        Error::io("write", path, e)
    })?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creating_never_replaces_and_replacing_leaves_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        assert!(create(&path, b"one").unwrap());
        assert!(!create(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
