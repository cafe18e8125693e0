//! On-line augmentation, drawn without state from (seed, epoch, sample): one affine map for image, mask and true
//! ellipse, and changes of intensity for the image alone.
//!
//! The map turns, mirrors and scales in the file's own, isotropic frame. On the resized grid, whose pixels are not
//! square, that is S R S^-1: a head stays an ellipse, and without scaling one of the same circumference.

pub mod elastic;
pub mod intensity;
pub mod plan;
mod warp;

pub use elastic::Elastic;
pub use intensity::Intensity;
pub(super) use intensity::normal;
pub use plan::{Copy, Plan};
pub use warp::{bend, warp};

use crate::geometry::Affine;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// The bounds between which augmentations are drawn; by default nothing is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Augment {
    /// Mirror left and right with probability one half.
    pub flip: bool,
    /// Mirror top and bottom with probability one half.
    pub flip_vertical: bool,
    /// Greatest translation in x and in y, in px at training size.
    pub shift_px: f64,
    /// Greatest rotation either way, in degrees.
    pub rotation_deg: f64,
    /// Greatest magnification either way: 0.2 is from 0.8 to 1.2 times the size. It changes the circumference, so it
    /// is not for a network that regresses it.
    pub scale: f64,
    /// Standard deviation of an elastic bending, in px at training size; the head is no ellipse then.
    pub elastic_px: f64,
    /// Greatest change either way, in shares of the grey range.
    pub brightness: f64,
    /// Greatest change of the contrast either way: 0.3 is from 0.7 to 1.3 times.
    pub contrast: f64,
    /// Greatest exponent of a gamma curve, less 1: 0.5 is from 1 / 1.5 to 1.5.
    pub gamma: f64,
    /// Greatest standard deviation of noise, in shares of the grey range.
    pub noise: f64,
}

/// One drawn augmentation; by default the one that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    pub flip: bool,
    pub flip_vertical: bool,
    pub shift_x_px: f64,
    pub shift_y_px: f64,
    pub rotation_rad: f64,
    /// Magnification.
    pub scale: f64,
    pub elastic: Option<Elastic>,
    pub intensity: Intensity,
}

impl Default for Draw {
    fn default() -> Draw {
        Draw {
            flip: false,
            flip_vertical: false,
            shift_x_px: 0.0,
            shift_y_px: 0.0,
            rotation_rad: 0.0,
            scale: 1.0,
            elastic: None,
            intensity: Intensity::default(),
        }
    }
}

impl Augment {
    /// The augmentation of a sample in an epoch: a pure function, so that a resumed run draws what an uninterrupted
    /// one would have drawn.
    pub fn draw(&self, seed: u64, epoch: u64, index: usize) -> Draw {
        // Always as many draws, so that switching one part off leaves the others as they were; in two streams, so
        // that the second may grow.
        let mut rng = stream(b"augment1", seed, epoch, index);
        let flip = rng.random::<f64>() < 0.5;
        let mut within = |bound: f64| (2.0 * rng.random::<f64>() - 1.0) * bound;
        let (shift_x_px, shift_y_px) = (within(self.shift_px), within(self.shift_px));
        let rotation_rad = within(self.rotation_deg).to_radians();
        let mut rng = stream(b"augment2", seed, epoch, index);
        let flip_vertical = rng.random::<f64>() < 0.5;
        let scale = 1.0 + (2.0 * rng.random::<f64>() - 1.0) * self.scale;
        let intensity = Intensity::draw(self, &mut rng);
        Draw {
            flip: self.flip && flip,
            flip_vertical: self.flip_vertical && flip_vertical,
            shift_x_px,
            shift_y_px,
            rotation_rad,
            scale,
            elastic: (self.elastic_px > 0.0).then(|| Elastic::draw(self.elastic_px, &mut rng)),
            intensity,
        }
    }
}

/// Random numbers that depend on these alone.
pub(super) fn stream(name: &[u8; 8], seed: u64, epoch: u64, index: usize) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&epoch.to_le_bytes());
    key[16..24].copy_from_slice(&(index as u64).to_le_bytes());
    key[24..].copy_from_slice(name);
    ChaCha8Rng::from_seed(key)
}

impl Draw {
    /// The map from a prepared image's pixels to the augmented ones, for a file of `original` (width, height) px
    /// prepared at `size` (width, height) px; without the elastic bending.
    pub fn affine(&self, original: (u32, u32), size: (usize, usize)) -> Affine {
        let size = (size.0 as f64, size.1 as f64);
        let original = (f64::from(original.0), f64::from(original.1));
        let center = ((size.0 - 1.0) / 2.0, (size.1 - 1.0) / 2.0);
        let (sx, sy) = (size.0 / original.0, size.1 / original.1);
        let mirror = |on: bool| if on { -1.0 } else { 1.0 };
        Affine::translation(-center.0, -center.1)
            .then(&Affine::scaling(mirror(self.flip) / sx, mirror(self.flip_vertical) / sy))
            .then(&Affine::rotation(self.rotation_rad))
            .then(&Affine::scaling(sx * self.scale, sy * self.scale))
            .then(&Affine::translation(center.0 + self.shift_x_px, center.1 + self.shift_y_px))
    }

