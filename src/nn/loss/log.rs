//! The natural logarithm in f64, without a branch or a call, so that a loop of it becomes vectors.

/// ln `x`, within 4e-16 of it or of its size; a NaN for a NaN, for what is negative and for infinity. What is smaller
/// than the smallest normal number, and 0, gives about -709.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    // 2^52: an integer below it, put into its mantissa, is added to it.
    const LARGE: u64 = 0x4330_0000_0000_0000;
    let bits = x.to_bits();
    let exponent = f64::from_bits(bits >> 52 | LARGE) - f64::from_bits(LARGE) - 1023.0;
    let mantissa = f64::from_bits(bits & MANTISSA | ONE);
    // From 1/sqrt(2) to sqrt(2), so that little is left to a series.
    let high = mantissa > std::f64::consts::SQRT_2;
    let mantissa = if high { 0.5 * mantissa } else { mantissa };
    let exponent = if high { exponent + 1.0 } else { exponent };
    // ln m = 2 artanh s = 2 (s + s^3 / 3 + s^5 / 5 + ...) with s = (m - 1) / (m + 1), at most 0.1716.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let z = s * s;
    let odd = |k: f64| 1.0 / (2.0 * k + 1.0);
    let (z2, z4) = (z * z, z * z * (z * z));
    let low = (odd(1.0) + odd(2.0) * z) + (odd(3.0) + odd(4.0) * z) * z2;
    let high = (odd(5.0) + odd(6.0) * z) + (odd(7.0) + odd(8.0) * z) * z2;
    let series = low + high * z4 + odd(9.0) * (z4 * z4);
    // The series is small beside 2 s; ln 2 in two parts keeps what the exponent's product would round away.
    let rest = 2.0 * s * (z * series) + exponent * 1.908_214_929_270_587_7e-10;
    let value = exponent * 6.931_471_803_691_238e-1 + (2.0 * s + rest);
    if x >= 0.0 && x.is_finite() { value } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logarithm_of_the_standard_library() {
        let mut x = 1e-300;
        while x < 1e300 {
            for near in [x, 1.0 - 1.0 / (1.0 + x), 1.0 + 1.0 / (1.0 + x)] {
                let (found, expected) = (ln(near), near.ln());
                assert!((found - expected).abs() <= 4e-16 * expected.abs().max(1e-3), "ln {near}: {found} {expected}");
            }
            x *= 1.000_7 + 1e-3;
        }
        assert_eq!(ln(1.0), 0.0);
        assert!(ln(0.0) < -700.0 && ln(f64::NAN).is_nan() && ln(-1.0).is_nan() && ln(f64::INFINITY).is_nan());
    }
}
