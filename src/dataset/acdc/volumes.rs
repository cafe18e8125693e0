//! Volumes by counting the voxels of the ground truth: ml = voxels * dx * dy * dz / 1000 (preprint, 5.1.1).

use super::{Hearts, LabelMap, Patient, Phase, read_header, read_labels};
use crate::clinic::cardiac::{
    Body, Diagnosis, Function, Group, HCM_THICKNESS_MM, Measures, body_surface_m2, diagnose, myocardial_mass_g,
};
use crate::error::{Error, Result};
use crate::geometry::wall_thickness_mm;
use crate::progress::Progress;
use crate::text;
use rayon::prelude::*;
use serde::Serialize;

/// One phase, counted.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseVolumes {
    pub phase: Phase,
    pub frame: u32,
    /// Along x, y, z, of the ground truth's header.
    pub spacing_mm: [f64; 3],
    /// Voxels along x, y, z.
    pub shape: [usize; 3],
    /// RV, MYO, LV.
    pub voxels: [u64; 3],
    pub volumes_ml: [f64; 3],
    /// Segments of the wall thicker than 15 mm, over all slices.
    pub thick_segments: usize,
}

/// One patient. What could not be counted says why.
#[derive(Debug)]
pub struct PatientVolumes {
    pub patient: String,
    pub group: Option<Group>,
    pub body: Option<Body>,
    /// ED, ES: of `Info.cfg`, counted or not.
    pub frames: Option<[u32; 2]>,
    /// What is wrong with `Info.cfg`; costs no volume.
    pub defects: Vec<String>,
    /// ED, ES.
    pub phases: [Result<PhaseVolumes>; 2],
}

/// One row of `hcwb data volumes`: a patient and a phase. Numbers are absent where `reason` says why. EF and SV are the
/// patient's, the rest the phase's; fractions go from 0 to 1; indices are per m² of body surface.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VolumeRow {
    pub patient: String,
    pub group: Option<Group>,
    pub phase: Phase,
    pub frame: Option<u32>,
    pub rv_ml: Option<f64>,
    pub myo_ml: Option<f64>,
    pub lv_ml: Option<f64>,
    pub lv_ef: Option<f64>,
    pub rv_ef: Option<f64>,
    pub lv_sv_ml: Option<f64>,
    pub rv_sv_ml: Option<f64>,
    pub myo_mass_g: Option<f64>,
    pub bsa_m2: Option<f64>,
    pub rv_ml_per_m2: Option<f64>,
    pub myo_ml_per_m2: Option<f64>,
    pub lv_ml_per_m2: Option<f64>,
    pub lv_sv_ml_per_m2: Option<f64>,
    pub rv_sv_ml_per_m2: Option<f64>,
    pub myo_mass_g_per_m2: Option<f64>,
    /// RV, MYO, LV.
    pub voxels: Option<[u64; 3]>,
    /// Along x, y, z.
    pub spacing_mm: Option<[f64; 3]>,
    pub shape: Option<[usize; 3]>,
    pub reason: Option<String>,
}

/// Counts every patient, on all cores; one that is damaged costs itself alone.
pub fn volumes(hearts: &Hearts, progress: &dyn Progress) -> Vec<PatientVolumes> {
    progress.begin("counting voxels", hearts.patients.len() as u64);
    let count = |patient: &Patient| {
        let counted = PatientVolumes::of(patient);
        progress.advance(1);
        counted
    };
    hearts.patients.par_iter().map(count).collect()
}

/// ED and ES of every patient.
pub fn rows(patients: &[PatientVolumes]) -> Vec<VolumeRow> {
    patients.iter().flat_map(PatientVolumes::rows).collect()
}

impl PhaseVolumes {
    fn of(patient: &Patient, phase: Phase) -> Result<PhaseVolumes> {
        let frame = patient.info()?.frame(phase);
        let files = patient.frame_files(frame);
        if !files.labels.is_file() {
            return Err(Error::new(format!("there is no ground truth of {} (frame {frame})", phase.word()))
                .at(&files.labels)
                .cure("copy or download the file again; volumes of patients without it are predicted, not counted"));
        }
        let map = read_labels(&files.labels)?;
        if files.image.is_file() {
            // An image that cannot be read is the audit's to say; its mask is counted all the same.
            if let Ok(image) = read_header(&files.image) {
                map.fits(&image).map_err(|e| e.at(&files.labels))?;
            }
        }
        Ok(PhaseVolumes::count(&map, phase, frame))
    }

    /// Counts a mask.
    pub fn count(map: &LabelMap, phase: Phase, frame: u32) -> PhaseVolumes {
        let header = &map.header;
        let voxels = map.counts();
        let voxel_ml = header.voxel_ml();
        let [width, height, depth, _] = header.shape;
        let [dx, dy, _] = header.spacing_mm;
        let walls =
            map.labels.chunks_exact(width * height).filter_map(|slice| wall_thickness_mm(slice, width, [dx, dy], 2, 3));
        PhaseVolumes {
            phase,
            frame,
            spacing_mm: header.spacing_mm,
            shape: [width, height, depth],
            voxels,
            volumes_ml: voxels.map(|n| n as f64 * voxel_ml),
            thick_segments: walls.flatten().filter(|mm| *mm > HCM_THICKNESS_MM).count(),
        }
    }
}

