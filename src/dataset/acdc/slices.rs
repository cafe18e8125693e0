//! Slices at one in-plane spacing, and the way back to the file's own grid.

use super::batch::CLASSES;
use super::form::Form;
use super::sample::HeartSample;

/// The likeliest label of every voxel of the file, z x y x x; `probabilities` are those of `sample` in `form`, z x height
/// x width x [`CLASSES`]. What the form cut off is background.
pub fn to_native(sample: &HeartSample, probabilities: &[f32], form: &Form) -> Vec<u8> {
    let [height, width] = form.size();
    let [nx, ny, nz] = sample.shape;
    assert_eq!(probabilities.len(), nz * height * width * CLASSES, "as many probabilities as the form has voxels");
    let mut labels = vec![0; nx * ny * nz];
    let window = &sample.window;
    // From the centre of a pixel of the file to the prepared grid, edges to edges.
    let along = |i: usize, from: f64, extent: f64, count: usize| {
        let at = (i as f64 + 0.5 - from) / extent * count as f64 - 0.5;
        (at > -1.0 && at < count as f64).then(|| at.clamp(0.0, (count - 1) as f64))
    };
    for (z, slice) in labels.chunks_exact_mut(nx * ny).enumerate() {
        let from = &probabilities[z * height * width * CLASSES..][..height * width * CLASSES];
        for (y, line) in slice.chunks_exact_mut(nx).enumerate() {
            let Some(v) = along(y, window.top_px, window.height_px, height) else { continue };
            for (x, label) in line.iter_mut().enumerate() {
                let Some(u) = along(x, window.left_px, window.width_px, width) else { continue };
                *label = likeliest(from, width, height, u, v);
            }
        }
    }
    labels
}

/// The class whose probability, bilinear between four pixels, is greatest at (u, v) within the grid.
fn likeliest(probabilities: &[f32], width: usize, height: usize, u: f64, v: f64) -> u8 {
    let (x0, y0) = (u as usize, v as usize);
    let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
    let (fx, fy) = ((u - x0 as f64) as f32, (v - y0 as f64) as f32);
    let mut sums = [0.0f32; CLASSES];
    let corners =
        [(x0, y0, (1.0 - fx) * (1.0 - fy)), (x1, y0, fx * (1.0 - fy)), (x0, y1, (1.0 - fx) * fy), (x1, y1, fx * fy)];
    for (x, y, weight) in corners {
        let at = &probabilities[(y * width + x) * CLASSES..][..CLASSES];
        sums.iter_mut().zip(at).for_each(|(sum, p)| *sum += weight * p);
    }
    let mut best = 0;
    for class in 1..CLASSES {
        if sums[class] > sums[best] {
            best = class;
        }
    }
    best as u8
}
