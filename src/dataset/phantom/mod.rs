//! Phantoms: drawn fetal-head ultrasound whose ellipse and pixel size are known, in HC18's own layout; and [`heart`]s.
//!
//! For tests, for the demo, and for a first look at a network before real data are at hand. Sizes follow the published
//! training set: three trimester-like ranges of HC (mm), HC in px from 440 to 1790, pixel sizes from 0.05 to 0.39 mm,
//! nearly independent of one another within a trimester.

mod anatomy;
pub mod heart;
mod scene;
mod speckle;
mod write;

pub use anatomy::{Head, name_of};
pub use write::{MARKER, write};

use crate::geometry::{self, Ellipse};
use image::GrayImage;

pub const WIDTH_PX: u32 = 800;
pub const HEIGHT_PX: u32 = 540;
/// HC18's rings have about 2.5 ring pixels for each pixel of circumference.
pub const RING_THICKNESS_PX: f64 = 2.5;

/// One drawn image and its truth.
pub struct Phantom {
    /// 800x540 px.
    pub image: GrayImage,
    /// 0 and 255: the outline of the skull, closed.
    pub ring: GrayImage,
    /// In px.
    pub ellipse: Ellipse,
    pub pixel_size_mm: f64,
    /// In mm, rounded to hundredths as in the table.
    pub hc_mm: f64,
}

/// Phantom `index` of the series `seed`: a pure function.
pub fn draw(seed: u64, index: u64) -> Phantom {
    let head = Head::of(seed, index);
    let mask = geometry::ring(&head.ellipse, WIDTH_PX as usize, HEIGHT_PX as usize, RING_THICKNESS_PX);
    // Every value of the mask was written by `ring` for exactly this size.
    let ring = GrayImage::from_raw(WIDTH_PX, HEIGHT_PX, mask.values).unwrap_or_default();
    let image = scene::render(&head);
    Phantom { image, ring, ellipse: head.ellipse, pixel_size_mm: head.pixel_size_mm, hc_mm: head.hc_mm }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_bytes_and_another_does_not() {
        let (a, b, c) = (draw(1, 4), draw(1, 4), draw(2, 4));
        assert!(a.image == b.image && a.ring == b.ring && a.ellipse == b.ellipse);
        assert!(a.image != c.image);
    }

    #[test]
    fn the_skull_is_brighter_than_what_lies_around_it() {
        for index in 0..6 {
            let phantom = draw(3, index);
            let mean = |grow: f64| {
                let e = phantom.ellipse;
                let (a, b) = (e.semi_axis_a_px + grow, e.semi_axis_b_px + grow);
                let outline = Ellipse::new(e.center_x_px, e.center_y_px, a, b, e.angle_rad);
                let inside =
                    |v: f64, size: u32| (v.round() >= 0.0 && v.round() < f64::from(size)).then_some(v.round() as u32);
                let values: Vec<f64> = (0..720)
                    .map(|i| outline.point(f64::from(i).to_radians() / 2.0))
                    .filter_map(|(x, y)| Some((inside(x, WIDTH_PX)?, inside(y, HEIGHT_PX)?)))
                    .map(|(x, y)| f64::from(phantom.image.get_pixel(x, y).0[0]))
                    .collect();
                values.iter().sum::<f64>() / values.len() as f64
            };
            let skull = mean(-5.0);
            assert!(
                skull > 1.5 * mean(-25.0) && skull > 1.2 * mean(15.0),
                "{index}: {skull} {} {}",
                mean(-25.0),
                mean(15.0)
            );
        }
    }
}
