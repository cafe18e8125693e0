//! Flatten: (N, [D,] H, W, C) to (N, [D*]H*W*C), the same values in the same place.

use super::*;

/// Turns an image or volume into a row of features.
///
/// In memory their order is ([D,] H, W, C); PyTorch's is (C, [D,] H, W), so a linear layer behind it repacks
/// its weights on the way from and to disk ([`Linear::after_flatten`]).
#[derive(Clone, Debug)]
pub struct Flatten;

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(vec![one(inputs)?.iter().product()])
    }

    fn forward(&self, _: Forward, inputs: &[&Tensor]) -> Tensor {
        let shape = inputs[0].shape();
        let flat = vec![shape[0], shape[1..].iter().product()];
        inputs[0].clone().reshaped(flat)
    }

    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>> {
        vec![Some(grad.reshaped(pass.input_shapes[0].clone()))]
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn emit_forward(&self, _: &mut Emitter, site: &mut Site) -> Value {
        site.inputs[0].reshaped(site.output_shape.clone())
    }

    fn emit_backward(&self, _: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        vec![Some(grad.reshaped(site.inputs[0].shape.clone()))]
    }
}
