//! A map as a coloured picture over its image: what speaks for a larger output in one colour, against it in another.

use image::{GrayImage, Rgb, RgbImage};

/// Okabe and Ito's vermilion (positive) and blue (negative): told apart by the colour-blind, and from grey.
const POSITIVE: [f32; 3] = [213.0, 94.0, 0.0];
const NEGATIVE: [f32; 3] = [0.0, 114.0, 178.0];
/// Of the colour where it is strongest.
const OPACITY: f32 = 0.9;
/// Share of the pixels whose values are told apart; the rest is drawn at full strength.
const SHOWN: f64 = 0.99;

/// The image at its own size, and over it the map (height, width, channels; summed over channels), stretched to it.
/// A map of zeros, or of another size than it says, leaves the image as it is.
pub fn overlay(image: &GrayImage, map: &[f32], [height, width, channels]: [usize; 3]) -> RgbImage {
    let values: Vec<f32> = map.chunks_exact(channels.max(1)).map(|pixel| pixel.iter().sum()).collect();
    let fits = values.len() == height * width && !values.is_empty();
    let scale = if fits { strong(&values) } else { 0.0 };
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let grey = f32::from(image.get_pixel(x, y).0[0]);
        if scale == 0.0 {
            return Rgb([grey as u8; 3]);
        }
        let place = |i: u32, of: u32, to: usize| i as usize * to / of as usize;
        let value = values[place(y, image.height(), height) * width + place(x, image.width(), width)] / scale;
        let share = OPACITY * value.abs().min(1.0);
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
        let drawn = overlay(&image, &[1.0, 2.0, -1.0, -2.0], [1, 2, 2]);
        let [red, _, blue] = drawn.get_pixel(1, 1).0;
        assert!(red > 190 && blue < 30, "{red} {blue}");
        let [red, _, blue] = drawn.get_pixel(2, 0).0;
        assert!(red < 30 && blue > 150, "{red} {blue}");
        let plain = overlay(&image, &[0.0; 4], [1, 2, 2]);
        assert!(plain.pixels().all(|p| p.0 == [100; 3]));
        assert!(overlay(&image, &[1.0; 3], [1, 2, 2]).pixels().all(|p| p.0 == [100; 3]));
    }
}
