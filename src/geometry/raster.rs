//! Ellipses as pixels: filled, or as a ring of a given thickness.

use super::bits::Run;
use super::{BitMask, Ellipse};
use std::ops::Range;

/// A `height` x `width` image of 0 and 255, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    pub width: usize,
    pub height: usize,
    pub values: Vec<u8>,
}

impl Mask {
    pub fn empty(width: usize, height: usize) -> Mask {
        Mask { width, height, values: vec![0; width * height] }
    }

    /// (x, y) of every pixel that is not 0, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let width = self.width;
        self.values.iter().enumerate().filter(|(_, v)| **v != 0).map(move |(i, _)| (i % width, i / width))
    }
}

/// The pixels whose centres lie inside `ellipse`.
pub fn fill(ellipse: &Ellipse, width: usize, height: usize) -> Mask {
    fill_bits(ellipse, width, height).to_mask()
}

/// [`fill`], packed.
pub fn fill_bits(ellipse: &Ellipse, width: usize, height: usize) -> BitMask {
    let mut mask = BitMask::empty(width, height);
    let (_, half_height) = ellipse.half_extent_px();
    for y in span(ellipse.center_y_px, half_height, height) {
        let Some((from, to)) = chord(ellipse, y as f64) else { continue };
        let (start, end) = (from.ceil().max(0.0) as u32, (to.floor() + 1.0).clamp(0.0, width as f64) as u32);
        mask.set_run(Run { y: y as u32, start, end });
    }
    mask
}

/// The share of every pixel's square that lies inside `ellipse`, row by row: exact along x, over 16 lines a pixel
/// along y.
pub fn coverage(ellipse: &Ellipse, width: usize, height: usize) -> Vec<f32> {
    const LINES: usize = 16;
    let mut shares = vec![0f32; width * height];
    let (_, half_height) = ellipse.half_extent_px();
    for y in span(ellipse.center_y_px, half_height + 0.5, height) {
        let row = &mut shares[y * width..(y + 1) * width];
        for line in 0..LINES {
            let line_y = y as f64 - 0.5 + (line as f64 + 0.5) / LINES as f64;
            // From here on the left edge of pixel x is at x, not at x - 0.5.
            let Some((from, to)) = chord(ellipse, line_y).map(|(from, to)| (from + 0.5, to + 0.5)) else { continue };
            let (from, to) = (from.clamp(0.0, width as f64), to.clamp(0.0, width as f64));
            let (first, last) = (from as usize, (to as usize).min(width.saturating_sub(1)));
            for (x, share) in row.iter_mut().enumerate().take(last + 1).skip(first) {
                let inside = to.min(x as f64 + 1.0) - from.max(x as f64);
                *share += inside.max(0.0) as f32 / LINES as f32;
            }
        }
    }
    shares
}

/// From which x to which the row at `y` lies inside.
fn chord(ellipse: &Ellipse, y: f64) -> Option<(f64, f64)> {
    let (sin, cos) = ellipse.angle_rad.sin_cos();
    let (a, b) = (ellipse.semi_axis_a_px, ellipse.semi_axis_b_px);
    let dy = y - ellipse.center_y_px;
    // level(x) = p dx² + 2 q dx + r in dx = x - center_x.
    let p = (cos / a).powi(2) + (sin / b).powi(2);
    let q = sin * cos * (1.0 / (a * a) - 1.0 / (b * b)) * dy;
    let r = ((sin / a).powi(2) + (cos / b).powi(2)) * dy * dy;
    let discriminant = q * q - p * (r - 1.0);
    if discriminant.is_nan() || discriminant < 0.0 {
        return None;
    }
    let (middle, half) = (ellipse.center_x_px - q / p, discriminant.sqrt() / p);
    (middle.is_finite() && half.is_finite()).then_some((middle - half, middle + half))
}

/// The pixels whose centres lie within half of `thickness_px` of the outline.
pub fn ring(ellipse: &Ellipse, width: usize, height: usize, thickness_px: f64) -> Mask {
    let half = thickness_px / 2.0;
    let distance_px = distance_to_outline_px(ellipse);
    paint(ellipse, width, height, half, |x, y| distance_px(x, y) <= half)
}

fn paint(ellipse: &Ellipse, width: usize, height: usize, margin: f64, inside: impl Fn(f64, f64) -> bool) -> Mask {
    let mut mask = Mask::empty(width, height);
    let (half_width, half_height) = ellipse.half_extent_px();
    for y in span(ellipse.center_y_px, half_height + margin, height) {
        for x in span(ellipse.center_x_px, half_width + margin, width) {
            if inside(x as f64, y as f64) {
                mask.values[y * width + x] = 255;
            }
        }
    }
    mask
}

/// The pixels of 0 to `size` whose centres lie within `half` of `center`.
fn span(center: f64, half: f64, size: usize) -> Range<usize> {
    // Float to integer casts saturate, so that an ellipse outside the image gives an empty span.
    let from = (center - half).ceil().max(0.0) as usize;
    let to = (center + half).floor().min(size as f64 - 1.0);
    from..if to < 0.0 { 0 } else { (to as usize + 1).min(size) }
}

