//! Direct least-squares fit of an ellipse to points.
//!
//! Fitzgibbon, Pilu & Fisher, IEEE TPAMI 21(5), 1999: minimise the algebraic distance under `4ac - b² = 1`, which
//! only ellipses satisfy. Solved in the stable, reduced form of Halíř & Flusser, WSCG 1998, on points moved to their
//! mean and scaled to unit spread, without which the moments of fourth order lose half the digits.

use super::{Affine, Ellipse};
use std::f64::consts::PI;

/// Why no ellipse was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    #[error("an ellipse needs at least 5 different points, {0} given")]
    TooFewPoints(usize),
    #[error("the points lie on a line")]
    Collinear,
    #[error("the points do not determine one ellipse")]
    Degenerate,
    #[error("a coordinate is not a finite number")]
    NotFinite,
}

type Matrix = [[f64; 3]; 3];

/// The ellipse of least algebraic distance to `points` (x, y in px).
pub fn fit_ellipse(points: &[(f64, f64)]) -> Result<Ellipse, FitError> {
    fit(points, |_| 1.0)
}

/// [`fit_ellipse`] with the weight `weight(i)` for the square of point `i`'s distance, at least 0.
pub(super) fn fit_ellipse_weighted(points: &[(f64, f64)], weights: &[f64]) -> Result<Ellipse, FitError> {
    fit(points, |i| weights.get(i).copied().unwrap_or(0.0))
}

fn fit(points: &[(f64, f64)], weight: impl Fn(usize) -> f64) -> Result<Ellipse, FitError> {
    if points.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
        return Err(FitError::NotFinite);
    }
    let counted = points.iter().enumerate().filter(|(i, _)| weight(*i) > 0.0).map(|(_, point)| point);
    let different = different_points_up_to_five(counted);
    if different < 5 {
        return Err(FitError::TooFewPoints(different));
    }
    let (normalise, collinear) = normalisation(points, &weight);
    if collinear {
        return Err(FitError::Collinear);
    }
    let scatter = Scatter::of(points, &weight, &normalise);
    let (conic, linear) = scatter.reduced_solution().ok_or(FitError::Degenerate)?;
    let unit = ellipse_of_conic(conic, linear).ok_or(FitError::Degenerate)?;
    // `normalise` is a translation and an isotropic scaling: its inverse exists, as the spread is not zero.
    let back = normalise.inverse().ok_or(FitError::Collinear)?;
    Ok(unit.transformed(&back))
}

/// How many different points there are, counting no further than five.
fn different_points_up_to_five<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> usize {
    let mut seen: Vec<(f64, f64)> = Vec::with_capacity(5);
    for point in points {
        if !seen.contains(point) {
            seen.push(*point);
            if seen.len() == 5 {
                break;
            }
        }
    }
    seen.len()
}

