//! Fully connected layers: three products, none of which in f32 repacks the weights (out, in).

use super::bf16;
use super::gemm::{Block, Tile, gemm};
use super::parallel::{Shared, for_each};
use super::simd::{Isa, Kernel, Simd, dispatch, load_upto};
use crate::nn::compute::{Compute, Precision};

/// Batch size, inputs and outputs of a fully connected layer.
#[derive(Clone, Copy, Debug)]
pub struct LinearShape {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
}

/// Inputs whose products are summed in one go; the sums of the pieces are added in order.
const DEPTH: usize = 2048;
/// Outputs of one job.
const WIDTH: usize = 16;

/// `output (batch, out) = input (batch, in) * weight^T + bias`, then ReLU if asked for.
pub fn forward(
    compute: Compute,
    shape: &LinearShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    relu: bool,
    output: &mut [f32],
) {
    let LinearShape { batch, inputs, outputs } = *shape;
    assert_eq!(input.len(), batch * inputs);
    assert_eq!(weight.len(), outputs * inputs);
    assert_eq!(output.len(), batch * outputs);
    assert!(bias.is_empty() || bias.len() == outputs);
    if compute.precision == Precision::Bf16 {
        return bf16::linear::forward(compute, shape, input, weight, bias, relu, output);
    }
    let pieces = inputs.div_ceil(DEPTH).max(1);
    let mut sums = vec![0f32; pieces * batch * outputs];
    let shared = Shared::new(&mut sums);
    let blocks = outputs.div_ceil(WIDTH);
    for_each(pieces * blocks, |job| {
        let (piece, o0) = (job / blocks, job % blocks * WIDTH);
        let k0 = piece * DEPTH;
        let dots = Dots {
            // Safety: rows and columns lie inside the slices checked above.
            x: unsafe { input.as_ptr().add(k0) },
            w: unsafe { weight.as_ptr().add(o0 * inputs + k0) },
            stride: inputs,
            depth: DEPTH.min(inputs - k0),
            rows: batch,
            columns: WIDTH.min(outputs - o0),
            out: unsafe { shared.at(piece * batch * outputs + o0) },
            out_stride: outputs,
        };
        // Safety: this job alone writes its columns of its piece.
        unsafe { dispatch(compute.isa, dots) }
    });
    for n in 0..batch {
        for o in 0..outputs {
            let i = n * outputs + o;
            let mut v = (0..pieces).map(|p| sums[p * batch * outputs + i]).sum::<f32>();
            v += bias.get(o).copied().unwrap_or(0.0);
            output[i] = if relu && v < 0.0 { 0.0 } else { v };
        }
    }
}

/// `grad_input (batch, in) = grad (batch, out) * weight`.
pub fn backward_data(compute: Compute, shape: &LinearShape, grad: &[f32], weight: &[f32], grad_input: &mut [f32]) {
    let LinearShape { batch, inputs, outputs } = *shape;
    assert_eq!(grad.len(), batch * outputs);
    assert_eq!(weight.len(), outputs * inputs);
    assert_eq!(grad_input.len(), batch * inputs);
    if compute.precision == Precision::Bf16 {
        return bf16::linear::backward_data(compute, shape, grad, weight, grad_input);
    }
    let isa = compute.isa;
    let target = Shared::new(grad_input);
    by_inputs(isa, inputs, |i0, n| {
        let tile = Tile {
            steps: outputs,
            a: grad.as_ptr(),
            a_row: outputs,
            a_step: 1,
            // Safety: columns i0..i0 + n of matrices with `inputs` columns.
            b: unsafe { weight.as_ptr().add(i0) },
            b_step: inputs,
            c: unsafe { target.at(i0) },
            c_row: inputs,
            ..Tile::PLAIN
        };
        // Safety: this job alone writes these columns.
        unsafe { gemm(isa, Block { m: batch, n, panel: isa.panel(), tile }) }
    });
}

/// Adds to (or, without `accumulate`, writes) the gradient of the weights (out, in).
pub fn backward_weight(
    compute: Compute,
    shape: &LinearShape,
    input: &[f32],
    grad: &[f32],
    accumulate: bool,
    grad_weight: &mut [f32],
) {
    let LinearShape { batch, inputs, outputs } = *shape;
    assert_eq!(input.len(), batch * inputs);
    assert_eq!(grad.len(), batch * outputs);
    assert_eq!(grad_weight.len(), outputs * inputs);
    if compute.precision == Precision::Bf16 {
        return bf16::linear::backward_weight(compute, shape, input, grad, accumulate, grad_weight);
    }
    let isa = compute.isa;
    let target = Shared::new(grad_weight);
    by_inputs(isa, inputs, |i0, n| {
        let tile = Tile {
            steps: batch,
            a: grad.as_ptr(),
            a_row: 1,
            a_step: outputs,
            // Safety: columns i0..i0 + n of matrices with `inputs` columns.
            b: unsafe { input.as_ptr().add(i0) },
            b_step: inputs,
            c: unsafe { target.at(i0) },
            c_row: inputs,
            accumulate,
            ..Tile::PLAIN
        };
        // Safety: this job alone writes these columns.
        unsafe { gemm(isa, Block { m: outputs, n, panel: isa.panel(), tile }) }
    });
}

/// Runs `job(first, count)` over blocks of input columns, a whole number of panels each.
fn by_inputs(isa: Isa, inputs: usize, job: impl Fn(usize, usize) + Sync + Send) {
    let block = inputs.div_ceil(64).next_multiple_of(isa.panel()).max(256);
    for_each(inputs.div_ceil(block), |i| job(i * block, block.min(inputs - i * block)));
}

/// Scalar products of every row of `x` with every row of `w`.
struct Dots {
    x: *const f32,
    w: *const f32,
    stride: usize,
    depth: usize,
    rows: usize,
    columns: usize,
    out: *mut f32,
    out_stride: usize,
}

impl Kernel for Dots {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for i in (0..self.rows).step_by(4) {
            for j in (0..self.columns).step_by(4) {
                match ((self.rows - i).min(4), (self.columns - j).min(4)) {
                    (4, 4) => self.tile::<S, 4, 4>(i, j),
                    (4, n) => (0..n).for_each(|d| self.tile::<S, 4, 1>(i, j + d)),
                    (m, 4) => (0..m).for_each(|d| self.tile::<S, 1, 4>(i + d, j)),
                    (m, n) => (0..m * n).for_each(|d| self.tile::<S, 1, 1>(i + d / n, j + d % n)),
                }
            }
        }
    }
}

impl Dots {
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const C: usize>(&self, i: usize, j: usize) {
        let mut sum = [[S::splat(0.0); C]; R];
        let (x, w) = (self.x.add(i * self.stride), self.w.add(j * self.stride));
        let mut k = 0;
        while k < self.depth {
            let n = self.depth - k;
            let mut rows = [S::splat(0.0); R];
            for (r, v) in rows.iter_mut().enumerate() {
                *v = load_upto::<S>(x.add(r * self.stride + k), n);
            }
            let mut columns = [S::splat(0.0); C];
            for (c, v) in columns.iter_mut().enumerate() {
                *v = load_upto::<S>(w.add(c * self.stride + k), n);
            }
            for (row, sum) in rows.iter().zip(&mut sum) {
                for (column, sum) in columns.iter().zip(sum) {
                    *sum = S::fma(*row, *column, *sum);
                }
            }
            k += S::LANES;
        }
        for (r, sum) in sum.iter().enumerate() {
            for (c, sum) in sum.iter().enumerate() {
                *self.out.add((i + r) * self.out_stride + j + c) = S::sum(*sum);
            }
        }
    }
}
