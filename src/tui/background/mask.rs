//! A predicted mask at its image's own size, as the figures in the table were measured on it.

use crate::dataset::hc18::decode_gray;
use crate::error::Result;
use crate::geometry::{BitMask, HeadOptions};
use crate::tui::widget::picture::Veil;
use image::imageops::{FilterType, resize};
use image::{GrayImage, ImageBuffer, Luma};

/// Inside is where the network says at least this.
const LEVEL: f32 = 0.5;

/// 255 inside and 0 outside, `width` x `height`.
///
/// # Errors
/// Probabilities that cannot be read.
pub fn predicted(veil: &Veil, width: u32, height: u32) -> Result<GrayImage> {
    let levels = decode_gray(&veil.probabilities)?;
    let values = levels.iter().map(|level| f32::from(*level) / 255.0).collect();
    let (columns, rows) = levels.dimensions();
    // As many values as pixels, so there is an image.
    let small: ImageBuffer<Luma<f32>, Vec<f32>> = ImageBuffer::from_raw(columns, rows, values).unwrap_or_default();
    // Enlarging by a triangle is bilinear.
    let large = resize(&small, width, height, FilterType::Triangle);
    let (wide, high) = (width as usize, height as usize);
    let raw = BitMask::from_probabilities(&large, wide, high, LEVEL)?;
    let mask = match veil.processed {
        false => raw,
        true => {
            let part = HeadOptions::default().largest_part(&raw);
            part.map_or_else(|| BitMask::empty(wide, high), |(part, _, _)| part)
        }
    };
    Ok(GrayImage::from_raw(width, height, mask.to_mask().values).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn of_a_large_part_with_a_hole_and_a_small_one_only_the_first_is_left_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000_HC.png");
        // At 20 x 10: a block with a hole in it, and a speck far from it.
        let level = |x: u32, y: u32| match (x, y) {
            (5, 5) => 0,
            (2..9, 2..9) => 255,
            (15, 4) => 230,
            _ => 20,
        };
        GrayImage::from_fn(20, 10, |x, y| Luma([level(x, y)])).save(&path).unwrap();
        let mask = |processed| {
            let veil = Veil { probabilities: path.clone(), written: SystemTime::UNIX_EPOCH, processed };
            let mask = predicted(&veil, 80, 40).unwrap();
            // The middles of block, hole, speck and background.
            [(14, 14), (22, 22), (62, 18), (70, 30)].map(|(x, y)| mask.get_pixel(x, y).0[0])
        };
        assert_eq!(mask(false), [255, 0, 255, 0]);
        assert_eq!(mask(true), [255, 255, 0, 0]);
        let veil =
            Veil { probabilities: folder.path().join("none.png"), written: SystemTime::UNIX_EPOCH, processed: false };
        assert!(predicted(&veil, 80, 40).is_err());
    }

    #[test]
    fn enlarging_is_bilinear_between_pixel_centres_and_keeps_the_ends() {
        let small: ImageBuffer<Luma<f32>, Vec<f32>> = ImageBuffer::from_raw(2, 1, vec![0.2, 0.6]).unwrap();
        let large = resize(&small, 4, 2, FilterType::Triangle);
        let expected = [0.2, 0.3, 0.5, 0.6];
        assert!(large.iter().zip(expected.iter().cycle()).all(|(a, b)| (a - b).abs() < 1e-6), "{large:?}");
    }
}
