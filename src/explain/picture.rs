//! A map as a coloured picture over its image: what speaks for a larger output in one colour, against it in another.

use image::{GrayImage, Rgb, RgbImage};

/// Okabe and Ito's vermilion (positive) and blue (negative): told apart by the colour-blind, and from grey.
const POSITIVE: [f32; 3] = [213.0, 94.0, 0.0];
const NEGATIVE: [f32; 3] = [0.0, 114.0, 178.0];
/// Share of the pixels whose values are told apart; the rest is drawn at full strength.
const SHOWN: f64 = 0.99;

/// How strongly a map covers its image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// By what values are multiplied before they are cut at full strength.
    pub intensity: f32,
    /// Of the colour where it is strongest, 0 to 1.
    pub opacity: f32,
}

impl Default for Look {
    fn default() -> Look {
        Look { intensity: 1.0, opacity: 0.9 }
    }
}

/// A map of one image, its channels summed.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Row by row.
    values: Vec<f32>,
    height: usize,
    width: usize,
    /// What full strength is: the absolute value that all but a few pixels stay below; 0 where all are zero.
    strong: f32,
}

impl Map {
    /// Of values (height, width, channels). A map of another size than it says is one of zeros.
    pub fn new(map: &[f32], [height, width, channels]: [usize; 3]) -> Map {
        let mut values: Vec<f32> = map.chunks_exact(channels.max(1)).map(|pixel| pixel.iter().sum()).collect();
        if values.len() != height * width || values.is_empty() {
            values = vec![0.0; height.max(1) * width.max(1)];
        }
        Map { strong: strong(&values), values, height: height.max(1), width: width.max(1) }
    }

    /// From -1 (against) to 1 (for) at a place of a picture of that size.
    fn at(&self, (x, y): (u32, u32), (across, down): (u32, u32)) -> f32 {
        let place = |i: u32, of: u32, to: usize| i as usize * to / of as usize;
        let value = self.values[place(y, down, self.height) * self.width + place(x, across, self.width)];
        if self.strong == 0.0 { 0.0 } else { value / self.strong }
    }
}

/// The image at its own size, and over it the map, stretched to it. A map of zeros leaves the image as it is.
pub fn overlay(image: &GrayImage, map: &Map, look: Look) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let grey = f32::from(image.get_pixel(x, y).0[0]);
        let value = map.at((x, y), image.dimensions()) * look.intensity;
        let share = if value.is_finite() { look.opacity * value.abs().min(1.0) } else { 0.0 };
        let color = if value > 0.0 { POSITIVE } else { NEGATIVE };
        Rgb(color.map(|c| (grey + share * (c - grey)).round() as u8))
    })
}

/// The absolute value that all but a few pixels stay below; 0 where all are zero.
fn strong(values: &[f32]) -> f32 {
    let mut sizes: Vec<f32> = values.iter().map(|v| v.abs()).filter(|v| v.is_finite()).collect();
    sizes.sort_by(f32::total_cmp);
    let Some(largest) = sizes.last().copied() else { return 0.0 };
    let shown = sizes[((sizes.len() - 1) as f64 * SHOWN) as usize];
    if shown > 0.0 { shown } else { largest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_have_their_colours_and_zero_keeps_the_image() {
        let image = GrayImage::from_pixel(4, 2, image::Luma([100]));
        // 1x2 px, two channels: 3 on the left, -3 on the right.
        let map = Map::new(&[1.0, 2.0, -1.0, -2.0], [1, 2, 2]);
        let drawn = overlay(&image, &map, Look::default());
        let [red, _, blue] = drawn.get_pixel(1, 1).0;
        assert!(red > 190 && blue < 30, "{red} {blue}");
        let [red, _, blue] = drawn.get_pixel(2, 0).0;
        assert!(red < 30 && blue > 150, "{red} {blue}");
        let bare = |map: &Map, look| overlay(&image, map, look).pixels().all(|p| p.0 == [100; 3]);
        assert!(bare(&map, Look { opacity: 0.0, ..Look::default() }));
        assert!(bare(&Map::new(&[0.0; 4], [1, 2, 2]), Look::default()));
        assert!(bare(&Map::new(&[1.0; 3], [1, 2, 2]), Look::default()), "of another size than it says");
    }

    #[test]
    fn intensity_shows_what_is_weak() {
        let image = GrayImage::from_pixel(4, 1, image::Luma([100]));
        let map = Map::new(&[1.0, 1.0, 1.0, 0.1], [1, 4, 1]);
        let red = |intensity| overlay(&image, &map, Look { intensity, opacity: 1.0 }).get_pixel(3, 0).0[0];
        assert_eq!([1.0, 4.0, 10.0, 100.0].map(red), [111, 145, 213, 213]);
    }
}
