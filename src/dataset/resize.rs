//! Resizing grey images with antialiasing: a triangle filter as wide as the reduction, separable.
//!
//! The weights are those of Pillow's `Image.resize(…, BILINEAR)`; results differ from it by at most one grey level,
//! because the pass between rows and columns is kept in f32 here and rounded to 8 bit there.

use image::GrayImage;

/// The weights of one output coordinate: input pixels from `first` on.
pub struct Tap {
    pub first: usize,
    pub weights: Vec<f32>,
}

/// The weights of every output coordinate, from so many px to so many.
pub fn taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    (0..to)
        .map(|out| {
            let center = (out as f64 + 0.5) * scale;
            // Casts from negative floats saturate at 0.
            let first = (center - support + 0.5) as usize;
            let last = ((center + support + 0.5) as usize).min(from);
            let weight = |x: usize| (1.0 - ((x as f64 + 0.5 - center) / support).abs()).max(0.0);
            let sum: f64 = (first..last).map(weight).sum();
            Tap { first, weights: (first..last).map(|x| (weight(x) / sum) as f32).collect() }
        })
        .collect()
}

/// `image` at `out_width` x `out_height`, into `out` row by row (`out.len() == out_width * out_height`).
pub fn resize_into(image: &GrayImage, out_width: usize, out_height: usize, out: &mut [u8]) {
    assert_eq!(out.len(), out_width * out_height, "the caller gives a slice of exactly the new size");
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = image.as_raw();
    let columns = taps(width, out_width);
    let mut line = vec![0.0f32; width];
    for (tap, out_row) in taps(height, out_height).iter().zip(out.chunks_exact_mut(out_width)) {
        // Rows first: whole lines are summed, which the compiler turns into vector instructions.
        line.fill(0.0);
        for (weight, row) in tap.weights.iter().zip(pixels[tap.first * width..].chunks_exact(width)) {
            for (sum, value) in line.iter_mut().zip(row) {
                *sum += weight * f32::from(*value);
            }
        }
        for (tap, value) in columns.iter().zip(out_row) {
            let sum: f32 = tap.weights.iter().zip(&line[tap.first..]).map(|(w, v)| w * v).sum();
            // The cast saturates at 0 and 255.
            *value = (sum + 0.5) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resized(image: &GrayImage, width: usize, height: usize) -> Vec<u8> {
        let mut out = vec![0; width * height];
        resize_into(image, width, height, &mut out);
        out
    }

    #[test]
    fn the_same_size_changes_nothing_and_a_flat_image_stays_flat() {
        let image = GrayImage::from_fn(17, 9, |x, y| image::Luma([(x * 31 + y * 17) as u8]));
        assert_eq!(resized(&image, 17, 9), *image.as_raw());
        let flat = GrayImage::from_pixel(83, 41, image::Luma([200]));
        for (width, height) in [(8, 8), (128, 128), (1, 1), (83, 40)] {
            assert!(resized(&flat, width, height).iter().all(|v| *v == 200), "{width}x{height}");
        }
    }

    #[test]
    fn brightness_and_place_survive_a_reduction() {
        // A bright dot keeps its sum, and its centre of mass lands where the edge-to-edge map puts it.
        let mut image = GrayImage::new(800, 540);
        for y in 260..268 {
            for x in 500..516 {
                image.put_pixel(x, y, image::Luma([255]));
            }
        }
        let small = resized(&image, 128, 128);
        let (mut sum, mut cx, mut cy) = (0.0, 0.0, 0.0);
        for (i, v) in small.iter().enumerate() {
            let v = f64::from(*v);
            (sum, cx, cy) = (sum + v, cx + v * (i % 128) as f64, cy + v * (i / 128) as f64);
        }
        let scale = (800.0 / 128.0) * (540.0 / 128.0);
        assert!((sum * scale / (255.0 * 128.0) - 1.0).abs() < 0.03, "{sum}");
        let map = crate::geometry::Affine::resize((800.0, 540.0), (128.0, 128.0));
        let (x, y) = map.apply(507.5, 263.5);
        assert!((cx / sum - x).abs() < 0.05 && (cy / sum - y).abs() < 0.05, "{} {}", cx / sum, cy / sum);
    }
}
