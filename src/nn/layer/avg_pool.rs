//! Average pooling of images and volumes: (N, [D,] H, W, C) to (N, [D',] H', W', C).

use super::*;
use crate::nn::kernel::cpu::{ConvShape, relevance as kernel, window_sum};

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
        let shared = rule.mean == Share::Contribution;
        Needs { input: shared, output: shared }
    }

    /// By contribution each value gets x / n * R / (mean + 1e-9 sign mean).
    fn relevance(&self, pass: Relevance, mut relevance: Tensor) -> Vec<Option<Tensor>> {
        if pass.rule.mean == Share::Gradient {
            return self.backward(pass.backward, relevance);
        }
        let (isa, input) = (pass.backward.compute.isa, pass.backward.input(0));
        kernel::divide(isa, relevance.data_mut(), pass.backward.output().data(), Z_EPSILON);
        let mut result = self.backward(pass.backward, relevance);
        result.iter_mut().flatten().for_each(|r| kernel::multiply(isa, r.data_mut(), input.data()));
        result
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
