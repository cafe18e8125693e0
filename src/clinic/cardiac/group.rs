//! The five groups of ACDC's patients.

use serde::{Deserialize, Serialize};

/// The diagnosis that ACDC gives with a patient (Bernard et al. 2018, section III.A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Group {
    /// Normal.
    Nor,
    /// Previous myocardial infarction with a low ejection fraction.
    Minf,
    /// Dilated cardiomyopathy.
    Dcm,
    /// Hypertrophic cardiomyopathy.
    Hcm,
    /// Abnormal right ventricle.
    Rv,
}

impl Group {
    pub const ALL: [Group; 5] = [Group::Nor, Group::Minf, Group::Dcm, Group::Hcm, Group::Rv];

    pub fn word(self) -> &'static str {
        match self {
            Group::Nor => "NOR",
            Group::Minf => "MINF",
            Group::Dcm => "DCM",
            Group::Hcm => "HCM",
            Group::Rv => "RV",
        }
    }

    pub fn parse(word: &str) -> Option<Group> {
        Group::ALL.into_iter().find(|group| group.word().eq_ignore_ascii_case(word))
    }
}
