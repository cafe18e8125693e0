//! Dropout: any shape; the identity outside training.

use super::*;

/// Sets each value to zero with probability `rate` and divides the rest by `1 - rate`.
///
/// Which values go is a function of the pass's seed, the layer and the value's index alone, so the
/// backward pass computes it again instead of keeping it, and no thread count changes it.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// In [0, 1).
    pub rate: f32,
}

impl Dropout {
    fn apply(&self, seed: u64, layer: u64, values: &mut [f32]) {
        let key = mix(seed ^ mix(layer.wrapping_add(0x9e37_79b9_7f4a_7c15)));
        let threshold = (self.rate as f64 * 2f64.powi(32)) as u64;
        let scale = 1.0 / (1.0 - self.rate);
        for (i, v) in values.iter_mut().enumerate() {
            let draw = mix(key.wrapping_add((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 32;
            *v = if draw < threshold { 0.0 } else { *v * scale };
        }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every output bit hangs on every input bit.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn detail(&self) -> String {
        format!("rate {}", self.rate)
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(Error::usage(format!("a dropout rate lies in [0, 1), not at {}", self.rate)));
        }
        Ok(one(inputs)?.to_vec())
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = inputs[0].clone();
        if let Pass::Train { seed } = pass.pass {
            self.apply(seed, pass.index, output.data_mut());
        }
        output
    }

    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        if let Pass::Train { seed } = pass.pass {
            self.apply(seed, pass.index, grad.data_mut());
        }
        vec![Some(grad)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_dropped_values_is_the_rate_and_the_mean_is_kept() {
        for rate in [0.0, 0.25, 0.5, 0.9] {
            let mut values = vec![1f32; 100_000];
            Dropout { rate }.apply(7, 3, &mut values);
            let dropped = values.iter().filter(|v| **v == 0.0).count() as f32 / values.len() as f32;
            assert!((dropped - rate).abs() < 0.005, "{dropped} for {rate}");
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            assert!((mean - 1.0).abs() < 0.03, "{mean}");
        }
    }

    #[test]
    fn seeds_and_layers_draw_apart_and_repeat_themselves() {
        let draw = |seed, layer| {
            let mut values = vec![1f32; 64];
            Dropout { rate: 0.5 }.apply(seed, layer, &mut values);
            values
        };
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(2, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
    }
}
