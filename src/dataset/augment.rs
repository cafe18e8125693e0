//! Augmentation: horizontal flip, translation, rotation, drawn without state from (seed, epoch, sample).
//!
//! Rotation turns the image in its file's own, isotropic frame. On the resized grid, whose pixels are not square, that
//! is S R S^-1: a head stays an ellipse of the same circumference, so the truth needs no change.

use crate::geometry::Affine;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// The bounds between which augmentations are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Augment {
    /// Mirror left and right with probability one half.
    pub flip: bool,
    /// Greatest translation in x and in y, in px at training size.
    pub shift_px: f64,
    /// Greatest rotation either way, in degrees.
    pub rotation_deg: f64,
}

/// One drawn augmentation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    pub flip: bool,
    pub shift_x_px: f64,
    pub shift_y_px: f64,
    pub rotation_rad: f64,
}

impl Augment {
    /// The augmentation of a sample in an epoch: a pure function, so that a resumed run draws what an uninterrupted
    /// one would have drawn.
    pub fn draw(&self, seed: u64, epoch: u64, index: usize) -> Draw {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&epoch.to_le_bytes());
        key[16..24].copy_from_slice(&(index as u64).to_le_bytes());
        key[24..].copy_from_slice(b"augment1");
        let mut rng = ChaCha8Rng::from_seed(key);
        // Always four draws, so that switching one part off leaves the others as they were.
        let flip = rng.random::<f64>() < 0.5;
        let mut within = |bound: f64| (2.0 * rng.random::<f64>() - 1.0) * bound;
        Draw {
            flip: self.flip && flip,
            shift_x_px: within(self.shift_px),
            shift_y_px: within(self.shift_px),
            rotation_rad: within(self.rotation_deg).to_radians(),
        }
    }
}

impl Draw {
    /// The map from a prepared image's pixels to the augmented ones, for a file of `original` (width, height) px
    /// prepared at `size` (width, height) px.
    pub fn affine(&self, original: (u32, u32), size: (usize, usize)) -> Affine {
        let size = (size.0 as f64, size.1 as f64);
        let original = (f64::from(original.0), f64::from(original.1));
        let center = ((size.0 - 1.0) / 2.0, (size.1 - 1.0) / 2.0);
        let (sx, sy) = (size.0 / original.0, size.1 / original.1);
        let mirror = if self.flip { -1.0 } else { 1.0 };
        Affine::translation(-center.0, -center.1)
            .then(&Affine::scaling(mirror / sx, 1.0 / sy))
            .then(&Affine::rotation(self.rotation_rad))
            .then(&Affine::scaling(sx, sy))
            .then(&Affine::translation(center.0 + self.shift_x_px, center.1 + self.shift_y_px))
    }
}

/// `image` (`height` x `width`) moved by `map`, bilinear, black outside; `write(i, grey)` receives every pixel.
pub fn warp(image: &[u8], width: usize, height: usize, map: &Affine, mut write: impl FnMut(usize, f32)) {
    // Augmentations turn, mirror and shift: their inverse exists. A flattened image would be black.
    let inverse = map.inverse().unwrap_or(Affine::translation(f64::NAN, f64::NAN));
    let at = |x: isize, y: isize| {
        let inside = x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height;
        if inside { f32::from(image[y as usize * width + x as usize]) } else { 0.0 }
    };
    for row in 0..height {
        for column in 0..width {
            let (x, y) = inverse.apply(column as f64, row as f64);
            // NaN fails the comparison too.
            let near = x > -1.0 && y > -1.0 && x < width as f64 && y < height as f64;
            if !near {
                write(row * width + column, 0.0);
                continue;
            }
            let (x0, y0) = (x.floor(), y.floor());
            let (fx, fy) = ((x - x0) as f32, (y - y0) as f32);
            let (x0, y0) = (x0 as isize, y0 as isize);
            let top = at(x0, y0) * (1.0 - fx) + at(x0 + 1, y0) * fx;
            let bottom = at(x0, y0 + 1) * (1.0 - fx) + at(x0 + 1, y0 + 1) * fx;
            write(row * width + column, top * (1.0 - fy) + bottom * fy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Ellipse;

    const AUGMENT: Augment = Augment { flip: true, shift_px: 5.0, rotation_deg: 10.0 };

    #[test]
    fn draws_depend_on_seed_epoch_and_sample_alone_and_stay_within_bounds() {
        assert_eq!(AUGMENT.draw(1, 2, 3), AUGMENT.draw(1, 2, 3));
        assert_ne!(AUGMENT.draw(1, 2, 3), AUGMENT.draw(1, 3, 2));
        let draws: Vec<_> = (0..2000).map(|i| AUGMENT.draw(9, 1, i)).collect();
        let flips = draws.iter().filter(|d| d.flip).count();
        assert!((900..1100).contains(&flips), "{flips}");
        let greatest = |f: fn(&Draw) -> f64| draws.iter().map(f).fold(0.0, f64::max);
        for (value, bound) in
            [(greatest(|d| d.shift_x_px.abs()), 5.0), (greatest(|d| d.rotation_rad.abs()), 10f64.to_radians())]
        {
            assert!(value <= bound && value > 0.98 * bound, "{value} of {bound}");
        }
    }

    #[test]
    fn a_head_keeps_its_circumference_in_pixels_of_its_file() {
        let (original, size) = ((800, 540), (128, 128));
        let to_grid = Affine::resize((800.0, 540.0), (128.0, 128.0));
        let head = Ellipse::new(420.0, 250.0, 260.0, 190.0, 0.4);
        for i in 0..50 {
            let moved = to_grid.then(&AUGMENT.draw(3, 1, i).affine(original, size)).then(&to_grid.inverse().unwrap());
            let hc = head.transformed(&moved).circumference_exact_px();
            assert!((hc - head.circumference_exact_px()).abs() < 1e-9 * hc, "{hc}");
        }
    }

    #[test]
    fn no_augmentation_is_the_identity() {
        let none = Augment { flip: false, shift_px: 0.0, rotation_deg: 0.0 };
        let image: Vec<u8> = (0..12 * 8).map(|i| (i * 37 % 251) as u8).collect();
        let map = none.draw(1, 1, 1).affine((800, 540), (12, 8));
        let mut out = vec![0.0; image.len()];
        warp(&image, 12, 8, &map, |i, v| out[i] = v);
        for (a, b) in image.iter().zip(out) {
            assert!((f32::from(*a) - b).abs() < 1e-3);
        }
    }

    #[test]
    fn a_flip_mirrors_and_what_comes_from_outside_is_black() {
        let image = [10u8, 20, 30, 40];
        let flip = Draw { flip: true, shift_x_px: 0.0, shift_y_px: 0.0, rotation_rad: 0.0 };
        let mut out = [0.0; 4];
        warp(&image, 4, 1, &flip.affine((4, 1), (4, 1)), |i, v| out[i] = v);
        assert_eq!(out, [40.0, 30.0, 20.0, 10.0]);
        let shift = Draw { flip: false, shift_x_px: 2.0, ..flip };
        warp(&image, 4, 1, &shift.affine((4, 1), (4, 1)), |i, v| out[i] = v);
        assert_eq!(out, [0.0, 0.0, 10.0, 20.0]);
    }
}
