//! Which heart a phantom patient has: its group, its body, and the shape of its ventricles at ED and ES.

use super::super::anatomy::{key, normal_within};
use crate::clinic::cardiac::{Body, Group, body_surface_m2};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::f64::consts::PI;

/// Depth of the left ventricle over the radius of its cavity at the base.
const LV_DEPTH: f64 = 3.2;
/// The cavity's depth at ES over that at ED: the base comes down.
const SHORTENING: f64 = 0.92;
/// The right ventricle's depth over that of the left one's outer surface.
const RV_DEPTH: f64 = 0.85;
/// Half the angle that the right ventricle embraces.
const RV_HALF_ANGLE_RAD: f64 = 1.05;

/// A heart in one phase. Lengths in mm; depth runs from the base, where both ventricles are open, to the apex.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Of the left cavity at the base.
    pub lv_radius_mm: f64,
    pub lv_depth_mm: f64,
    pub wall_mm: f64,
    /// At the base the right ventricle reaches this many radii of the wall's outer surface.
    pub rv_reach: f64,
}

/// What a group's hearts are like: mean, SD, least and greatest.
struct Habit {
    lv_edv_ml_per_m2: [f64; 4],
    lv_ef: [f64; 4],
    wall_mm: [f64; 4],
    rv_edv_ml_per_m2: [f64; 4],
    rv_ef: [f64; 4],
}

const NORMAL: Habit = Habit {
    lv_edv_ml_per_m2: [72.0, 8.0, 55.0, 88.0],
    lv_ef: [0.62, 0.04, 0.54, 0.72],
    wall_mm: [8.0, 0.6, 6.5, 9.5],
    rv_edv_ml_per_m2: [78.0, 8.0, 60.0, 98.0],
    rv_ef: [0.56, 0.04, 0.47, 0.66],
};

fn habit(group: Group) -> Habit {
    match group {
        Group::Nor => NORMAL,
        Group::Minf => Habit { lv_ef: [0.29, 0.04, 0.18, 0.37], ..NORMAL },
        Group::Dcm => {
            Habit { lv_edv_ml_per_m2: [138.0, 14.0, 110.0, 170.0], lv_ef: [0.20, 0.05, 0.08, 0.34], ..NORMAL }
        }
        Group::Hcm => Habit {
            lv_edv_ml_per_m2: [58.0, 7.0, 42.0, 75.0],
            lv_ef: [0.69, 0.04, 0.60, 0.78],
            wall_mm: [19.0, 1.0, 17.0, 22.0],
            ..NORMAL
        },
        Group::Rv => Habit { rv_edv_ml_per_m2: [135.0, 10.0, 116.0, 160.0], rv_ef: [0.40, 0.05, 0.25, 0.50], ..NORMAL },
    }
}

impl Shape {
    fn outer(&self) -> (f64, f64) {
        (self.lv_radius_mm + self.wall_mm, self.lv_depth_mm + self.wall_mm)
    }

    /// RV, MYO, LV in ml.
    pub fn volumes_ml(&self) -> [f64; 3] {
        let (radius, depth) = self.outer();
        let half_ellipsoid = |radius: f64, depth: f64| 2.0 / 3.0 * PI * radius * radius * depth;
        let lv = half_ellipsoid(self.lv_radius_mm, self.lv_depth_mm);
        let rv = self.rv_base_mm3() * (self.rv_reach * self.rv_reach - 1.0);
        [rv, half_ellipsoid(radius, depth) - lv, lv].map(|mm3| mm3 / 1000.0)
    }

    /// The right ventricle's volume were its reach squared 2: outside the wall its area tapers like an ellipsoid's.
    fn rv_base_mm3(&self) -> f64 {
        let (radius, depth) = self.outer();
        RV_HALF_ANGLE_RAD * radius * radius * 2.0 / 3.0 * RV_DEPTH * depth
    }

