//! Small hearts drawn for tests: ellipses in each other, 100 times as bright as their label is large.

use super::form::Form;
use super::prepared::PreparedHearts;
use super::resample::{Resampler, centered};
use super::sample::{HeartSample, Window};
use super::{Group, Phase};

pub fn volume() -> Form {
    Form::Volume { slices: 3, height: 40, width: 48 }
}

/// The labels of a drawn heart, z y x x.
pub fn labels(shape: [usize; 3], center: [f64; 2], radius_px: f64) -> Vec<u8> {
    let [width, height, depth] = shape;
    let mut labels = Vec::with_capacity(width * height * depth);
    for z in 0..depth {
        let radius = radius_px * (1.0 - 0.15 * z as f64);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let from = |dx: f64| (x as f64 - center[0] - dx).hypot((y as f64 - center[1]) * 1.2) / radius;
            labels.push(match () {
                () if from(0.0) < 0.6 => 3,
                () if from(0.0) < 1.0 => 2,
                () if from(-0.9 * radius) < 0.8 => 1,
                () => 0,
            });
        }
    }
    labels
}

/// Four hearts, of two patients, in a form.
pub fn hearts(form: Form) -> PreparedHearts {
    let (mut samples, mut images, mut all, mut native) = (vec![], vec![], vec![], vec![]);
    for i in 0..4 {
        let (shape, spacing) = ([60 + 7 * i, 52, 3], 1.3 + 0.1 * i as f64);
        let own = labels(shape, [32.0, 24.0 + i as f64], 13.0 - i as f64);
        let window = match form {
            Form::Volume { .. } => Window { left_px: 4.0, top_px: 3.0, width_px: 54.0, height_px: 45.0 },
            Form::Slices { spacing_mm, height, width } => {
                centered([shape[0], shape[1]], [spacing; 2], [width, height], spacing_mm)
            }
        };
        let slices = vec![0, 1, 2];
        let prepared = Resampler::new([shape[0], shape[1]], &window, &form).labels(&own, &slices);
        let voxels = [1, 2, 3].map(|label| own.iter().filter(|l| **l == label).count() as u64);
        images.extend(prepared.iter().map(|label| 100.0 * f32::from(*label)));
        all.extend(prepared);
        native.extend(own);
        let voxel_ml = spacing * spacing * 0.008;
        samples.push(HeartSample {
            patient: format!("patient{:03}", 1 + i / 2),
            number: 1 + i as u32 / 2,
            group: Some(Group::Nor),
            phase: if i % 2 == 0 { Phase::Ed } else { Phase::Es },
            frame: 1 + i as u32,
            spacing_mm: [spacing, spacing, 8.0],
            shape,
            voxels: Some(voxels),
            volumes_ml: Some(voxels.map(|n| n as f64 * voxel_ml)),
            height_cm: Some(170.0),
            weight_kg: Some(70.0),
            window,
            slices,
        });
    }
    PreparedHearts::in_memory(samples, form, images, all, native).expect("the arrays were made for these samples")
}
