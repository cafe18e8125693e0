//! Fully connected layers with operands rounded to bf16: 1x1 convolutions in other words.
//!
//! The weights (out, in) are those of a convolution from `out` to `in` channels over `batch` pixels,
//! so the layer forward is that convolution's gradient towards its input, and the other way round.

use super::round::rounded;
use super::{Bf16Unit, Body, f32};
use crate::nn::compute::Compute;
use crate::nn::kernel::cpu::conv::Epilogue;
use crate::nn::kernel::cpu::linear::{self, LinearShape};
use crate::nn::kernel::cpu::shape::ConvShape;

/// As [`linear::forward`], operands rounded.
pub fn forward(
    compute: Compute,
    shape: &LinearShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    relu: bool,
    output: &mut [f32],
) {
    match body(compute) {
        Some(body) => body.linear_forward(shape, input, weight, Epilogue { bias, relu, ..Epilogue::default() }, output),
        None => {
            let (input, weight) = (rounded(compute.isa, input), rounded(compute.isa, weight));
            linear::forward(f32(compute), shape, &input, &weight, bias, relu, output)
        }
    }
}

/// As [`linear::backward_data`], operands rounded.
pub fn backward_data(compute: Compute, shape: &LinearShape, grad: &[f32], weight: &[f32], grad_input: &mut [f32]) {
    match body(compute) {
        Some(body) => body.linear_backward_data(shape, grad, weight, grad_input),
        None => {
            let (grad, weight) = (rounded(compute.isa, grad), rounded(compute.isa, weight));
            linear::backward_data(f32(compute), shape, &grad, &weight, grad_input)
        }
    }
}

/// As [`linear::backward_weight`], operands rounded.
pub fn backward_weight(
    compute: Compute,
    shape: &LinearShape,
    input: &[f32],
    grad: &[f32],
    accumulate: bool,
    grad_weight: &mut [f32],
) {
    match body(compute) {
        Some(body) => body.linear_backward_weight(shape, input, grad, accumulate, grad_weight),
        None => {
            let (input, grad) = (rounded(compute.isa, input), rounded(compute.isa, grad));
            linear::backward_weight(f32(compute), shape, &input, &grad, accumulate, grad_weight)
        }
    }
}

/// The body that multiplies, or nothing: the f32 kernels are to, on rounded operands.
fn body(compute: Compute) -> Option<Body> {
    let unit = Bf16Unit::of(compute.isa);
    (unit != Bf16Unit::Portable).then_some(Body { isa: compute.isa, unit })
}

impl Body {
    pub(super) fn linear_forward(
        self,
        shape: &LinearShape,
        input: &[f32],
        weight: &[f32],
        epilogue: Epilogue,
        output: &mut [f32],
    ) {
        self.backward_data(&pointwise(shape), input, weight, epilogue, output)
    }

    pub(super) fn linear_backward_data(
        self,
        shape: &LinearShape,
        grad: &[f32],
        weight: &[f32],
        grad_input: &mut [f32],
    ) {
        self.forward(&pointwise(shape), grad, weight, Epilogue::default(), grad_input)
    }

    pub(super) fn linear_backward_weight(
        self,
        shape: &LinearShape,
        input: &[f32],
        grad: &[f32],
        accumulate: bool,
        grad_weight: &mut [f32],
    ) {
        self.backward_weight(&pointwise(shape), grad, input, accumulate, grad_weight)
    }
}

/// The convolution from `outputs` to `inputs` channels whose pixels are the batch.
fn pointwise(shape: &LinearShape) -> ConvShape {
    ConvShape {
        batch: 1,
        input: [1, 1, shape.batch],
        in_channels: shape.outputs,
        out_channels: shape.inputs,
        kernel: [1; 3],
        stride: [1; 3],
        padding: [0; 3],
    }
}
