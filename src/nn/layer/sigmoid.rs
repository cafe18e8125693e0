//! The logistic function: any shape.

use super::*;
use crate::nn::kernel::cpu::elementwise;

/// 1 / (1 + e^-x), without overflow at either end.
#[derive(Clone, Debug)]
pub struct Sigmoid;

impl Layer for Sigmoid {
    fn kind(&self) -> &'static str {
        "sigmoid"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(one(inputs)?.to_vec())
    }

    fn needs(&self, _: Fused) -> Needs {
        Needs { input: false, output: true }
    }

    fn in_place(&self) -> bool {
        true
    }

    fn forward(&self, mut pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = pass.overwritable(inputs);
        elementwise::sigmoid(pass.compute.isa, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        elementwise::sigmoid_backward(pass.compute.isa, grad.data_mut(), pass.output().data());
        vec![Some(grad)]
    }

    /// A probability of eight bits near one would be one.
    fn element(&self, _: Element) -> Element {
        Element::F32
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let output = e.value(site.output_shape.clone(), site.inputs[0].element);
        e.map("sigmoid", &site.inputs[0], &output);
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        e.map("sigmoid_grad", &grad, site.output());
        vec![Some(grad)]
    }
}
