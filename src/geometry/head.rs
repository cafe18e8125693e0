//! From a mask to the ellipse of a head, or to the reason why there is none.

use super::{
    BitMask, Borders, Canny, Components, Connectivity, Ellipse, FitError, Overlap, border_pixels, fill_bits,
    fill_holes, fit_ellipse, fit_ellipse_robust, outline, outline_of_part,
};
use crate::error::Result as OrError;
use std::f64::consts::PI;

/// Of what is inside, a head's part holds at least this share.
const LEAST_SHARE: f64 = 0.5;
/// Minor over major axis; the roundest published heads have 0.99, the longest 0.62.
const LEAST_AXIS_RATIO: f64 = 0.3;
const LEAST_MINOR_SEMI_AXIS_PX: f64 = 1.5;
/// Of its way around the ellipse, the outline covers at least this share.
const LEAST_VISIBLE: f64 = 0.4;
/// Of mask and fitted ellipse, as far as that lies in the image.
const LEAST_DICE: f64 = 0.7;

/// Which points of a mask an ellipse is fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Contour {
    /// Between the pixels, interpolated where values are known: without bias.
    #[default]
    Between,
    /// The centres of the border pixels, 0.45 px inside of it.
    Border,
    Canny(Canny),
}

/// How an ellipse is drawn through them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Least squares in spite of strangers; of clean points the same as `Direct`.
    #[default]
    Robust,
    /// Direct least squares of all points (Fitzgibbon).
    Direct,
    /// S4's wording taken literally: half of the points' extent along x and along y, upright.
    HalfExtents,
}

/// How a mask is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadOptions {
    pub contour: Contour,
    pub fit: Fit,
    /// What hangs together; the largest part is the head.
    pub connectivity: Connectivity,
    pub fill_holes: bool,
    /// How far inside of the mask's outline the head's is, in px: for masks that were made by filling a ring to its
    /// outer edge, half of the ring's thickness (HC18: 1.29).
    pub inset_px: f64,
}

impl Default for HeadOptions {
    fn default() -> Self {
        let (contour, fit) = (Contour::default(), Fit::default());
        HeadOptions { contour, fit, connectivity: Connectivity::Eight, fill_holes: true, inset_px: 0.0 }
    }
}

/// A head found in a mask.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub ellipse: Ellipse,
    /// The mask after post-processing: its largest part, without holes.
    pub mask: BitMask,
    /// How many parts there were, and which share of the pixels inside the largest holds.
    pub parts: usize,
    pub share: f64,
    /// On which borders the head is cut.
    pub cut: Borders,
    /// The share of the ellipse's outline along which there are points, in steps of 5 degrees.
    pub visible: f64,
}

/// Why there is no ellipse.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoHead {
    #[error("no head found: the mask is empty")]
    Empty,
    #[error("no head found: the mask is full, no outline lies in the image")]
    Full,
    #[error("no head found: {parts} parts, the largest of {percent:.0} % of the mask")]
    Fragments { parts: usize, percent: f64 },
    #[error("no head found: {0}")]
    Fit(FitError),
    #[error("no head found: the mask is a line")]
    Line,
    #[error("no head found: only {percent:.0} % of an outline lie in the image")]
    LittleOutline { percent: f64 },
    #[error("no head found: the mask is no ellipse (Dice index with the best one {dice:.2})")]
    NoEllipse { dice: f64 },
}

impl HeadOptions {
    /// Binary post-processing: the largest part of `mask`, its holes filled, with the number of parts and its share.
    pub fn largest_part(&self, mask: &BitMask) -> Option<(BitMask, usize, f64)> {
        let components = Components::of(mask, self.connectivity);
        let largest = components.largest()?;
        let inside: usize = components.pixels().iter().sum();
        let share = components.pixels()[largest] as f64 / inside as f64;
        let part = if components.count() == 1 { mask.clone() } else { components.mask(largest) };
        let part = if self.fill_holes { fill_holes(&part, self.connectivity) } else { part };
        Some((part, components.count(), share))
    }

