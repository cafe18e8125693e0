//! Dropout: any shape; the identity outside training.

use super::*;
use crate::nn::kernel::cpu::Isa;
use crate::nn::kernel::cpu::elementwise::{self, mix};

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
    fn apply(&self, isa: Isa, seed: u64, layer: u64, values: &mut [f32]) {
        let key = mix(seed ^ mix(layer.wrapping_add(0x9e37_79b9_7f4a_7c15)));
        elementwise::dropout(isa, key, self.rate, values);
    }

    /// The same draws on a card.
    fn emit(&self, e: &mut Emitter, site: &Site, x: &Value, y: &Value) {
        let (n, layer) = (Arg::I64(x.count() as i64), Arg::U64(site.index));
        let args = vec![x.at(), y.at(), e.scalars(), n, layer, Arg::F64(f64::from(self.rate))];
        e.launch_typed("dropout", x.element, geometry::flat(x.count()), args);
    }
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

    fn in_place(&self) -> bool {
        true
    }

    fn forward(&self, mut pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let Pass::Train { seed } = pass.pass else {
            return pass.own.unwrap_or_else(|| inputs[0].clone());
        };
        let mut output = pass.overwritable(inputs);
        self.apply(pass.compute.isa, seed, pass.index, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        if let Pass::Train { seed } = pass.pass {
            self.apply(pass.compute.isa, seed, pass.index, grad.data_mut());
        }
        vec![Some(grad)]
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let input = site.inputs[0].clone();
        if !site.training {
            return input;
        }
        let output = e.value(input.shape.clone(), input.element);
        self.emit(e, site, &input, &output);
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        if site.training {
            self.emit(e, site, &grad, &grad);
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
            Dropout { rate }.apply(Isa::current(), 7, 3, &mut values);
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
            Dropout { rate: 0.5 }.apply(Isa::current(), seed, layer, &mut values);
            values
        };
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(2, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
    }
}
