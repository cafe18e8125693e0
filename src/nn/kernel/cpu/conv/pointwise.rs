//! Convolutions of one tap, forward and towards the input: plain products over the pixels.

use super::Epilogue;
use crate::nn::kernel::cpu::gemm::{Block, Tile, gemm};
use crate::nn::kernel::cpu::pack::pack;
use crate::nn::kernel::cpu::parallel::{Shared, for_each, piece, with_scratch};
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::Isa;
use std::ops::Range;

/// Rows of a job, about.
const ROWS: usize = 112;
/// Floats of one panel of the right-hand side that stay in the first cache.
const PANEL: usize = 1 << 13;
/// Channels from which on rows lie so far apart that they share sets of the cache: copied closer.
pub(super) const FAR: usize = 1024;

/// Whether the shape is one of those computed here.
pub(super) fn serves(shape: &ConvShape) -> bool {
    shape.kernel == [1; 3] && shape.padding == [0; 3]
}

/// `output = epilogue(input * weight)`; lengths were checked by the caller.
pub(super) fn forward(
    isa: Isa,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    output: &mut [f32],
) {
    let (c, k) = (shape.in_channels, shape.out_channels);
    let packed = pack(isa, c, k, weight, |r| r * k, 1);
    let product = Product {
        source: input,
        from: Pixels::under(shape),
        depth: c,
        packed: &packed,
        columns: k,
        to: Pixels::dense(shape),
        rows: shape.output_len() / k,
        target: Shared::new(output),
        epilogue,
    };
    // Safety: the pixels are those of the input and of the output.
    unsafe { product.run(isa) }
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
    let (c, k) = (shape.in_channels, shape.out_channels);
    if shape.stride != [1; 3] {
        between(shape, epilogue, grad_input);
    }
    let packed = pack(isa, k, c, weight, |r| r, k);
    let product = Product {
        source: grad,
        from: Pixels::dense(shape),
        depth: k,
        packed: &packed,
        columns: c,
        to: Pixels::under(shape),
        rows: shape.output_len() / k,
        target: Shared::new(grad_input),
        epilogue,
    };
    // Safety: as above, the other way round.
    unsafe { product.run(isa) }
}

/// What the pixels between the strides get, which no output saw: the epilogue of zero, everywhere.
fn between(shape: &ConvShape, epilogue: Epilogue, grad_input: &mut [f32]) {
    let line = shape.input[2] * shape.in_channels;
    let target = Shared::new(grad_input);
    for_each(shape.input_len() / line, |i| {
        // Safety: each job writes a line of its own.
        let out = unsafe { target.slice(i * line..(i + 1) * line) };
        out.fill(0.0);
        epilogue.finish(i * line, out);
    });
}

/// Where the pixels lie that a convolution of one tap joins.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    /// Outputs: depth, height, width.
    pub out: [usize; 3],
    /// Of the tensor that they are looked up in.
    pub size: [usize; 3],
    pub stride: [usize; 3],
}

impl Pixels {
    /// In the input.
    pub fn under(shape: &ConvShape) -> Pixels {
        Pixels { out: shape.output(), size: shape.input, stride: shape.stride }
    }
    /// In the output.
    pub fn dense(shape: &ConvShape) -> Pixels {
        Pixels { out: shape.output(), size: shape.output(), stride: [1; 3] }
    }

    /// The pixel that output `p` of all volumes belongs to.
    #[inline(always)]
    pub fn at(&self, p: usize) -> usize {
        if self.stride == [1; 3] {
            return p;
        }
        let [d, h, w] = self.out;
        let (n, z, y, x) = (p / (d * h * w), p / (h * w) % d, p / w % h, p % w);
        ((n * self.size[0] + z * self.stride[0]) * self.size[1] + y * self.stride[1]) * self.size[2]
            + x * self.stride[2]
    }

    /// Outputs from `p` on whose pixels lie one stride apart, and that distance in pixels.
    pub fn run(&self, p: usize) -> (usize, usize) {
        if self.stride == [1; 3] { (usize::MAX, 1) } else { (self.out[2] - p % self.out[2], self.stride[2]) }
    }
}

/// `target (pixels x columns) = epilogue(source (pixels x depth) * packed)`.
struct Product<'a> {
    source: &'a [f32],
    from: Pixels,
    depth: usize,
    packed: &'a [f32],
    columns: usize,
    to: Pixels,
    rows: usize,
    target: Shared<f32>,
    epilogue: Epilogue<'a>,
}

impl Product<'_> {
    /// # Safety
    /// All pixels must lie in the source and in the target.
    unsafe fn run(&self, isa: Isa) {
        let panel = isa.panel();
        let blocks = self.rows.div_ceil(ROWS / isa.rows() * isa.rows());
        if blocks == 0 {
            return;
        }
        let tall = self.rows.div_ceil(blocks).next_multiple_of(isa.rows());
        let blocks = self.rows.div_ceil(tall);
        // Few rows: columns are shared out too.
        let panels = self.columns.div_ceil(panel);
        let sides = 16usize.div_ceil(blocks).min(panels);
        let pieces = self.depth.div_ceil(PANEL / panel);
        let deep = self.depth.div_ceil(pieces);
        let copied = self.from.stride != [1; 3] || self.depth >= FAR;
        let row = if copied { deep.next_multiple_of(32) + 16 } else { self.depth };
        for_each(blocks * sides, |i| {
            let rows = i / sides * tall..self.rows.min((i / sides + 1) * tall);
            let mine = piece(panels, sides, i % sides);
            with_scratch(if copied { tall * row } else { 0 }, |scratch| {
                for d0 in (0..self.depth).step_by(deep) {
                    let depth = d0..self.depth.min(d0 + deep);
                    let mut a = self.source.as_ptr().wrapping_add(self.from.at(rows.start) * self.depth + d0);
                    if copied {
                        self.copy(rows.clone(), depth.clone(), row, scratch);
                        a = scratch.as_ptr();
                    }
                    for j in mine.clone() {
                        // Safety: the rows are this job's, and so are the columns.
                        unsafe { self.panel(isa, rows.clone(), depth.clone(), a, row, j * panel) };
                    }
                }
            });
        });
    }

    fn copy(&self, rows: Range<usize>, depth: Range<usize>, row: usize, out: &mut [f32]) {
        for (r, out) in rows.zip(out.chunks_exact_mut(row)) {
            let start = self.from.at(r) * self.depth;
            out[..depth.len()].copy_from_slice(&self.source[start + depth.start..start + depth.end]);
        }
    }

    /// One panel of columns, from `column` on; `a` is the first row.
    unsafe fn panel(
        &self,
        isa: Isa,
        rows: Range<usize>,
        depth: Range<usize>,
        a: *const f32,
        row: usize,
        column: usize,
    ) {
        let panel = isa.panel();
        let mut r = rows.start;
        while r < rows.end {
            let (run, pixel) = self.to.run(r);
            let m = run.min(rows.end - r);
            let at = self.to.at(r) * self.columns + column;
            let mut tile = Tile {
                steps: depth.len(),
                a: a.wrapping_add((r - rows.start) * row),
                a_row: row,
                b: self.packed.as_ptr().add(column * self.depth + depth.start * panel),
                b_step: panel,
                c: self.target.at(at),
                c_row: pixel * self.columns,
                accumulate: depth.start > 0,
                ..Tile::PLAIN
            };
            if depth.end == self.depth {
                self.epilogue.put(&mut tile, column, at);
            }
            gemm(isa, Block { m, n: panel.min(self.columns - column), panel: 0, tile });
            r += m;
        }
    }
}
