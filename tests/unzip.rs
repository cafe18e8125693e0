//! Archives: what is whole is unpacked in one step, what is not to be trusted is refused before anything is written.

use hcwb::fetch::{Unpacked, unzip};
use hcwb::progress::Silent;
use hcwb::{Error, Result};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }
    fn to(&self) -> PathBuf {
        self.folder.path().join("to")
    }
    fn unzip(&self, bytes: &[u8]) -> Result<Unpacked> {
        let archive = self.folder.path().join("a.zip");
        std::fs::write(&archive, bytes).unwrap();
        unzip(&archive, &self.to(), 1 << 20, &Silent)
    }
    /// Everything in the target, hidden things too.
    fn all(&self) -> Vec<String> {
        fn walk(folder: &Path, root: &Path, all: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, root, all);
                } else {
                    all.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        let mut all = Vec::new();
        walk(&self.to(), &self.to(), &mut all);
        all.sort();
        all
    }
    fn refuses(&self, bytes: &[u8], why: &str) -> Error {
        let before = self.all();
        let error = self.unzip(bytes).unwrap_err();
        assert!(error.what.contains(why), "{why}: {error}");
        assert!(error.file.is_some() && error.cure.is_some(), "{error:?}");
        assert_eq!(self.all(), before);
        assert!(!self.folder.path().join("out").exists());
        error
    }
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        match name.strip_suffix('/') {
            Some(folder) => zip.add_directory(folder, SimpleFileOptions::default()).unwrap(),
            None => {
                zip.start_file(*name, SimpleFileOptions::default()).unwrap();
                zip.write_all(content).unwrap();
            }
        }
    }
    zip.finish().unwrap().into_inner()
}

/// Every `from` in the bytes, of the same length, made `to`.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let at: Vec<_> = (0..=bytes.len() - from.len()).filter(|i| bytes[*i..].starts_with(from)).collect();
    assert!(!at.is_empty() && from.len() == to.len());
    for i in at {
        bytes[i..i + to.len()].copy_from_slice(to);
    }
    bytes
}

const SET: &[(&str, &[u8])] =
    &[("set/", b""), ("set/001_HC.png", b"one"), ("set/sub/b.txt", b"two"), ("c.csv", b"three")];

#[test]
fn what_is_there_already_stays_and_the_rest_is_added() {
    let place = Place::new();
    assert_eq!(place.unzip(&archive(SET)).unwrap(), Unpacked { new: 3, same: 0 });
    assert_eq!(place.all(), ["c.csv", "set/001_HC.png", "set/sub/b.txt"]);
    assert_eq!(std::fs::read(place.to().join("set/sub/b.txt")).unwrap(), b"two");
    assert_eq!(place.unzip(&archive(SET)).unwrap(), Unpacked { new: 0, same: 3 });
    std::fs::remove_dir_all(place.to().join("set/sub")).unwrap();
    assert_eq!(place.unzip(&archive(SET)).unwrap(), Unpacked { new: 1, same: 2 });
    assert_eq!(place.all(), ["c.csv", "set/001_HC.png", "set/sub/b.txt"]);
}

#[test]
fn a_file_that_is_another_is_not_overwritten_and_nothing_else_is_unpacked() {
    let place = Place::new();
    std::fs::create_dir_all(place.to().join("set")).unwrap();
    std::fs::write(place.to().join("set/001_HC.png"), "mine").unwrap();
    let error = place.refuses(&archive(SET), "another file of this name");
    assert!(error.file.unwrap().ends_with("set/001_HC.png"));
    assert_eq!(std::fs::read(place.to().join("set/001_HC.png")).unwrap(), b"mine");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../out", "a/../../out", "/tmp/out", "..\\out", "a\x1b[2Jb", "a\nb", "/"] {
        // Its writer would put such a name right.
        let plain = "n".repeat(name.len());
        let crafted = replaced(archive(&[("good", b"1"), (&plain, b"2")]), plain.as_bytes(), name.as_bytes());
        Place::new().refuses(&crafted, "not to be trusted");
    }
}

#[test]
fn links_are_refused() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    Place::new().refuses(&zip.finish().unwrap().into_inner(), "link is a link");
}

#[test]
fn an_archive_with_a_name_twice_or_too_much_in_it_is_refused() {
    let twice = replaced(archive(&[("name1", b"1"), ("name2", b"2")]), b"name2", b"name1");
    Place::new().refuses(&twice, "twice");
    Place::new().refuses(&archive(&[("zeros", &vec![0; (1 << 20) + 1])]), "makes it larger");
}

#[test]
fn a_file_that_is_larger_than_the_archive_says_is_stopped() {
    let big = archive(&[("zeros", &[0; 70_000])]);
    let lying = replaced(big, &70_000u32.to_le_bytes(), &10u32.to_le_bytes());
    let error = Place::new().unzip(&lying).unwrap_err();
    assert!(
        error.what.contains("larger than the archive says") || error.what.contains("cannot be unpacked"),
        "{error}"
    );
}

#[test]
fn damage_is_found_by_the_archives_own_checksums() {
    let mut bytes = archive(&[("stored", b"some words that are stored")]);
    let at = bytes.windows(6).position(|w| w == b"stored").unwrap() + 8;
    bytes[at] ^= 1;
    Place::new().refuses(&bytes, "cannot be unpacked");
    let whole = archive(SET);
    Place::new().refuses(&whole[..whole.len() / 2], "cannot be unpacked");
    Place::new().refuses(b"", "cannot be unpacked");
}
