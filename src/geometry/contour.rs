//! Where the outline of a mask runs: between its pixels, through the centres of its border pixels, or below a pixel.
//!
//! The outline lies *between* the pixels: half-way between a pixel inside and its neighbour outside, on average over
//! all directions without bias. The centres of the border pixels lie inside of it, by 0.5 px where it runs along rows
//! or columns and by 0.35 px where it is oblique: half of max(|cos|, |sin|) of the normal's angle, over a circle
//! 0.45 px, so that 2.8 px of circumference are lost. A mask made by filling a ring up to its outer edge errs the other
//! way, by half of the ring's thickness.

use super::BitMask;
use super::bits::for_set;
use crate::error::{Error, Result};

/// The points half-way between each pixel inside and each of its 4-neighbours outside, both within the image.
///
/// These are the vertices of marching squares at half level, in no order along the outline. Where the mask is cut by
/// the border of the image there is no point: that edge is the image's, not the head's.
pub fn outline(mask: &BitMask) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    crossings(mask, |(x, y), (u, v)| points.push((0.5 * (x + u) as f64, 0.5 * (y + v) as f64)));
    points
}

/// The points between neighbouring pixels at which values, linear between the pixels' centres, pass `level`.
///
/// `values` are `height` rows of `width`; inside is `value >= level`. As [`outline`], to a fraction of a pixel.
pub fn outline_at_level(values: &[f32], width: usize, height: usize, level: f32) -> Result<Vec<(f64, f64)>> {
    let mask = BitMask::from_probabilities(values, width, height, level)?;
    Ok(level_outline(&mask, values, level))
}

/// [`outline_at_level`] around a part of what is inside: the outline of `mask`, which may be one of its components.
pub fn outline_of_part(mask: &BitMask, values: &[f32], level: f32) -> Result<Vec<(f64, f64)>> {
    if values.len() != mask.width() * mask.height() {
        let (width, height) = (mask.width(), mask.height());
        return Err(Error::new(format!("{} values are no image of {width}x{height} px", values.len())));
    }
    Ok(level_outline(mask, values, level))
}

fn level_outline(mask: &BitMask, values: &[f32], level: f32) -> Vec<(f64, f64)> {
    let value = |(x, y): (usize, usize)| f64::from(values[y * mask.width() + x]);
    let mut points = Vec::new();
    crossings(mask, |p, q| {
        let share = (f64::from(level) - value(p)) / (value(q) - value(p));
        // Where a hole was filled, or beside a NaN, the values do not pass the level: half-way then.
        let share = if (0.0..=1.0).contains(&share) { share } else { 0.5 };
        let between = |a: usize, b: usize| a as f64 + share * (b as f64 - a as f64);
        points.push((between(p.0, q.0), between(p.1, q.1)));
    });
    points
}

/// Calls `found` with every pair of 4-neighbours of which one is set: the left or upper one first.
fn crossings(mask: &BitMask, mut found: impl FnMut((usize, usize), (usize, usize))) {
    let (width, height) = (mask.width(), mask.height());
    let mut changes = vec![0u64; width.div_ceil(64)];
    for y in 0..height {
        let row = mask.row(y);
        let mut carry = row.first().map_or(0, |word| word & 1);
        for (change, word) in changes.iter_mut().zip(row) {
            *change = word ^ (word << 1 | carry);
            carry = word >> 63;
        }
        for_set(&changes, |x| {
            let x = x as usize;
            // The bit behind the last pixel is that of the border.
            if x < width {
                found((x - 1, y), (x, y));
            }
        });
        if y + 1 < height {
            changes.iter_mut().zip(row.iter().zip(mask.row(y + 1))).for_each(|(change, (a, b))| *change = a ^ b);
            for_set(&changes, |x| found((x as usize, y), (x as usize, y + 1)));
        }
    }
}

/// The centres of the border pixels: set, with a 4-neighbour that is not. On the border of the image every set pixel
/// is one of them, unless `within`, which leaves out those that are border pixels only there.
pub fn border_pixels(mask: &BitMask, within: bool) -> Vec<(f64, f64)> {
    let points = mask.boundary().pixels().into_iter();
    let (right, bottom) = (mask.width().saturating_sub(1), mask.height().saturating_sub(1));
    let beside_background = |(x, y): (usize, usize)| {
        x > 0 && !mask.get(x - 1, y)
            || x < right && !mask.get(x + 1, y)
            || y > 0 && !mask.get(x, y - 1)
            || y < bottom && !mask.get(x, y + 1)
    };
    points
        .filter(|(x, y)| !within || beside_background((*x as usize, *y as usize)))
        .map(|(x, y)| (f64::from(x), f64::from(y)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Ellipse, fill, fit_ellipse};

    fn sorted(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
        points.sort_by(|a, b| a.partial_cmp(b).unwrap());
        points
    }

    #[test]
    fn the_outline_of_one_pixel_is_a_diamond_around_it() {
        let mut mask = BitMask::empty(200, 9);
        mask.set(64, 4, true);
        assert_eq!(sorted(outline(&mask)), [(63.5, 4.0), (64.0, 3.5), (64.0, 4.5), (64.5, 4.0)]);
        assert_eq!(border_pixels(&mask, true), [(64.0, 4.0)]);
    }

    #[test]
    fn the_border_of_the_image_is_no_outline() {
        for width in [64, 70, 128] {
            let full = BitMask::empty(width, 5).complement();
            assert!(outline(&full).is_empty() && border_pixels(&full, true).is_empty());
            assert_eq!(border_pixels(&full, false).len(), 2 * width + 6);
        }
    }

    #[test]
    fn a_level_is_met_where_linear_values_pass_it() {
        let values: Vec<f32> = (0..3 * 90).map(|i| (i % 90) as f32 / 100.0).collect();
        let points = outline_at_level(&values, 90, 3, 0.505).unwrap();
        assert_eq!(points.len(), 3);
        assert!(points.iter().all(|(x, _)| (x - 50.5).abs() < 1e-4), "{points:?}");
        assert!(outline_at_level(&values, 91, 3, 0.5).is_err());
        assert!(outline_at_level(&[f32::NAN; 9], 3, 3, 0.5).unwrap().is_empty());
    }

    /// Mean error of the circumference over ellipses of any direction and place.
    fn bias_px(points: impl Fn(&BitMask) -> Vec<(f64, f64)>) -> f64 {
        let cases = 120;
        let sum: f64 = (0..cases)
            .map(|i| {
                let i = f64::from(i);
                let truth =
                    Ellipse::new(150.0 + i * 0.317, 140.0 + i * 0.211, 80.0 + i * 0.4, 60.0 + i * 0.31, i * 0.7);
                let mask = BitMask::from_mask(&fill(&truth, 340, 320));
                fit_ellipse(&points(&mask)).unwrap().circumference_exact_px() - truth.circumference_exact_px()
            })
            .sum();
        sum / f64::from(cases)
    }

    #[test]
    fn the_outline_between_pixels_has_no_bias_and_that_through_centres_has_one() {
        let between = bias_px(outline);
        assert!(between.abs() < 0.05, "{between}");
        let centres = bias_px(|mask| border_pixels(mask, true));
        assert!((centres + 2.83).abs() < 0.1, "{centres}");
    }
}
