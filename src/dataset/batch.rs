//! Batches: prepared images normalised, and augmented where they train.

use super::augment::Augment;
use super::cache::Prepared;
use super::normalise::Normalise;
use crate::nn::Tensor;
use rayon::prelude::*;

/// The samples `indices` as (N, H, W, channels), normalised; with `augment` (bounds, seed, epoch) also moved, and their
/// grey values changed.
///
/// Images are spread over the current rayon pool; the values do not depend on how many threads there are.
pub fn fill_values(
    prepared: &Prepared,
    indices: &[usize],
    normalise: &Normalise,
    augment: Option<(&Augment, u64, u64)>,
) -> (Vec<f32>, [usize; 4]) {
    let [height, width] = prepared.size;
    let channels = normalise.channels();
    let mut values = vec![0.0; indices.len() * height * width * channels];
    values.par_chunks_exact_mut(height * width * channels).zip(indices).for_each(|(out, &index)| {
        let image = prepared.image(index);
        match augment {
            None => normalise.apply(image.iter().map(|v| f32::from(*v)), out),
            Some((augment, seed, epoch)) => {
                let sample = &prepared.samples[index];
                let original = (sample.width_px, sample.height_px);
                let draw = augment.draw(seed, epoch, index);
                let mut moved = draw.moved(image, (width, height), &draw.affine(original, (width, height)));
                draw.intensity.apply(&mut moved);
                normalise.apply(moved.into_iter(), out);
            }
        }
    });
    (values, [indices.len(), height, width, channels])
}

/// [`fill_values`] as a tensor.
pub fn fill(
    prepared: &Prepared,
    indices: &[usize],
    normalise: &Normalise,
    augment: Option<(&Augment, u64, u64)>,
) -> Tensor {
    let (values, shape) = fill_values(prepared, indices, normalise, augment);
    Tensor::from_vec(&shape, values).expect("as many values as the shape says, by construction")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::cache::Sample;

    fn prepared(images: &[u8]) -> Prepared {
        let sample = |i: usize| Sample {
            file: format!("{i:03}_HC.png"),
            exam: i as u32,
            width_px: 800,
            height_px: 540,
            pixel_size_mm: 0.1,
            hc_mm: 100.0,
            hc_px: 1000.0,
            truth: None,
            trimester: None,
        };
        Prepared::in_memory((0..images.len() / 4).map(sample).collect(), [2, 2], images.to_vec()).unwrap()
    }

    #[test]
    fn standardised_training_pixels_have_mean_0_and_sd_1() {
        let prepared = prepared(&[0, 10, 20, 30, 100, 110, 250, 7, 1, 2, 3, 4]);
        let normalise = Normalise::z_score(&prepared, &[0, 1], 1);
        let (values, shape) = fill_values(&prepared, &[0, 1], &normalise, None);
        assert_eq!(shape, [2, 2, 2, 1]);
        let mean = values.iter().sum::<f32>() / 8.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 8.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
        let flat = Normalise::z_score(&self::prepared(&[5; 4]), &[0], 3);
        assert_eq!(flat, Normalise { mean: vec![5.0; 3], sd: vec![1.0; 3] });
    }

    #[test]
    fn a_sample_is_augmented_alike_in_whatever_batch_and_place() {
        let pixels: Vec<u8> = (0..16).map(|i| i * 11).collect();
        let prepared = prepared(&pixels);
        let normalise = Normalise::z_score(&prepared, &[0, 1, 2, 3], 3);
        let augment = Augment { flip: true, shift_px: 1.0, rotation_deg: 10.0, ..Augment::default() };
        let (all, _) = fill_values(&prepared, &[3, 1, 2], &normalise, Some((&augment, 5, 6)));
        let (one, _) = fill_values(&prepared, &[1], &normalise, Some((&augment, 5, 6)));
        assert_eq!(all[12..24], one[..]);
    }
}
