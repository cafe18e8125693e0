//! One image of a prepared data set, and what is known of it.

use crate::geometry::Ellipse;
use serde::{Deserialize, Serialize};

/// One image and its truth, in the resolution of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub file: String,
    /// The echographic examination: never straddles a split.
    pub exam: u32,
    pub width_px: u32,
    pub height_px: u32,
    pub pixel_size_mm: f64,
    /// From the table.
    pub hc_mm: f64,
    /// `hc_mm / pixel_size_mm`.
    pub hc_px: f64,
    /// Through the ring annotation, in px of the file; `None` where there is no usable ring.
    pub truth: Option<Ellipse>,
    /// Inferred from the examination's number; `None` where that means nothing.
    pub trimester: Option<u8>,
}

/// An image that could not be prepared, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub file: String,
    pub reason: String,
}
