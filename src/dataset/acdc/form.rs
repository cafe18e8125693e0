//! The forms in which networks take hearts.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Larger than any training size; keeps a slip of the finger from filling the disk.
const LARGEST_SIDE_PX: usize = 1024;
const MOST_SLICES: usize = 64;
const SPACINGS_MM: std::ops::RangeInclusive<f64> = 0.25..=10.0;

/// How hearts are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Cropped to the box of the hearts, so many slices, resized (S4, 5.1.2 and 5.1.3).
    Volume { slices: usize, height: usize, width: usize },
    /// Every slice at one in-plane spacing, cut or padded to size about its centre.
    Slices { spacing_mm: f64, height: usize, width: usize },
}

impl Form {
    /// Height and width of a slice, in px.
    pub fn size(&self) -> [usize; 2] {
        match *self {
            Form::Volume { height, width, .. } | Form::Slices { height, width, .. } => [height, width],
        }
    }

    /// How many slices of a heart of `shape` (x, y, z) this form has.
    pub fn slices_of(&self, shape: [usize; 3]) -> usize {
        match *self {
            Form::Volume { slices, .. } => slices,
            Form::Slices { .. } => shape[2],
        }
    }

    /// As it stands in the cache's name and in messages: `volume-9x224x224`, `slices-1.5mm-224x224` (height, width).
    pub fn word(&self) -> String {
        match self {
            Form::Volume { slices, height, width } => format!("volume-{slices}x{height}x{width}"),
            Form::Slices { spacing_mm, height, width } => format!("slices-{spacing_mm}mm-{height}x{width}"),
        }
    }

    /// Refuses what nothing could be trained on.
    pub fn check(&self) -> Result<()> {
        let [height, width] = self.size();
        let side = 8..=LARGEST_SIDE_PX;
        if !side.contains(&width) || !side.contains(&height) {
            return Err(Error::usage(format!("{width}x{height} px is no size to train at"))
                .cure(format!("choose sides from 8 to {LARGEST_SIDE_PX} px, for instance 224x224")));
        }
        match self {
            Form::Volume { slices, .. } if !(1..=MOST_SLICES).contains(slices) => {
                Err(Error::usage(format!("a heart cannot be brought to {slices} slices"))
                    .cure(format!("choose 1 to {MOST_SLICES}; the preprint has 9")))
            }
            Form::Slices { spacing_mm, .. } if !SPACINGS_MM.contains(spacing_mm) => {
                let (least, most) = (SPACINGS_MM.start(), SPACINGS_MM.end());
                Err(Error::usage(format!("{spacing_mm} mm is no spacing to train at"))
                    .cure(format!("choose {least} to {most} mm, for instance 1.5")))
            }
            _ => Ok(()),
        }
    }
}
