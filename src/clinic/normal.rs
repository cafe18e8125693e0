//! The normal distribution.

use std::f64::consts::PI;

/// The share of a standard normal distribution below `z`; exact to about 1e-15, far tails in relative terms too.
pub fn standard_normal_cdf(z: f64) -> f64 {
    let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
    if z.abs() > 6.0 {
        // Laplace's continued fraction of the tail.
        let depth = (1..=60).rev().fold(z.abs(), |below, k| z.abs() + f64::from(k) / below);
        let tail = density / depth;
        return if z < 0.0 { tail } else { 1.0 - tail };
    }
    // The series of odd powers over odd factorials (Abramowitz & Stegun 26.2.11).
    let (mut term, mut sum, mut k) = (z, z, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        k += 2.0;
        term *= z * z / k;
        sum += term;
    }
    0.5 + density * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_scipy() {
        // scipy.stats.norm.cdf
        for (z, share) in [
            (-8.0, 6.220_960_574_271_785e-16),
            (-3.0, 0.001_349_898_031_630_094_6),
            (-1.5, 0.066_807_201_268_858_07),
            (0.0, 0.5),
            (0.3, 0.617_911_422_188_952_7),
            (2.5, 0.993_790_334_674_223_8),
            (5.9, 0.999_999_998_182_492_2),
        ] {
            let found = standard_normal_cdf(z);
            assert!((found - share).abs() < 1e-14 && (found / share - 1.0).abs() < 1e-12, "{z}: {found}");
        }
        assert!(standard_normal_cdf(f64::NAN).is_nan());
        assert_eq!((standard_normal_cdf(f64::INFINITY), standard_normal_cdf(f64::NEG_INFINITY)), (1.0, 0.0));
    }
}
