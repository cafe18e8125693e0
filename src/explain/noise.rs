//! Numbers that look random and are a function of their seed and place alone.

use crate::nn::kernel::cpu::elementwise::mix;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Number `i` of a stream, evenly in [0, 1).
pub fn uniform(seed: u64, i: u64) -> f64 {
    let bits = mix(mix(seed.wrapping_add(GOLDEN)).wrapping_add(i.wrapping_mul(GOLDEN)));
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Number `i` of a stream with mean 0 and variance 1 (Box and Muller 1958).
pub fn normal(seed: u64, i: u64) -> f64 {
    let (u, v) = (uniform(seed, 2 * i), uniform(seed, 2 * i + 1));
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 200_000;
        let moments = |of: &dyn Fn(u64) -> f64| {
            let mean = (0..n).map(of).sum::<f64>() / n as f64;
            (mean, (0..n).map(|i| (of(i) - mean).powi(2)).sum::<f64>() / n as f64)
        };
        let (mean, variance) = moments(&|i| uniform(3, i));
        assert!((mean - 0.5).abs() < 0.003 && (variance - 1.0 / 12.0).abs() < 0.001, "{mean} {variance}");
        let (mean, variance) = moments(&|i| normal(3, i));
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.015, "{mean} {variance}");
        let inside = (0..n).filter(|i| normal(5, *i).abs() < 1.0).count() as f64 / n as f64;
        assert!((inside - 0.6827).abs() < 0.005, "{inside}");
    }

    #[test]
    fn seeds_give_streams_of_their_own() {
        assert_eq!(uniform(1, 7), uniform(1, 7));
        assert_ne!(uniform(1, 7), uniform(2, 7));
        assert_ne!(uniform(0, 1), uniform(1, 0));
    }
}
