//! Zip archives unpacked: checked before anything is written, whole before anything is moved into place.

use super::download::check_room;
use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use crate::text;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

/// How many files were new, and how many were there already with the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    pub new: usize,
    pub same: usize,
}

/// Unpacks `archive` into `folder`, at most `limit` bytes of files.
///
/// Everything is unpacked aside (`.NAME.unpacking`) and its checksums compared first. An archive with a link, with a
/// name that leads out of `folder`, or with a name twice is refused; so is one that would replace a file by another.
pub fn unzip(archive: &Path, folder: &Path, limit: u64, progress: &dyn Progress) -> Result<Unpacked> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let broken = |e: ZipError| broken(archive, e);
    let file = File::open(archive).doing("unpack", archive)?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let (files, bytes) = plan(&mut zip, limit).map_err(|e| e.at(archive))?;
    fs::create_dir_all(folder).doing("unpack into a folder", folder)?;
    check_room(folder, bytes).map_err(|e| e.at(folder))?;

    let aside = folder.join(format!(".{name}.unpacking"));
    // What a killed process left.
    drop(fs::remove_dir_all(&aside));
    let done = fs::create_dir(&aside).doing("unpack into a folder", &aside).and_then(|()| {
        progress.begin_bytes(&format!("unpacking {name}"), bytes);
        for (index, path) in &files {
            let entry = zip.by_index(*index).map_err(broken)?;
            unpack_one(entry, &aside.join(path), archive, progress)?;
        }
        move_into(&aside, folder, files.iter().map(|(_, path)| path.as_path()))
    });
    drop(fs::remove_dir_all(&aside));
    done
}

fn broken(archive: &Path, error: ZipError) -> Error {
    Error::new("the archive cannot be unpacked").at(archive).cure("delete it and fetch it again").because(error)
}

/// The files of an archive, with their safe paths, and how many bytes they promise to be.
fn plan(zip: &mut ZipArchive<BufReader<File>>, limit: u64) -> Result<(Vec<(usize, PathBuf)>, u64)> {
    if zip.has_duplicate_names() {
        return Err(Error::new("the archive is not to be trusted: it has a name twice")
            .cure("delete it; fetch it from where it was published"));
    }
    let (mut files, mut bytes) = (Vec::new(), 0u64);
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(|e| Error::new("the archive cannot be read").because(e))?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let refuse = |why: &str| {
            let what = format!("the archive is not to be trusted: {} {why}", text::line(&name));
            Err(Error::new(what).cure("delete it; fetch it from where it was published"))
        };
        let path = PathBuf::from(&name);
        let inside = path.components().all(|c| matches!(c, Component::Normal(_))) && !name.contains('\\');
        if !inside || text::line(&name) != name || name.contains(char::REPLACEMENT_CHARACTER) || name.is_empty() {
            return refuse("is no path within a folder");
        }
        if entry.is_symlink() {
            return refuse("is a link");
        }
        if entry.encrypted() {
            return refuse("is encrypted");
        }
        if entry.is_dir() {
            continue;
        }
        bytes = bytes.saturating_add(entry.size());
        if bytes > limit {
            return refuse(&format!("makes it larger than the {limit} bytes that were expected"));
        }
        files.push((index, path));
    }
    Ok((files, bytes))
}

/// Writes one file; the reader compares its checksum at the end.
fn unpack_one(mut entry: ZipFile<impl Read>, to: &Path, archive: &Path, progress: &dyn Progress) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).doing("unpack into a folder", parent)?;
    }
    let mut file = File::create_new(to).doing("unpack a file", to)?;
    let mut left = entry.size();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = entry.read(&mut buffer).map_err(|e| broken(archive, ZipError::Io(e)))?;
        if n == 0 {
            break;
        }
        left = left.checked_sub(n as u64).ok_or_else(|| {
            Error::new("a file in the archive is larger than the archive says").at(archive).cure("delete it")
        })?;
        file.write_all(&buffer[..n]).doing("unpack a file", to)?;
        progress.advance(n as u64);
    }
    Ok(())
}

/// Moves `files` from `aside` to `folder`; nothing is moved where one of them would replace another file.
fn move_into<'a>(aside: &Path, folder: &Path, files: impl Iterator<Item = &'a Path>) -> Result<Unpacked> {
    let (mut new, mut unpacked) = (Vec::new(), Unpacked::default());
    for path in files {
        let target = folder.join(path);
        if fs::symlink_metadata(&target).is_err() {
            new.push(path);
        } else if same_bytes(&aside.join(path), &target) {
            unpacked.same += 1;
        } else {
            return Err(Error::new("another file of this name is there; nothing was unpacked")
                .at(&target)
                .cure("move it away, or unpack into a new folder"));
        }
    }
    unpacked.new = new.len();
    for path in new {
        let target = folder.join(path);
        // A folder that is not there yet is moved whole: a thousand files appear in one step.
        let first: PathBuf = path.components().take(1).collect();
        if first != path && fs::symlink_metadata(folder.join(&first)).is_err() {
            fs::rename(aside.join(&first), folder.join(&first)).doing("move what was unpacked into place", &target)?;
        } else if aside.join(path).exists() {
            let parent = target.parent().unwrap_or(folder);
            fs::create_dir_all(parent).doing("unpack into a folder", parent)?;
            fs::rename(aside.join(path), &target).doing("move what was unpacked into place", &target)?;
        }
    }
    Ok(unpacked)
}

fn same_bytes(a: &Path, b: &Path) -> bool {
    let regular = fs::symlink_metadata(b).is_ok_and(|m| m.is_file());
    regular && matches!((fs::read(a), fs::read(b)), (Ok(a), Ok(b)) if a == b)
}
