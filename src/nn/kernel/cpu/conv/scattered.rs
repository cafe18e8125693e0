//! The gradient towards an input of few channels: what each output gives to all its taps is one product, and is
//! added where the taps lie.
//!
//! A direct sum has a column for each channel of the input, and a vector has room for more than the three of an image.

use super::Epilogue;
use crate::nn::kernel::cpu::gemm::{Block, Tile, gemm};
use crate::nn::kernel::cpu::pack::pack;
use crate::nn::kernel::cpu::parallel::{Shared, for_each, with_scratch};
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};

/// Whether the gradient towards the input is computed here.
pub(super) fn serves(shape: &ConvShape) -> bool {
    shape.in_channels <= 4
}

/// The gradient towards the input, overwritten; lengths were checked by the caller.
pub(super) fn backward_data(
    isa: Isa,
    shape: &ConvShape,
    grad: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    grad_input: &mut [f32],
) {
    let (columns, k) = (shape.taps() * shape.in_channels, shape.out_channels);
    let packed = pack(isa, k, columns, weight, |r| r, k);
    let line = shape.input[2] * shape.in_channels;
    let lines = shape.input_len() / line;
    let target = Shared::new(grad_input);
    // Safety: each job has a line of its own.
    for_each(lines, |i| unsafe { target.slice(i * line..(i + 1) * line) }.fill(0.0));
    let [od, oh, ow] = shape.output();
    // Rows so many that what they reach and what the rows after the next ones reach lie apart.
    let tall = shape.kernel[1].div_ceil(shape.stride[1]).max(8);
    let bands = oh.div_ceil(tall);
    // Each second band, then those between: no two that run together write the same place, and the order of
    // every sum is the same whatever the threads.
    for turn in 0..2 {
        let now = (bands + 1 - turn) / 2;
        for_each(shape.batch * now, |job| {
            let (n, band) = (job / now, job % now * 2 + turn);
            with_scratch(ow * columns, |given| {
                for (z, y) in (0..od).flat_map(|z| (band * tall..oh.min((band + 1) * tall)).map(move |y| (z, y))) {
                    let row = &grad[((n * od + z) * oh + y) * ow * k..][..ow * k];
                    for first in (0..columns).step_by(isa.panel()) {
                        let tile = Tile {
                            steps: k,
                            a: row.as_ptr(),
                            a_row: k,
                            b: packed[first * k..].as_ptr(),
                            b_step: isa.panel(),
                            c: given[first..].as_mut_ptr(),
                            c_row: columns,
                            ..Tile::PLAIN
                        };
                        let block = Block { m: ow, n: isa.panel().min(columns - first), panel: 0, tile };
                        // Safety: a row of the gradient, a panel of the weights, and columns of the scratch.
                        unsafe { gemm(isa, block) };
                    }
                    // Safety: taps outside the image are left out, and no band of this turn writes what another does.
                    unsafe { dispatch(isa, Row { shape, given, at: [n, z, y], target }) };
                }
            });
        });
    }
    if !epilogue.is_plain() {
        // Safety: as above.
        for_each(lines, |i| epilogue.finish(i * line, unsafe { target.slice(i * line..(i + 1) * line) }));
    }
}

/// What one row of outputs gives to its taps, to be added.
struct Row<'a> {
    shape: &'a ConvShape,
    /// (pixels, taps * channels)
    given: &'a [f32],
    /// Volume, slice and row of the outputs.
    at: [usize; 3],
    target: Shared<f32>,
}

impl Row<'_> {
    /// The taps from output `o` that lie in the image, in one direction: the first, their number, and where it lies.
    #[inline(always)]
    fn inside(&self, direction: usize, o: usize) -> (usize, usize, usize) {
        let (shape, i) = (self.shape, direction);
        let (start, padding) = (o * shape.stride[i], shape.padding[i]);
        let first = padding.saturating_sub(start).min(shape.kernel[i]);
        let end = (shape.input[i] + padding).saturating_sub(start).clamp(first, shape.kernel[i]);
        (first, end - first, (start + first).saturating_sub(padding))
    }
}

impl Kernel for Row<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let [n, z, y] = self.at;
        let (shape, c) = (self.shape, self.shape.in_channels);
        let [d, h, w] = shape.input;
        let (tap_z, slices, to_z) = self.inside(0, z);
        let (tap_y, rows, to_y) = self.inside(1, y);
        let columns = shape.taps() * c;
        for (x, given) in self.given[..shape.output()[2] * columns].chunks_exact(columns).enumerate() {
            let (tap_x, pixels, to_x) = self.inside(2, x);
            // Over padding alone there is no place to point at.
            if pixels == 0 {
                continue;
            }
            for dz in 0..slices {
                for dy in 0..rows {
                    let tap = ((tap_z + dz) * shape.kernel[1] + tap_y + dy) * shape.kernel[2] + tap_x;
                    let from = given.as_ptr().add(tap * c);
                    let to = self.target.at((((n * d + to_z + dz) * h + to_y + dy) * w + to_x) * c);
                    for v in (0..pixels * c).step_by(S::LANES) {
                        let left = pixels * c - v;
                        let sum = S::add(load_upto::<S>(to.add(v), left), load_upto::<S>(from.add(v), left));
                        store_upto::<S>(to.add(v), sum, left);
                    }
                }
            }
        }
    }
}
