//! The gradient of a direct convolution towards its weights.

use super::direct::{Window, rows_per_job};
use crate::nn::kernel::cpu::gemm::{Block, Tile, gemm};
use crate::nn::kernel::cpu::parallel::{Shared, for_each, piece, with_scratch};
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::Isa;
use crate::nn::kernel::cpu::update;

/// Adds to (or, without `accumulate`, writes) the gradient of the weights (kd, kh, kw, in, out);
/// lengths were checked by the caller.
pub(super) fn backward_weight(
    isa: Isa,
    shape: &ConvShape,
    input: &[f32],
    grad: &[f32],
    accumulate: bool,
    grad_weight: &mut [f32],
) {
    let [od, oh, ow] = shape.output();
    let (c, k) = (shape.in_channels, shape.out_channels);
    let [kd, kh, kw] = shape.kernel;
    let weights = shape.weight_len();
    let window = Window {
        source: input,
        size: [shape.input[1], shape.input[2]],
        channels: c,
        left: -(shape.padding[2] as isize),
        width: (ow - 1) * shape.stride[2] + kw,
    };
    let line = window.width * c;
    let rows = rows_per_job(shape.batch * od, oh, shape.stride[1], line);
    let per_slice = oh.div_ceil(rows);
    let units = shape.batch * od * per_slice;
    // Parts of the pixels sum on their own and are added in order: as many as 4 MiB of sums allow.
    let parts = ((1 << 20) / weights).clamp(1, 16).min(units);
    // Blocks of output channels, each a few panels wide, share out what the parts leave.
    let blocks = k.div_ceil(isa.panel()).min(64usize.div_ceil(parts));
    let columns = k.div_ceil(blocks).next_multiple_of(isa.panel());
    let blocks = k.div_ceil(columns);
    let mut sums = vec![0f32; parts * weights];
    let shared = Shared::new(&mut sums);
    for_each(parts * blocks, |job| {
        let (part, k0) = (job / blocks, job % blocks * columns);
        for unit in piece(units, parts, part) {
            let (slice, y0) = (unit / per_slice, unit % per_slice * rows);
            let (n, z) = (slice / od, slice % od);
            let rows = rows.min(oh - y0);
            let needed = (rows - 1) * shape.stride[1] + kh;
            let top = (y0 * shape.stride[1]) as isize - shape.padding[1] as isize;
            let front = (z * shape.stride[0]) as isize - shape.padding[0] as isize;
            for tap in 0..kd {
                let depth = front + tap as isize;
                if !(0..shape.input[0] as isize).contains(&depth) {
                    continue;
                }
                with_scratch(needed * line, |scratch| {
                    // Safety: the scratch holds `needed` lines; this job alone writes columns k0.. of its part.
                    unsafe {
                        let (a, line) = window.rows(n * shape.input[0] + depth as usize, top, needed, scratch);
                        let tile = Tile {
                            steps: ow,
                            segments: rows,
                            a,
                            a_row: 1,
                            a_step: shape.stride[2] * c,
                            a_segment: shape.stride[1] * line,
                            b: grad.as_ptr().add((slice * oh + y0) * ow * k + k0),
                            b_step: k,
                            c: shared.at(part * weights + tap * kh * kw * c * k + k0),
                            c_row: k,
                            accumulate: true,
                            ..Tile::PLAIN
                        };
                        let block = |m, tile| Block { m, n: columns.min(k - k0), panel: isa.panel(), tile };
                        if [kh, kw] == [3, 3] && c == 1 {
                            // Three rows of three alone would wait on their own sums.
                            gemm(isa, block(9, Tile { a_group: Some(line), ..tile }));
                            return;
                        }
                        let m = kw * c;
                        for kernel_row in 0..kh {
                            let (a, c) = (a.add(kernel_row * line), tile.c.add(kernel_row * m * k));
                            gemm(isa, block(m, Tile { a, c, ..tile }));
                        }
                    }
                });
            }
        }
    });
    update::sum_parts(isa, &sums, accumulate, grad_weight);
}
