//! Files written aside and moved into place, so that nobody ever sees half of one.

use crate::error::{Error, IoContext, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

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

/// A name beside `path` that no other process uses.
pub fn name_beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.aside", std::process::id()))
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
