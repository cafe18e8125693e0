//! Direct convolution, forward and towards the input, as an implicit GEMM.
//!
//! Channels-last, a kernel row times the input channels is one contiguous run of the image, so a
//! row of output pixels is a product of `kernel height` segments, once for each tap in depth.
//! Weights are (kd, kh, kw, in, out).

use super::Epilogue;
use crate::nn::kernel::cpu::gemm::{Block, Tile, gemm};
use crate::nn::kernel::cpu::pack::pack;
use crate::nn::kernel::cpu::parallel::{Shared, for_each, with_scratch};
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::Isa;

/// `output = epilogue(input * weight)`; lengths were checked by the caller.
pub(super) fn forward(
    isa: Isa,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    output: &mut [f32],
) {
    let k = shape.out_channels;
    let packed = pack(isa, shape.taps() * shape.in_channels, k, weight, |r| r * k, 1);
    let [od, oh, ow] = shape.output();
    let sweep = Sweep {
        source: input,
        batch: shape.batch,
        size: shape.input,
        channels: shape.in_channels,
        origin: shape.padding.map(|p| -(p as isize)),
        step: shape.stride,
        taps: shape.kernel,
        packed: &packed,
        out_channels: k,
        out: [od, oh, ow],
        target: Shared::new(output),
        first: 0,
        stride: [od * oh * ow * k, oh * ow * k, ow * k, k],
        epilogue,
    };
    // Safety: origin, step and strides cover exactly the output, whose length the caller checked.
    unsafe { sweep.run(isa) }
}

/// The gradient towards the input: one stride-1 sweep over `grad` for each phase of the stride.
pub(super) fn backward_data(
    isa: Isa,
    shape: &ConvShape,
    grad: &[f32],
    weight: &[f32],
    epilogue: Epilogue,
    grad_input: &mut [f32],
) {
    let (c, k) = (shape.in_channels, shape.out_channels);
    let [d, h, w] = shape.input;
    let target = Shared::new(grad_input);
    let stride = shape.stride;
    let phases = (0..stride[0].min(d))
        .flat_map(|z| (0..stride[1].min(h)).flat_map(move |y| (0..stride[2].min(w)).map(move |x| [z, y, x])));
    for phase in phases {
        let [v0, v1, v2] = [0, 1, 2].map(|i| Phase::of(shape, i, phase[i]));
        let weight_row = |r: usize| {
            let (tap, out) = (r / k, r % k);
            let (z, y, x) = (tap / (v1.taps * v2.taps), tap / v2.taps % v1.taps, tap % v2.taps);
            let (z, y, x) = (v0.kernel_at(z), v1.kernel_at(y), v2.kernel_at(x));
            ((z * shape.kernel[1] + y) * shape.kernel[2] + x) * c * k + out
        };
        let packed = pack(isa, v0.taps * v1.taps * v2.taps * k, c, weight, weight_row, k);
        let sweep = Sweep {
            source: grad,
            batch: shape.batch,
            size: shape.output(),
            channels: k,
            origin: [v0.origin, v1.origin, v2.origin],
            step: [1; 3],
            taps: [v0.taps, v1.taps, v2.taps],
            packed: &packed,
            out_channels: c,
            out: [0, 1, 2].map(|i| (shape.input[i] - phase[i]).div_ceil(stride[i])),
            target,
            first: ((phase[0] * h + phase[1]) * w + phase[2]) * c,
            stride: [d * h * w * c, stride[0] * h * w * c, stride[1] * w * c, stride[2] * c],
            epilogue,
        };
        // Safety: a phase writes the positions that equal it modulo the stride, inside the volume.
        unsafe { sweep.run(isa) }
    }
}

/// Which kernel taps reach the input positions `i = phase` modulo the stride, in one direction.
pub(in crate::nn::kernel::cpu) struct Phase {
    pub taps: usize,
    /// Output position of the first tap for the first of these input positions.
    pub origin: isize,
    first: usize,
    stride: usize,
}

