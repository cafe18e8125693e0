//! ACDC: cardiac MRI of patients at end diastole and end systole, with the outlines of both ventricles.

pub mod augment;
pub mod batch;
pub mod normalise;
pub mod prepare;
pub mod sample;
pub mod slices;
mod warp;

pub use augment::{HeartAugment, HeartCopy, HeartView};
pub use batch::Input;
pub use normalise::HeartNormalise;
pub use prepare::{Form, PreparedHearts, prepare};
pub use sample::HeartSample;

use serde::{Deserialize, Serialize};

/// The phase of the cardiac cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    Ed,
    Es,
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Phase::Ed => "ED",
            Phase::Es => "ES",
        }
    }
}

/// The group of the challenge that a patient belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Group {
    Nor,
    Minf,
    Dcm,
    Hcm,
    Rv,
}

impl Group {
    pub fn word(self) -> &'static str {
        match self {
            Group::Nor => "NOR",
            Group::Minf => "MINF",
            Group::Dcm => "DCM",
            Group::Hcm => "HCM",
            Group::Rv => "RV",
        }
    }
}

/// Labels 1, 2 and 3, in this order everywhere.
pub const STRUCTURES: [&str; 3] = ["rv", "myo", "lv"];
