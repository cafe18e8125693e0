//! Perturbation curves: what a network says of images whose regions go under noise, step by step.

use super::explainer::Explainer;
use super::perturb::{Noise, Order, Perturbation, Regions};
use crate::error::{Error, Result};
use crate::nn::Tensor;

/// How images are perturbed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// Side of a region, px at the network's size.
    pub region_px: usize,
    /// Regions that go, one a step: K.
    pub steps: usize,
    pub order: Order,
    pub noise: Noise,
    /// Rank regions by the absolute values of the map.
    pub absolute: bool,
    pub seed: u64,
}

/// One image's steps 0 to K as tensors (K + 1, H, W, C), and what the network says of each, in its own units.
///
/// Fails where the network does.
pub fn said_of(explainer: &mut Explainer, perturbation: &Perturbation, steps: usize) -> Result<(Tensor, Vec<f32>)> {
    let Regions { height, width, channels, .. } = perturbation.regions;
    let mut values = Vec::with_capacity((steps + 1) * perturbation.image.len());
    (0..=steps).for_each(|k| perturbation.step(k, &mut values));
    let images = Tensor::from_vec(&[steps + 1, height, width, channels], values)?;
    let said = explainer.outputs(&images)?.data().to_vec();
    Ok((images, said))
}

/// Images whose steps are made at once; the network takes as many as fit of them.
const IMAGES_AT_ONCE: usize = 8;

/// What the network says of each image (N, H, W, C) at steps 0 to K, in its own units: regions go by `maps`, of the same
/// shape; `numbers` tell the images' noise apart; step 0 is the clean image, of which it says `clean`. All steps of
/// several images go through the network together.
///
/// Fails where regions do not fit into the image or are fewer than the steps.
pub fn curves(
    explainer: &mut Explainer,
    images: &Tensor,
    clean: &[f32],
    maps: &Tensor,
    numbers: &[u64],
    design: &Design,
) -> Result<Vec<Vec<f32>>> {
    let shape = images.shape();
    let size = [shape[1], shape[2], shape[3]];
    let regions = Regions::new(size, [design.region_px; 2])?;
    if design.steps > regions.count() {
        return Err(Error::usage(format!(
            "{} steps are more than the {} regions of {} px",
            design.steps,
            regions.count(),
            design.region_px
        ))
        .cure("take fewer steps or smaller regions"));
    }
    let sample = size.iter().product::<usize>();
    let mut found: Vec<Vec<f32>> = clean.iter().map(|output| vec![*output]).collect();
    for (some, found) in found.chunks_mut(IMAGES_AT_ONCE).enumerate() {
        let mut values = Vec::with_capacity(found.len() * design.steps * sample);
        for (i, number) in numbers.iter().enumerate().skip(some * IMAGES_AT_ONCE).take(found.len()) {
            let [image, map] = [images, maps].map(|t| &t.data()[i * sample..(i + 1) * sample]);
            // Each image has an order and noise of its own.
            let seed = design.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(*number);
            let ranked = regions.ranked(map, design.absolute, design.order, seed);
            let perturbation = Perturbation { regions, ranked, noise: design.noise, seed, image };
            (1..=design.steps).for_each(|k| perturbation.step(k, &mut values));
        }
        let steps = Tensor::from_vec(&[found.len() * design.steps, size[0], size[1], size[2]], values)?;
        let output = explainer.outputs(&steps)?;
        for (curve, said) in found.iter_mut().zip(output.data().chunks(design.steps.max(1))) {
            curve.extend_from_slice(said);
        }
    }
    Ok(found)
}
