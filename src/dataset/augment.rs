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

/// `image` (`height` x `width`, row by row) moved by `map` into `out`, bilinear, black outside.
pub fn warp(image: &[u8], width: usize, height: usize, map: &Affine, out: &mut [f32]) {
    assert!(image.len() == width * height && out.len() == image.len(), "both are height x width");
    // Augmentations turn, mirror and shift: their inverse exists. A flattened image would be black.
    let Some(inverse) = map.inverse() else { return out.fill(0.0) };
    for (row, line) in out.chunks_exact_mut(width).enumerate() {
        let (start_x, start_y) = inverse.apply(0.0, row as f64);
        // Where along the line all four neighbours exist; beyond it each is looked at.
        let (from_x, to_x) = columns_within(start_x, inverse.xx, (width - 1) as f64, width);
        let (from_y, to_y) = columns_within(start_y, inverse.yx, (height - 1) as f64, width);
        let (from, to) = (from_x.max(from_y), to_x.min(to_y));
        let at = |column: usize| (start_x + inverse.xx * column as f64, start_y + inverse.yx * column as f64);
        let from = from.min(to);
        for column in (0..from).chain(to..width) {
            let (x, y) = at(column);
            line[column] = sample_near_border(image, width, height, x, y);
        }
        for (column, value) in line.iter_mut().enumerate().take(to).skip(from) {
            let (x, y) = at(column);
            // Not negative here, so that the cast rounds down; by way of i32, for which there is an instruction.
            let (x0, y0) = (x as i32 as usize, y as i32 as usize);
            let (fx, fy) = ((x - x0 as f64) as f32, (y - y0 as f64) as f32);
            let upper = &image[y0 * width + x0..][..2];
            let lower = &image[(y0 + 1) * width + x0..][..2];
            *value = mix(mix(upper[0].into(), upper[1].into(), fx), mix(lower[0].into(), lower[1].into(), fx), fy);
        }
    }
}

fn mix(a: f32, b: f32, part: f32) -> f32 {
    a * (1.0 - part) + b * part
}

/// The columns, of `count`, at which `start + step * column` lies within `[0, end)`, with a margin of safety.
fn columns_within(start: f64, step: f64, end: f64, count: usize) -> (usize, usize) {
    const MARGIN: f64 = 1e-6;
    let inside = |value: f64| value >= MARGIN && value < end - MARGIN;
    if step.abs() < 1e-12 {
        return if inside(start) && inside(start + step * count as f64) { (0, count) } else { (0, 0) };
    }
    let (one, two) = ((MARGIN - start) / step, (end - MARGIN - start) / step);
    // Casts saturate: a line that misses the image gives an empty range.
    let from = (one.min(two).ceil().max(0.0) as usize).min(count);
    let to = ((one.max(two).floor() + 1.0).max(0.0) as usize).min(count);
    (from, to.max(from))
}

fn sample_near_border(image: &[u8], width: usize, height: usize, x: f64, y: f64) -> f32 {
    // NaN fails the comparison too.
    if !(x > -1.0 && y > -1.0 && x < width as f64 && y < height as f64) {
        return 0.0;
    }
    let at = |x: isize, y: isize| {
        let inside = x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height;
        if inside { f32::from(image[y as usize * width + x as usize]) } else { 0.0 }
    };
    let (fx, fy) = ((x - x.floor()) as f32, (y - y.floor()) as f32);
    let (x0, y0) = (x.floor() as isize, y.floor() as isize);
    mix(mix(at(x0, y0), at(x0 + 1, y0), fx), mix(at(x0, y0 + 1), at(x0 + 1, y0 + 1), fx), fy)
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
        warp(&image, 12, 8, &map, &mut out);
        for (a, b) in image.iter().zip(out) {
            assert!((f32::from(*a) - b).abs() < 1e-3);
        }
    }

    #[test]
    fn the_quick_middle_and_the_careful_border_sample_alike() {
        let (width, height) = (33, 21);
        let image: Vec<u8> = (0..width * height).map(|i| (i * 7919 % 256) as u8).collect();
        let mut out = vec![0.0; image.len()];
        for i in 0..40 {
            let map = Augment { flip: true, shift_px: 20.0, rotation_deg: 90.0 }
                .draw(1, 1, i)
                .affine((80, 54), (width, height));
            warp(&image, width, height, &map, &mut out);
            let inverse = map.inverse().unwrap();
            for (k, value) in out.iter().enumerate() {
                let (x, y) = inverse.apply((k % width) as f64, (k / width) as f64);
                assert!((value - sample_near_border(&image, width, height, x, y)).abs() < 1e-3, "draw {i}, pixel {k}");
            }
        }
    }

    #[test]
    fn a_flip_mirrors_and_what_comes_from_outside_is_black() {
        let image = [10u8, 20, 30, 40];
        let flip = Draw { flip: true, shift_x_px: 0.0, shift_y_px: 0.0, rotation_rad: 0.0 };
        let mut out = [0.0; 4];
        warp(&image, 4, 1, &flip.affine((4, 1), (4, 1)), &mut out);
        assert_eq!(out, [40.0, 30.0, 20.0, 10.0]);
        let shift = Draw { flip: false, shift_x_px: 2.0, ..flip };
        warp(&image, 4, 1, &shift.affine((4, 1), (4, 1)), &mut out);
        assert_eq!(out, [0.0, 0.0, 10.0, 20.0]);
    }
}
