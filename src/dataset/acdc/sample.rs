//! One heart at one phase of a prepared data set, and what is known of it.

use super::{Group, Phase};
use serde::{Deserialize, Serialize};

/// One patient at one phase; every number in the grid of its file, which is x (columns) fastest, then y, then z (slices).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeartSample {
    /// The folder's name: `patient001`.
    pub patient: String,
    /// The patient's number: both phases of one never straddle a split.
    pub number: u32,
    pub group: Option<Group>,
    pub phase: Phase,
    pub frame: u32,
    /// x, y, z.
    pub spacing_mm: [f64; 3],
    /// x, y, z, in voxels.
    pub shape: [usize; 3],
    /// Voxels of rv, myo, lv; `None` without a ground truth.
    pub voxels: Option<[u64; 3]>,
    /// rv, myo, lv: voxels times the volume of one (S4, 5.1.1).
    pub volumes_ml: Option<[f64; 3]>,
    pub height_cm: Option<f64>,
    pub weight_kg: Option<f64>,
    /// The part of each slice that was taken.
    pub window: Window,
    /// The file's slices that were taken, in order; one may stand there more than once.
    pub slices: Vec<usize>,
}

/// A rectangle of a slice in px of the file; it may reach beyond the image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The left and the upper edge: the left edge of the first pixel is 0.
    pub left_px: f64,
    pub top_px: f64,
    pub width_px: f64,
    pub height_px: f64,
}

impl HeartSample {
    /// The volume of one voxel.
    pub fn voxel_ml(&self) -> f64 {
        self.spacing_mm.iter().product::<f64>() / 1000.0
    }
}
