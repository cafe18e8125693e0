//! The published data sets brought from where they were published, and unpacked.

use crate::error::{Error, Result};
use crate::fetch::{Checksum, Download, Outcome, Patience, Size, Unpacked, download, unzip};
use crate::progress::Progress;
use crate::text;
use std::path::{Path, PathBuf};

/// A file as published.
#[derive(Clone, Debug)]
pub struct PublishedFile {
    pub name: &'static str,
    pub size: Size,
    /// In hexadecimal digits, where one was published.
    pub md5: Option<&'static str>,
    /// What stands behind the publisher's address.
    pub address: &'static str,
}

/// A published data set.
#[derive(Clone, Debug)]
pub struct Published {
    pub word: &'static str,
    pub files: Vec<PublishedFile>,
    /// The publisher's address.
    pub home: &'static str,
    pub licence: &'static str,
    pub citation: &'static str,
    /// More than its unpacked files take, in bytes.
    pub most_bytes: u64,
}

/// HC18 (Zenodo 1327317) or ACDC, by its word.
pub fn published(word: &str) -> Result<Published> {
    match word {
        "hc18" => Ok(hc18()),
        "acdc" => Ok(acdc()),
        other => Err(Error::usage(format!("there is no data set called \"{}\" to fetch", text::line(other)))
            .cure("fetch hc18 or acdc")),
    }
}

fn hc18() -> Published {
    let file = |name, bytes, md5, address| PublishedFile { name, size: Size::Exactly(bytes), md5: Some(md5), address };
    Published {
        word: "hc18",
        files: vec![
            file(
                "training_set_pixel_size_and_HC.csv",
                33_688,
                "c0761518fece2bd2d2ad4218f2cd9777",
                "training_set_pixel_size_and_HC.csv/content",
            ),
            file(
                "test_set_pixel_size.csv",
                9_096,
                "8476dc198cc6542f26c57e87faeee033",
                "test_set_pixel_size.csv/content",
            ),
            file("training_set.zip", 132_926_838, "00eb8198b9a505b2b3a6dfc740382497", "training_set.zip/content"),
            file("test_set.zip", 43_518_463, "8402af5d137ef40a2888c1011ef3fe7e", "test_set.zip/content"),
        ],
        home: "https://zenodo.org/api/records/1327317/files",
        licence: "CC BY 4.0",
        citation: "T. van den Heuvel et al., PLoS ONE 13(8):e0200412, 2018; Zenodo 1327317",
        most_bytes: 4 << 30,
    }
}

fn acdc() -> Published {
    Published {
        word: "acdc",
        files: vec![PublishedFile {
            name: "acdc.zip",
            size: Size::AtMost(16 << 30),
            md5: None,
            address: "637218e573e9f0047faa00fc/download",
        }],
        home: "https://humanheart-project.creatis.insa-lyon.fr/database/api/v1/folder",
        licence: "CC BY-NC-SA 4.0, research use",
        citation: "O. Bernard et al., IEEE TMI 37(11):2514-2525, 2018",
        most_bytes: 32 << 30,
    }
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedFile {
    pub name: &'static str,
    pub outcome: Outcome,
    /// Of an archive.
    pub unpacked: Option<Unpacked>,
}

/// Fetches `data` into `folder` and unpacks its archives there; whatever is there already and right stays.
///
/// `mirror` is another address that has the files under their names. Archives are kept: they are what a later call
/// compares with.
pub fn fetch(
    data: &Published,
    folder: &Path,
    mirror: Option<&str>,
    patience: &Patience,
    progress: &dyn Progress,
) -> Result<Vec<FetchedFile>> {
    let mut fetched = Vec::new();
    for file in &data.files {
        let url = match mirror {
            Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), file.name),
            None => format!("{}/{}", data.home, file.address),
        };
        let path = folder.join(file.name);
        let checksum = file.md5.map(|md5| Checksum::Md5(md5.to_owned()));
        let outcome = download(&Download { url: &url, path: &path, size: file.size, checksum }, patience, progress)?;
        let is_archive = file.name.ends_with(".zip");
        let unpacked = is_archive.then(|| unzip(&path, folder, data.most_bytes, progress)).transpose()?;
        fetched.push(FetchedFile { name: file.name, outcome, unpacked });
    }
    Ok(fetched)
}

/// The folder within `folder` to register: ACDC's archive has its parts some folders down.
pub fn root(data: &Published, folder: &Path) -> PathBuf {
    let inner = ["ACDC/database", "acdc/database", "database", "ACDC", "acdc"];
    let found = inner.iter().map(|inner| folder.join(inner)).find(|path| path.join("training").is_dir());
    if data.word == "acdc" { found.unwrap_or_else(|| folder.to_path_buf()) } else { folder.to_path_buf() }
}
