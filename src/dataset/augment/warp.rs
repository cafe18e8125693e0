//! Images moved by an affine map, or bent: bilinear, black outside.

use super::Elastic;
use crate::geometry::Affine;

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

/// [`warp`], and each pixel fetched from where `elastic` displaces it.
pub fn bend(image: &[u8], width: usize, height: usize, map: &Affine, elastic: &Elastic, out: &mut [f32]) {
    assert!(image.len() == width * height && out.len() == image.len(), "both are height x width");
    let Some(inverse) = map.inverse() else { return out.fill(0.0) };
    let mut displaced = vec![[0.0; 2]; width];
    for (row, line) in out.chunks_exact_mut(width).enumerate() {
        elastic.row(row, height, &mut displaced);
        for (column, (value, [dx, dy])) in line.iter_mut().zip(&displaced).enumerate() {
            let (x, y) = inverse.apply(column as f64 + dx, row as f64 + dy);
            *value = sample_near_border(image, width, height, x, y);
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
    use super::super::{Augment, Draw};
    use super::*;

    #[test]
    fn no_augmentation_is_the_identity() {
        let image: Vec<u8> = (0..12 * 8).map(|i| (i * 37 % 251) as u8).collect();
        let draw = Augment::default().draw(1, 1, 1);
        let out = draw.moved(&image, (12, 8), &draw.affine((800, 540), (12, 8)));
        for (a, b) in image.iter().zip(out) {
            assert!((f32::from(*a) - b).abs() < 1e-3);
        }
    }

    #[test]
    fn the_quick_middle_and_the_careful_border_sample_alike() {
        let (width, height) = (33, 21);
        let image: Vec<u8> = (0..width * height).map(|i| (i * 7919 % 256) as u8).collect();
        let mut out = vec![0.0; image.len()];
        let augment = Augment { flip: true, shift_px: 20.0, rotation_deg: 90.0, scale: 0.5, ..Augment::default() };
        for i in 0..40 {
            let map = augment.draw(1, 1, i).affine((80, 54), (width, height));
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
        let moved = |image: &[u8; 4], size: (usize, usize), draw: Draw| {
            draw.moved(image, size, &draw.affine((size.0 as u32, size.1 as u32), size))
        };
        let image = [10u8, 20, 30, 40];
        let flip = Draw { flip: true, ..Draw::default() };
        assert_eq!(moved(&image, (4, 1), flip), [40.0, 30.0, 20.0, 10.0]);
        assert_eq!(moved(&image, (2, 2), Draw { flip_vertical: true, ..Draw::default() }), [30.0, 40.0, 10.0, 20.0]);
        let shift = Draw { shift_x_px: 2.0, ..Draw::default() };
        assert_eq!(moved(&image, (4, 1), shift), [0.0, 0.0, 10.0, 20.0]);
    }
}
