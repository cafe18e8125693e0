//! The gradient of a direct 2D convolution towards its weights.

use super::conv::{Window, rows_per_job};
use super::gemm::{Block, Tile, gemm};
use super::parallel::{Shared, for_each, piece, with_scratch};
use super::shape::ConvShape;
use super::simd::Isa;

/// Adds to (or, without `accumulate`, writes) the gradient of the weights (kh, kw, in, out).
pub fn backward_weight(
    isa: Isa,
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
    let [oh, ow] = shape.output();
    let (c, k) = (shape.in_channels, shape.out_channels);
    let weights = shape.weight_len();
    let window = Window {
        source: input,
        size: shape.input,
        channels: c,
        left: -(shape.padding[1] as isize),
        width: (ow - 1) * shape.stride[1] + shape.kernel[1],
    };
    let line = window.width * c;
    let rows = rows_per_job(shape.batch, oh, shape.stride[0], line);
    let per_image = oh.div_ceil(rows);
    let units = shape.batch * per_image;
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
            let (n, y0) = (unit / per_image, unit % per_image * rows);
            let rows = rows.min(oh - y0);
            let needed = (rows - 1) * shape.stride[0] + shape.kernel[0];
            with_scratch(needed * line, |scratch| {
                let top = (y0 * shape.stride[0]) as isize - shape.padding[0] as isize;
                // Safety: the scratch holds `needed` lines; this job alone writes columns k0.. of its part.
                unsafe {
                    let (a, line) = window.rows(n, top, needed, scratch);
                    let tile = Tile {
                        steps: ow,
                        segments: rows,
                        a,
                        a_row: 1,
                        a_step: shape.stride[1] * c,
                        a_segment: shape.stride[0] * line,
                        a_group: None,
                        b: grad.as_ptr().add((n * oh + y0) * ow * k + k0),
                        b_step: k,
                        c: shared.at(part * weights + k0),
                        c_row: k,
                        accumulate: true,
                        bias: std::ptr::null(),
                        relu: false,
                    };
                    let block = |m, tile| Block { m, n: columns.min(k - k0), panel: isa.panel(), tile };
                    if shape.kernel == [3, 3] && c == 1 {
                        // Three rows of three alone would wait on their own sums.
                        gemm(isa, block(9, Tile { a_group: Some(line), ..tile }));
                        return;
                    }
                    let m = shape.kernel[1] * c;
                    for kernel_row in 0..shape.kernel[0] {
                        let (a, c) = (a.add(kernel_row * line), tile.c.add(kernel_row * m * k));
                        gemm(isa, block(m, Tile { a, c, ..tile }));
                    }
                }
            });
        }
    });
    super::update::sum_parts(isa, &sums, accumulate, grad_weight);
}
