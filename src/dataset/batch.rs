//! Batches: prepared images standardised, and augmented where they train.

use super::augment::{Augment, warp};
use super::cache::Prepared;
use crate::nn::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// z-score over all pixels of the training part, in grey values 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardise {
    pub mean: f32,
    pub sd: f32,
}

impl Standardise {
    /// Mean and standard deviation over all pixels of the samples `indices`; exact, since grey values are counted.
    pub fn of(prepared: &Prepared, indices: &[usize]) -> Standardise {
        let counts = indices
            .par_iter()
            .map(|i| {
                let mut counts = [0u64; 256];
                prepared.image(*i).iter().for_each(|v| counts[usize::from(*v)] += 1);
                counts
            })
            .reduce(
                || [0; 256],
                |mut all, some| {
                    all.iter_mut().zip(some).for_each(|(a, s)| *a += s);
                    all
                },
            );
        let n = counts.iter().sum::<u64>().max(1) as f64;
        let moment =
            |power: i32| counts.iter().enumerate().map(|(v, c)| (v as f64).powi(power) * *c as f64).sum::<f64>() / n;
        let mean = moment(1);
        let sd = (moment(2) - mean * mean).max(0.0).sqrt();
        // Images of one grey value become 0, not infinite.
        Standardise { mean: mean as f32, sd: if sd > 0.0 { sd as f32 } else { 1.0 } }
    }

    fn apply(&self, value: f32) -> f32 {
        (value - self.mean) / self.sd
    }
}

/// The samples `indices` as (N, H, W, 1), standardised; with `augment` (bounds, seed, epoch) also moved.
///
/// Images are spread over the current rayon pool; the values do not depend on how many threads there are.
pub fn fill_values(
    prepared: &Prepared,
    indices: &[usize],
    standardise: &Standardise,
    augment: Option<(&Augment, u64, u64)>,
) -> (Vec<f32>, [usize; 4]) {
    let [height, width] = prepared.size;
    let mut values = vec![0.0; indices.len() * height * width];
    values.par_chunks_exact_mut(height * width).zip(indices).for_each(|(out, &index)| {
        let image = prepared.image(index);
        match augment {
            None => out.iter_mut().zip(image).for_each(|(o, v)| *o = standardise.apply(f32::from(*v))),
            Some((augment, seed, epoch)) => {
                let sample = &prepared.samples[index];
                let original = (sample.width_px, sample.height_px);
                let map = augment.draw(seed, epoch, index).affine(original, (width, height));
                warp(image, width, height, &map, |i, v| out[i] = standardise.apply(v));
            }
        }
    });
    (values, [indices.len(), height, width, 1])
}

/// [`fill_values`] as a tensor.
pub fn fill(
    prepared: &Prepared,
    indices: &[usize],
    standardise: &Standardise,
    augment: Option<(&Augment, u64, u64)>,
) -> Tensor {
    let (values, shape) = fill_values(prepared, indices, standardise, augment);
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
        let standardise = Standardise::of(&prepared, &[0, 1]);
        let (values, shape) = fill_values(&prepared, &[0, 1], &standardise, None);
        assert_eq!(shape, [2, 2, 2, 1]);
        let mean = values.iter().sum::<f32>() / 8.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 8.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
        assert_eq!(Standardise::of(&self::prepared(&[5; 4]), &[0]), Standardise { mean: 5.0, sd: 1.0 });
    }

    #[test]
    fn a_sample_is_augmented_alike_in_whatever_batch_and_place() {
        let pixels: Vec<u8> = (0..16).map(|i| i * 11).collect();
        let prepared = prepared(&pixels);
        let standardise = Standardise::of(&prepared, &[0, 1, 2, 3]);
        let augment = Augment { flip: true, shift_px: 1.0, rotation_deg: 10.0 };
        let (all, _) = fill_values(&prepared, &[3, 1, 2], &standardise, Some((&augment, 5, 6)));
        let (one, _) = fill_values(&prepared, &[1], &standardise, Some((&augment, 5, 6)));
        assert_eq!(all[4..8], one[..]);
    }
}