/// Distance of a point to the outline, to first order in that distance (`f / |grad f|` of `sqrt(level) - 1`): right to
/// a hundredth of a pixel for a point within a few pixels of a head.
pub fn distance_to_outline_px(ellipse: &Ellipse) -> impl Fn(f64, f64) -> f64 + use<> {
    let (sin, cos) = ellipse.angle_rad.sin_cos();
    let (center_x, center_y) = (ellipse.center_x_px, ellipse.center_y_px);
    let (a, b) = (ellipse.semi_axis_a_px, ellipse.semi_axis_b_px);
    move |x, y| {
        let (dx, dy) = (x - center_x, y - center_y);
        let (u, v) = ((dx * cos + dy * sin) / a, (dy * cos - dx * sin) / b);
        // Plain square roots: `hypot` guards against overflows that pixels cannot cause, at several times the price.
        let level = (u * u + v * v).sqrt();
        if level == 0.0 {
            return b;
        }
        let (slope_u, slope_v) = (u / a, v / b);
        let slope = (slope_u * slope_u + slope_v * slope_v).sqrt() / level;
        (level - 1.0).abs() / slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::fit_ellipse;

    #[test]
    fn a_filled_ellipse_has_its_area_in_pixels() {
        let ellipse = Ellipse::new(200.3, 150.7, 120.0, 80.0, 0.5);
        let pixels = fill(&ellipse, 400, 300).pixels().count() as f64;
        assert!((pixels - ellipse.area_px2()).abs() < 0.002 * ellipse.area_px2(), "{pixels}");
    }

    #[test]
    fn an_ellipse_fitted_to_its_own_ring_has_its_circumference() {
        for (a, b, angle) in [(70.0, 55.0, 0.1), (250.0, 200.0, 2.0), (300.0, 180.0, 1.0)] {
            let ellipse = Ellipse::new(400.4, 270.6, a, b, angle);
            let ring = ring(&ellipse, 800, 700, 2.5);
            let points: Vec<_> = ring.pixels().map(|(x, y)| (x as f64, y as f64)).collect();
            let density = points.len() as f64 / ellipse.circumference_exact_px();
            assert!((density - 2.5).abs() < 0.05, "{density} ring pixels a px of circumference");
            let fitted = fit_ellipse(&points).unwrap().circumference_exact_px();
            assert!((fitted - ellipse.circumference_exact_px()).abs() < 0.1, "{fitted}");
        }
    }

    #[test]
    fn coverage_sums_to_the_area_and_is_half_where_the_outline_halves_a_pixel() {
        let ellipse = Ellipse::new(60.3, 50.7, 40.0, 30.0, 0.5);
        let shares = coverage(&ellipse, 120, 100);
        let area: f64 = shares.iter().map(|s| f64::from(*s)).sum();
        assert!((area - ellipse.area_px2()).abs() < 1e-3 * ellipse.area_px2(), "{area}");
        assert!(shares.iter().all(|s| (-1e-6..=1.0 + 1e-6).contains(s)));
        let whole_and_half = coverage(&Ellipse::new(10.0, 10.0, 1e6, 1e6, 0.0), 5, 3);
        assert!(whole_and_half.iter().all(|s| (s - 1.0).abs() < 1e-6));
        // A huge circle whose leftmost point is at the centre of pixel 4.
        let edge = coverage(&Ellipse::new(4.0 + 1e7, 1.0, 1e7, 1e7, 0.0), 9, 3);
        assert!((edge[9 + 3]).abs() < 1e-6 && (edge[9 + 4] - 0.5).abs() < 1e-4 && (edge[9 + 5] - 1.0).abs() < 1e-6);
    }

    proptest::proptest! {
        #[test]
        fn a_filled_ellipse_holds_the_pixels_whose_centres_lie_inside(
            x in -20.0..120.0f64, y in -20.0..100.0f64, a in 0.5..70.0f64, ratio in 0.1..1.0f64, angle in 0.0..3.1f64,
        ) {
            let ellipse = Ellipse::new(x, y, a, a * ratio, angle);
            let mask = fill(&ellipse, 97, 80);
            for (i, value) in mask.values.iter().enumerate() {
                let level = ellipse.level((i % 97) as f64, (i / 97) as f64);
                // Within rounding of the outline either is right.
                if (level - 1.0).abs() > 1e-9 {
                    proptest::prop_assert_eq!(*value != 0, level < 1.0);
                }
            }
        }
    }

    #[test]
    fn what_lies_outside_the_image_is_cut_not_wrapped() {
        assert_eq!(fill(&Ellipse::new(-500.0, 10.0, 20.0, 10.0, 0.0), 40, 30).pixels().count(), 0);
        assert_eq!(fill(&Ellipse::new(900.0, 10.0, 20.0, 10.0, 0.0), 40, 30).pixels().count(), 0);
        assert!(fill(&Ellipse::new(0.0, 0.0, 20.0, 10.0, 0.0), 40, 30).pixels().all(|(x, y)| x <= 20 && y <= 10));
    }
}