    /// The head in a mask.
    pub fn head_of_mask(&self, mask: &BitMask) -> Result<Head, NoHead> {
        let part = self.largest_part(mask).ok_or(NoHead::Empty)?;
        self.head(part, |mask| match self.contour {
            Contour::Between => outline(mask),
            Contour::Border => border_pixels(mask, true),
            Contour::Canny(canny) => edges(&canny, mask),
        })
    }

    /// The head in a map of probabilities, `height` rows of `width`; inside is `>= level`.
    pub fn head_of_probabilities(
        &self,
        values: &[f32],
        width: usize,
        height: usize,
        level: f32,
    ) -> OrError<Result<Head, NoHead>> {
        let mask = BitMask::from_probabilities(values, width, height, level)?;
        let Some(part) = self.largest_part(&mask) else { return Ok(Err(NoHead::Empty)) };
        Ok(self.head(part, |mask| match self.contour {
            // As many values as pixels: the mask was made of them.
            Contour::Between => outline_of_part(mask, values, level).unwrap_or_default(),
            Contour::Border => border_pixels(mask, true),
            Contour::Canny(canny) => edges(&canny, mask),
        }))
    }

    fn head(
        &self,
        (mask, parts, share): (BitMask, usize, f64),
        contour: impl Fn(&BitMask) -> Vec<(f64, f64)>,
    ) -> Result<Head, NoHead> {
        if share < LEAST_SHARE {
            return Err(NoHead::Fragments { parts, percent: 100.0 * share });
        }
        let points = contour(&mask);
        if points.is_empty() {
            return Err(NoHead::Full);
        }
        let (ellipse, visible) = self.ellipse_along(&points)?;
        let drawn = fill_bits(&ellipse, mask.width(), mask.height());
        // Both of one size, and the mask is not empty.
        let dice = Overlap::of(&mask, &drawn).ok().and_then(|overlap| overlap.dice()).unwrap_or(0.0);
        if dice < LEAST_DICE {
            return Err(NoHead::NoEllipse { dice });
        }
        let Ellipse { center_x_px: x, center_y_px: y, semi_axis_a_px: a, semi_axis_b_px: b, angle_rad } = ellipse;
        let ellipse = Ellipse::new(x, y, (a - self.inset_px).max(0.0), (b - self.inset_px).max(0.0), angle_rad);
        Ok(Head { ellipse, cut: mask.borders(), mask, parts, share, visible })
    }

    /// The ellipse along points of an outline, and the share of its own outline that they cover; a head's, or none.
    pub fn ellipse_along(&self, points: &[(f64, f64)]) -> Result<(Ellipse, f64), NoHead> {
        let ellipse = match self.fit {
            Fit::Robust => fit_ellipse_robust(points).map(|fit| fit.ellipse),
            Fit::Direct => fit_ellipse(points),
            Fit::HalfExtents => half_extents(points),
        };
        let ellipse = ellipse.map_err(|error| match error {
            FitError::Collinear => NoHead::Line,
            other => NoHead::Fit(other),
        })?;
        let (a, b) = (ellipse.semi_axis_a_px, ellipse.semi_axis_b_px);
        if b < LEAST_MINOR_SEMI_AXIS_PX || b < LEAST_AXIS_RATIO * a {
            return Err(NoHead::Line);
        }
        let visible = visible(&ellipse, points);
        if visible < LEAST_VISIBLE {
            return Err(NoHead::LittleOutline { percent: 100.0 * visible });
        }
        Ok((ellipse, visible))
    }
}

fn edges(canny: &Canny, mask: &BitMask) -> Vec<(f64, f64)> {
    let values: Vec<f32> = mask.to_mask().values.iter().map(|v| f32::from(*v) / 255.0).collect();
    canny.edges(&values, mask.width(), mask.height()).unwrap_or_default()
}

/// The upright ellipse of the points' extents.
pub fn half_extents(points: &[(f64, f64)]) -> Result<Ellipse, FitError> {
    if points.is_empty() {
        return Err(FitError::TooFewPoints(0));
    }
    let range = |of: fn(&(f64, f64)) -> f64| {
        points.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |r, v| (r.0.min(v), r.1.max(v)))
    };
    let ((left, right), (top, bottom)) = (range(|p| p.0), range(|p| p.1));
    if ![left, right, top, bottom].iter().all(|v| v.is_finite()) {
        return Err(FitError::NotFinite);
    }
    if left == right || top == bottom {
        return Err(FitError::Collinear);
    }
    let half = |low: f64, high: f64| 0.5 * (high - low);
    Ok(Ellipse::new(0.5 * (left + right), 0.5 * (top + bottom), half(left, right), half(top, bottom), 0.0))
}