    /// The label at `depth_mm` below the base and (`x_mm`, `y_mm`) from the left ventricle's axis; the right ventricle
    /// lies towards negative x.
    pub fn label(&self, depth_mm: f64, x_mm: f64, y_mm: f64) -> u8 {
        let (radius, depth) = self.outer();
        if depth_mm < 0.0 || depth_mm > depth {
            return 0;
        }
        let r2 = x_mm * x_mm + y_mm * y_mm;
        let squared = |radius: f64, depth: f64| radius * radius * (1.0 - (depth_mm / depth).powi(2));
        let outer2 = squared(radius, depth);
        if r2 < outer2 {
            return if depth_mm < self.lv_depth_mm && r2 < squared(self.lv_radius_mm, self.lv_depth_mm) {
                3
            } else {
                2
            };
        }
        let embraced = y_mm.atan2(-x_mm).abs() < RV_HALF_ANGLE_RAD;
        let taper = 1.0 - (depth_mm / (RV_DEPTH * depth)).powi(2);
        let rv2 = outer2 + (self.rv_reach * self.rv_reach - 1.0) * radius * radius * taper;
        u8::from(taper > 0.0 && r2 < rv2 && embraced)
    }

    /// The greatest extent from the axis.
    pub fn reach_mm(&self) -> f64 {
        self.outer().0 * self.rv_reach
    }

    pub fn depth_mm(&self) -> f64 {
        self.outer().1
    }

    fn with_rv_ml(self, rv_ml: f64) -> Shape {
        Shape { rv_reach: (1.0 + rv_ml * 1000.0 / self.rv_base_mm3()).sqrt(), ..self }
    }

    /// The end of diastole.
    fn filled(lv_ml: f64, wall_mm: f64, rv_ml: f64) -> Shape {
        let lv_radius_mm = (lv_ml * 1000.0 / (2.0 / 3.0 * PI * LV_DEPTH)).cbrt();
        let lv_depth_mm = LV_DEPTH * lv_radius_mm;
        Shape { lv_radius_mm, lv_depth_mm, wall_mm, rv_reach: 1.0 }.with_rv_ml(rv_ml)
    }

    /// The end of systole: the cavities emptied, the muscle's volume kept.
    fn emptied(&self, lv_ef: f64, rv_ef: f64) -> Shape {
        let [rv_ml, myo_ml, _] = self.volumes_ml();
        let lv_radius_mm = self.lv_radius_mm * ((1.0 - lv_ef) / SHORTENING).sqrt();
        let lv_depth_mm = self.lv_depth_mm * SHORTENING;
        let with_wall = |wall_mm: f64| Shape { lv_radius_mm, lv_depth_mm, wall_mm, rv_reach: 1.0 };
        let (mut thin, mut thick) = (0.0, 100.0);
        for _ in 0..60 {
            let middle = (thin + thick) / 2.0;
            if with_wall(middle).volumes_ml()[1] < myo_ml { thin = middle } else { thick = middle }
        }
        with_wall(thick).with_rv_ml(rv_ml * (1.0 - rv_ef))
    }
}

/// Phantom patient `index` of a series.
#[derive(Clone, Debug)]
pub struct Patient {
    /// From 1.
    pub number: u64,
    pub group: Group,
    pub body: Body,
    /// Of the cine, from 1.
    pub ed_frame: u32,
    pub es_frame: u32,
    pub frames: u32,
    /// ED, ES.
    pub shapes: [Shape; 2],
    /// Voxels along x, y, z.
    pub shape: [usize; 3],
    pub spacing_mm: [f64; 3],
    /// Where the left ventricle's axis stands, and how far the heart is turned about it.
    pub axis_mm: [f64; 2],
    pub turn_rad: f64,
    /// Seeds the image.
    pub scene_seed: [u8; 32],
}

