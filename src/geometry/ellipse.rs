//! An ellipse in pixel coordinates, its circumference and its affine images.

use super::Affine;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// An ellipse with the major semi-axis first. Built by [`Ellipse::new`], which normalises.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ellipse {
    pub center_x_px: f64,
    pub center_y_px: f64,
    /// Major semi-axis, at least as long as the minor one.
    pub semi_axis_a_px: f64,
    /// Minor semi-axis.
    pub semi_axis_b_px: f64,
    /// From +x to the major axis, y down, in [0, pi).
    pub angle_rad: f64,
}

impl Ellipse {
    /// Semi-axes in either order and of either sign, any angle (that of the first semi-axis).
    pub fn new(center_x_px: f64, center_y_px: f64, semi_axis_1_px: f64, semi_axis_2_px: f64, angle_rad: f64) -> Self {
        let (one, two) = (semi_axis_1_px.abs(), semi_axis_2_px.abs());
        let (a, b, angle) = if one >= two { (one, two, angle_rad) } else { (two, one, angle_rad + PI / 2.0) };
        let mut angle_rad = angle.rem_euclid(PI);
        // rem_euclid of a tiny negative angle rounds to pi itself.
        if angle_rad >= PI {
            angle_rad = 0.0;
        }
        Ellipse { center_x_px, center_y_px, semi_axis_a_px: a, semi_axis_b_px: b, angle_rad }
    }

    /// Circumference in px by Ramanujan's second formula, the one by which HC18's own figures were computed.
    ///
    /// `pi (a + b) (1 + 3h / (10 + sqrt(4 - 3h)))`, `h = ((a - b) / (a + b))^2`; for heads (b/a over 0.6) it differs
    /// from the exact value by less than one part in 10^9.
    pub fn circumference_ramanujan_px(&self) -> f64 {
        let (a, b) = (self.semi_axis_a_px, self.semi_axis_b_px);
        if a + b == 0.0 {
            return 0.0;
        }
        let h = ((a - b) / (a + b)).powi(2);
        PI * (a + b) * (1.0 + 3.0 * h / (10.0 + (4.0 - 3.0 * h).sqrt()))
    }

    /// Circumference in px, exact: `4 a E(e)`, the complete elliptic integral by the arithmetic-geometric mean
    /// (Abramowitz & Stegun 17.6.4).
    pub fn circumference_exact_px(&self) -> f64 {
        let (a0, b0) = (self.semi_axis_a_px, self.semi_axis_b_px);
        if b0 == 0.0 {
            return 4.0 * a0;
        }
        let (mut a, mut b) = (1.0, b0 / a0);
        let (mut sum, mut weight) = (0.5 * (1.0 - b * b), 1.0);
        // Convergence is quadratic: 64 rounds are far more than any ratio of two doubles needs.
        for _ in 0..64 {
            let c = 0.5 * (a - b);
            (a, b) = (0.5 * (a + b), (a * b).sqrt());
            sum += weight * c * c;
            weight *= 2.0;
            if c <= 1e-17 * a {
                break;
            }
        }
        2.0 * PI * a0 * (1.0 - sum) / a
    }

    /// Area in px².
    pub fn area_px2(&self) -> f64 {
        PI * self.semi_axis_a_px * self.semi_axis_b_px
    }

    /// The point at parameter `t` (0 on the major axis), in px.
    pub fn point(&self, t: f64) -> (f64, f64) {
        let (sin, cos) = self.angle_rad.sin_cos();
        let (u, v) = (self.semi_axis_a_px * t.cos(), self.semi_axis_b_px * t.sin());
        (self.center_x_px + u * cos - v * sin, self.center_y_px + u * sin + v * cos)
    }

    /// `(u/a)² + (v/b)²` in the ellipse's own axes: below 1 inside, 1 on the outline.
    pub fn level(&self, x: f64, y: f64) -> f64 {
        let (sin, cos) = self.angle_rad.sin_cos();
        let (dx, dy) = (x - self.center_x_px, y - self.center_y_px);
        let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
        (u / self.semi_axis_a_px).powi(2) + (v / self.semi_axis_b_px).powi(2)
    }

