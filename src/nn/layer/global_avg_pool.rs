//! The mean over all positions of an image or volume: (N, [D,] H, W, C) to (N, C).

use super::*;
use crate::nn::kernel::cpu::{ConvShape, norm, window_sum};
use crate::nn::relevance::mean;

/// PyTorch's `AdaptiveAvgPool` to one position, flattened; Keras' `GlobalAveragePooling`.
#[derive(Clone, Debug)]
pub struct GlobalAvgPool;

impl Layer for GlobalAvgPool {
    fn kind(&self) -> &'static str {
        "global-avg-pool"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        match one(inputs)? {
            [.., c] if (3..=4).contains(&inputs[0].len()) => Ok(vec![*c]),
            other => Err(Error::usage(format!("takes images or volumes with channels, not {other:?}"))),
        }
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = pass.recycle.tensor(pass.output_shape);
        let channels = output.shape()[1];
        let sample = inputs[0].data().len() / output.batch();
        let count = (sample / channels) as f64;
        let samples = inputs[0].data().chunks_exact(sample);
        for (x, y) in samples.zip(output.data_mut().chunks_exact_mut(channels)) {
            let sums = norm::sums(pass.compute.isa, x, channels);
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y = (sum / count) as f32);
        }
        output
    }

    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>> {
        let input = &pass.input_shapes[0];
        let (shape, scale) = as_one_window(input);
        let mut grad_input = pass.recycle.tensor(input.clone());
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
        let (shape, scale) = as_one_window(&site.inputs[0].shape);
        e.gather(&shape, &site.inputs[0], scale, site.output_shape.clone())
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let (shape, scale) = as_one_window(&site.inputs[0].shape);
        vec![Some(e.spread(&shape, &grad, scale, site.inputs[0].shape.clone()))]
    }
}

/// A line of positions per sample, under one window; and the weight of each.
fn as_one_window(input: &[usize]) -> (ConvShape, f32) {
    let (batch, channels) = (input[0], input[input.len() - 1]);
    let count = input[1..input.len() - 1].iter().product();
    let (input, stride, padding) = ([1, 1, count], [1; 3], [0; 3]);
    let (in_channels, out_channels) = (channels, channels);
    (ConvShape { batch, input, in_channels, out_channels, kernel: input, stride, padding }, 1.0 / count as f32)
}