impl Phase {
    /// Input `i` meets tap `t` at output `(i + padding - t) / stride` where that is whole.
    pub fn of(shape: &ConvShape, direction: usize, phase: usize) -> Phase {
        let (kernel, stride) = (shape.kernel[direction], shape.stride[direction]);
        let shifted = phase + shape.padding[direction];
        let first = shifted % stride;
        let taps = if first < kernel { (kernel - first).div_ceil(stride) } else { 0 };
        // Tap `first` lies at output `shifted / stride`, each further one an output before it.
        Phase { taps, origin: (shifted / stride) as isize - taps as isize + 1, first, stride }
    }

    /// The kernel index of tap `t`, counted in the order in which the outputs lie.
    pub fn kernel_at(&self, t: usize) -> usize {
        self.first + (self.taps - 1 - t) * self.stride
    }
}

/// A correlation of `source` with packed weights, written on a grid of the target.
struct Sweep<'a> {
    source: &'a [f32],
    batch: usize,
    size: [usize; 3],
    channels: usize,
    /// Source position of the first tap of the first output; may lie outside the image.
    origin: [isize; 3],
    step: [usize; 3],
    taps: [usize; 3],
    packed: &'a [f32],
    out_channels: usize,
    out: [usize; 3],
    target: Shared<f32>,
    /// Floats of the target to the first output, and from volume, slice, row, pixel to the next.
    first: usize,
    stride: [usize; 4],
    epilogue: Epilogue<'a>,
}

impl Sweep<'_> {
    /// # Safety
    /// Every output of the grid must lie in the target.
    unsafe fn run(&self, isa: Isa) {
        let [od, oh, ow] = self.out;
        if od == 0 || oh == 0 || ow == 0 {
            return;
        }
        let window = Window {
            source: self.source,
            size: [self.size[1], self.size[2]],
            channels: self.channels,
            left: self.origin[2],
            width: ((ow - 1) * self.step[2] + self.taps[2]).max(1),
        };
        let line = window.width * self.channels;
        let rows = rows_per_job(self.batch * od, oh, self.step[1], line);
        let per_slice = oh.div_ceil(rows);
        for_each(self.batch * od * per_slice, |job| {
            let (n, z, y0) = (job / (per_slice * od), job / per_slice % od, job % per_slice * rows);
            let rows = rows.min(oh - y0);
            let needed = (rows - 1) * self.step[1] + self.taps[1];
            with_scratch(needed * line, |scratch| {
                let top = self.origin[1] + (y0 * self.step[1]) as isize;
                let front = self.origin[0] + (z * self.step[0]) as isize;
                let inside = |tap: &usize| (0..self.size[0] as isize).contains(&(front + *tap as isize));
                // None where only padding lies under the kernel, or where this phase meets no tap.
                let in_plane = self.taps[1] * self.taps[2] > 0;
                let taps: Vec<usize> = (0..self.taps[0]).filter(|tap| in_plane && inside(tap)).collect();
                // Safety: the scratch holds `needed` lines, and the grid lies in the target.
                unsafe {
                    if taps.is_empty() {
                        let none = Source { a: scratch.as_ptr(), line: 0, depth_tap: 0, taps: 0 };
                        self.rows(isa, [n, z, y0], rows, none, Turn { accumulate: false, last: true });
                        return;
                    }
                    let slice = |tap: usize| n * self.size[0] + (front + tap as isize) as usize;
                    for (i, &tap) in taps.iter().enumerate() {
                        let (a, line) = window.rows(slice(tap), top, needed, scratch);
                        let turn = Turn { accumulate: i > 0, last: i + 1 == taps.len() };
                        self.rows(isa, [n, z, y0], rows, Source { a, line, depth_tap: tap, taps: self.taps[1] }, turn);
                    }
                }
            });
        });
    }

    /// Output rows `y0..y0 + rows` of slice `z` of volume `n`.
    ///
    /// # Safety
    /// As [`Sweep::run`]; the source must hold all lines that the rows need.
    unsafe fn rows(&self, isa: Isa, [n, z, y0]: [usize; 3], rows: usize, source: Source, turn: Turn) {
        let panel = isa.panel();
        let plane = self.taps[1] * self.taps[2] * self.channels;
        let [volume, slice, row, pixel] = self.stride;
        for j in (0..self.out_channels).step_by(panel) {
            for r in 0..rows {
                let at = self.first + n * volume + z * slice + (y0 + r) * row + j;
                let mut tile = Tile {
                    steps: self.taps[2] * self.channels,
                    segments: source.taps,
                    a: source.a.wrapping_add(r * self.step[1] * source.line),
                    a_row: self.step[2] * self.channels,
                    a_segment: source.line,
                    b: self.packed.as_ptr().wrapping_add(j * self.taps[0] * plane + source.depth_tap * plane * panel),
                    b_step: panel,
                    c: self.target.at(at),
                    c_row: pixel,
                    accumulate: turn.accumulate,
                    ..Tile::PLAIN
                };
                if turn.last {
                    self.epilogue.put(&mut tile, j, at);
                }
                gemm(isa, Block { m: self.out[2], n: panel.min(self.out_channels - j), panel: 0, tile });
            }
        }
    }
}

