//! Losses of a probability `p` against a truth `t` from 0 to 1: cross-entropy and focal. Each gives value and slope.
//!
//! Probabilities of exactly 0 and 1 are met as PyTorch's binary cross-entropy meets them: a logarithm counts as no less
//! than -100, and what a slope is divided by as no less than 1e-12.
//!
//! Where the truth is a mask of 0 and 1 alone, one logarithm says what two would; nothing here branches on a pixel.

use super::log::ln;

const LEAST_LOG: f64 = -100.0;
const LEAST_DIVISOR: f64 = 1e-12;

/// -t ln p - (1 - t) ln(1 - p)
#[inline(always)]
pub fn binary(p: f64, t: f64) -> (f64, f64) {
    (-(t * safe_ln(p) + (1.0 - t) * safe_ln(1.0 - p)), binary_slope(p, t))
}

/// The same where t is 0 or 1.
#[inline(always)]
pub fn binary_of_mask(p: f64, t: f64) -> (f64, f64) {
    (-safe_ln(if t == 1.0 { p } else { 1.0 - p }), binary_slope(p, t))
}

#[inline(always)]
fn binary_slope(p: f64, t: f64) -> f64 {
    (p - t) / at_least(p * (1.0 - p), LEAST_DIVISOR)
}

/// -`alpha` t (1 - p)^`gamma` ln p - (1 - `alpha`) (1 - t) p^`gamma` ln(1 - p)
#[inline(always)]
pub fn focal(alpha: f64, gamma: f64, p: f64, t: f64) -> (f64, f64) {
    let (of_one, of_zero) = (focal_of_truth(gamma, p), focal_of_truth(gamma, 1.0 - p));
    let (one, zero) = (alpha * t, (1.0 - alpha) * (1.0 - t));
    (one * of_one.0 + zero * of_zero.0, one * of_one.1 - zero * of_zero.1)
}

/// The same where t is 0 or 1.
#[inline(always)]
pub fn focal_of_mask(alpha: f64, gamma: f64, p: f64, t: f64) -> (f64, f64) {
    let positive = t == 1.0;
    let (value, slope) = focal_of_truth(gamma, if positive { p } else { 1.0 - p });
    let (weight, sign) = if positive { (alpha, alpha) } else { (1.0 - alpha, alpha - 1.0) };
    (weight * value, sign * slope)
}

/// -(1 - p)^gamma ln p, where p is the probability of what is true, and its slope.
#[inline(always)]
fn focal_of_truth(gamma: f64, p: f64) -> (f64, f64) {
    let (q, log) = (1.0 - p, safe_ln(p));
    let weight = power(q, gamma);
    // Without a power there is no slope of it, not zero times infinity.
    let growth = if gamma == 0.0 { 0.0 } else { gamma * power(at_least(q, LEAST_DIVISOR), gamma - 1.0) * log };
    (-weight * log, growth - weight / at_least(p, LEAST_DIVISOR))
}

/// The usual exponents without a call for each pixel.
#[inline(always)]
fn power(base: f64, exponent: f64) -> f64 {
    match exponent {
        2.0 => base * base,
        1.0 => base,
        0.0 => 1.0,
        _ => base.powf(exponent),
    }
}

#[inline(always)]
fn safe_ln(p: f64) -> f64 {
    at_least(ln(p), LEAST_LOG)
}

/// Not `max`, which makes a number of a NaN.
#[inline(always)]
fn at_least(value: f64, least: f64) -> f64 {
    if value < least { least } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_probabilities_have_finite_values_and_slopes_that_point_to_the_truth() {
        for t in [0.0, 0.3, 1.0] {
            let mut losses = vec![(binary(0.0, t), binary(1.0, t))];
            for gamma in [0.0, 0.5, 1.0, 2.0, 3.5] {
                losses.push((focal(0.25, gamma, 0.0, t), focal(0.25, gamma, 1.0, t)));
            }
            for (at_0, at_1) in losses {
                assert!([at_0.0, at_0.1, at_1.0, at_1.1].iter().all(|v| v.is_finite()), "{t}: {at_0:?} {at_1:?}");
                if t > 0.0 {
                    assert!(at_0.0 > 1.0 && at_0.1 < 0.0, "{t}: {at_0:?}");
                }
                if t < 1.0 {
                    assert!(at_1.0 > 1.0 && at_1.1 > 0.0, "{t}: {at_1:?}");
                }
            }
        }
        assert_eq!(binary(0.0, 1.0), (100.0, -1e12));
        assert_eq!((binary(1.0, 1.0).0, binary(0.0, 0.0).0), (0.0, 0.0));
    }

    #[test]
    fn a_mask_needs_one_logarithm_for_what_two_say() {
        for p in [0.0, 1e-30, 0.1, 0.5, 0.999, 1.0, f64::NAN] {
            for t in [0.0, 1.0] {
                let close = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a - b).abs() < 1e-15 * b.abs().max(1.0);
                let pairs = [
                    (binary_of_mask(p, t), binary(p, t)),
                    (focal_of_mask(0.25, 2.0, p, t), focal(0.25, 2.0, p, t)),
                    (focal_of_mask(0.6, 0.5, p, t), focal(0.6, 0.5, p, t)),
                ];
                for (one, two) in pairs {
                    assert!(close(one.0, two.0) && close(one.1, two.1), "{p} {t}: {one:?} {two:?}");
                }
            }
        }
    }

    #[test]
    fn focal_without_its_exponent_is_half_the_cross_entropy() {
        for (p, t) in [(0.2, 1.0), (0.9, 0.0), (0.4, 0.7)] {
            let (focal, binary) = (focal(0.5, 0.0, p, t), binary(p, t));
            assert!((2.0 * focal.0 - binary.0).abs() < 1e-15 && (2.0 * focal.1 - binary.1).abs() < 1e-14);
        }
    }

    #[test]
    fn focal_weighs_as_the_recipe_says() {
        // Positive: 0.25 * 0.6² * -ln 0.4; negative: 0.75 * 0.4² * -ln 0.6.
        assert!((focal(0.25, 2.0, 0.4, 1.0).0 - 0.25 * 0.36 * 0.916_290_731_874_155).abs() < 1e-15);
        assert!((focal(0.25, 2.0, 0.4, 0.0).0 - 0.75 * 0.16 * 0.510_825_623_765_990_7).abs() < 1e-15);
    }
}
