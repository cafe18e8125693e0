//! Checksums of whole files: sha256 and MD5, as servers publish them.

use crate::error::{IoContext, Result};
use crate::progress::Progress;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::Read;
use std::path::Path;

/// A published checksum, in lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    Sha256(String),
    Md5(String),
}

impl Checksum {
    /// The sha256 in `word`, where it is one: 64 hexadecimal digits.
    pub fn sha256(word: &str) -> Option<Checksum> {
        let fits = word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Checksum::Sha256(word.to_ascii_lowercase()))
    }

    pub fn hex(&self) -> &str {
        match self {
            Checksum::Sha256(hex) | Checksum::Md5(hex) => hex,
        }
    }

    /// The checksum of the same kind of the file at `path`, read to its end.
    pub fn same_kind_of(&self, path: &Path, progress: &dyn Progress) -> Result<Checksum> {
        Ok(match self {
            Checksum::Sha256(_) => Checksum::Sha256(digest::<Sha256>(path, progress)?),
            Checksum::Md5(_) => Checksum::Md5(digest::<Md5>(path, progress)?),
        })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Checksum::Sha256(hex) => write!(f, "sha256 {hex}"),
            Checksum::Md5(hex) => write!(f, "MD5 {hex}"),
        }
    }
}

/// The sha256 of the file at `path`, in hexadecimal digits.
pub fn sha256_of(path: &Path, progress: &dyn Progress) -> Result<String> {
    digest::<Sha256>(path, progress)
}

fn digest<D: Digest>(path: &Path, progress: &dyn Progress) -> Result<String> {
    let mut file = std::fs::File::open(path).doing("read a file to check it", path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    progress.begin_bytes(&format!("checking {name}"), file.metadata().map_or(0, |m| m.len()));
    let mut digest = D::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).doing("read a file to check it", path)? {
            0 => break,
            n => {
                digest.update(&buffer[..n]);
                progress.advance(n as u64);
            }
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn checksums_are_those_of_rfc_1321_and_fips_180() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let md5 = Checksum::Md5(String::new()).same_kind_of(&path, &Silent).unwrap();
        assert_eq!(md5.hex(), "900150983cd24fb0d6963f7d28e17f72");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(&path, &Silent).unwrap(), sha256);
        assert_eq!(Checksum::sha256(&sha256.to_uppercase()).unwrap().hex(), sha256);
        assert_eq!(Checksum::sha256("900150983cd24fb0d6963f7d28e17f72"), None);
    }
}
