//! ACDC's published rules as one decision: which of the five groups a heart's measures put it in, and why.
//!
//! Rules and their precedence: Bernard et al., IEEE TMI 37(11), 2018, section III.A, and the challenge's page on its
//! classification rules. What they ask that masks of two phases do not say is approximated:
//! - infarction (MINF) is told from dilation (DCM) by the contraction of single segments; here by LVEDV alone;
//! - HCM asks for mass and for several thick segments; masks of a short-axis stack give masses that hardly reach the
//!   published 110 g/m², so that either is taken.

use super::Group;
use serde::Serialize;

pub const LOW_LV_EF: f64 = 0.40;
pub const DCM_LV_VOLUME_ML_PER_M2: f64 = 100.0;
pub const HCM_MASS_G_PER_M2: f64 = 110.0;
pub const HCM_THICKNESS_MM: f64 = 15.0;
/// How many segments are several.
pub const SEVERAL_SEGMENTS: usize = 2;
pub const RV_VOLUME_ML_PER_M2: f64 = 110.0;
pub const LOW_RV_EF: f64 = 0.40;

/// What the rules ask for. Fractions go from 0 to 1; indices are per m² of body surface, at ED.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Measures {
    pub lv_ef: Option<f64>,
    pub rv_ef: Option<f64>,
    pub lv_edv_ml_per_m2: Option<f64>,
    pub rv_edv_ml_per_m2: Option<f64>,
    pub myo_mass_g_per_m2: Option<f64>,
    /// Segments of the wall whose mean thickness at ED exceeds [`HCM_THICKNESS_MM`].
    pub thick_segments: Option<usize>,
}

/// A group, and the measures that led there; or none, and what is missing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    pub group: Option<Group>,
    pub reasons: Vec<String>,
}

/// The first rule that holds: low LVEF (MINF or DCM), then HCM, then RV, then NOR.
pub fn diagnose(m: &Measures) -> Diagnosis {
    let answer = |group: Option<Group>, reasons: Vec<String>| Diagnosis { group, reasons };
    let (Some(lv_ef), Some(rv_ef), Some(lv), Some(rv), Some(mass)) =
        (m.lv_ef, m.rv_ef, m.lv_edv_ml_per_m2, m.rv_edv_ml_per_m2, m.myo_mass_g_per_m2)
    else {
        return answer(None, vec!["volumes of both phases, height and weight are needed".into()]);
    };
    let ef = |name: &str, ef: f64| format!("{name} {:.1} %", 100.0 * ef);
    if lv_ef < LOW_LV_EF {
        let low = format!("{} < 40 %", ef("LVEF", lv_ef));
        return match lv > DCM_LV_VOLUME_ML_PER_M2 {
            true => answer(Some(Group::Dcm), vec![low, format!("LVEDV {lv:.1} > 100 ml/m²")]),
            false => answer(Some(Group::Minf), vec![low, format!("LVEDV {lv:.1} <= 100 ml/m²")]),
        };
    }
    let mut reasons = Vec::new();
    if mass > HCM_MASS_G_PER_M2 {
        reasons.push(format!("mass {mass:.1} > 110 g/m²"));
    }
    if let Some(thick) = m.thick_segments.filter(|n| *n >= SEVERAL_SEGMENTS) {
        reasons.push(format!("{thick} segments thicker than 15 mm"));
    }
    if !reasons.is_empty() {
        reasons.push(format!("{} not low", ef("LVEF", lv_ef)));
        return answer(Some(Group::Hcm), reasons);
    }
    if rv > RV_VOLUME_ML_PER_M2 {
        reasons.push(format!("RVEDV {rv:.1} > 110 ml/m²"));
    }
    if rv_ef < LOW_RV_EF {
        reasons.push(format!("{} < 40 %", ef("RVEF", rv_ef)));
    }
    if !reasons.is_empty() {
        return answer(Some(Group::Rv), reasons);
    }
    answer(Some(Group::Nor), vec!["no rule of the other groups holds".into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORMAL: Measures = Measures {
        lv_ef: Some(0.62),
        rv_ef: Some(0.55),
        lv_edv_ml_per_m2: Some(75.0),
        rv_edv_ml_per_m2: Some(80.0),
        myo_mass_g_per_m2: Some(55.0),
        thick_segments: Some(0),
    };

    fn group(m: Measures) -> Option<Group> {
        diagnose(&m).group
    }

    #[test]
    fn each_published_rule_puts_a_heart_in_its_group() {
        assert_eq!(group(NORMAL), Some(Group::Nor));
        let weak = Measures { lv_ef: Some(0.39), ..NORMAL };
        assert_eq!(group(weak), Some(Group::Minf));
        assert_eq!(group(Measures { lv_edv_ml_per_m2: Some(100.1), ..weak }), Some(Group::Dcm));
        assert_eq!(group(Measures { myo_mass_g_per_m2: Some(110.1), ..NORMAL }), Some(Group::Hcm));
        assert_eq!(group(Measures { thick_segments: Some(2), ..NORMAL }), Some(Group::Hcm));
        assert_eq!(group(Measures { thick_segments: Some(1), ..NORMAL }), Some(Group::Nor));
        assert_eq!(group(Measures { rv_edv_ml_per_m2: Some(110.1), ..NORMAL }), Some(Group::Rv));
        assert_eq!(group(Measures { rv_ef: Some(0.39), ..NORMAL }), Some(Group::Rv));
    }

    #[test]
    fn the_published_precedence_holds() {
        // Thick in spots and weak is an infarct; both ventricles dilated is DCM.
        assert_eq!(group(Measures { lv_ef: Some(0.3), thick_segments: Some(4), ..NORMAL }), Some(Group::Minf));
        let both =
            Measures { lv_ef: Some(0.3), lv_edv_ml_per_m2: Some(140.0), rv_edv_ml_per_m2: Some(140.0), ..NORMAL };
        assert_eq!(group(both), Some(Group::Dcm));
        let reasons = diagnose(&both).reasons;
        assert_eq!(reasons, ["LVEF 30.0 % < 40 %", "LVEDV 140.0 > 100 ml/m²"]);
    }

    #[test]
    fn without_both_phases_or_the_body_nothing_is_said() {
        for missing in [
            Measures { lv_ef: None, ..NORMAL },
            Measures { rv_edv_ml_per_m2: None, ..NORMAL },
            Measures { myo_mass_g_per_m2: None, ..NORMAL },
        ] {
            let diagnosis = diagnose(&missing);
            assert!(diagnosis.group.is_none() && !diagnosis.reasons.is_empty());
        }
        // Thickness alone may be unknown.
        assert_eq!(group(Measures { thick_segments: None, ..NORMAL }), Some(Group::Nor));
    }
}
