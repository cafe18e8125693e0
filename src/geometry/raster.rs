//! Ellipses as pixels: filled, or as a ring of a given thickness.

use super::Ellipse;

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
    paint(ellipse, width, height, 0.0, |x, y| ellipse.contains(x, y))
}

/// The pixels whose centres lie within half of `thickness_px` of the outline.
pub fn ring(ellipse: &Ellipse, width: usize, height: usize, thickness_px: f64) -> Mask {
    let half = thickness_px / 2.0;
    paint(ellipse, width, height, half, |x, y| distance_to_outline_px(ellipse, x, y) <= half)
}

fn paint(ellipse: &Ellipse, width: usize, height: usize, margin: f64, inside: impl Fn(f64, f64) -> bool) -> Mask {
    let mut mask = Mask::empty(width, height);
    let (half_width, half_height) = ellipse.half_extent_px();
    let span = |center: f64, half: f64, size: usize| {
        // Float to integer casts saturate, so that an ellipse outside the image gives an empty span.
        let from = (center - half - margin).ceil().max(0.0) as usize;
        let to = (center + half + margin).floor().min(size as f64 - 1.0);
        from..if to < 0.0 { 0 } else { (to as usize + 1).min(size) }
    };
    for y in span(ellipse.center_y_px, half_height, height) {
        for x in span(ellipse.center_x_px, half_width, width) {
            if inside(x as f64, y as f64) {
                mask.values[y * width + x] = 255;
            }
        }
    }
    mask
}

/// Distance of a point to the outline, to first order in that distance (`f / |grad f|` of `sqrt(level) - 1`): right to
/// a hundredth of a pixel for a point within a few pixels of a head.
pub fn distance_to_outline_px(ellipse: &Ellipse, x: f64, y: f64) -> f64 {
    let (sin, cos) = ellipse.angle_rad.sin_cos();
    let (dx, dy) = (x - ellipse.center_x_px, y - ellipse.center_y_px);
    let (u, v) = ((dx * cos + dy * sin) / ellipse.semi_axis_a_px, (dy * cos - dx * sin) / ellipse.semi_axis_b_px);
    let level = u.hypot(v);
    if level == 0.0 {
        return ellipse.semi_axis_b_px;
    }
    let slope = (u / ellipse.semi_axis_a_px).hypot(v / ellipse.semi_axis_b_px) / level;
    (level - 1.0).abs() / slope
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
    fn what_lies_outside_the_image_is_cut_not_wrapped() {
        assert_eq!(fill(&Ellipse::new(-500.0, 10.0, 20.0, 10.0, 0.0), 40, 30).pixels().count(), 0);
        assert_eq!(fill(&Ellipse::new(900.0, 10.0, 20.0, 10.0, 0.0), 40, 30).pixels().count(), 0);
        assert!(fill(&Ellipse::new(0.0, 0.0, 20.0, 10.0, 0.0), 40, 30).pixels().all(|(x, y)| x <= 20 && y <= 10));
    }
}