/// The share of the 72 arcs of the outline, as seen from the centre along the axes, in which a point lies.
fn visible(ellipse: &Ellipse, points: &[(f64, f64)]) -> f64 {
    const ARCS: usize = 72;
    let (sin, cos) = ellipse.angle_rad.sin_cos();
    let mut seen = [false; ARCS];
    for (x, y) in points {
        let (dx, dy) = (x - ellipse.center_x_px, y - ellipse.center_y_px);
        let (u, v) = ((dx * cos + dy * sin) / ellipse.semi_axis_a_px, (dy * cos - dx * sin) / ellipse.semi_axis_b_px);
        let arc = (v.atan2(u) / (2.0 * PI) + 0.5) * ARCS as f64;
        seen[(arc as usize).min(ARCS - 1)] = true;
    }
    seen.iter().filter(|seen| **seen).count() as f64 / ARCS as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Run, coverage};

    fn head(mask: &BitMask) -> Result<Head, NoHead> {
        HeadOptions::default().head_of_mask(mask)
    }

    fn discs(places: &[(f64, f64, f64)]) -> BitMask {
        let mut mask = BitMask::empty(400, 300);
        for (x, y, radius) in places {
            let disc = fill_bits(&Ellipse::new(*x, *y, *radius, *radius * 0.8, 0.3), 400, 300);
            disc.runs().into_iter().for_each(|run| mask.set_run(run));
        }
        mask
    }

    #[test]
    fn masks_without_a_head_are_told_with_the_reason() {
        let empty = BitMask::empty(400, 300);
        assert_eq!(head(&empty), Err(NoHead::Empty));
        assert_eq!(head(&empty.complement()), Err(NoHead::Full));
        for line in
            [Run { y: 40, start: 20, end: 300 }, Run { y: 0, start: 0, end: 400 }, Run { y: 7, start: 9, end: 10 }]
        {
            let mut mask = BitMask::empty(400, 300);
            mask.set_run(line);
            let reason = head(&mask).unwrap_err();
            assert!(matches!(reason, NoHead::Line | NoHead::Fit(_)), "{line:?}: {reason}");
        }
        let mut diagonal = BitMask::empty(400, 300);
        (0..250).for_each(|i| diagonal.set(i, i, true));
        assert_eq!(head(&diagonal).unwrap_err(), NoHead::Line);
        let five = discs(&[
            (50.0, 50.0, 30.0),
            (150.0, 60.0, 30.0),
            (250.0, 50.0, 31.0),
            (60.0, 200.0, 28.0),
            (300.0, 200.0, 30.0),
        ]);
        assert!(matches!(head(&five), Err(NoHead::Fragments { parts: 5, .. })));
        let mut corner = empty.complement();
        (0..40).for_each(|y| (0..40 - y).for_each(|x| corner.set(x, y, false)));
        assert!(head(&corner).is_err(), "{:?}", head(&corner).unwrap().ellipse);
        let mut angle = BitMask::empty(400, 300);
        (0..250).for_each(|y| angle.set_run(Run { y, start: 0, end: if y < 220 { 20 } else { 300 } }));
        assert!(head(&angle).is_err(), "{:?}", head(&angle).unwrap().ellipse);
    }

    #[test]
    fn beside_fragments_and_around_holes_the_head_is_measured() {
        let mut mask = discs(&[(180.0, 150.0, 110.0), (360.0, 30.0, 15.0), (30.0, 280.0, 9.0)]);
        (140..160).for_each(|y| (170..200).for_each(|x| mask.set(x, y, false)));
        let found = head(&mask).unwrap();
        assert_eq!((found.parts, found.cut.any()), (3, false));
        assert!(found.share > 0.9 && found.visible == 1.0);
        let truth = Ellipse::new(180.0, 150.0, 110.0, 88.0, 0.3).circumference_exact_px();
        assert!((found.ellipse.circumference_exact_px() - truth).abs() < 0.3);
    }

    #[test]
    fn a_head_cut_by_the_frame_is_completed_and_the_border_named() {
        let truth = Ellipse::new(60.0, 150.0, 110.0, 88.0, 0.3);
        let found = head(&fill_bits(&truth, 400, 300)).unwrap();
        assert_eq!(found.cut.words(), "left");
        assert!(found.visible < 0.9);
        assert!((found.ellipse.circumference_exact_px() / truth.circumference_exact_px() - 1.0).abs() < 0.005);
        // Hardly more than a cap of it: no number is made up.
        let cap = fill_bits(&Ellipse::new(-92.0, 150.0, 110.0, 108.0, 0.0), 400, 300);
        assert!(matches!(head(&cap), Err(NoHead::LittleOutline { .. } | NoHead::Line)), "{:?}", head(&cap));
    }

    #[test]
    fn a_growth_at_the_outline_does_not_move_the_robust_ellipse() {
        let truth = Ellipse::new(180.0, 150.0, 110.0, 88.0, 0.3);
        let mask = discs(&[(180.0, 150.0, 110.0), (290.0, 190.0, 28.0)]);
        let error = |fit| {
            let found = HeadOptions { fit, ..HeadOptions::default() }.head_of_mask(&mask).unwrap();
            (found.ellipse.circumference_exact_px() - truth.circumference_exact_px()).abs()
        };
        assert!(error(Fit::Robust) < 1.0 && error(Fit::Direct) > 4.0, "{} {}", error(Fit::Robust), error(Fit::Direct));
    }

    #[test]
    fn probabilities_place_the_outline_within_the_pixel() {
        let truth = Ellipse::new(60.2, 50.4, 40.3, 31.6, 0.5);
        let map = coverage(&truth, 120, 100);
        let found = HeadOptions::default().head_of_probabilities(&map, 120, 100, 0.5).unwrap().unwrap();
        assert!((found.ellipse.circumference_exact_px() - truth.circumference_exact_px()).abs() < 0.05);
        assert!(HeadOptions::default().head_of_probabilities(&map, 121, 100, 0.5).is_err());
        let nan = HeadOptions::default().head_of_probabilities(&[f32::NAN; 12], 4, 3, 0.5).unwrap();
        assert_eq!(nan, Err(NoHead::Empty));
    }

    #[test]
    fn the_literal_reading_is_right_for_upright_ellipses_and_wrong_for_oblique_ones() {
        let literal = HeadOptions { fit: Fit::HalfExtents, ..HeadOptions::default() };
        let error = |angle: f64| {
            let truth = Ellipse::new(200.0, 150.0, 120.0, 80.0, angle);
            let found = literal.head_of_mask(&fill_bits(&truth, 400, 300)).unwrap().ellipse;
            found.circumference_exact_px() - truth.circumference_exact_px()
        };
        // The outermost points of a mask are right to half a pixel: pi px of circumference.
        assert!(error(0.0).abs() < PI, "{}", error(0.0));
        // Two equal half extents: a circle in the place of the ellipse.
        let (a, b) = (120.0f64, 80.0f64);
        let circle = 2.0 * PI * ((a * a + b * b) / 2.0).sqrt();
        let expected = circle - Ellipse::new(0.0, 0.0, a, b, 0.0).circumference_exact_px();
        assert!(expected > 6.0 && (error(PI / 4.0) - expected).abs() < PI, "{} {expected}", error(PI / 4.0));
    }

    #[test]
    fn a_ring_filled_to_its_outer_edge_is_corrected_by_half_its_thickness() {
        let truth = Ellipse::new(200.0, 150.0, 120.0, 90.0, 0.7);
        let ring = BitMask::from_mask(&crate::geometry::ring(&truth, 400, 300, 2.54));
        let as_found = head(&ring).unwrap().ellipse.circumference_exact_px();
        let options = HeadOptions { inset_px: 1.27, ..HeadOptions::default() };
        let corrected = options.head_of_mask(&ring).unwrap().ellipse.circumference_exact_px();
        let truth = truth.circumference_exact_px();
        assert!((as_found - truth - 2.0 * PI * 1.27).abs() < 0.3 && (corrected - truth).abs() < 0.3);
    }
}
