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

#[cfg(test)]
mod tests {
    use super::super::drawn::{hearts, volume};
    use super::super::{HeartCopy, STRUCTURES};
    use super::*;

    const MOVES: HeartAugment = HeartAugment {
        flip: true,
        shift_share: 0.1,
        rotation_deg: 20.0,
        scale: 0.1,
        brightness: 0.0,
        contrast: 0.0,
        gamma: 0.0,
        noise: 0.0,
    };
    const ALL: HeartAugment = HeartAugment { brightness: 0.5, contrast: 0.3, gamma: 0.4, noise: 0.1, ..MOVES };

    fn volumes(views: &[HeartView], augment: Option<&HeartAugment>, input: Input, channels: bool) -> Tensor {
        let hearts = hearts(volume());
        let augment = augment.map(|augment| (augment, 5, 6));
        fill_volumes(&hearts, views, &HeartNormalise::Each, augment, input, channels).unwrap()
    }

    #[test]
    fn each_heart_has_mean_0_and_sd_1_and_depth_may_stand_in_the_channels() {
        let views = HeartView::plain(&[2, 0]);
        let deep = volumes(&views, None, Input::Image, false);
        let Form::Volume { slices, height, width } = volume() else { unreachable!() };
        assert_eq!(deep.shape(), [2, slices, height, width, 1]);
        for heart in deep.data().chunks_exact(slices * height * width) {
            let mean = heart.iter().sum::<f32>() / heart.len() as f32;
            let variance = heart.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / heart.len() as f32;
            assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-3, "{mean} {variance}");
        }
        let flat = volumes(&views, None, Input::Image, true);
        assert_eq!(flat.shape(), [2, height, width, slices]);
        for (n, z, y, x) in [(0, 0, 0, 0), (1, 2, 7, 30), (0, 1, height - 1, width - 1)] {
            let at = ((n * slices + z) * height + y) * width + x;
            assert_eq!(flat.data()[((n * height + y) * width + x) * slices + z], deep.data()[at]);
        }
    }

    #[test]
    fn masks_as_input_keep_their_size_and_their_order() {
        let hearts = hearts(volume());
        let tensor = volumes(&HeartView::plain(&[1]), Some(&HeartAugment { noise: 1.0, ..ALL }), Input::Labels, false);
        assert!(tensor.data().iter().all(|v| (-1e-6..=1.0 + 1e-6).contains(v)));
        let plain = volumes(&HeartView::plain(&[1]), None, Input::Labels, false);
        assert!(plain.data().iter().zip(hearts.labels(1)).all(|(v, l)| *v == f32::from(*l) / 3.0));
    }

    #[test]
    fn a_training_part_grows_fourfold_by_the_copies_of_the_preprint() {
        let views = HeartView::grown(&[4, 7]);
        assert_eq!(views.len(), 8);
        assert!(views[..2].iter().all(|view| view.copy.is_none()));
        let Form::Volume { height, width, .. } = volume() else { unreachable!() };
        let one = |copy: Option<HeartCopy>| {
            volumes(&[HeartView { index: 1, copy }], None, Input::Image, false).data().to_vec()
        };
        let plain = one(None);
        let row = |values: &[f32], y: usize| values[y * width..][..width].to_vec();
        let mut mirrored = row(&plain, 9);
        mirrored.reverse();
        assert_eq!(row(&one(Some(HeartCopy::Flipped)), 9), mirrored);
        let right = (0.05 * width as f64).round() as usize;
        assert_eq!(row(&one(Some(HeartCopy::ShiftedRight)), 9)[right..], row(&plain, 9)[..width - right]);
        let down = (0.05 * height as f64).round() as usize;
        assert_eq!(row(&one(Some(HeartCopy::ShiftedDown)), 9 + down), row(&plain, 9));
    }

    #[test]
    fn a_heart_is_changed_alike_in_whatever_batch_and_place_and_its_copies_otherwise() {
        let views = HeartView::grown(&[2, 1]);
        let all = volumes(&views, Some(&ALL), Input::Image, false);
        let size = all.data().len() / views.len();
        for i in [1, 4] {
            let one = volumes(&views[i..=i], Some(&ALL), Input::Image, false);
            assert_eq!(all.data()[i * size..][..size], *one.data());
        }
        assert_ne!(all.data()[..size], volumes(&views[..1], Some(&MOVES), Input::Image, false).data()[..]);
        // The copy's draw is not the heart's.
        let labels = volumes(&views, Some(&MOVES), Input::Labels, false);
        assert_ne!(labels.data()[..size], labels.data()[4 * size..][..size]);
    }

    #[test]
    fn slices_and_their_truth_move_as_one() {
        let form = Form::Slices { spacing_mm: 1.5, height: 40, width: 48 };
        let hearts = hearts(form);
        let slices = [(0, 1), (2, 0), (1, 2)];
        let normalise = HeartNormalise::Fixed { mean: 0.0, sd: 1.0 };
        for augment in [None, Some((&MOVES, 3, 1))] {
            let (images, truth) = fill_slices(&hearts, &slices, &normalise, augment).unwrap();
            assert_eq!(images.shape(), [3, 40, 48, 1]);
            for (value, shares) in images.data().iter().zip(truth.chunks_exact(CLASSES)) {
                assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                // Drawn hearts are 100 times as bright as their label is large.
                let drawn: f32 = shares.iter().enumerate().map(|(label, share)| 100.0 * label as f32 * share).sum();
                assert!((value - drawn).abs() < 1e-2, "{value} {drawn}");
            }
        }
        assert!(fill_slices(&hearts, &[(0, 99)], &normalise, None).is_err());
        assert!(fill_slices(&hearts, &[(99, 0)], &normalise, None).is_err());
        let volumes = fill_volumes(&hearts, &HeartView::plain(&[0]), &normalise, None, Input::Image, false);
        assert!(volumes.is_err());
        assert_eq!(CLASSES, STRUCTURES.len() + 1);
    }
}
