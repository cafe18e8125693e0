//! Small hearts in memory, for the tests of the tasks on hearts.

use crate::dataset::acdc::sample::Window;
use crate::dataset::acdc::{Form, HeartSample, Phase, PreparedHearts};

/// In px, every side and every slice.
pub const SIDE: usize = 32;
pub const SLICES: usize = 3;

/// Both phases of so many patients, 32x32x3 voxels of 1.5 x 2 x 10 mm in the form's own grid: a left ventricle within its
/// myocardium beside a right ventricle, larger from patient to patient and smaller at ES.
pub fn drawn(patients: usize, slicewise: bool) -> PreparedHearts {
    let (mut samples, mut images, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let spacing_mm = [1.5, 2.0, 10.0];
    for number in 1..=patients as u32 {
        for phase in Phase::ALL {
            let radius = 4.0 + f64::from(number % 4) - if phase == Phase::Es { 2.0 } else { 0.0 };
            let mut voxels = [0u64; 3];
            for i in 0..SLICES * SIDE * SIDE {
                let (x, y) = ((i % SIDE) as f64, (i / SIDE % SIDE) as f64);
                let apart = |cx: f64| ((x - cx).powi(2) + (y - 16.0).powi(2)).sqrt();
                let label = match (apart(20.0), apart(8.0)) {
                    (lv, _) if lv <= radius => 3,
                    (lv, _) if lv <= radius + 3.0 => 2,
                    (_, rv) if rv <= radius => 1,
                    _ => 0u8,
                };
                if label > 0 {
                    voxels[usize::from(label) - 1] += 1;
                }
                labels.push(label);
                images.push(100.0 * f32::from(label) + (i % 7) as f32);
            }
            samples.push(HeartSample {
                patient: format!("patient{number:03}"),
                number,
                group: None,
                phase,
                frame: 1,
                spacing_mm,
                shape: [SIDE, SIDE, SLICES],
                voxels: Some(voxels),
                volumes_ml: Some(voxels.map(|n| n as f64 * 0.03)),
                height_cm: None,
                weight_kg: None,
                window: Window { left_px: 0.0, top_px: 0.0, width_px: SIDE as f64, height_px: SIDE as f64 },
                slices: (0..SLICES).collect(),
            });
        }
    }
    let form = match slicewise {
        false => Form::Volume { slices: SLICES, height: SIDE, width: SIDE },
        true => Form::Slices { spacing_mm: 1.5, height: SIDE, width: SIDE },
    };
    let native = labels.clone();
    PreparedHearts::in_memory(samples, form, images, labels, native).unwrap()
}
