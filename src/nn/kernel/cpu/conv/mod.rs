//! Convolution in all three passes: which algorithm computes it.

mod direct;
mod direct_weight;
mod pointwise;
mod pointwise_weight;
mod scattered;
mod winograd;

use super::bf16::{self, Bf16Unit};
use super::gemm::Tile;
use super::shape::ConvShape;
use crate::nn::compute::{Compute, Precision};
pub(super) use direct::Phase;
use winograd::Size;

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

    /// Whether it leaves sums as they are.
    fn is_plain(&self) -> bool {
        self.scale.is_empty() && self.bias.is_empty() && self.add.is_none() && !self.relu
    }

    /// Puts it on sums that are in memory already: whole pixels, whose first value is output `at`.
    fn finish(&self, at: usize, sums: &mut [f32]) {
        if !self.scale.is_empty() {
            let pixels = sums.chunks_exact_mut(self.scale.len());
            pixels.for_each(|p| p.iter_mut().zip(self.scale).for_each(|(v, s)| *v *= s));
        }
        if !self.bias.is_empty() {
            let pixels = sums.chunks_exact_mut(self.bias.len());
            pixels.for_each(|p| p.iter_mut().zip(self.bias).for_each(|(v, b)| *v += b));
        }
        if let Some(add) = self.add {
            sums.iter_mut().zip(&add[at..]).for_each(|(v, a)| *v += a);
        }
        if self.relu {
            sums.iter_mut().filter(|v| **v < 0.0).for_each(|v| *v = 0.0);
        }
    }

    /// Puts it on a register tile whose first column is channel `channel` and first output is `at`.
    fn put(&self, tile: &mut Tile, channel: usize, at: usize) {
        let of = |values: &[f32]| if values.is_empty() { std::ptr::null() } else { values[channel..].as_ptr() };
        tile.scale = of(self.scale);
        tile.bias = of(self.bias);
        tile.add = self.add.map_or(std::ptr::null(), |a| a[at..].as_ptr());
        tile.relu = self.relu;
    }
}

/// What computes a convolution, in all three passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Pointwise,
    Winograd(Size),
    Direct,
    /// A direct sum on what multiplies bf16.
    Bf16,
}

impl Algorithm {
    /// By the shape and the precision, not by the machine: in f32 the digits are the same everywhere.
    ///
    /// In bf16 AMX tiles do everything. AVX512-BF16 doubles the products of a second where F(4x4, 3x3)
    /// needs a quarter of them in f32, so filtering is faster, as it is where bf16 has no instruction.
    fn of(compute: Compute, shape: &ConvShape) -> Algorithm {
        let narrow = shape.in_channels.min(shape.out_channels);
        let filtered = winograd::serves(shape) && narrow >= 16;
        // A slice is transformed once for all taps in depth, which pays whatever the channels.
        let deep = winograd::serves(shape) && shape.kernel[0] > 1;
        match compute.precision {
            Precision::F32 | Precision::Tf32 | Precision::F32Strict if pointwise::serves(shape) => Algorithm::Pointwise,
            Precision::F32 | Precision::Tf32 if deep && narrow <= 8 => Algorithm::Winograd(Size::FourPaired),
            Precision::F32 | Precision::Tf32 if filtered || deep => Algorithm::Winograd(Size::Four),
            Precision::F32Strict if filtered => Algorithm::Winograd(Size::Two),
            Precision::Bf16 if filtered && Bf16Unit::of(compute.isa) != Bf16Unit::Amx => {
                Algorithm::Winograd(Size::FourRounded)
            }
            Precision::F32 | Precision::Tf32 | Precision::F32Strict => Algorithm::Direct,
            Precision::Bf16 => Algorithm::Bf16,
        }
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
    let isa = compute.isa;
    match Algorithm::of(compute, shape) {
        Algorithm::Pointwise => pointwise::forward(isa, shape, input, weight, epilogue, output),
        Algorithm::Winograd(size) => winograd::forward(isa, size, shape, input, weight, epilogue, output),
        Algorithm::Direct => direct::forward(isa, shape, input, weight, epilogue, output),
        Algorithm::Bf16 => bf16::forward(compute, shape, input, weight, epilogue, output),
    }
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
    let isa = compute.isa;
    match Algorithm::of(compute, shape) {
        Algorithm::Pointwise => pointwise::backward_data(isa, shape, grad, weight, epilogue, grad_input),
        Algorithm::Winograd(size) => winograd::backward_data(isa, size, shape, grad, weight, epilogue, grad_input),
        Algorithm::Direct if scattered::serves(shape) => {
            scattered::backward_data(isa, shape, grad, weight, epilogue, grad_input)
        }
        Algorithm::Direct => direct::backward_data(isa, shape, grad, weight, epilogue, grad_input),
        Algorithm::Bf16 => bf16::backward_data(compute, shape, grad, weight, epilogue, grad_input),
    }
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
    let isa = compute.isa;
    match Algorithm::of(compute, shape) {
        Algorithm::Pointwise => pointwise_weight::backward_weight(isa, shape, input, grad, accumulate, grad_weight),
        // Of one channel, sums in the transform domain have one row, which would wait on itself.
        Algorithm::Winograd(Size::FourPaired) if shape.in_channels == 1 => {
            direct_weight::backward_weight(isa, shape, input, grad, accumulate, grad_weight)
        }
        Algorithm::Winograd(size) => winograd::backward_weight(isa, size, shape, input, grad, accumulate, grad_weight),
        Algorithm::Direct => direct_weight::backward_weight(isa, shape, input, grad, accumulate, grad_weight),
        Algorithm::Bf16 => bf16::backward_weight(compute, shape, input, grad, accumulate, grad_weight),
    }
}

#[cfg(test)]
mod tests;
