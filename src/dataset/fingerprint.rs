//! What identifies raw data: a digest of names and contents, and a cheap stamp that says when to compute it again.

use super::raw::Raw;
use crate::error::Result;
use crate::progress::Progress;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// 32 hexadecimal digits (half of a SHA-256) over the sorted names and contents of all files; independent of where
/// the folder lies.
pub fn fingerprint(raw: &Raw, progress: &dyn Progress) -> Result<String> {
    let files = raw.files()?;
    progress.begin("hashing files", files.len() as u64);
    let digests: Vec<[u8; 32]> = files
        .par_iter()
        .map(|(_, path)| {
            let digest = digest_file(path);
            progress.advance(1);
            digest
        })
        .collect();
    Ok(combine(files.iter().map(|(name, _)| name.as_str()).zip(digests)))
}

/// The digest of a file's content. A file that cannot be read counts as such: the audit will name it.
fn digest_file(path: &Path) -> [u8; 32] {
    match std::fs::read(path) {
        Ok(bytes) => digest(&bytes),
        Err(e) => digest(format!("unreadable: {:?}", e.kind()).as_bytes()),
    }
}

/// SHA-256 of `bytes`.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn combine<'a>(files: impl Iterator<Item = (&'a str, [u8; 32])>) -> String {
    let mut all = Sha256::new();
    for (name, digest) in files {
        // Lengths keep (ab, c) and (a, bc) apart.
        all.update((name.len() as u64).to_le_bytes());
        all.update(name.as_bytes());
        all.update(digest);
    }
    hex(&all.finalize()[..16])
}

/// 32 hexadecimal digits over names, sizes and times of modification: a few milliseconds for thousands of files.
pub fn stamp(raw: &Raw) -> Result<String> {
    let files: Vec<(String, PathBuf)> = raw.files()?;
    let mut all = Sha256::new();
    for (name, path) in files {
        all.update((name.len() as u64).to_le_bytes());
        all.update(name.as_bytes());
        if let Ok(meta) = std::fs::metadata(&path) {
            all.update(meta.len().to_le_bytes());
            let since = meta.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            all.update(since.map_or(0, |d| d.as_nanos()).to_le_bytes());
        }
    }
    Ok(hex(&all.finalize()[..16]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
