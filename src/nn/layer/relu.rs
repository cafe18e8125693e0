//! ReLU, where no layer before it could take it along: any shape.

use super::*;
use crate::nn::kernel::cpu::norm;

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

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = pass.recycle.tensor(inputs[0].shape().to_vec());
        // `<` and not `max`: a NaN has to reach the loss, where it is seen.
        for (y, x) in output.data_mut().iter_mut().zip(inputs[0].data()) {
            *y = if *x < 0.0 { 0.0 } else { *x };
        }
        output
    }

    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        let channels = *grad.shape().last().expect("tensors have at least the samples");
        let output = pass.output().data();
        norm::mask_and_sum(pass.compute.isa, grad.data_mut(), Some(output), channels);
        vec![Some(grad)]
    }
}
