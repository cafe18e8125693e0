//! 2D convolution: (N, H, W, in) to (N, H', W', out), with bias, and ReLU if one follows.

use super::*;
use crate::nn::kernel::cpu::{ConvShape, conv, conv_weight, norm};
use crate::nn::parameter::{Init, Order};

/// Cross-correlation with `outputs` kernels, as PyTorch's `Conv2d`; pairs are (vertical, horizontal).
#[derive(Clone, Debug)]
pub struct Conv2d {
    pub outputs: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub bias: bool,
}

impl Conv2d {
    /// Stride 1 and as much padding as keeps the image's size; `kernel` is odd.
    pub fn same(outputs: usize, kernel: usize) -> Conv2d {
        Conv2d { outputs, kernel: [kernel; 2], stride: [1; 2], padding: [kernel / 2; 2], bias: true }
    }

    fn shape(&self, batch: usize, input: [usize; 3]) -> ConvShape {
        let [h, w, c] = input;
        ConvShape {
            batch,
            input: [h, w],
            in_channels: c,
            out_channels: self.outputs,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
        }
    }

    fn shape_of(&self, input: &[usize]) -> ConvShape {
        let &[n, h, w, c] = input else { unreachable!("the graph gave this layer images") };
        self.shape(n, [h, w, c])
    }
}

impl Layer for Conv2d {
    fn kind(&self) -> &'static str {
        "conv2d"
    }

    fn detail(&self) -> String {
        let mut text = pair(self.kernel);
        if self.stride != [1, 1] {
            text += &format!(", stride {}", pair(self.stride));
        }
        if self.padding != [0, 0] {
            text += &format!(", padding {}", pair(self.padding));
        }
        text
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = image(inputs)?;
        if self.outputs == 0 || self.kernel.contains(&0) || self.stride.contains(&0) {
            return Err(Error::usage("kernel, stride and channels are at least 1"));
        }
        if (0..2).any(|d| input[d] + 2 * self.padding[d] < self.kernel[d]) {
            return Err(Error::usage(format!("a {} window does not fit into {input:?}", pair(self.kernel))));
        }
        let [h, w] = self.shape(1, input).output();
        Ok(vec![h, w, self.outputs])
    }

    fn parameters(&self, inputs: &[&[usize]]) -> Vec<ParameterSpec> {
        let inputs = inputs[0][2];
        let taps = self.kernel[0] * self.kernel[1];
        let weight = ParameterSpec {
            name: "weight",
            shape: vec![self.outputs, inputs, self.kernel[0], self.kernel[1]],
            order: Order::Convolution { outputs: self.outputs, inputs, taps },
            init: Init::GlorotUniform { fan_in: inputs * taps, fan_out: self.outputs * taps },
            trainable: true,
        };
        let bias = ParameterSpec {
            name: "bias",
            shape: vec![self.outputs],
            order: Order::Same,
            init: Init::Constant(0.0),
            trainable: true,
        };
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }

    fn flops(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        2 * (self.kernel[0] * self.kernel[1] * inputs[0][2]) as u64 * output.iter().product::<usize>() as u64
    }

    fn needs(&self) -> Needs {
        Needs { input: true, output: false }
    }

    fn takes_relu(&self) -> bool {
        true
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let shape = self.shape_of(inputs[0].shape());
        let [h, w] = shape.output();
        let mut output = pass.recycle.tensor(vec![shape.batch, h, w, self.outputs]);
        let weight = &pass.parameters[0].value;
        let bias = pass.parameters.get(1).map_or(&[][..], |b| &b.value);
        conv::forward(pass.isa, &shape, inputs[0].data(), weight, bias, pass.relu, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        let shape = self.shape_of(&pass.input_shapes[0]);
        if self.bias || pass.relu {
            let output = pass.relu.then(|| pass.output().data());
            let sums = norm::mask_and_sum(pass.isa, grad.data_mut(), output, self.outputs);
            if let Some(bias) = pass.parameters.get_mut(1) {
                bias.add_grad(&sums);
            }
        }
        let input = pass.inputs[0].expect("a convolution's input is kept").data();
        let (weight, grad_weight, accumulate) = pass.parameters[0].value_and_grad();
        conv_weight::backward_weight(pass.isa, &shape, input, grad.data(), accumulate, grad_weight);
        let grad_input = pass.wanted[0].then(|| {
            let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
            conv::backward_data(pass.isa, &shape, grad.data(), weight, grad_input.data_mut());
            grad_input
        });
        pass.recycle.give(grad);
        vec![grad_input]
    }
}
