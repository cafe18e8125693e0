//! ReLU, where no layer before it could take it along: any shape.

use super::*;
use crate::nn::kernel::cpu::elementwise;

/// The greater of zero and the input; the gradient at zero is zero, as in PyTorch.
#[derive(Clone, Debug)]
pub struct Relu;

impl Layer for Relu {
    fn kind(&self) -> &'static str {
        "relu"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(one(inputs)?.to_vec())
    }

    fn needs(&self, _: Fused) -> Needs {
        Needs { input: false, output: true }
    }

    fn is_relu(&self) -> bool {
        true
    }

    fn in_place(&self) -> bool {
        true
    }

    fn forward(&self, mut pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = pass.overwritable(inputs);
        elementwise::relu(pass.compute.isa, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        elementwise::mask(pass.compute.isa, grad.data_mut(), pass.output().data());
        vec![Some(grad)]
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn relevance_needs(&self, _: Fused, rule: &Rule) -> Needs {
        Needs { input: false, output: matches!(rule.gate, Gate::Gradient | Gate::Guided) }
    }

    fn relevance(&self, mut pass: Relevance, mut relevance: Tensor) -> Vec<Option<Tensor>> {
        pass.backward.fused.relu = true;
        product::gate(&pass, &mut relevance);
        vec![Some(relevance)]
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let output = e.value(site.output_shape.clone(), site.inputs[0].element);
        e.map("relu", &site.inputs[0], &output);
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        e.map("relu_grad", &grad, site.output());
        vec![Some(grad)]
    }
}
