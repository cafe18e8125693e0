//! The image with the predicted mask tinted and the ellipse drawn over it.

use crate::error::{Error, Result};
use crate::geometry::{BitMask, Ellipse, Head, distance_to_outline_px};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder, Rgb, RgbImage};

/// Okabe and Ito's vermilion and yellow: told apart by the colour-blind, and from grey.
const MASK: [f32; 3] = [213.0, 94.0, 0.0];
const LINE: [f32; 3] = [240.0, 228.0, 66.0];
const MASK_SHARE: f32 = 0.3;
const LINE_WIDTH_PX: f64 = 1.6;

/// The head over its image, which has the mask's size.
pub fn overlay(image: &GrayImage, head: &Head) -> RgbImage {
    let mut drawn = RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let grey = image.get_pixel(x, y).0[0];
        Rgb([grey; 3])
    });
    tint(&mut drawn, &head.mask);
    draw(&mut drawn, &head.ellipse);
    drawn
}

fn tint(image: &mut RgbImage, mask: &BitMask) {
    let (width, height) = image.dimensions();
    for run in mask.runs().into_iter().filter(|run| run.y < height) {
        for x in run.start..run.end.min(width) {
            blend(image.get_pixel_mut(x, run.y), MASK, MASK_SHARE);
        }
    }
}

/// Anti-aliased: a pixel takes the line's colour by how much of it the line covers.
fn draw(image: &mut RgbImage, ellipse: &Ellipse) {
    let (half_width, half_height) = ellipse.half_extent_px();
    let margin = LINE_WIDTH_PX;
    let span = |center: f64, half: f64, size: u32| {
        // Float to integer casts saturate: an ellipse outside of the image gives an empty range.
        let (from, to) = ((center - half - margin).floor(), (center + half + margin).ceil() + 1.0);
        from.max(0.0) as u32..(to.max(0.0) as u32).min(size)
    };
    let distance_px = distance_to_outline_px(ellipse);
    for y in span(ellipse.center_y_px, half_height, image.height()) {
        for x in span(ellipse.center_x_px, half_width, image.width()) {
            let distance = distance_px(f64::from(x), f64::from(y));
            let covered = (0.5 * LINE_WIDTH_PX + 0.5 - distance).clamp(0.0, 1.0);
            if covered > 0.0 {
                blend(image.get_pixel_mut(x, y), LINE, covered as f32);
            }
        }
    }
}

fn blend(pixel: &mut Rgb<u8>, color: [f32; 3], share: f32) {
    for (value, color) in pixel.0.iter_mut().zip(color) {
        *value = (f32::from(*value) * (1.0 - share) + color * share).round() as u8;
    }
}

/// A mask as 0 and 255, or an RGB image, as PNG.
pub fn png(pixels: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
        .write_image(pixels, width, height, color)
        .map_err(|e| Error::new("cannot encode a PNG").because(e))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{HeadOptions, fill_bits};

    #[test]
    fn the_inside_is_tinted_the_outline_drawn_and_the_rest_left_alone() {
        let truth = Ellipse::new(60.0, 50.0, 40.0, 30.0, 0.0);
        let head = HeadOptions::default().head_of_mask(&fill_bits(&truth, 120, 100)).unwrap();
        let drawn = overlay(&GrayImage::from_pixel(120, 100, image::Luma([100])), &head);
        assert_eq!(drawn.get_pixel(2, 2).0, [100; 3]);
        let [red, green, blue] = drawn.get_pixel(60, 50).0;
        assert!(red > green && green > blue && blue == 70, "{red} {green} {blue}");
        let [red, green, blue] = drawn.get_pixel(100, 50).0;
        assert!(red > 200 && green > 190 && blue < 90, "{red} {green} {blue}");
        // Along the line every pixel but the two or three that it covers keeps its colour.
        let changed = (0..30).filter(|y| drawn.get_pixel(60, *y).0 != [100; 3] && drawn.get_pixel(60, *y).0[2] != 70);
        assert!((1..=4).contains(&changed.count()));
    }

    #[test]
    fn an_ellipse_far_outside_of_the_image_draws_nothing() {
        let mut image = RgbImage::new(10, 10);
        for (x, y) in [(-500.0, 5.0), (5.0, 900.0), (1e12, 1e12)] {
            draw(&mut image, &Ellipse::new(x, y, 40.0, 30.0, 0.3));
        }
        assert!(image.as_raw().iter().all(|v| *v == 0));
    }
}
