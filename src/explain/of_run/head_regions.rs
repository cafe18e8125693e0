//! Where a head's annotation lies on the image that a network sees: on its line, inside of it, outside.

use crate::dataset::hc18::RING_THICKNESS_PX;
use crate::geometry::{Affine, Ellipse, coverage};

/// What a pixel is said to be touched by is at least this share of it.
const TOUCHED: f32 = 1e-3;

/// Every pixel in one of three regions, row by row.
pub struct HeadRegions {
    /// The pixels that the annotated line touches, as thick as annotations draw it.
    pub ring: Vec<bool>,
    pub inside: Vec<bool>,
    pub outside: Vec<bool>,
}

impl HeadRegions {
    pub const NAMES: [&str; 3] = ["ring", "inside", "outside"];

    /// Of the annotated ellipse in px of a `from` (width, height) image, at the size `to`.
    pub fn of(ellipse: &Ellipse, from: (u32, u32), [width, height]: [usize; 2]) -> HeadRegions {
        let map = Affine::resize((f64::from(from.0), f64::from(from.1)), (width as f64, height as f64));
        let within = |by_px: f64| coverage(&ellipse.grown(by_px).transformed(&map), width, height);
        let half = 0.5 * RING_THICKNESS_PX;
        let (outer, inner) = (within(half), within(-half));
        let ring: Vec<bool> = outer.iter().zip(&inner).map(|(o, i)| o - i > TOUCHED).collect();
        let off_ring = |head: bool| -> Vec<bool> {
            ring.iter().zip(&inner).map(|(ring, share)| !ring && (*share > 0.5) == head).collect()
        };
        HeadRegions { inside: off_ring(true), outside: off_ring(false), ring }
    }

    /// In the order of [`HeadRegions::NAMES`].
    pub fn each(&self) -> [&[bool]; 3] {
        [&self.ring, &self.inside, &self.outside]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_regions_tile_the_image_and_a_thin_ring_stays_whole() {
        let head = Ellipse::new(400.0, 270.0, 250.0, 190.0, 0.3);
        let regions = HeadRegions::of(&head, (800, 540), [128, 128]);
        let count = |region: &[bool]| region.iter().filter(|r| **r).count();
        assert_eq!(regions.each().map(count).iter().sum::<usize>(), 128 * 128);
        // As areas: inside, and a line that touches between one and three pixels across.
        let scaled = head.scaled(128.0 / 800.0, 128.0 / 540.0);
        let (ring, inside) = (count(&regions.ring) as f64, count(&regions.inside) as f64);
        let around = scaled.circumference_exact_px();
        assert!(ring > around && ring < 3.0 * around, "{ring} {around}");
        assert!((inside + 0.5 * ring - scaled.area_px2()).abs() < 0.02 * scaled.area_px2(), "{inside} {ring}");
        // No way leads from inside to outside but over the ring.
        for i in 0..127 * 128 {
            for j in [i + 1, i + 128] {
                let apart = (regions.inside[i] && regions.outside[j]) || (regions.outside[i] && regions.inside[j]);
                assert!(!apart || i % 128 == 127, "{i} {j}");
            }
        }
    }
}
