//! Convolutions of 3x3 in plane and stride 1 by Winograd's minimal filtering, in all three passes.
//!
//! Y = A^T [ (G g G^T) . (B^T d B) ] A for each tile of outputs, summed over channels: one product
//! (tiles x channels) * (channels x outputs) at each point of the transform. Taps in depth lengthen
//! what is summed over, so a volume's slice is transformed once for all the slices it contributes to.
//! The data gradient is the same with the kernel reversed and transposed; the weight gradient is the
//! exact adjoint, G^T [ sum over tiles (A dy A^T) . (B^T d B) ] G. Where channels are too few to fill
//! vectors, tiles go in pairs: see [`pairs`].

// Rows and columns of a tile are counted up to constants, so that arrays of vectors stay in registers.
#![allow(clippy::needless_range_loop)]

mod forward;
mod kernel;
mod matrices;
mod pairs;
mod points;
mod schedule;
mod tiles;
mod weight;

use super::Epilogue;
use crate::nn::kernel::cpu::parallel::Shared;
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::Isa;
use forward::Correlation;
use kernel::Weights;
use points::{F2, F4, Rounded};
use weight::WeightGradient;

/// How many outputs a tile has, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// F(2x2, 3x3): 2.25 times fewer products than the direct sum, and no less exact.
    Two,
    /// F(4x4, 3x3): 4 times fewer, at the price of about one digit in seven.
    Four,
    /// The same on pairs of tiles: what fills vectors where channels alone would not.
    FourPaired,
    /// F(4x4, 3x3) on operands rounded to bf16.
    FourRounded,
}

/// Whether the shape is one of those computed here.
pub(super) fn serves(shape: &ConvShape) -> bool {
    shape.kernel[1..] == [3, 3]
        && shape.stride == [1; 3]
        && shape.padding[0] < shape.kernel[0]
        && shape.padding[1..].iter().all(|p| *p <= 2)
}

/// `output = epilogue(input * weight)`; lengths were checked by the caller.
pub(super) fn forward(
    isa: Isa,
    size: Size,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    output: &mut [f32],
) {
    let task = Correlation {
        source: input,
        batch: shape.batch,
        size: shape.input,
        padding: shape.padding,
        weights: weights(shape, weight, false),
        channels: shape.in_channels,
        out: shape.output(),
        out_channels: shape.out_channels,
        epilogue,
        target: Shared::new(output),
    };
    run(isa, size, task)
}

/// The gradient towards the input, overwritten; lengths were checked by the caller.
pub(super) fn backward_data(
    isa: Isa,
    size: Size,
    shape: &ConvShape,
    grad: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    grad_input: &mut [f32],
) {
    let task = Correlation {
        source: grad,
        batch: shape.batch,
        size: shape.output(),
        padding: [0, 1, 2].map(|d| shape.kernel[d] - 1 - shape.padding[d]),
        weights: weights(shape, weight, true),
        channels: shape.out_channels,
        out: shape.input,
        out_channels: shape.in_channels,
        epilogue,
        target: Shared::new(grad_input),
    };
    run(isa, size, task)
}

/// Adds to (or, without `accumulate`, writes) the gradient of the weights; lengths were checked by
/// the caller.
pub(super) fn backward_weight(
    isa: Isa,
    size: Size,
    shape: &ConvShape,
    input: &[f32],
    grad: &[f32],
    accumulate: bool,
    grad_weight: &mut [f32],
) {
    match size {
        Size::Two => WeightGradient::<F2>::run(isa, shape, input, grad, accumulate, grad_weight),
        Size::Four => WeightGradient::<F4<1>>::run(isa, shape, input, grad, accumulate, grad_weight),
        Size::FourPaired => {
            let mut apart = vec![0.0; 2 * grad_weight.len()];
            WeightGradient::<F4<2>>::run(isa, shape, input, grad, false, &mut apart);
            pairs::fold(&apart, accumulate, grad_weight);
        }
        Size::FourRounded => WeightGradient::<Rounded<F4<1>>>::run(isa, shape, input, grad, accumulate, grad_weight),
    }
}

fn weights<'a>(shape: &ConvShape, values: &'a [f32], transposed: bool) -> Weights<'a> {
    Weights { values, depth: shape.kernel[0], size: [shape.in_channels, shape.out_channels], transposed }
}

fn run(isa: Isa, size: Size, task: Correlation) {
    // Safety: the caller checked the lengths against the shape that the task was made from.
    unsafe {
        match size {
            Size::Two => task.run::<F2>(isa),
            Size::Four => task.run::<F4<1>>(isa),
            Size::FourPaired => {
                let doubled = pairs::doubled(&task.weights);
                Correlation { weights: doubled.weights(), ..task }.run::<F4<2>>(isa)
            }
            Size::FourRounded => task.run::<Rounded<F4<1>>>(isa),
        }
    }
}
