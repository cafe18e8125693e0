//! An ellipse fitted in spite of points that belong to something else.
//!
//! Direct least squares, again and again, each time with weights by the distances from the ellipse before. All points
//! within [`CORE_PX`] of the outline, or within 2.5 standard deviations of a ragged one, count in full: for clean rings
//! and masks the result is the direct fit's, to the last digit. Where up to half of the points lie elsewhere, the start
//! is the best of many ellipses near few points (RANSAC by least median of squares; Rousseeuw, J. Am. Stat. Assoc.
//! 79, 1984), drawn by a fixed sequence: the same points always give the same ellipse.

use super::fit::fit_ellipse_weighted;
use super::raster::distance_to_outline_px;
use super::{Ellipse, FitError, fit_ellipse};

/// So near to the outline a point always counts in full, in px: more than half of a ring's thickness.
pub const CORE_PX: f64 = 2.0;
/// A point so many times farther than the core counts for nothing.
const REACH: f64 = 3.0;
const LARGEST_ROUNDS: usize = 50;
const SAMPLES: usize = 200;
const POINTS_A_SAMPLE: usize = 6;
/// Candidates are judged by so many points, evenly chosen.
const JUDGES: usize = 200;
/// Up to this share of points beyond the core, and half of all within this share of the minor semi-axis: the direct fit
/// is near enough to begin with.
const FEW_STRANGERS: f64 = 0.05;
const NEAR: f64 = 0.01;
/// Settled when centre and axes move by less than this share of the major semi-axis.
const SETTLED: f64 = 1e-8;

/// An ellipse, and how many of the points it stands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RobustFit {
    pub ellipse: Ellipse,
    /// The sum of the weights: the number of points where every point counts in full.
    pub weight: f64,
}

/// The ellipse of least algebraic distance to those `points` that lie along one.
pub fn fit_ellipse_robust(points: &[(f64, f64)]) -> Result<RobustFit, FitError> {
    let direct = fit_ellipse(points);
    let mut distances = match &direct {
        Ok(ellipse) => distances_px(ellipse, points),
        Err(FitError::Degenerate) => Vec::new(),
        Err(e) => return Err(*e),
    };
    if let Ok(ellipse) = direct
        && distances.iter().all(|d| *d <= CORE_PX)
    {
        return Ok(RobustFit { ellipse, weight: points.len() as f64 });
    }
    let mut ellipse = start(points, direct, &distances)?;
    distances = distances_px(&ellipse, points);
    let mut core = core_px(&distances);
    let mut weights = vec![0.0; points.len()];
    for round in 0..LARGEST_ROUNDS {
        for (weight, distance) in weights.iter_mut().zip(&distances) {
            *weight = tapered(*distance, core);
        }
        let Ok(next) = fit_ellipse_weighted(points, &weights) else { break };
        let moved = moved_px(&ellipse, &next);
        ellipse = next;
        distances = distances_px(&ellipse, points);
        if moved < SETTLED * ellipse.semi_axis_a_px {
            break;
        }
        // The spread settles in a few rounds; held from then on, the rounds converge.
        if round < 10 {
            core = core_px(&distances);
        }
    }
    Ok(RobustFit { ellipse, weight: weights.iter().sum() })
}

/// The direct fit, unless an ellipse through a few points lies twice as near to half of all points.
fn start(points: &[(f64, f64)], direct: Result<Ellipse, FitError>, distances: &[f64]) -> Result<Ellipse, FitError> {
    if let Ok(ellipse) = direct {
        let core = core_px(distances);
        let strangers = distances.iter().filter(|d| **d > core).count();
        let few = strangers as f64 <= FEW_STRANGERS * points.len() as f64;
        if few && median(distances) <= NEAR * ellipse.semi_axis_b_px {
            return direct;
        }
    }
    let judges: Vec<(f64, f64)> =
        (0..points.len().min(JUDGES)).map(|i| points[i * points.len() / points.len().min(JUDGES)]).collect();
    let (mut best, mut least) = (direct, if direct.is_ok() { median(distances) / 2.0 } else { f64::INFINITY });
    let extent = extent_px(points);
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    for _ in 0..SAMPLES {
        let sample: [(f64, f64); POINTS_A_SAMPLE] = std::array::from_fn(|_| points[draw.below(points.len())]);
        let Ok(candidate) = fit_ellipse(&sample) else { continue };
        // Nearly straight bits of outline give giants, which are near to many points of a line.
        if candidate.semi_axis_a_px > 2.0 * extent {
            continue;
        }
        let middle = median(&distances_px(&candidate, &judges));
        if middle < least {
            (best, least) = (Ok(candidate), middle);
        }
    }
    best
}

fn distances_px(ellipse: &Ellipse, points: &[(f64, f64)]) -> Vec<f64> {
    let distance_px = distance_to_outline_px(ellipse);
    points.iter().map(|(x, y)| distance_px(*x, *y)).collect()
}

/// 2.5 standard deviations, by the median of the distances, but never less than [`CORE_PX`].
fn core_px(distances: &[f64]) -> f64 {
    (2.5 * 1.4826 * median(distances)).max(CORE_PX)
}

