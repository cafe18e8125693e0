//! Cleaning (preprint, 5.1.1): offered volumes against counted ones, and the spacing that would explain a difference.

use super::offered::{Offered, Printed, Structure};
use super::{PatientVolumes, Phase};
use crate::clinic::cardiac::Group;
use serde::Serialize;

/// A patient is abnormal from this difference on.
pub const ABNORMAL_ML: f64 = 1.0;
/// Tables give spacings to five or six digits: how far, relatively, a volume may lie from what a spacing makes of it.
const RELATIVE_TOLERANCE: f64 = 1e-4;
/// Fields of view in mm and matrices that scanners use; the commonest matrix first.
const FIELDS_OF_VIEW_MM: std::ops::RangeInclusive<u32> = 20..=50; // times 10
const MATRICES: [u32; 10] = [256, 224, 192, 208, 216, 240, 288, 320, 384, 512];
/// Distances of slices in mm, in halves.
const SLICE_HALVES_MM: std::ops::RangeInclusive<u32> = 1..=40;

/// An offered volume beside the counted one. Numbers are absent where `reason` says why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub patient: String,
    pub group: Option<Group>,
    pub phase: Phase,
    pub structure: Structure,
    pub offered_ml: f64,
    pub voxels: Option<u64>,
    /// Along x, y, z, as in the header.
    pub spacing_mm: Option<[f64; 3]>,
    /// Along x, y, z.
    pub shape: Option<[usize; 3]>,
    /// With the header's spacing.
    pub computed_ml: Option<f64>,
    /// With the in-plane spacing rounded to three decimals, as the preprint has it.
    pub computed_rounded_ml: Option<f64>,
    /// Offered minus computed.
    pub difference_ml: Option<f64>,
    /// |difference| >= 1 ml.
    pub abnormal: Option<bool>,
    /// Of an abnormal one.
    pub explanation: Option<Explanation>,
    /// What Table 9 prints, where the offer is from there.
    pub printed: Option<Printed>,
    pub reason: Option<String>,
}

/// A spacing with which the same voxels make the offered volume.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    pub spacing_mm: Option<[f64; 3]>,
    pub words: String,
}

/// Compares every offer with what was counted.
pub fn compare(offers: &[Offered], counted: &[PatientVolumes]) -> Vec<Comparison> {
    offers.iter().map(|offer| Comparison::of(offer, counted)).collect()
}

impl Comparison {
    fn of(offer: &Offered, counted: &[PatientVolumes]) -> Comparison {
        let mut comparison = Comparison {
            patient: offer.patient.clone(),
            group: None,
            phase: offer.phase,
            structure: offer.structure,
            offered_ml: offer.volume_ml,
            voxels: None,
            spacing_mm: None,
            shape: None,
            computed_ml: None,
            computed_rounded_ml: None,
            difference_ml: None,
            abnormal: None,
            explanation: None,
            printed: offer.printed.clone(),
            reason: None,
        };
        let Some(patient) = counted.iter().find(|patient| patient.patient == offer.patient) else {
            comparison.reason = Some("there is no such patient in these data".into());
            return comparison;
        };
        comparison.group = patient.group;
        let Some(phase) = patient.phase(offer.phase) else {
            comparison.reason = patient.row(offer.phase).reason;
            return comparison;
        };
        let voxels = offer.structure.of(phase.voxels);
        let volume_ml = |spacing_mm: [f64; 3]| voxels as f64 * spacing_mm.iter().product::<f64>() / 1000.0;
        let difference_ml = offer.volume_ml - volume_ml(phase.spacing_mm);
        let abnormal = difference_ml.abs() >= ABNORMAL_ML;
        Comparison {
            voxels: Some(voxels),
            spacing_mm: Some(phase.spacing_mm),
            shape: Some(phase.shape),
            computed_ml: Some(volume_ml(phase.spacing_mm)),
            computed_rounded_ml: Some(volume_ml(rounded_in_plane(phase.spacing_mm))),
            difference_ml: Some(difference_ml),
            abnormal: Some(abnormal),
            explanation: abnormal.then(|| explain(offer.volume_ml, voxels, phase.spacing_mm)),
            ..comparison
        }
    }
}

