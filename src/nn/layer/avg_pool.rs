//! Average pooling of images and volumes: (N, [D,] H, W, C) to (N, [D',] H', W', C).

use super::*;
use crate::nn::kernel::cpu::{ConvShape, window_sum};
use crate::nn::relevance::mean;

/// The mean of each window, as PyTorch's `AvgPool2d` and `AvgPool3d`; padding counts as zeros.
#[derive(Clone, Debug)]
pub struct AvgPool {
    pub window: Window,
}

impl AvgPool {
    /// Square windows on images that touch and do not overlap.
    pub fn halving(kernel: usize) -> AvgPool {
        AvgPool { window: Window::image([kernel; 2], [kernel; 2], [0; 2]) }
    }

    /// The sizes for a batch of inputs, and the weight of each value in its window.
    fn sizes(&self, input: &[usize]) -> (ConvShape, f32) {
        (self.window.conv_shape(input, input[input.len() - 1]), 1.0 / self.window.taps() as f32)
    }
}

impl Layer for AvgPool {
    fn kind(&self) -> &'static str {
        "avg-pool"
    }

    fn detail(&self) -> String {
        self.window.detail(self.window.kernel)
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        self.window.pooled_shape(inputs)
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let (shape, scale) = self.sizes(inputs[0].shape());
        let mut output = pass.recycle.tensor(pass.output_shape);
        window_sum::gather(pass.compute.isa, &shape, inputs[0].data(), scale, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>> {
        let (shape, scale) = self.sizes(&pass.input_shapes[0]);
        let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
        window_sum::spread(pass.compute.isa, &shape, grad.data(), scale, grad_input.data_mut());
        pass.recycle.give(grad);
        vec![Some(grad_input)]
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn relevance_needs(&self, _: Fused, rule: &Rule) -> Needs {
        mean::needs(rule)
    }

    fn relevance(&self, pass: Relevance, relevance: Tensor) -> Vec<Option<Tensor>> {
        mean::relevance(self, pass, relevance)
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let (shape, scale) = self.sizes(&site.inputs[0].shape);
        e.gather(&shape, &site.inputs[0], scale, site.output_shape.clone())
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let (shape, scale) = self.sizes(&site.inputs[0].shape);
        vec![Some(e.spread(&shape, &grad, scale, site.inputs[0].shape.clone()))]
    }
}