    /// `image` moved by `map` and bent as drawn, of values 0 to 255 like the image's.
    pub fn moved(&self, image: &[u8], (width, height): (usize, usize), map: &Affine) -> Vec<f32> {
        let mut out = vec![0.0; image.len()];
        match &self.elastic {
            None => warp(image, width, height, map, &mut out),
            Some(elastic) => bend(image, width, height, map, elastic, &mut out),
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Ellipse;

    const AUGMENT: Augment = Augment {
        flip: true,
        flip_vertical: false,
        shift_px: 5.0,
        rotation_deg: 10.0,
        scale: 0.0,
        elastic_px: 0.0,
        brightness: 0.0,
        contrast: 0.0,
        gamma: 0.0,
        noise: 0.0,
    };

    #[test]
    fn draws_depend_on_seed_epoch_and_sample_alone_and_stay_within_bounds() {
        assert_eq!(AUGMENT.draw(1, 2, 3), AUGMENT.draw(1, 2, 3));
        assert_ne!(AUGMENT.draw(1, 2, 3), AUGMENT.draw(1, 3, 2));
        let augment = Augment { flip_vertical: true, scale: 0.2, ..AUGMENT };
        let draws: Vec<_> = (0..2000).map(|i| augment.draw(9, 1, i)).collect();
        for flips in [draws.iter().filter(|d| d.flip).count(), draws.iter().filter(|d| d.flip_vertical).count()] {
            assert!((900..1100).contains(&flips), "{flips}");
        }
        let greatest = |f: fn(&Draw) -> f64| draws.iter().map(f).fold(0.0, f64::max);
        for (value, bound) in [
            (greatest(|d| d.shift_x_px.abs()), 5.0),
            (greatest(|d| d.rotation_rad.abs()), 10f64.to_radians()),
            (greatest(|d| d.scale - 1.0), 0.2),
            (greatest(|d| 1.0 - d.scale), 0.2),
        ] {
            assert!(value <= bound + 1e-12 && value > 0.98 * bound, "{value} of {bound}");
        }
    }

    #[test]
    fn the_first_options_give_the_draws_and_the_pixels_that_they_always_gave() {
        // From the first form of this module, which knew of nothing else; the sum is FNV-1a over the pixels' bits.
        let golden = [
            (
                (1, 2, 3),
                (false, -4.475403463495877, 0.6023043682476958, -0.12350510613241804),
                0x69f2_c223_ff32_6c64_u64,
            ),
            (
                (42, 0, 998),
                (false, 2.2256999200459484, -2.794905482963511, -0.04763323043765107),
                0xb35a_9ac9_a772_1e6f,
            ),
            ((0, 17, 5), (false, 1.373717050035319, 4.022216574851791, 0.08814738842717167), 0x37a1_0f18_8dfe_2500),
        ];
        let image: Vec<u8> = (0..33 * 21).map(|i| (i * 7919 % 256) as u8).collect();
        for ((seed, epoch, index), moves, sum) in golden {
            let draw = AUGMENT.draw(seed, epoch, index);
            assert_eq!((draw.flip, draw.shift_x_px, draw.shift_y_px, draw.rotation_rad), moves);
            let mut out = draw.moved(&image, (33, 21), &draw.affine((800, 540), (33, 21)));
            draw.intensity.apply(&mut out);
            let hash = |h: u64, v: &f32| (h ^ u64::from(v.to_bits())).wrapping_mul(0x0100_0000_01b3);
            assert_eq!(out.iter().fold(0xcbf2_9ce4_8422_2325, hash), sum);
        }
    }

    #[test]
    fn flips_shifts_and_turns_are_drawn_alike_whatever_else_is_switched_on() {
        let everything =
            Augment { flip_vertical: true, scale: 0.2, elastic_px: 3.0, noise: 0.1, gamma: 1.0, ..AUGMENT };
        for i in 0..50 {
            let (few, all) = (AUGMENT.draw(3, 1, i), everything.draw(3, 1, i));
            let moves = |d: &Draw| (d.flip, d.shift_x_px, d.shift_y_px, d.rotation_rad);
            assert_eq!(moves(&few), moves(&all));
            assert_eq!(few, Draw { flip_vertical: false, scale: 1.0, elastic: None, intensity: few.intensity, ..all });
            assert!(few.intensity.is_none());
        }
    }

    #[test]
    fn a_head_keeps_its_circumference_in_pixels_of_its_file_but_for_the_scale() {
        let (original, size) = ((800, 540), (128, 128));
        let to_grid = Affine::resize((800.0, 540.0), (128.0, 128.0));
        let head = Ellipse::new(420.0, 250.0, 260.0, 190.0, 0.4);
        for augment in [AUGMENT, Augment { scale: 0.3, flip_vertical: true, ..AUGMENT }] {
            for i in 0..50 {
                let draw = augment.draw(3, 1, i);
                let moved = to_grid.then(&draw.affine(original, size)).then(&to_grid.inverse().unwrap());
                let hc = head.transformed(&moved).circumference_exact_px() / draw.scale;
                assert!((hc - head.circumference_exact_px()).abs() < 1e-9 * hc, "{hc}");
            }
        }
    }
}
