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

#[cfg(test)]
mod tests {
    use super::super::drawn::hearts;
    use super::*;

    fn there_and_back(form: Form) -> Vec<[f64; 3]> {
        let hearts = hearts(form);
        let of = |i: usize| {
            let certain =
                |label: &u8| std::array::from_fn::<f32, CLASSES, _>(|k| f32::from(u8::from(k == usize::from(*label))));
            let probabilities: Vec<f32> = hearts.labels(i).iter().flat_map(certain).collect();
            let back = to_native(&hearts.samples[i], &probabilities, &form);
            let native = hearts.native_labels(i);
            assert_eq!(back.len(), native.len());
            [1, 2, 3].map(|label| {
                let count = |of: &[u8]| of.iter().filter(|l| **l == label).count() as f64;
                let both = back.iter().zip(native).filter(|(a, b)| **a == label && **b == label).count() as f64;
                2.0 * both / (count(&back) + count(native))
            })
        };
        (0..4).map(of).collect()
    }

    #[test]
    fn there_and_back_on_the_same_grid_changes_nothing_and_on_a_coarser_one_little() {
        // The first heart's own spacing and, but for what the border cuts off, size.
        let same = there_and_back(Form::Slices { spacing_mm: 1.3, height: 52, width: 60 });
        assert_eq!(same[0], [1.0; 3]);
        for (spacing_mm, least) in [(1.0, 0.99), (1.5, 0.96)] {
            let dice = there_and_back(Form::Slices { spacing_mm, height: 100, width: 120 });
            assert!(dice.iter().flatten().all(|d| *d > least), "{spacing_mm}: {dice:?}");
        }
    }

    #[test]
    fn what_the_form_cuts_off_is_background() {
        let form = Form::Slices { spacing_mm: 1.3, height: 10, width: 10 };
        let hearts = hearts(form);
        let sample = &hearts.samples[0];
        let everything: Vec<f32> = (0..3 * 100).flat_map(|_| [0.1, 0.0, 0.0, 0.9]).collect();
        let labels = to_native(sample, &everything, &form);
        let [nx, ny, _] = sample.shape;
        // Ten pixels about the centre, and one on each side whose neighbour they are.
        assert!(
            labels.chunks_exact(nx * ny).all(|slice| (100..=144).contains(&slice.iter().filter(|l| **l == 3).count()))
        );
        assert_eq!(labels[0], 0);
        assert_eq!(labels[(ny / 2) * nx + nx / 2], 3);
    }
}
