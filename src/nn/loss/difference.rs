//! Losses of a difference: absolute, squared, Huber's. Each gives value and slope at prediction `p` and truth `t`.

/// |p - t|; the slope at zero is zero, as in PyTorch.
#[inline(always)]
pub fn absolute(p: f64, t: f64) -> (f64, f64) {
    let error = p - t;
    // Not `signum` of a NaN's sign bit: a NaN stays one.
    if error == 0.0 { (0.0, 0.0) } else { (error.abs(), error / error.abs()) }
}

/// (p - t)²
#[inline(always)]
pub fn squared(p: f64, t: f64) -> (f64, f64) {
    let error = p - t;
    (error * error, 2.0 * error)
}

/// Huber 1964: error² / 2 up to `delta`, then `delta * (|error| - delta / 2)`.
#[inline(always)]
pub fn huber(delta: f64, p: f64, t: f64) -> (f64, f64) {
    let error = p - t;
    match error.abs() > delta {
        true => (delta * (error.abs() - 0.5 * delta), delta * error.signum()),
        false => (0.5 * error * error, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_values() {
        let all = |error: f64| [absolute(error, 0.0), squared(error, 0.0), huber(0.7, error, 0.0)];
        for error in [-2.0, -0.7001, -0.3, 0.2, 0.6999, 5.0] {
            let h = 1e-6;
            for (which, (_, slope)) in all(error).iter().enumerate() {
                let numeric = (all(error + h)[which].0 - all(error - h)[which].0) / (2.0 * h);
                assert!((numeric - slope).abs() < 1e-4, "{which} at {error}");
            }
        }
    }
}