/// 1 within `core`, 0 beyond `REACH` times it, Tukey's biweight between.
fn tapered(distance: f64, core: f64) -> f64 {
    let beyond = (distance - core) / ((REACH - 1.0) * core);
    match beyond {
        b if b <= 0.0 => 1.0,
        b if b < 1.0 => (1.0 - b * b).powi(2),
        _ => 0.0,
    }
}

fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return f64::INFINITY;
    }
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// How far centre and axes have moved.
fn moved_px(one: &Ellipse, other: &Ellipse) -> f64 {
    let pairs = [
        (one.center_x_px, other.center_x_px),
        (one.center_y_px, other.center_y_px),
        (one.semi_axis_a_px, other.semi_axis_a_px),
        (one.semi_axis_b_px, other.semi_axis_b_px),
    ];
    pairs.iter().map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The longer side of the box around all points.
fn extent_px(points: &[(f64, f64)]) -> f64 {
    let range = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points.iter().map(of).fold((f64::MAX, f64::MIN), |r, v| (r.0.min(v), r.1.max(v)));
        high - low
    };
    range(|p| p.0).max(range(|p| p.1))
}

/// SplitMix64 (Steele, Lea & Flood 2014).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    fn along(ellipse: &Ellipse, arc: f64, n: usize) -> Vec<(f64, f64)> {
        (0..n).map(|i| ellipse.point(arc * i as f64 / n as f64)).collect()
    }

    proptest! {
        #[test]
        fn clean_points_give_the_direct_fit_to_the_last_digit(
            x in 0.0..800.0f64, a in 30.0..350.0f64, ratio in 0.4..0.99f64, angle in 0.0..PI, seed in any::<u64>(),
        ) {
            let mut draw = Draw(seed);
            let noise = |draw: &mut Draw| draw.below(2000) as f64 / 1000.0 - 1.0;
            let truth = Ellipse::new(x, 270.0, a, a * ratio, angle);
            let points: Vec<_> =
                along(&truth, 2.0 * PI, 300).iter().map(|p| (p.0 + noise(&mut draw), p.1 + noise(&mut draw))).collect();
            let robust = fit_ellipse_robust(&points).unwrap();
            prop_assert_eq!(robust, RobustFit { ellipse: fit_ellipse(&points).unwrap(), weight: 300.0 });
        }

        #[test]
        fn a_third_of_strangers_and_a_gap_do_not_move_the_ellipse(
            x in 300.0..500.0f64, a in 60.0..250.0f64, ratio in 0.6..0.99f64, angle in 0.0..PI, seed in any::<u64>(),
            blob in any::<bool>(),
        ) {
            let truth = Ellipse::new(x, 270.0, a, a * ratio, angle);
            let mut points = along(&truth, 1.7 * PI, 600);
            let mut draw = Draw(seed);
            let (u, v) = (draw.below(800) as f64, draw.below(540) as f64);
            for _ in 0..300 {
                // All in one place, or anywhere.
                points.push(match blob {
                    true => (u + draw.below(40) as f64, v + draw.below(40) as f64),
                    false => (draw.below(800) as f64, draw.below(540) as f64),
                });
            }
            let fitted = fit_ellipse_robust(&points).unwrap().ellipse;
            // Strangers within the reach of the outline are told from its own points by nothing.
            prop_assert!(moved_px(&fitted, &truth) < 0.02 * a, "{:?} {:?}", fitted, truth);
        }
    }

    #[test]
    fn a_ragged_outline_keeps_all_its_points() {
        let truth = Ellipse::new(400.0, 270.0, 200.0, 150.0, 0.4);
        let points: Vec<_> = (0..400)
            .map(|i| {
                let wave = 1.0 + 0.04 * (f64::from(i) * 0.9).sin();
                let (x, y) = truth.point(f64::from(i) * PI / 200.0);
                (400.0 + (x - 400.0) * wave, 270.0 + (y - 270.0) * wave)
            })
            .collect();
        let robust = fit_ellipse_robust(&points).unwrap();
        assert_eq!(robust.weight, 400.0);
        assert!(moved_px(&robust.ellipse, &truth) < 1.0);
    }

    #[test]
    fn the_same_points_give_the_same_ellipse_and_none_gives_the_reason() {
        let mut points = along(&Ellipse::new(200.0, 200.0, 90.0, 70.0, 1.0), 5.0, 200);
        points.extend((0..90).map(|i| (f64::from(i * i % 400), f64::from(i * 7 % 400))));
        assert_eq!(fit_ellipse_robust(&points), fit_ellipse_robust(&points));
        assert_eq!(fit_ellipse_robust(&[]), Err(FitError::TooFewPoints(0)));
        assert_eq!(fit_ellipse_robust(&[(f64::INFINITY, 1.0); 9]), Err(FitError::NotFinite));
        let line: Vec<_> = (0..50).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        assert_eq!(fit_ellipse_robust(&line), Err(FitError::Collinear));
    }
}
