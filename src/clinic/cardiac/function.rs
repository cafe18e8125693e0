//! Ejection fraction, stroke volume, mass and the indices per body surface, from volumes at ED and ES.

use serde::Serialize;

/// The density by which a myocardium's volume becomes its mass.
pub const MYOCARDIUM_G_PER_ML: f64 = 1.05;

/// The three structures in one phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Volumes {
    pub rv_ml: f64,
    pub myo_ml: f64,
    pub lv_ml: f64,
}

impl From<[f64; 3]> for Volumes {
    /// In the order of the labels.
    fn from([rv_ml, myo_ml, lv_ml]: [f64; 3]) -> Volumes {
        Volumes { rv_ml, myo_ml, lv_ml }
    }
}

/// A patient's measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body {
    pub height_cm: f64,
    pub weight_kg: f64,
}

/// What both phases say together. Fractions go from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Function {
    /// (EDV - ESV) / EDV; absent where EDV is 0.
    pub lv_ef: Option<f64>,
    pub rv_ef: Option<f64>,
    pub lv_sv_ml: f64,
    pub rv_sv_ml: f64,
}

impl Function {
    pub fn of(ed: &Volumes, es: &Volumes) -> Function {
        Function {
            lv_ef: ejection_fraction(ed.lv_ml, es.lv_ml),
            rv_ef: ejection_fraction(ed.rv_ml, es.rv_ml),
            lv_sv_ml: ed.lv_ml - es.lv_ml,
            rv_sv_ml: ed.rv_ml - es.rv_ml,
        }
    }
}

/// (EDV - ESV) / EDV, negative where the ventricle is larger at ES.
pub fn ejection_fraction(ed_ml: f64, es_ml: f64) -> Option<f64> {
    (ed_ml > 0.0).then(|| (ed_ml - es_ml) / ed_ml)
}

/// Clinically that of ED.
pub fn myocardial_mass_g(myo_ml: f64) -> f64 {
    myo_ml * MYOCARDIUM_G_PER_ML
}

/// Body surface by Mosteller (N Engl J Med 317:1098, 1987): sqrt(height cm * weight kg / 3600), in m². ACDC's paper
/// does not say which formula its indices use.
pub fn body_surface_m2(body: &Body) -> f64 {
    (body.height_cm * body.weight_kg / 3600.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_their_formulas() {
        let ed = Volumes { rv_ml: 150.0, myo_ml: 100.0, lv_ml: 200.0 };
        let es = Volumes { rv_ml: 60.0, myo_ml: 110.0, lv_ml: 50.0 };
        let f = Function::of(&ed, &es);
        assert_eq!((f.lv_ef, f.rv_ef, f.lv_sv_ml, f.rv_sv_ml), (Some(0.75), Some(0.6), 150.0, 90.0));
        assert_eq!(myocardial_mass_g(100.0), 105.0);
        // 180 cm and 80 kg make 2 m² exactly.
        assert_eq!(body_surface_m2(&Body { height_cm: 180.0, weight_kg: 80.0 }), 2.0);
    }

    #[test]
    fn an_empty_ventricle_has_no_ejection_fraction() {
        let nothing = Volumes { rv_ml: 0.0, myo_ml: 0.0, lv_ml: 0.0 };
        let f = Function::of(&nothing, &nothing);
        assert_eq!((f.lv_ef, f.rv_ef), (None, None));
        assert_eq!(ejection_fraction(50.0, 60.0), Some(-0.2));
    }
}
