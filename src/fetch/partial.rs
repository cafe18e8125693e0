//! What has arrived of a file so far: `NAME.partial` beside the target, kept between runs of the program.

use crate::error::{Error, IoContext, Result};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The open partial file, held by this process alone.
pub struct Partial {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Partial {
    /// Opens or makes the partial file of `target`. Fails where another process is writing it.
    pub fn open(target: &Path) -> Result<Partial> {
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(".partial");
        let path = target.with_file_name(name);
        let doing = "keep what is downloaded";
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).doing(doing, &path)?;
        let about = file.metadata().doing(doing, &path)?;
        let locked = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok();
        // Between opening and locking, the other one may have finished: then this is no partial file any more.
        let still_here = std::fs::metadata(&path).is_ok_and(|now| now.ino() == about.ino());
        if !locked || !still_here {
            return Err(Error::new("another process is downloading this file").at(&path).cure("wait until it is done"));
        }
        let length = file.metadata().doing(doing, &path)?.len();
        let mut partial = Partial { path, file, length };
        partial.file.seek(SeekFrom::Start(length)).doing(doing, &partial.path)?;
        Ok(partial)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Bytes that have arrived.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).doing("write what is downloaded", &self.path)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Starts anew.
    pub fn clear(&mut self) -> Result<()> {
        let cleared = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cleared.doing("start a download anew", &self.path)?;
        self.length = 0;
        Ok(())
    }

    /// Deletes the file, so that the next try starts anew.
    pub fn discard(self) {
        // What cannot be deleted is checked, and refused, the next time too.
        drop(std::fs::remove_file(&self.path));
    }

    /// Gives the file its final name, once it is on disk.
    pub fn finish(self, target: &Path) -> Result<()> {
        self.file.sync_all().doing("write what is downloaded", &self.path)?;
        std::fs::rename(&self.path, target).doing("give a downloaded file its name", target)?;
        // The new name is on disk once its folder is; some file systems refuse to sync one.
        let _ = target.parent().map(File::open).and_then(|folder| folder.ok()?.sync_all().ok());
        Ok(())
    }
}