/// In-plane spacing rounded to three decimals, as the preprint prints it.
pub fn rounded_in_plane([dx, dy, dz]: [f64; 3]) -> [f64; 3] {
    let rounded = |mm: f64| (mm * 1000.0).round() / 1000.0;
    [rounded(dx), rounded(dy), dz]
}

/// The plausible spacing with which `voxels` make `offered_ml`: another distance of slices, or another in-plane spacing
/// (a field of view over a matrix); the simplest first.
pub fn explain(offered_ml: f64, voxels: u64, spacing_mm: [f64; 3]) -> Explanation {
    let [dx, dy, dz] = spacing_mm;
    let fits = |[x, y, z]: [f64; 3]| {
        let ml = voxels as f64 * x * y * z / 1000.0;
        (ml - offered_ml).abs() <= RELATIVE_TOLERANCE * offered_ml
    };
    let found = |spacing_mm: [f64; 3], words: String| Explanation { spacing_mm: Some(spacing_mm), words };
    let slices = SLICE_HALVES_MM.map(|halves| f64::from(halves) / 2.0);
    // Whole millimetres before halves.
    for z in slices.clone().filter(|z| z.fract() == 0.0).chain(slices.filter(|z| z.fract() != 0.0)) {
        if fits([dx, dy, z]) {
            return found([dx, dy, z], format!("dz {z} mm instead of {} mm", short(dz)));
        }
    }
    for matrix in MATRICES {
        for view_mm in FIELDS_OF_VIEW_MM.map(|tens| tens * 10) {
            let mm = f64::from(view_mm) / f64::from(matrix);
            if fits([mm, mm, dz]) {
                let words = format!("{mm} mm in plane ({view_mm}/{matrix}) instead of {} mm", short(dx));
                return found([mm, mm, dz], words);
            }
        }
    }
    let voxel_mm3 = offered_ml * 1000.0 / voxels as f64;
    let words = match voxels {
        0 => "there are no voxels of it".into(),
        _ => format!(
            "no plausible spacing: a voxel would be {voxel_mm3:.4} mm³ instead of {:.4} mm³",
            spacing_mm.iter().product::<f64>()
        ),
    };
    Explanation { spacing_mm: None, words }
}

/// Six digits, as a 32-bit header holds them.
fn short(mm: f64) -> f64 {
    (mm * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_table_9_is_explained_by_the_spacing_of_another_file() {
        // Spacings of the published headers.
        let headers = [
            ([1.44531, 1.44531, 10.0], "1.640625 mm in plane (420/256) instead of 1.44531 mm"),
            ([1.3671875, 1.3671875, 10.0], "1.5625 mm in plane (400/256) instead of 1.367188 mm"),
            ([1.36719, 1.36719, 10.0], "1.5625 mm in plane (400/256) instead of 1.36719 mm"),
            ([1.75781, 1.75781, 10.0], "1.5625 mm in plane (400/256) instead of 1.75781 mm"),
            ([1.5625, 1.5625, 7.0], "dz 1 mm instead of 7 mm"),
            ([1.78571, 1.78571, 5.0], "dz 10 mm instead of 5 mm"),
        ];
        for (row, (spacing_mm, words)) in super::super::offered::table9().unwrap().iter().zip(headers) {
            let voxels = row.printed.as_ref().unwrap().voxels;
            assert_eq!(explain(row.volume_ml, voxels, spacing_mm).words, words, "{}", row.patient);
            assert_eq!(rounded_in_plane(spacing_mm), row.printed.as_ref().unwrap().spacing_mm);
        }
    }

    #[test]
    fn what_no_spacing_explains_is_said_with_the_voxel_it_would_take() {
        let explanation = explain(100.0, 1000, [1.5, 1.5, 10.0]);
        assert_eq!(explanation.spacing_mm, None);
        assert!(explanation.words.contains("100.0000 mm³ instead of 22.5000 mm³"), "{}", explanation.words);
        assert!(explain(100.0, 0, [1.5, 1.5, 10.0]).words.contains("no voxels"));
    }
}
