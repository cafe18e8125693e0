//! Augmentation of hearts: the copies of S4 (5.3.1), and on-line draws from (seed, epoch, view) alone.
//!
//! All slices of a heart move by one map in their plane. S4 turns no 3D heart, for fear of interpolation.

use super::sample::HeartSample;
use crate::dataset::augment::{normal, stream};
use crate::geometry::Affine;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// What S4 calls "height and width translation with 5 degrees": read as 5 % of the side.
const COPY_SHIFT_SHARE: f64 = 0.05;

/// A way to copy a heart. With the heart itself they are four, which makes S4's 480 samples of 120.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeartCopy {
    /// Mirrored left and right.
    Flipped,
    /// Moved to the right by 5 % of the width.
    ShiftedRight,
    /// Moved down by 5 % of the height.
    ShiftedDown,
}

impl HeartCopy {
    pub const ALL: [HeartCopy; 3] = [HeartCopy::Flipped, HeartCopy::ShiftedRight, HeartCopy::ShiftedDown];

    fn draw(self, [height, width]: [usize; 2]) -> HeartDraw {
        // Whole pixels: nothing is interpolated.
        let pixels = |side: usize| (COPY_SHIFT_SHARE * side as f64).round();
        match self {
            HeartCopy::Flipped => HeartDraw { flip: true, ..HeartDraw::default() },
            HeartCopy::ShiftedRight => HeartDraw { shift_x_px: pixels(width), ..HeartDraw::default() },
            HeartCopy::ShiftedDown => HeartDraw { shift_y_px: pixels(height), ..HeartDraw::default() },
        }
    }
}

/// A heart to learn from: a sample, or a copy of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartView {
    /// Of the sample.
    pub index: usize,
    pub copy: Option<HeartCopy>,
}

impl HeartView {
    /// The samples themselves.
    pub fn plain(indices: &[usize]) -> Vec<HeartView> {
        indices.iter().map(|index| HeartView { index: *index, copy: None }).collect()
    }

    /// A training part grown fourfold: the samples, then their copies one way after the other.
    pub fn grown(indices: &[usize]) -> Vec<HeartView> {
        let copies = HeartCopy::ALL
            .iter()
            .flat_map(|copy| indices.iter().map(|index| HeartView { index: *index, copy: Some(*copy) }));
        Self::plain(indices).into_iter().chain(copies).collect()
    }

    /// What on-line draws depend on, so that copies of one heart are changed differently.
    fn number(&self) -> usize {
        self.index * (1 + HeartCopy::ALL.len()) + self.copy.map_or(0, |copy| 1 + copy as usize)
    }

    /// The map of this view, of a heart prepared at `size` (height, width), and its change of values.
    pub(super) fn draw(
        &self,
        sample: &HeartSample,
        size: [usize; 2],
        augment: Option<(&HeartAugment, u64, u64)>,
    ) -> Option<(Affine, HeartDraw)> {
        let copied = self.copy.map(|copy| copy.draw(size).affine(sample, size));
        let draw = augment.map(|(augment, seed, epoch)| augment.draw(seed, epoch, self.number(), size));
        match (copied, draw) {
            (None, None) => None,
            (copied, draw) => {
                let draw = draw.unwrap_or_default();
                let map = copied.unwrap_or(Affine::IDENTITY).then(&draw.affine(sample, size));
                Some((map, draw))
            }
        }
    }
}

/// The bounds between which hearts are changed; by default nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeartAugment {
    /// Mirror left and right with probability one half.
    pub flip: bool,
    /// Greatest translation in x and in y, in shares of the side.
    pub shift_share: f64,
    /// Greatest rotation either way, in degrees.
    pub rotation_deg: f64,
    /// Greatest magnification either way: 0.2 is from 0.8 to 1.2 times the size. It changes volumes, so it is not for a
    /// network that regresses them.
    pub scale: f64,
    /// Greatest change either way, in standard deviations of the normalised values.
    pub brightness: f64,
    /// Greatest change of the contrast either way: 0.3 is from 0.7 to 1.3 times.
    pub contrast: f64,
    /// Greatest exponent of a gamma curve over the range of values, less 1: 0.5 is from 1 / 1.5 to 1.5.
    pub gamma: f64,
    /// Greatest standard deviation of noise, in standard deviations of the normalised values.
    pub noise: f64,
}