impl Patient {
    /// A pure function of both.
    pub fn of(seed: u64, index: u64) -> Patient {
        let mut rng = ChaCha8Rng::from_seed(key(seed, index, b"hcwb phantom hrt"));
        let group = Group::ALL[(index % 5) as usize];
        let habit = habit(group);
        // Whole numbers: Info.cfg has them so.
        let body = Body {
            height_cm: normal_within(&mut rng, [171.0, 9.0, 148.0, 195.0]).round(),
            weight_kg: normal_within(&mut rng, [75.0, 12.0, 45.0, 115.0]).round(),
        };
        let bsa_m2 = body_surface_m2(&body);
        let mut draw = |range: [f64; 4]| normal_within(&mut rng, range);
        let lv_ml = bsa_m2 * draw(habit.lv_edv_ml_per_m2);
        let ed = Shape::filled(lv_ml, draw(habit.wall_mm), bsa_m2 * draw(habit.rv_edv_ml_per_m2));
        let es = ed.emptied(draw(habit.lv_ef), draw(habit.rv_ef));
        let in_plane_mm = [1.367_187_5, 1.5625, 1.757_812_5, 1.875][rng.random_range(0..4)];
        let slice_mm = [10.0, 10.0, 10.0, 8.0, 7.0][rng.random_range(0..5)];
        // An empty slice above the base and one below the apex.
        let slices = (ed.depth_mm() / slice_mm).ceil() as usize + 2;
        let reach_mm = ed.reach_mm().max(es.reach_mm());
        let side = |mm: f64| (mm / in_plane_mm / 8.0).ceil() as usize * 8;
        let (width, height) = (side(2.0 * reach_mm + 30.0), side(1.8 * reach_mm + 30.0));
        let room_mm = |px: usize| px as f64 * in_plane_mm / 2.0;
        let axis_mm = [room_mm(width) + draw_within(&mut rng, 6.0), room_mm(height) + draw_within(&mut rng, 6.0)];
        let frames = rng.random_range(20..=30);
        Patient {
            number: index + 1,
            group,
            body,
            ed_frame: 1,
            es_frame: rng.random_range(8..=13),
            frames,
            shapes: [ed, es],
            shape: [width, height, slices],
            spacing_mm: [in_plane_mm, in_plane_mm, slice_mm],
            axis_mm,
            turn_rad: draw_within(&mut rng, 0.4),
            scene_seed: key(seed, index, b"hcwb phantom mri"),
        }
    }

    /// `patient007`.
    pub fn name(&self) -> String {
        format!("patient{:03}", self.number)
    }
}

fn draw_within(rng: &mut ChaCha8Rng, most: f64) -> f64 {
    (rng.random::<f64>() * 2.0 - 1.0) * most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinic::cardiac::{Function, Measures, diagnose, myocardial_mass_g};

    #[test]
    fn volumes_in_closed_form_agree_with_a_fine_integration_of_the_labels() {
        let shape = Shape { lv_radius_mm: 27.0, lv_depth_mm: 86.0, wall_mm: 9.0, rv_reach: 1.6 };
        let (step_mm, mut counts) = (0.5, [0u64; 4]);
        let along = |reach: f64| {
            let n = (reach / step_mm) as i32;
            (-n..n).map(move |i| (f64::from(i) + 0.5) * step_mm)
        };
        for z in along(96.0).filter(|z| *z > 0.0) {
            for x in along(64.0) {
                for y in along(64.0) {
                    counts[usize::from(shape.label(z, x, y))] += 1;
                }
            }
        }
        for (counted, ml) in counts[1..].iter().zip(shape.volumes_ml()) {
            let counted_ml = *counted as f64 * step_mm.powi(3) / 1000.0;
            assert!((counted_ml / ml - 1.0).abs() < 2e-3, "{counted_ml} {ml}");
        }
    }

    #[test]
    fn hearts_eject_as_their_group_does_and_keep_their_muscle() {
        for index in 0..60 {
            let patient = Patient::of(5, index);
            let [ed, es] = patient.shapes.map(|shape| shape.volumes_ml());
            assert!((es[1] / ed[1] - 1.0).abs() < 1e-9);
            let function = Function::of(&ed.into(), &es.into());
            let bsa_m2 = body_surface_m2(&patient.body);
            let measures = Measures {
                lv_ef: function.lv_ef,
                rv_ef: function.rv_ef,
                lv_edv_ml_per_m2: Some(ed[2] / bsa_m2),
                rv_edv_ml_per_m2: Some(ed[0] / bsa_m2),
                myo_mass_g_per_m2: Some(myocardial_mass_g(ed[1]) / bsa_m2),
                thick_segments: Some(if patient.shapes[0].wall_mm > 15.0 { 6 } else { 0 }),
            };
            assert_eq!(diagnose(&measures).group, Some(patient.group), "{index} {measures:?}");
        }
    }

    #[test]
    fn a_heart_lies_within_its_image() {
        for index in 0..60 {
            let p = Patient::of(9, index);
            assert!(
                (6..=20).contains(&p.shape[2]) && p.shape[..2].iter().all(|n| (64..=256).contains(n)),
                "{:?}",
                p.shape
            );
            for (axis_mm, n) in p.axis_mm.iter().zip(p.shape) {
                assert!(*axis_mm > 30.0 && *axis_mm < n as f64 * p.spacing_mm[0] - 30.0);
            }
        }
    }
}
