//! How prepared arrays lie on disk: a folder made aside and moved into place, its files mapped into memory.

use super::aside;
use crate::error::{Error, IoContext, Result};
use crate::workspace::Workspace;
use memmap2::Mmap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Makes the cache's folder `folder` by `write`, which is given another path to make it at, and moves it there. Another
/// process may have been faster, which is as good. `replace` says that a damaged one lies there.
pub fn install(ws: &Workspace, folder: &Path, replace: bool, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    ws.make(&ws.cache())?;
    aside::sweep(&ws.cache());
    let beside = aside::name_beside(folder);
    let made = fs::create_dir(&beside).doing("create a folder for the prepared images", &beside);
    let written = made.and_then(|()| write(&beside)).and_then(|()| {
        if replace {
            fs::remove_dir_all(folder).doing("remove the damaged cache", folder)?;
        }
        match fs::rename(&beside, folder) {
            // Made meanwhile by another process from the same data: equally good.
            Err(_) if folder.is_dir() => fs::remove_dir_all(&beside).doing("remove a superfluous cache", &beside),
            other => other.doing("move the prepared images into place", folder),
        }
    });
    if written.is_err() {
        drop(fs::remove_dir_all(&beside));
    }
    written
}

/// Writes a file of a cache. It is synced before the folder is moved, so that after a power cut the folder is either
/// whole or absent.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let mut file = File::create(path).doing("write the prepared images", path)?;
    file.write_all(content).and_then(|()| file.sync_all()).doing("write the prepared images", path)
}

/// A file of a cache, mapped into memory.
pub struct Mapped(Mmap);

impl Mapped {
    /// Fails where the file has not exactly so many bytes.
    pub fn open(path: &Path, wanted_bytes: u64) -> Result<Mapped> {
        let file = File::open(path).doing("open the prepared images", path)?;
        let bytes = file.metadata().doing("open the prepared images", path)?.len();
        if bytes != wanted_bytes {
            return Err(Error::new(format!("it has {bytes} bytes instead of {wanted_bytes}")).at(path));
        }
        // SAFETY: the map is read-only, its length was just checked, and this program never changes a cache in place: a
        // new one replaces the folder as a whole, which leaves the mapped file alive until it is unmapped.
        #[allow(unsafe_code)] // The one place outside the kernels.
        let map = unsafe { Mmap::map(&file) }.doing("map the prepared images", path)?;
        Ok(Mapped(map))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The file as values of this machine's byte order. Bytes that make up no whole value are left out.
    pub fn f32s(&self) -> &[f32] {
        let whole = self.0.len() / 4 * 4;
        // Maps begin at a page, so that only a damaged system could refuse; it would find no values.
        bytemuck::try_cast_slice(&self.0[..whole]).unwrap_or(&[])
    }
}
