//! A phantom heart on voxels: its mask by the label at each voxel's centre, its image by tissue, blur and noise.

use super::anatomy::Patient;
use crate::dataset::acdc::Phase;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Signal of what surrounds the heart, of RV, MYO and LV, as balanced steady-state sequences show them.
const LUNG: f32 = 40.0;
const WALL_OF_CHEST: f32 = 150.0;
const SIGNAL: [f32; 4] = [70.0, 205.0, 85.0, 220.0];
const NOISE: f32 = 9.0;

/// One phase of a phantom, x fastest, then y, then z.
pub struct Rendered {
    pub image: Vec<i16>,
    pub labels: Vec<u8>,
}

/// Draws a phase.
pub fn render(patient: &Patient, phase: Phase) -> Rendered {
    let [width, height, slices] = patient.shape;
    let [dx, dy, dz] = patient.spacing_mm;
    let shape = &patient.shapes[phase as usize];
    let (sin, cos) = patient.turn_rad.sin_cos();
    let mut rng = ChaCha8Rng::from_seed(patient.scene_seed);
    rng.set_stream(phase as u64);
    // Coils nearer to one side see more.
    let (slope_x, slope_y) = (rng.random_range(-0.2..0.2f32), rng.random_range(-0.2..0.2f32));
    let gain = rng.random_range(0.8..1.3f32);
    let (mut image, mut labels) = (Vec::new(), Vec::with_capacity(width * height * slices));
    for z in 0..slices {
        let depth_mm = (z as f64 - 0.5) * dz;
        let mut signal = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                // Voxels' centres.
                let (x_mm, y_mm) =
                    ((x as f64 + 0.5) * dx - patient.axis_mm[0], (y as f64 + 0.5) * dy - patient.axis_mm[1]);
                let label = shape.label(depth_mm, x_mm * cos + y_mm * sin, y_mm * cos - x_mm * sin);
                labels.push(label);
                let (u, v) = (2.0 * x as f32 / width as f32 - 1.0, 2.0 * y as f32 / height as f32 - 1.0);
                let tissue = match label {
                    0 if u * u + v * v > 1.1 => 0.0,
                    0 if u * u + v * v > 0.8 => WALL_OF_CHEST,
                    0 if u > 0.25 => LUNG,
                    label => SIGNAL[usize::from(label)],
                };
                signal.push(tissue * gain * (1.0 + slope_x * u + slope_y * v));
            }
        }
        let blurred = blur(&signal, width, height);
        // Four uniforms: near enough to a bell.
        let mut noise = || (0..4).map(|_| rng.random_range(-1.0..1.0f32)).sum::<f32>() * NOISE * 0.87;
        image.extend(blurred.into_iter().map(|v| (v + noise()).max(0.0).round() as i16));
    }
    Rendered { image, labels }
}

/// A voxel shows a little of its neighbours.
fn blur(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    let pass = |values: &[f32], step: usize, along: fn(usize, usize) -> usize, n: usize| -> Vec<f32> {
        let at = |i: usize| {
            let place = along(i, width);
            let before = if place > 0 { values[i - step] } else { values[i] };
            let after = if place + 1 < n { values[i + step] } else { values[i] };
            0.25 * before + 0.5 * values[i] + 0.25 * after
        };
        (0..values.len()).map(at).collect()
    };
    let rows = pass(values, 1, |i, width| i % width, width);
    pass(&rows, width, |i, width| i / width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_voxels_make_the_volumes_of_the_formulas_within_two_percent() {
        for index in 0..10 {
            let patient = Patient::of(1, index);
            let voxel_ml = patient.spacing_mm.iter().product::<f64>() / 1000.0;
            for phase in Phase::ALL {
                let rendered = render(&patient, phase);
                assert_eq!(rendered.labels.len(), patient.shape.iter().product::<usize>());
                for (label, ml) in patient.shapes[phase as usize].volumes_ml().into_iter().enumerate() {
                    let voxels = rendered.labels.iter().filter(|l| usize::from(**l) == label + 1).count();
                    let off = voxels as f64 * voxel_ml - ml;
                    assert!(off.abs() < (0.02 * ml).max(1.5), "{index} {phase:?} {label}: {off} of {ml} ml");
                }
            }
        }
    }

    #[test]
    fn the_first_and_last_slices_are_empty_and_blood_outshines_muscle() {
        let patient = Patient::of(2, 3);
        let rendered = render(&patient, Phase::Ed);
        let slice = patient.shape[0] * patient.shape[1];
        assert!(rendered.labels[..slice].iter().all(|l| *l == 0));
        assert!(rendered.labels[rendered.labels.len() - slice..].iter().all(|l| *l == 0));
        let mean = |label: u8| {
            let of: Vec<f64> = rendered
                .image
                .iter()
                .zip(&rendered.labels)
                .filter(|(_, l)| **l == label)
                .map(|(v, _)| f64::from(*v))
                .collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        assert!(mean(3) > 1.8 * mean(2) && mean(1) > 1.7 * mean(2));
    }
}
