//! An annotation read as what it is: a closed ring of pixels along an ellipse.

use crate::geometry::{Borders, Ellipse, FitError, fit_ellipse_robust};
use image::GrayImage;

/// What a ring says.
#[derive(Clone, Debug)]
pub struct Ring {
    /// How many pixels it has.
    pub pixels: usize,
    /// On which borders of the image ring pixels lie.
    pub cut: Borders,
    /// The ellipse through the centres of its pixels, those left out that lie elsewhere.
    pub ellipse: Result<Ellipse, FitError>,
}

impl Ring {
    /// Ring pixels are those of half brightness and more.
    pub fn of(annotation: &GrayImage) -> Ring {
        let (width, height) = (annotation.width() as usize, annotation.height() as usize);
        let mut points = Vec::with_capacity(4096);
        let mut cut = Borders::default();
        for (y, row) in annotation.as_raw().chunks_exact(width).enumerate() {
            // Nearly all of the image is black: look closer only where something is.
            for (block, values) in row.chunks(32).enumerate() {
                if values.iter().fold(0, |all, v| all | v) < 128 {
                    continue;
                }
                for (offset, _) in values.iter().enumerate().filter(|(_, v)| **v >= 128) {
                    let x = block * 32 + offset;
                    points.push((x as f64, y as f64));
                    cut.left |= x == 0;
                    cut.right |= x + 1 == width;
                    cut.top |= y == 0;
                    cut.bottom |= y + 1 == height;
                }
            }
        }
        Ring { pixels: points.len(), cut, ellipse: fit_ellipse_robust(&points).map(|fit| fit.ellipse) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::ring;

    fn drawn(ellipse: &Ellipse) -> GrayImage {
        let mask = ring(ellipse, 800, 540, 2.5);
        GrayImage::from_raw(800, 540, mask.values).unwrap()
    }

    #[test]
    fn a_ring_cut_by_the_border_still_gives_its_ellipse() {
        let truth = Ellipse::new(180.0, 270.0, 240.0, 190.0, 0.2);
        let read = Ring::of(&drawn(&truth));
        assert_eq!(read.cut.words(), "left");
        let hc = read.ellipse.unwrap().circumference_ramanujan_px();
        assert!((hc - truth.circumference_ramanujan_px()).abs() < 0.5, "{hc}");
    }

    #[test]
    fn specks_gaps_and_a_caption_do_not_move_the_ellipse() {
        let truth = Ellipse::new(380.0, 270.0, 240.0, 190.0, 0.2);
        let mut image = drawn(&truth);
        for i in 0..60 {
            image.put_pixel(i * 13, (i * i) % 540, image::Luma([255]));
        }
        for (x, y) in (0..80).flat_map(|x| (0..12).map(move |y| (x, y))) {
            image.put_pixel(20 + x, 515 + y, image::Luma([255]));
            image.put_pixel(580 + x / 2, 240 + y * 3, image::Luma([0]));
        }
        let hc = Ring::of(&image).ellipse.unwrap().circumference_ramanujan_px();
        assert!((hc - truth.circumference_ramanujan_px()).abs() < 0.3, "{hc}");
    }

    #[test]
    fn an_empty_annotation_has_no_ellipse() {
        let read = Ring::of(&GrayImage::new(80, 50));
        assert_eq!((read.pixels, read.ellipse), (0, Err(FitError::TooFewPoints(0))));
    }
}