/// One drawn change; by default the one that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HeartDraw {
    flip: bool,
    shift_x_px: f64,
    shift_y_px: f64,
    rotation_rad: f64,
    scale: f64,
    brightness: f64,
    contrast: f64,
    gamma: f64,
    noise: f64,
    noise_seed: u64,
}

impl Default for HeartDraw {
    fn default() -> HeartDraw {
        HeartDraw {
            flip: false,
            shift_x_px: 0.0,
            shift_y_px: 0.0,
            rotation_rad: 0.0,
            scale: 1.0,
            brightness: 0.0,
            contrast: 1.0,
            gamma: 1.0,
            noise: 0.0,
            noise_seed: 0,
        }
    }
}

impl HeartAugment {
    /// A pure function, so that a resumed run draws what an uninterrupted one would have drawn.
    pub(super) fn draw(&self, seed: u64, epoch: u64, number: usize, [height, width]: [usize; 2]) -> HeartDraw {
        let mut rng = stream(b"hearts01", seed, epoch, number);
        // Always as many draws, so that switching one part off leaves the others as they were.
        let flip = rng.random::<f64>() < 0.5;
        let mut within = |bound: f64| (2.0 * rng.random::<f64>() - 1.0) * bound;
        HeartDraw {
            flip: self.flip && flip,
            shift_x_px: within(self.shift_share * width as f64),
            shift_y_px: within(self.shift_share * height as f64),
            rotation_rad: within(self.rotation_deg).to_radians(),
            scale: 1.0 + within(self.scale),
            brightness: within(self.brightness),
            contrast: 1.0 + within(self.contrast),
            // Doubling is as likely as halving.
            gamma: (1.0 + self.gamma.max(0.0)).powf(within(1.0)),
            noise: within(self.noise).abs(),
            noise_seed: rng.random(),
        }
    }
}

impl HeartDraw {
    /// The map between the pixels of a heart prepared at `size` (height, width). It turns in millimetres: a prepared
    /// pixel need not be square.
    fn affine(&self, sample: &HeartSample, [height, width]: [usize; 2]) -> Affine {
        let (width, height) = (width as f64, height as f64);
        let center = ((width - 1.0) / 2.0, (height - 1.0) / 2.0);
        let per_mm_x = width / (sample.window.width_px * sample.spacing_mm[0]);
        let per_mm_y = height / (sample.window.height_px * sample.spacing_mm[1]);
        let mirror = if self.flip { -1.0 } else { 1.0 };
        let turn = if self.rotation_rad == 0.0 {
            // Without the detour, so that whole shifts stay whole.
            Affine::scaling(mirror * self.scale, self.scale)
        } else {
            Affine::scaling(mirror / per_mm_x, 1.0 / per_mm_y)
                .then(&Affine::rotation(self.rotation_rad))
                .then(&Affine::scaling(per_mm_x * self.scale, per_mm_y * self.scale))
        };
        Affine::translation(-center.0, -center.1)
            .then(&turn)
            .then(&Affine::translation(center.0 + self.shift_x_px, center.1 + self.shift_y_px))
    }

    /// Changes normalised values: gamma over their range, contrast about their mean, brightness, noise.
    pub(super) fn change(&self, values: &mut [f32]) {
        if self.gamma != 1.0 {
            let low = values.iter().copied().fold(f32::INFINITY, f32::min);
            let range = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) - low;
            if range > 0.0 {
                let exponent = self.gamma as f32;
                values.iter_mut().for_each(|v| *v = ((*v - low) / range).powf(exponent) * range + low);
            }
        }
        if self.contrast != 1.0 || self.brightness != 0.0 {
            let mean = (values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64) as f32;
            let (contrast, brightness) = (self.contrast as f32, self.brightness as f32);
            values.iter_mut().for_each(|v| *v = (*v - mean) * contrast + mean + brightness);
        }
        if self.noise > 0.0 {
            let mut rng = stream(b"heartnoi", self.noise_seed, 0, 0);
            values.iter_mut().for_each(|v| *v += (self.noise * normal(&mut rng)) as f32);
        }
    }
}
