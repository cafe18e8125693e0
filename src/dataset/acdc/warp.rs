//! Slices and their labels moved by one affine map: bilinear, and beyond the border the neighbouring pixels.

use crate::geometry::Affine;

/// Calls `set(pixel, from, weights)` for every pixel of a moved `width` x `height` slice: it is the sum of the four
/// pixels `from` by their `weights`. A map that flattens the plane moves nothing.
pub fn each_pixel(width: usize, height: usize, map: &Affine, mut set: impl FnMut(usize, [usize; 4], [f32; 4])) {
    let inverse = map.inverse().unwrap_or(Affine::IDENTITY);
    let (last_x, last_y) = ((width - 1) as f64, (height - 1) as f64);
    for row in 0..height {
        for column in 0..width {
            let (x, y) = inverse.apply(column as f64, row as f64);
            let (x, y) = (x.clamp(0.0, last_x), y.clamp(0.0, last_y));
            let (x0, y0) = (x as usize, y as usize);
            let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
            let (fx, fy) = ((x - x0 as f64) as f32, (y - y0 as f64) as f32);
            let from = [y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1];
            let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
            set(row * width + column, from, weights);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(image: &[f32], width: usize, map: &Affine) -> Vec<f32> {
        let mut out = vec![0.0; image.len()];
        each_pixel(width, image.len() / width, map, |pixel, from, weights| {
            out[pixel] = from.iter().zip(weights).map(|(f, w)| image[*f] * w).sum();
        });
        out
    }

    #[test]
    fn whole_shifts_and_mirrors_are_exact_and_the_border_is_repeated() {
        let image = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(moved(&image, 4, &Affine::IDENTITY), image);
        assert_eq!(moved(&image, 4, &Affine::translation(2.0, 0.0)), [1.0, 1.0, 1.0, 2.0]);
        assert_eq!(moved(&image, 4, &Affine::translation(-0.5, 0.0)), [1.5, 3.0, 6.0, 8.0]);
        let mirror = Affine::scaling(-1.0, 1.0).then(&Affine::translation(3.0, 0.0));
        assert_eq!(moved(&image, 4, &mirror), [8.0, 4.0, 2.0, 1.0]);
        assert_eq!(moved(&image, 2, &Affine::translation(0.0, -1.0)), [4.0, 8.0, 4.0, 8.0]);
    }
}
