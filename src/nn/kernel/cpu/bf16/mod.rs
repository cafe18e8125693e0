//! Products with operands rounded to bf16 and sums in f32: convolutions and linear layers.
//!
//! [`tile`] the product and its three bodies, [`sweep`] and [`weight`] the passes on it, [`pack`] and
//! [`pixels`] how operands get there, [`finish`] how sums leave. Everything else (weights, gradients, optimizer, batch norm) stays f32.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod finish;
mod pack;
mod pixels;
mod round;
mod scratch;
mod sweep;
mod tile;
mod unit;
mod weight;
mod weight_plan;

pub mod linear;

#[cfg(test)]
mod tests;

pub(super) use round::nearest;
pub use unit::Bf16Unit;

use super::conv::{self, Epilogue, Phase};
use super::parallel::Shared;
use super::shape::ConvShape;
use super::simd::Isa;
use crate::nn::compute::{Compute, Precision};
use round::rounded;
use sweep::Sweep;
use tile::STEP;

fn f32(compute: Compute) -> Compute {
    Compute { precision: Precision::F32, ..compute }
}

/// As [`conv::forward`], operands rounded.
pub(super) fn forward(
    compute: Compute,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    output: &mut [f32],
) {
    let (isa, unit) = (compute.isa, Bf16Unit::of(compute.isa));
    // An output that sums less than a step leaves the unit waiting for its operands to be packed.
    match unit == Bf16Unit::Portable || shape.taps() * shape.in_channels < STEP {
        true => conv::forward(f32(compute), shape, &rounded(isa, input), &rounded(isa, weight), epilogue, output),
        false => Body { isa, unit }.forward(shape, input, weight, epilogue, output),
    }
}

/// As [`conv::backward_data`], operands rounded.
pub(super) fn backward_data(
    compute: Compute,
    shape: &ConvShape,
    grad: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    grad_input: &mut [f32],
) {
    let (isa, unit) = (compute.isa, Bf16Unit::of(compute.isa));
    match unit {
        Bf16Unit::Portable => {
            conv::backward_data(f32(compute), shape, &rounded(isa, grad), &rounded(isa, weight), epilogue, grad_input)
        }
        _ => Body { isa, unit }.backward_data(shape, grad, weight, epilogue, grad_input),
    }
}

/// As [`conv::backward_weight`], operands rounded.
pub(super) fn backward_weight(
    compute: Compute,
    shape: &ConvShape,
    input: &[f32],
    grad: &[f32],
    accumulate: bool,
    grad_weight: &mut [f32],
) {
    let (isa, unit) = (compute.isa, Bf16Unit::of(compute.isa));
    match unit {
        Bf16Unit::Portable => {
            let (input, grad) = (rounded(isa, input), rounded(isa, grad));
            conv::backward_weight(f32(compute), shape, &input, &grad, accumulate, grad_weight)
        }
        _ => Body { isa, unit }.backward_weight(shape, input, grad, accumulate, grad_weight),
    }
}

/// The passes on one body of the product; lengths were checked by the caller.
#[derive(Clone, Copy)]
struct Body {
    isa: Isa,
    unit: Bf16Unit,
}

impl Body {
    fn forward(self, shape: &ConvShape, input: &[f32], weight: &[f32], epilogue: Epilogue, output: &mut [f32]) {
        let k = shape.out_channels;
        let [od, oh, ow] = shape.output();
        let sweep = Sweep {
            isa: self.isa,
            unit: self.unit,
            source: input,
            batch: shape.batch,
            size: shape.input,
            channels: shape.in_channels,
            origin: shape.padding.map(|p| -(p as isize)),
            step: shape.stride,
            taps: shape.kernel,
            out_channels: k,
            out: [od, oh, ow],
            target: Shared::new(output),
            first: 0,
            stride: [od * oh * ow * k, oh * ow * k, ow * k, k],
            epilogue,
        };
        // Safety: origin, step and strides cover exactly the output, whose length the caller checked.
        unsafe { sweep.run(weight, |r| r * k, 1) }
    }

    /// One stride-1 sweep over `grad` for each phase of the stride.
    fn backward_data(
        self,
        shape: &ConvShape,
        grad: &[f32],
        weight: &[f32],
        epilogue: Epilogue,
        grad_input: &mut [f32],
    ) {
        let (c, k) = (shape.in_channels, shape.out_channels);
        let [d, h, w] = shape.input;
        let stride = shape.stride;
        let target = Shared::new(grad_input);
        let phases = (0..stride[0].min(d))
            .flat_map(|z| (0..stride[1].min(h)).flat_map(move |y| (0..stride[2].min(w)).map(move |x| [z, y, x])));
        for phase in phases {
            let [v0, v1, v2] = [0, 1, 2].map(|i| Phase::of(shape, i, phase[i]));
            let row = |r: usize| {
                let (tap, out) = (r / k, r % k);
                let (z, y, x) = (tap / (v1.taps * v2.taps), tap / v2.taps % v1.taps, tap % v2.taps);
                let (z, y, x) = (v0.kernel_at(z), v1.kernel_at(y), v2.kernel_at(x));
                ((z * shape.kernel[1] + y) * shape.kernel[2] + x) * c * k + out
            };
            let sweep = Sweep {
                isa: self.isa,
                unit: self.unit,
                source: grad,
                batch: shape.batch,
                size: shape.output(),
                channels: k,
                origin: [v0.origin, v1.origin, v2.origin],
                step: [1; 3],
                taps: [v0.taps, v1.taps, v2.taps],
                out_channels: c,
                out: [0, 1, 2].map(|i| (shape.input[i] - phase[i]).div_ceil(stride[i])),
                target,
                first: ((phase[0] * h + phase[1]) * w + phase[2]) * c,
                stride: [d * h * w * c, stride[0] * h * w * c, stride[1] * w * c, stride[2] * c],
                epilogue,
            };
            // Safety: a phase writes the positions that equal it modulo the stride, inside the volume.
            unsafe { sweep.run(weight, row, k) }
        }
    }

    fn backward_weight(
        self,
        shape: &ConvShape,
        input: &[f32],
        grad: &[f32],
        accumulate: bool,
        grad_weight: &mut [f32],
    ) {
        weight::backward_weight(self, shape, input, grad, accumulate, grad_weight)
    }
}
