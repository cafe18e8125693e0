//! Fully connected layer: (N, in) to (N, out), with bias, and ReLU if one follows.

use super::*;
use crate::nn::kernel::cpu::linear::{self, LinearShape};
use crate::nn::kernel::cpu::norm;
use crate::nn::parameter::{Init, Order};

/// `y = x W^T + b`, as PyTorch's `Linear`.
#[derive(Clone, Debug)]
pub struct Linear {
    pub outputs: usize,
    /// The image (H, W, C) that a flatten before it took apart: on disk its weights act on (C, H, W).
    flattened: Option<[usize; 3]>,
}

impl Linear {
    pub fn new(outputs: usize) -> Linear {
        Linear { outputs, flattened: None }
    }

    /// Behind a flatten of images (H, W, C).
    pub fn after_flatten(outputs: usize, image: [usize; 3]) -> Linear {
        Linear { outputs, flattened: Some(image) }
    }

    fn shape_of(&self, input: &[usize]) -> LinearShape {
        LinearShape { batch: input[0], inputs: input[1], outputs: self.outputs }
    }
}

impl Layer for Linear {
    fn kind(&self) -> &'static str {
        "linear"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let &[features] = one(inputs)? else {
            return Err(Error::usage(format!("takes rows of features, not {:?}: flatten first", inputs[0])));
        };
        if self.flattened.is_some_and(|image| image.iter().product::<usize>() != features) {
            return Err(Error::usage(format!("{features} features are no image of {:?}", self.flattened)));
        }
        Ok(vec![self.outputs])
    }

    fn parameters(&self, inputs: &[&[usize]]) -> Vec<ParameterSpec> {
        let inputs = inputs[0][0];
        let order =
            self.flattened.map_or(Order::Same, |[h, w, channels]| Order::Flattened { channels, positions: h * w });
        let weight = ParameterSpec {
            name: "weight",
            shape: vec![self.outputs, inputs],
            order,
            init: Init::GlorotUniform { fan_in: inputs, fan_out: self.outputs },
            trainable: true,
        };
        let bias = ParameterSpec {
            name: "bias",
            shape: vec![self.outputs],
            order: Order::Same,
            init: Init::Constant(0.0),
            trainable: true,
        };
        vec![weight, bias]
    }

    fn flops(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        2 * inputs[0][0] as u64 * output[0] as u64
    }

    fn needs(&self, fused: Fused) -> Needs {
        Needs { input: true, output: fused.relu }
    }

    fn fuses(&self, _: bool) -> Fused {
        Fused { relu: true, ..Fused::default() }
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let shape = self.shape_of(inputs[0].shape());
        let mut output = pass.recycle.tensor(vec![shape.batch, self.outputs]);
        let (weight, bias) = (&pass.parameters[0].value, &pass.parameters[1].value);
        linear::forward(pass.compute.isa, &shape, inputs[0].data(), weight, bias, pass.fused.relu, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        let shape = self.shape_of(&pass.input_shapes[0]);
        let output = pass.fused.relu.then(|| pass.output().data());
        let sums = norm::mask_and_sum(pass.compute.isa, grad.data_mut(), output, self.outputs);
        pass.parameters[1].add_grad(&sums);
        let input = pass.inputs[0].expect("a linear layer's input is kept").data();
        let (weight, grad_weight, accumulate) = pass.parameters[0].value_and_grad();
        linear::backward_weight(pass.compute.isa, &shape, input, grad.data(), accumulate, grad_weight);
        let grad_input = pass.wanted[0].then(|| {
            let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
            linear::backward_data(pass.compute.isa, &shape, grad.data(), weight, grad_input.data_mut());
            grad_input
        });
        pass.recycle.give(grad);
        vec![grad_input]
    }
}