impl PatientVolumes {
    pub fn of(patient: &Patient) -> PatientVolumes {
        let phases = Phase::ALL.map(|phase| PhaseVolumes::of(patient, phase));
        PatientVolumes { phases, ..PatientVolumes::without_volumes(patient) }
    }

    /// What `Info.cfg` says, nothing counted.
    pub(super) fn without_volumes(patient: &Patient) -> PatientVolumes {
        let info = patient.info.as_ref().ok();
        let body = info.and_then(|info| Some(Body { height_cm: info.height_cm?, weight_kg: info.weight_kg? }));
        PatientVolumes {
            patient: patient.name.clone(),
            group: info.and_then(|info| info.group),
            body,
            frames: info.map(|info| [info.ed, info.es]),
            defects: info.map(|info| info.defects.clone()).unwrap_or_default(),
            phases: Phase::ALL.map(|_| Err(Error::new("not counted"))),
        }
    }

    pub fn phase(&self, phase: Phase) -> Option<&PhaseVolumes> {
        self.phases[phase as usize].as_ref().ok()
    }

    /// Where both phases were counted.
    pub fn function(&self) -> Option<Function> {
        let (ed, es) = (self.phase(Phase::Ed)?, self.phase(Phase::Es)?);
        Some(Function::of(&ed.volumes_ml.into(), &es.volumes_ml.into()))
    }

    /// What the rules of diagnosis ask for.
    pub fn measures(&self) -> Measures {
        let (function, bsa) = (self.function(), self.body.as_ref().map(body_surface_m2));
        let index = |of: fn([f64; 3]) -> f64| Some(of(self.phase(Phase::Ed)?.volumes_ml) / bsa?);
        Measures {
            lv_ef: function.and_then(|f| f.lv_ef),
            rv_ef: function.and_then(|f| f.rv_ef),
            lv_edv_ml_per_m2: index(|[_, _, lv]| lv),
            rv_edv_ml_per_m2: index(|[rv, _, _]| rv),
            myo_mass_g_per_m2: index(|[_, myo, _]| myocardial_mass_g(myo)),
            thick_segments: self.phase(Phase::Ed).map(|ed| ed.thick_segments),
        }
    }

    /// The group by ACDC's published rules.
    pub fn diagnosis(&self) -> Diagnosis {
        diagnose(&self.measures())
    }

    /// ED, then ES.
    pub fn rows(&self) -> [VolumeRow; 2] {
        Phase::ALL.map(|phase| self.row(phase))
    }

    pub(super) fn row(&self, phase: Phase) -> VolumeRow {
        let counted = self.phase(phase);
        let function = self.function();
        let bsa_m2 = self.body.as_ref().map(body_surface_m2);
        let per_m2 = |value: Option<f64>| Some(value? / bsa_m2?);
        let [rv_ml, myo_ml, lv_ml] = [0, 1, 2].map(|i| counted.map(|c| c.volumes_ml[i]));
        let lv_sv_ml = function.map(|f| f.lv_sv_ml);
        let rv_sv_ml = function.map(|f| f.rv_sv_ml);
        let myo_mass_g = myo_ml.map(myocardial_mass_g);
        VolumeRow {
            patient: self.patient.clone(),
            group: self.group,
            phase,
            frame: self.frames.map(|frames| frames[phase as usize]),
            rv_ml,
            myo_ml,
            lv_ml,
            lv_ef: function.and_then(|f| f.lv_ef),
            rv_ef: function.and_then(|f| f.rv_ef),
            lv_sv_ml,
            rv_sv_ml,
            myo_mass_g,
            bsa_m2,
            rv_ml_per_m2: per_m2(rv_ml),
            myo_ml_per_m2: per_m2(myo_ml),
            lv_ml_per_m2: per_m2(lv_ml),
            lv_sv_ml_per_m2: per_m2(lv_sv_ml),
            rv_sv_ml_per_m2: per_m2(rv_sv_ml),
            myo_mass_g_per_m2: per_m2(myo_mass_g),
            voxels: counted.map(|c| c.voxels),
            spacing_mm: counted.map(|c| c.spacing_mm),
            shape: counted.map(|c| c.shape),
            reason: self.reason(phase),
        }
    }

    /// Why a number of this phase's row is missing, if one is.
    fn reason(&self, phase: Phase) -> Option<String> {
        let mut reasons = Vec::new();
        if let Err(e) = &self.phases[phase as usize] {
            reasons.push(sentence(e));
        } else if let Err(e) = &self.phases[1 - phase as usize] {
            reasons.push(format!("the other phase: {}", sentence(e)));
        }
        reasons.extend(self.defects.iter().map(|defect| format!("Info.cfg: {defect}")));
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

/// The file by its name alone, as the patient is known.
fn sentence(e: &Error) -> String {
    let what = e.chain();
    let Some(file) = &e.file else { return text::line(&what).into_owned() };
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let what = what.replace(&format!(" [{}]", file.display()), "");
    text::line(&format!("{name}: {what}")).into_owned()
}
