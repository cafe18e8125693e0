//! Nearest-neighbour upsampling of images and volumes: (N, [D,] H, W, C) to (N, [fz D,] fy H, fx W, C).

use super::*;
use crate::nn::kernel::cpu::{ConvShape, window_sum};

/// Repeats each position, as PyTorch's `Upsample` in mode `nearest` and Keras' `UpSampling2D`.
#[derive(Clone, Debug)]
pub struct Upsample {
    /// Windows of `factor` that touch: each gets one input position's value.
    window: Window,
}

impl Upsample {
    /// Images, by whole factors (vertical, horizontal).
    pub fn image(factor: [usize; 2]) -> Upsample {
        Upsample { window: Window::image(factor, factor, [0; 2]) }
    }

    /// Volumes, by whole factors (depth, vertical, horizontal).
    pub fn volume(factor: [usize; 3]) -> Upsample {
        Upsample { window: Window::volume(factor, factor, [0; 3]) }
    }

    /// The sizes of the windows on a batch of outputs.
    fn sizes(&self, output: &[usize]) -> ConvShape {
        self.window.conv_shape(output, output[output.len() - 1])
    }
}

impl Layer for Upsample {
    fn kind(&self) -> &'static str {
        "upsample"
    }

    fn detail(&self) -> String {
        self.window.detail(self.window.kernel)
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let channels = one(inputs)?.last().copied().unwrap_or(1);
        self.window.transposed_shape(inputs, channels)
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = pass.recycle.tensor(pass.output_shape);
        let shape = self.sizes(output.shape());
        window_sum::spread(pass.compute.isa, &shape, inputs[0].data(), 1.0, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>> {
        let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
        let shape = self.sizes(grad.shape());
        window_sum::gather(pass.compute.isa, &shape, grad.data(), 1.0, grad_input.data_mut());
        pass.recycle.give(grad);
        vec![Some(grad_input)]
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let shape = self.sizes(&site.output_shape);
        e.spread(&shape, &site.inputs[0], 1.0, site.output_shape.clone())
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let shape = self.sizes(&grad.shape);
        vec![Some(e.gather(&shape, &grad, 1.0, site.inputs[0].shape.clone()))]
    }
}
