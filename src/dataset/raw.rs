//! The raw data of a data set, whatever its kind: found, listed, counted.

use super::acdc::Hearts;
use super::hc18::Folder;
use super::registry::DatasetKind;
use crate::error::Result;
use std::path::{Path, PathBuf};

/// A folder of raw data.
pub enum Raw {
    Hc18(Folder),
    Acdc(Hearts),
}

impl Raw {
    /// Looks for data of `kind` in `dir`.
    pub fn find(kind: DatasetKind, dir: &Path) -> Result<Raw> {
        Ok(match kind {
            DatasetKind::Hc18 => Raw::Hc18(Folder::find(dir)?),
            DatasetKind::Acdc => Raw::Acdc(Hearts::find(dir)?),
        })
    }

    /// Every file that makes up the data, with a name that does not depend on where the folder lies, sorted by it.
    pub fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        match self {
            Raw::Hc18(folder) => folder.files(),
            Raw::Acdc(hearts) => hearts.files(),
        }
    }

    /// Images to learn from: ultrasound images, or frames of a cine.
    pub fn count_images(&self) -> Result<usize> {
        match self {
            Raw::Hc18(folder) => {
                let mut images = 0;
                for part in &folder.parts {
                    images += part.read()?.images.len();
                }
                Ok(images)
            }
            Raw::Acdc(hearts) => hearts.count_images(),
        }
    }
}
