//! ACDC as published: cine MRI of hearts, end diastole and end systole, with masks of three structures.
//!
//! Bernard et al., IEEE TMI 37(11):2514-2525, 2018. `training/` and `testing/` hold a folder `patientNNN` each patient:
//! `Info.cfg`, `patientNNN_frameXX.nii.gz`, `patientNNN_frameXX_gt.nii.gz` and, where it was kept, `patientNNN_4d.nii.gz`.

mod audit;
pub mod augment;
pub mod batch;
mod clean;
pub mod crop;
#[cfg(test)]
mod drawn;
mod folder;
pub mod form;
pub mod heart;
mod info;
pub mod nifti;
pub mod normalise;
mod offered;
pub mod prepare;
pub mod prepared;
pub mod resample;
pub mod sample;
pub mod slices;
mod stats;
mod volumes;
mod warp;

pub use crate::clinic::cardiac::Group;
pub use audit::{audit_hearts, audit_offered};
pub use augment::{HeartAugment, HeartCopy, HeartView};
pub use batch::Input;
pub use clean::{ABNORMAL_ML, Comparison, Explanation, compare, explain, rounded_in_plane};
pub use folder::{Frame, FrameFiles, Hearts, Part, Patient};
pub use form::Form;
pub use info::{Info, Phase};
pub use nifti::{Header, LabelMap, Scan, read_header, read_labels, read_scan};
pub use normalise::HeartNormalise;
pub use offered::{ABNORMAL_PATIENTS, Offered, Printed, Structure, read_offered, table9};
pub use prepare::{is_prepared, prepare};
pub use prepared::PreparedHearts;
pub use sample::HeartSample;
pub use stats::{GroupStats, Stats, stats};
pub use volumes::{PatientVolumes, PhaseVolumes, VolumeRow, rows, volumes};

/// Labels 1, 2 and 3 of the masks, in this order everywhere: right ventricle, myocardium, left ventricle.
pub const STRUCTURES: [&str; 3] = ["rv", "myo", "lv"];