    /// Whether a point lies inside or on the outline.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        self.level(x, y) <= 1.0
    }

    /// Half the width and half the height of the bounding box, in px.
    pub fn half_extent_px(&self) -> (f64, f64) {
        let (sin, cos) = self.angle_rad.sin_cos();
        let (a, b) = (self.semi_axis_a_px, self.semi_axis_b_px);
        ((a * cos).hypot(b * sin), (a * sin).hypot(b * cos))
    }

    /// The image under an affine map, exact: again an ellipse.
    pub fn transformed(&self, map: &Affine) -> Ellipse {
        let (sin, cos) = self.angle_rad.sin_cos();
        let (a, b) = (self.semi_axis_a_px, self.semi_axis_b_px);
        // The ellipse is the image of the unit circle under the columns (p, r) and (q, s).
        let (p, r) = (a * (map.xx * cos + map.xy * sin), a * (map.yx * cos + map.yy * sin));
        let (q, s) = (b * (map.xy * cos - map.xx * sin), b * (map.yy * cos - map.yx * sin));
        // Singular values and left singular vector of a 2x2 matrix, in closed form.
        let (e, f, g, h) = ((p + s) / 2.0, (p - s) / 2.0, (r + q) / 2.0, (r - q) / 2.0);
        let (sum, difference) = (e.hypot(h), f.hypot(g));
        let angle = (h.atan2(e) + g.atan2(f)) / 2.0;
        let (x, y) = map.apply(self.center_x_px, self.center_y_px);
        Ellipse::new(x, y, sum + difference, (sum - difference).abs(), angle)
    }

    /// The ellipse with both semi-axes longer by so many px, or shorter, down to nothing.
    pub fn grown(&self, by_px: f64) -> Ellipse {
        let longer = |axis: f64| (axis + by_px).max(0.0);
        let (a, b) = (longer(self.semi_axis_a_px), longer(self.semi_axis_b_px));
        Ellipse::new(self.center_x_px, self.center_y_px, a, b, self.angle_rad)
    }

    /// The ellipse with x multiplied by `sx` and y by `sy`, about the origin.
    pub fn scaled(&self, sx: f64, sy: f64) -> Ellipse {
        self.transformed(&Affine::scaling(sx, sy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_circle_has_the_circumference_of_a_circle() {
        let circle = Ellipse::new(3.0, 4.0, 100.0, 100.0, 0.3);
        assert!((circle.circumference_exact_px() - 200.0 * PI).abs() < 1e-10);
        assert!((circle.circumference_ramanujan_px() - 200.0 * PI).abs() < 1e-10);
        assert_eq!(Ellipse::new(0.0, 0.0, 5.0, 0.0, 0.0).circumference_exact_px(), 20.0);
    }

    #[test]
    fn axes_and_angle_are_normalised() {
        let ellipse = Ellipse::new(0.0, 0.0, 2.0, 5.0, 0.0);
        assert_eq!((ellipse.semi_axis_a_px, ellipse.semi_axis_b_px), (5.0, 2.0));
        assert!((ellipse.angle_rad - PI / 2.0).abs() < 1e-15);
        assert!(Ellipse::new(0.0, 0.0, 5.0, 2.0, -1e-18).angle_rad < PI);
        assert!((Ellipse::new(0.0, 0.0, 5.0, 2.0, -0.1).angle_rad - (PI - 0.1)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn every_mapped_outline_point_lies_on_the_mapped_ellipse(
            x in -500.0..500.0f64, y in -500.0..500.0f64, a in 20.0..400.0f64, ratio in 0.3..1.0f64,
            angle in 0.0..PI, turn in -3.0..3.0f64, sx in 0.1..3.0f64, sy in 0.1..3.0f64, flip in any::<bool>(),
        ) {
            let ellipse = Ellipse::new(x, y, a, a * ratio, angle);
            let map = Affine::rotation(turn).then(&Affine::scaling(if flip { -sx } else { sx }, sy));
            let mapped = ellipse.transformed(&map);
            for step in 0..16 {
                let (px, py) = ellipse.point(f64::from(step) * PI / 8.0);
                let (qx, qy) = map.apply(px, py);
                prop_assert!((mapped.level(qx, qy) - 1.0).abs() < 1e-9);
            }
            prop_assert!(mapped.semi_axis_a_px >= mapped.semi_axis_b_px && (0.0..PI).contains(&mapped.angle_rad));
        }

        #[test]
        fn a_turned_flipped_or_shifted_ellipse_keeps_its_circumference(
            a in 20.0..400.0f64, ratio in 0.3..1.0f64, angle in 0.0..PI, turn in -3.0..3.0f64, shift in -50.0..50.0f64,
        ) {
            let ellipse = Ellipse::new(10.0, 20.0, a, a * ratio, angle);
            let map = Affine::scaling(-1.0, 1.0).then(&Affine::rotation(turn)).then(&Affine::translation(shift, -shift));
            let mapped = ellipse.transformed(&map);
            let truth = ellipse.circumference_exact_px();
            prop_assert!((mapped.circumference_exact_px() - truth).abs() < 1e-9 * truth);
        }
    }
}