/// The map to mean 0 and mean square radius 2, and whether the points lie on a line.
fn normalisation(points: &[(f64, f64)], weight: impl Fn(usize) -> f64) -> (Affine, bool) {
    let (mut n, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (i, (x, y)) in points.iter().enumerate() {
        let w = weight(i);
        n += w;
        sum_x += w * x;
        sum_y += w * y;
    }
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (i, (x, y)) in points.iter().enumerate() {
        let (w, dx, dy) = (weight(i), x - mean_x, y - mean_y);
        xx += w * dx * dx;
        xy += w * dx * dy;
        yy += w * dy * dy;
    }
    let trace = xx + yy;
    let smallest = 2.0 * (xx * yy - xy * xy) / (trace + ((xx - yy).powi(2) + 4.0 * xy * xy).sqrt());
    let collinear = trace.is_nan() || trace <= 0.0 || smallest <= 1e-12 * trace;
    let scale = (2.0 * n / trace).sqrt();
    (Affine::translation(-mean_x, -mean_y).then(&Affine::scaling(scale, scale)), collinear)
}

/// The scatter matrix in blocks: quadratic terms (x², xy, y²) and linear terms (x, y, 1).
struct Scatter {
    quadratic: Matrix,
    mixed: Matrix,
    linear: Matrix,
}

impl Scatter {
    fn of(points: &[(f64, f64)], weight: impl Fn(usize) -> f64, normalise: &Affine) -> Scatter {
        // Its 36 entries are only 15 different moments: of degree 4, 3, 2, 1 and 0, powers of x falling.
        let mut m = [0.0; 15];
        for (i, &(x, y)) in points.iter().enumerate() {
            let (w, (x, y)) = (weight(i), normalise.apply(x, y));
            let (xx, xy, yy) = (x * x, x * y, y * y);
            let terms =
                [xx * xx, xx * xy, xx * yy, xy * yy, yy * yy, xx * x, xx * y, x * yy, yy * y, xx, xy, yy, x, y, 1.0];
            for (moment, term) in m.iter_mut().zip(terms) {
                *moment += w * term;
            }
        }
        Scatter {
            quadratic: [[m[0], m[1], m[2]], [m[1], m[2], m[3]], [m[2], m[3], m[4]]],
            mixed: [[m[5], m[6], m[9]], [m[6], m[7], m[10]], [m[7], m[8], m[11]]],
            linear: [[m[9], m[10], m[12]], [m[10], m[11], m[13]], [m[12], m[13], m[14]]],
        }
    }

    /// The conic's quadratic and linear coefficients, or `None` where the points leave more than one conic open.
    fn reduced_solution(&self) -> Option<([f64; 3], [f64; 3])> {
        // linear = T quadratic minimises over the linear part; T = -S3^-1 S2'.
        let inverse = inverse(&self.linear)?;
        let to_linear = product(&inverse, &transposed(&self.mixed)).map(|row| row.map(|v| -v));
        let correction = product(&self.mixed, &to_linear);
        let mut reduced = self.quadratic;
        for (value, more) in reduced.iter_mut().flatten().zip(correction.as_flattened()) {
            *value += more;
        }
        if second_smallest_eigenvalue(&reduced) <= 1e-13 * (reduced[0][0] + reduced[1][1] + reduced[2][2]) {
            return None;
        }
        // C^-1 S with the constraint matrix C of 4ac - b².
        let system = [reduced[2].map(|v| v / 2.0), reduced[1].map(|v| -v), reduced[0].map(|v| v / 2.0)];
        // C has one positive and two negative eigenvalues and S is positive: by inertia exactly one eigenvalue of the
        // system is not negative, and it is the ellipse.
        let largest = real_eigenvalues(&system)[2];
        let conic = eigenvector(&system, largest)?;
        if 4.0 * conic[0] * conic[2] - conic[1] * conic[1] <= 0.0 {
            return None;
        }
        Some((conic, multiply(&to_linear, &conic)))
    }
}

/// The ellipse `a x² + b xy + c y² + d x + e y + f = 0`, or `None` where it has no real points.
fn ellipse_of_conic([a, b, c]: [f64; 3], [d, e, f]: [f64; 3]) -> Option<Ellipse> {
    let determinant = 4.0 * a * c - b * b;
    let x = (b * e - 2.0 * c * d) / determinant;
    let y = (b * d - 2.0 * a * e) / determinant;
    let level = -(f + 0.5 * (d * x + e * y));
    let (mean, half) = ((a + c) / 2.0, ((a - c) / 2.0).hypot(b / 2.0));
    // The curvature nearest to zero belongs to the major axis.
    let (flat, steep) = if mean >= 0.0 { (mean - half, mean + half) } else { (mean + half, mean - half) };
    let (major, minor) = ((level / flat).sqrt(), (level / steep).sqrt());
    if !(major.is_finite() && minor.is_finite() && minor > 0.0 && x.is_finite() && y.is_finite()) {
        return None;
    }
    let angle_of_largest = b.atan2(a - c) / 2.0;
    let angle = if mean >= 0.0 { angle_of_largest + PI / 2.0 } else { angle_of_largest };
    Some(Ellipse::new(x, y, major, minor, angle))
}

fn multiply(m: &Matrix, v: &[f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn transposed(m: &Matrix) -> Matrix {
    [0, 1, 2].map(|column| m.map(|row| row[column]))
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    let columns = transposed(right);
    left.map(|row| multiply(&columns, &row))
}

fn cross(u: &[f64; 3], v: &[f64; 3]) -> [f64; 3] {
    [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

fn norm(v: &[f64; 3]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn inverse(m: &Matrix) -> Option<Matrix> {
    let columns = [cross(&m[1], &m[2]), cross(&m[2], &m[0]), cross(&m[0], &m[1])];
    let det: f64 = (0..3).map(|k| m[0][k] * columns[0][k]).sum();
    if det == 0.0 || !det.is_finite() {
        return None;
    }
    Some(transposed(&columns.map(|column| column.map(|v| v / det))))
}

/// Eigenvalues of a 3x3 matrix whose eigenvalues are all real, ascending: Viète's solution of the cubic, each root
/// polished by Newton's method.
fn real_eigenvalues(m: &Matrix) -> [f64; 3] {
    let trace = m[0][0] + m[1][1] + m[2][2];
    let minors = m[0][0] * m[1][1] - m[0][1] * m[1][0] + m[0][0] * m[2][2] - m[0][2] * m[2][0] + m[1][1] * m[2][2]
        - m[1][2] * m[2][1];
    let det: f64 = cross(&m[1], &m[2]).iter().zip(m[0]).map(|(c, v)| c * v).sum();
    let third = trace / 3.0;
    let p = (trace * trace - 3.0 * minors).max(0.0) / 9.0;
    let q = (2.0 * trace.powi(3) - 9.0 * trace * minors + 27.0 * det) / 54.0;
    let root = p.sqrt();
    let angle = if root == 0.0 { 0.0 } else { (q / root.powi(3)).clamp(-1.0, 1.0).acos() / 3.0 };
    let mut values = [0.0, 1.0, 2.0].map(|k| third + 2.0 * root * (angle - 2.0 * PI * k / 3.0).cos());
    for value in &mut values {
        for _ in 0..3 {
            let slope = (3.0 * *value - 2.0 * trace) * *value + minors;
            let step = (((*value - trace) * *value + minors) * *value - det) / slope;
            if step.is_finite() && step.abs() < root {
                *value -= step;
            }
        }
    }
    values.sort_by(f64::total_cmp);
    values
}

fn second_smallest_eigenvalue(symmetric: &Matrix) -> f64 {
    real_eigenvalues(symmetric)[1]
}

/// A unit vector of the kernel of `m - value`: the longest cross product of two rows, which is orthogonal to both.
fn eigenvector(m: &Matrix, value: f64) -> Option<[f64; 3]> {
    let mut shifted = *m;
    for (k, row) in shifted.iter_mut().enumerate() {
        row[k] -= value;
    }
    let candidates =
        [cross(&shifted[0], &shifted[1]), cross(&shifted[1], &shifted[2]), cross(&shifted[2], &shifted[0])];
    let longest = candidates.into_iter().max_by(|u, v| norm(u).total_cmp(&norm(v)))?;
    let length = norm(&longest);
    (length > 0.0 && length.is_finite()).then(|| longest.map(|x| x / length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(ellipse: &Ellipse, from: f64, to: f64, n: usize) -> Vec<(f64, f64)> {
        (0..n).map(|i| ellipse.point(from + (to - from) * i as f64 / n as f64)).collect()
    }

    fn assert_same(fitted: &Ellipse, truth: &Ellipse, relative: f64) -> Result<(), TestCaseError> {
        let size = truth.semi_axis_a_px;
        prop_assert!((fitted.center_x_px - truth.center_x_px).abs() < relative * size, "{fitted:?} {truth:?}");
        prop_assert!((fitted.center_y_px - truth.center_y_px).abs() < relative * size, "{fitted:?} {truth:?}");
        prop_assert!((fitted.semi_axis_a_px - truth.semi_axis_a_px).abs() < relative * size, "{fitted:?} {truth:?}");
        prop_assert!((fitted.semi_axis_b_px - truth.semi_axis_b_px).abs() < relative * size, "{fitted:?} {truth:?}");
        let turn = (fitted.angle_rad - truth.angle_rad).rem_euclid(PI);
        let roundness = 1.0 - truth.semi_axis_b_px / truth.semi_axis_a_px;
        prop_assert!(turn.min(PI - turn) * roundness < 10.0 * relative, "{fitted:?} {truth:?}");
        Ok(())
    }

    proptest! {
        #[test]
        fn the_fit_recovers_a_whole_ellipse(
            x in 0.0..800.0f64, y in 0.0..540.0f64, a in 30.0..350.0f64, ratio in 0.2..0.99f64, angle in 0.0..PI,
            n in 5usize..200,
        ) {
            let truth = Ellipse::new(x, y, a, a * ratio, angle);
            assert_same(&fit_ellipse(&points(&truth, 0.0, 2.0 * PI, n)).unwrap(), &truth, 1e-6)?;
        }

        #[test]
        fn the_fit_recovers_an_ellipse_from_half_its_outline(
            x in 0.0..800.0f64, y in 0.0..540.0f64, a in 30.0..350.0f64, ratio in 0.4..0.95f64, angle in 0.0..PI,
            start in 0.0..6.0f64,
        ) {
            let truth = Ellipse::new(x, y, a, a * ratio, angle);
            assert_same(&fit_ellipse(&points(&truth, start, start + PI, 100)).unwrap(), &truth, 1e-5)?;
        }
    }

    #[test]
    fn points_that_give_no_ellipse_are_refused_with_the_reason() {
        let line: Vec<_> = (0..20).map(|i| (f64::from(i), 3.0 + 2.0 * f64::from(i))).collect();
        assert_eq!(fit_ellipse(&line), Err(FitError::Collinear));
        assert_eq!(fit_ellipse(&line[..4]), Err(FitError::TooFewPoints(4)));
        assert_eq!(fit_ellipse(&[(1.0, 1.0); 50]), Err(FitError::TooFewPoints(1)));
        assert_eq!(fit_ellipse(&[]), Err(FitError::TooFewPoints(0)));
        assert_eq!(fit_ellipse(&[(f64::NAN, 0.0); 5]), Err(FitError::NotFinite));
    }

    #[test]
    fn four_points_on_a_line_and_one_beside_it_are_degenerate() {
        let points = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (1.0, 5.0)];
        assert!(fit_ellipse(&points).is_err());
    }
}
