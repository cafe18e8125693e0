//! Figures of a set of hearts: patients, sizes, spacings, and the volumes of each group.

use super::{Group, PatientVolumes, Phase, PhaseVolumes};
use crate::clinic::cardiac::myocardial_mass_g;
use crate::dataset::stats::Range;
use serde::Serialize;

/// Figures of all patients; ranges are of what could be counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    pub patients: usize,
    /// EDs and ESs that were counted.
    pub phases: usize,
    /// Patients of whom a phase could not be counted.
    pub not_counted: Vec<String>,
    pub slices: Option<Range>,
    pub in_plane_mm: Option<Range>,
    pub slice_mm: Option<Range>,
    /// Of the groups that occur, in ACDC's order; patients without one last.
    pub groups: Vec<GroupStats>,
}

/// One group's volumes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupStats {
    pub group: Option<Group>,
    pub patients: usize,
    pub lv_edv_ml: Option<Range>,
    pub lv_esv_ml: Option<Range>,
    pub lv_ef_percent: Option<Range>,
    pub rv_edv_ml: Option<Range>,
    pub rv_esv_ml: Option<Range>,
    pub rv_ef_percent: Option<Range>,
    /// At ED.
    pub myo_mass_g: Option<Range>,
}

/// Of patients that were counted.
pub fn stats(patients: &[PatientVolumes]) -> Stats {
    let phases = || patients.iter().flat_map(|p| &p.phases).filter_map(|phase| phase.as_ref().ok());
    let range = |of: fn(&PhaseVolumes) -> f64| Range::of(phases().map(of));
    let groups = Group::ALL.map(Some).into_iter().chain([None]).filter_map(|group| {
        let members: Vec<_> = patients.iter().filter(|p| p.group == group).collect();
        (!members.is_empty()).then(|| GroupStats::of(group, &members))
    });
    Stats {
        patients: patients.len(),
        phases: phases().count(),
        not_counted: patients
            .iter()
            .filter(|p| p.phases.iter().any(Result::is_err))
            .map(|p| p.patient.clone())
            .collect(),
        slices: range(|phase| phase.shape[2] as f64),
        in_plane_mm: range(|phase| phase.spacing_mm[0]),
        slice_mm: range(|phase| phase.spacing_mm[2]),
        groups: groups.collect(),
    }
}

impl GroupStats {
    fn of(group: Option<Group>, members: &[&PatientVolumes]) -> GroupStats {
        let volume = |phase: Phase, of: fn([f64; 3]) -> f64| {
            Range::of(members.iter().filter_map(|p| Some(of(p.phase(phase)?.volumes_ml))))
        };
        let functions = || members.iter().filter_map(|p| p.function());
        GroupStats {
            group,
            patients: members.len(),
            lv_edv_ml: volume(Phase::Ed, |[_, _, lv]| lv),
            lv_esv_ml: volume(Phase::Es, |[_, _, lv]| lv),
            lv_ef_percent: Range::of(functions().filter_map(|f| Some(100.0 * f.lv_ef?))),
            rv_edv_ml: volume(Phase::Ed, |[rv, _, _]| rv),
            rv_esv_ml: volume(Phase::Es, |[rv, _, _]| rv),
            rv_ef_percent: Range::of(functions().filter_map(|f| Some(100.0 * f.rv_ef?))),
            myo_mass_g: volume(Phase::Ed, |[_, myo, _]| myocardial_mass_g(myo)),
        }
    }
}
