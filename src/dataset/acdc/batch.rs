//! Batches of hearts: whole ones for regression, slices with their truth for segmentation.

use super::augment::{HeartAugment, HeartView};
use super::form::Form;
use super::normalise::HeartNormalise;
use super::prepared::PreparedHearts;
use super::warp::each_pixel;
use crate::error::{Error, Result};
use crate::nn::Tensor;
use rayon::prelude::*;

/// Background, rv, myo, lv.
pub const CLASSES: usize = 4;

/// What a regression sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The MRI, normalised.
    Image,
    /// The ground truth (S4, Table 11): 0, 1/3, 2/3 and 1. It is not standardised: a small heart would look like a large
    /// one.
    Labels,
}

/// The views as (N, D, H, W, 1), or with `depth_as_channels` as (N, H, W, D); with `augment` (bounds, seed, epoch) also
/// moved, and images changed in their values. The values do not depend on batch, place or number of threads.
///
/// Fails where hearts do not all have the same number of slices.
pub fn fill_volumes(
    hearts: &PreparedHearts,
    views: &[HeartView],
    normalise: &HeartNormalise,
    augment: Option<(&HeartAugment, u64, u64)>,
    input: Input,
    depth_as_channels: bool,
) -> Result<Tensor> {
    let Form::Volume { slices: depth, height, width } = hearts.form else {
        return Err(Error::new("hearts prepared slice by slice have no common number of slices"));
    };
    let pixels = height * width;
    let mut values = vec![0.0; views.len() * depth * pixels];
    values.par_chunks_exact_mut(depth * pixels).zip(views).for_each(|(out, view)| {
        let [mean, sd] = normalise.of(hearts, view.index);
        let normal = |v: &f32| ((f64::from(*v) - mean) / sd) as f32;
        let heart: Vec<f32> = match input {
            Input::Image => hearts.image(view.index).iter().map(normal).collect(),
            Input::Labels => hearts.labels(view.index).iter().map(|label| f32::from(*label) / 3.0).collect(),
        };
        let mut moved = match view.draw(&hearts.samples[view.index], [height, width], augment) {
            None => heart,
            Some((map, draw)) => {
                let mut moved = vec![0.0; heart.len()];
                each_pixel(width, height, &map, |pixel, from, weights| {
                    for (to, slice) in moved.chunks_exact_mut(pixels).zip(heart.chunks_exact(pixels)) {
                        to[pixel] = from.iter().zip(weights).map(|(f, w)| slice[*f] * w).sum();
                    }
                });
                if input == Input::Image {
                    draw.change(&mut moved);
                }
                moved
            }
        };
        if depth_as_channels {
            for (z, slice) in moved.chunks_exact(pixels).enumerate() {
                slice.iter().enumerate().for_each(|(pixel, v)| out[pixel * depth + z] = *v);
            }
        } else {
            out.swap_with_slice(&mut moved);
        }
    });
    let n = views.len();
    match depth_as_channels {
        true => Tensor::from_vec(&[n, height, width, depth], values),
        false => Tensor::from_vec(&[n, depth, height, width, 1], values),
    }
}

/// The slices (sample, z) as (N, H, W, 1), normalised, and their truth, N x H x W x [`CLASSES`] values from 0 to 1 that
/// add up to 1. A moved truth stays soft, as bilinear sampling leaves it.
///
/// Fails where a slice does not exist.
pub fn fill_slices(
    hearts: &PreparedHearts,
    slices: &[(usize, usize)],
    normalise: &HeartNormalise,
    augment: Option<(&HeartAugment, u64, u64)>,
) -> Result<(Tensor, Vec<f32>)> {
    let [height, width] = hearts.form.size();
    let pixels = height * width;
    if slices.iter().any(|(sample, z)| *sample >= hearts.samples.len() || *z >= hearts.shape(*sample)[0]) {
        return Err(Error::new("a batch asks for a slice that no heart has"));
    }
    let mut images = vec![0.0; slices.len() * pixels];
    let mut truths = vec![0.0; slices.len() * pixels * CLASSES];
    let outputs = images.par_chunks_exact_mut(pixels).zip(truths.par_chunks_exact_mut(pixels * CLASSES));
    outputs.zip(slices).for_each(|((image_out, truth_out), &(sample, z))| {
        let image = &hearts.image(sample)[z * pixels..][..pixels];
        let labels = &hearts.labels(sample)[z * pixels..][..pixels];
        let [mean, sd] = normalise.of(hearts, sample);
        let normal = |v: f32| ((f64::from(v) - mean) / sd) as f32;
        // No heart has as many slices as a stack may have at most.
        let view = HeartView { index: sample * MOST_SLICES + z, copy: None };
        match view.draw(&hearts.samples[sample], [height, width], augment) {
            None => {
                image_out.iter_mut().zip(image).for_each(|(out, v)| *out = normal(*v));
                truth_out.chunks_exact_mut(CLASSES).zip(labels).for_each(|(out, l)| out[usize::from(*l & 3)] = 1.0);
            }
            Some((map, draw)) => {
                each_pixel(width, height, &map, |pixel, from, weights| {
                    image_out[pixel] = normal(from.iter().zip(weights).map(|(f, w)| image[*f] * w).sum());
                    for (f, w) in from.iter().zip(weights) {
                        truth_out[pixel * CLASSES + usize::from(labels[*f] & 3)] += w;
                    }
                });
                draw.change(image_out);
            }
        }
    });
    Ok((Tensor::from_vec(&[slices.len(), height, width, 1], images)?, truths))
}

/// More than any stack has; keeps the draws of two slices apart.
const MOST_SLICES: usize = 1 << 16;