/// Lines of one source slice, and the tap in depth that looks at it.
#[derive(Clone, Copy)]
struct Source {
    a: *const f32,
    /// Floats from line to line.
    line: usize,
    depth_tap: usize,
    /// Taps in height that take part.
    taps: usize,
}

/// Which of the taps in depth is summed: the first overwrites, the last applies the epilogue.
#[derive(Clone, Copy)]
struct Turn {
    accumulate: bool,
    last: bool,
}

/// Output rows that one job takes: about 256 KiB of input, and enough jobs for many threads.
pub(super) fn rows_per_job(batch: usize, rows: usize, step: usize, line: usize) -> usize {
    let in_cache = ((1 << 16) / line.max(1)).saturating_sub(2) / step;
    let for_threads = rows.div_ceil(64usize.div_ceil(batch.max(1)));
    in_cache.min(for_threads.max(4)).clamp(1, rows)
}

/// Columns `left..left + width` of padded images, which may reach beyond their borders.
pub(super) struct Window<'a> {
    pub source: &'a [f32],
    pub size: [usize; 2],
    pub channels: usize,
    pub left: isize,
    pub width: usize,
}

impl Window<'_> {
    /// Lines `top..top + count` of image `n`, and the floats from line to line: in place where the
    /// window lies inside the image, else copied into `scratch` with zeros beyond the border.
    ///
    /// # Safety
    /// `scratch` must hold `count * width * channels` floats, and `n` be an image of the source.
    pub unsafe fn rows(&self, n: usize, top: isize, count: usize, scratch: &mut [f32]) -> (*const f32, usize) {
        let [h, w] = self.size.map(|s| s as isize);
        let c = self.channels;
        let image = n * self.size[0] * self.size[1] * c;
        let (right, bottom) = (self.left + self.width as isize, top + count as isize);
        if self.left >= 0 && right <= w && top >= 0 && bottom <= h {
            let start = image + (top as usize * self.size[1] + self.left as usize) * c;
            return (self.source[start..].as_ptr(), self.size[1] * c);
        }
        let line = self.width * c;
        // The part of a line that the image covers, in pixels of the window.
        let from = (-self.left).clamp(0, self.width as isize) as usize;
        let to = (w - self.left).clamp(from as isize, self.width as isize) as usize;
        for (r, out) in scratch[..count * line].chunks_exact_mut(line).enumerate() {
            let y = top + r as isize;
            if y < 0 || y >= h || from == to {
                out.fill(0.0);
                continue;
            }
            let x = (self.left + from as isize) as usize;
            let start = image + (y as usize * self.size[1] + x) * c;
            out[..from * c].fill(0.0);
            out[from * c..to * c].copy_from_slice(&self.source[start..start + (to - from) * c]);
            out[to * c..].fill(0.0);
        }
        (scratch.as_ptr(), line)
    }
}
