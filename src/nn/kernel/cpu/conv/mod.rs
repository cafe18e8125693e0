//! Convolution in all three passes: which algorithm computes it.

mod direct;
mod direct_weight;

use super::gemm::Tile;
use super::shape::ConvShape;
use crate::nn::compute::Compute;

/// What happens to each output on its way to memory: `relu(sum * scale + bias + add)`, each part if there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// One value an output channel, or empty: 1.
    pub scale: &'a [f32],
    /// One value an output channel, or empty: 0.
    pub bias: &'a [f32],
    /// As long as the output.
    pub add: Option<&'a [f32]>,
    pub relu: bool,
}

impl Epilogue<'_> {
    fn check(&self, channels: usize, len: usize) {
        for values in [self.scale, self.bias] {
            assert!(values.is_empty() || values.len() == channels, "one value an output channel");
        }
        assert!(self.add.is_none_or(|a| a.len() == len), "what is added is as long as the output");
    }
}

impl Epilogue<'_> {
    /// Puts it on a register tile whose first column is channel `channel` and first output is `at`.
    fn put(&self, tile: &mut Tile, channel: usize, at: usize) {
        let of = |values: &[f32]| if values.is_empty() { std::ptr::null() } else { values[channel..].as_ptr() };
        tile.scale = of(self.scale);
        tile.bias = of(self.bias);
        tile.add = self.add.map_or(std::ptr::null(), |a| a[at..].as_ptr());
        tile.relu = self.relu;
    }
}

/// `output (N, D', H', W', out) = epilogue(input (N, D, H, W, in) * weight (kd, kh, kw, in, out))`.
pub fn forward(
    compute: Compute,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    output: &mut [f32],
) {
    shape.check();
    epilogue.check(shape.out_channels, shape.output_len());
    assert_eq!(input.len(), shape.input_len());
    assert_eq!(weight.len(), shape.weight_len());
    assert_eq!(output.len(), shape.output_len());
    direct::forward(compute.isa, shape, input, weight, epilogue, output)
}

/// `grad_input = epilogue(the gradient towards the input)`; a transposed convolution's output is one,
/// with a bias for each of `in_channels`.
pub fn backward_data(
    compute: Compute,
    shape: &ConvShape,
    grad: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    grad_input: &mut [f32],
) {
    shape.check();
    epilogue.check(shape.in_channels, shape.input_len());
    assert_eq!(grad.len(), shape.output_len());
    assert_eq!(weight.len(), shape.weight_len());
    assert_eq!(grad_input.len(), shape.input_len());
    direct::backward_data(compute.isa, shape, grad, weight, epilogue, grad_input)
}

/// Adds to (or, without `accumulate`, writes) the gradient of the weights (kd, kh, kw, in, out).
pub fn backward_weight(
    compute: Compute,
    shape: &ConvShape,
    input: &[f32],
    grad: &[f32],
    accumulate: bool,
    grad_weight: &mut [f32],
) {
    shape.check();
    assert_eq!(input.len(), shape.input_len());
    assert_eq!(grad.len(), shape.output_len());
    assert_eq!(grad_weight.len(), shape.weight_len());
    direct_weight::backward_weight(compute.isa, shape, input, grad, accumulate, grad_weight)
}
