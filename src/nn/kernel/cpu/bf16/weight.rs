//! The gradient of a convolution towards its weights, as a bf16 product whose inner dimension is pixels.
//!
//! One tap in depth after the other. Input and gradient are packed, some MiB at a time: the input
//! with a row a channel (for few channels: a row a tap and channel, so that tiles are full), the
//! gradient in pairs of pixels. Both count pixels in lines as wide as the input under the kernel,
//! so a tap is only a shift; where a line has no output, the gradient is zero.

use super::Body;
use super::pack::{Grid, Pairs, interleave, transpose};
use super::scratch::{lend, lend_floats};
use super::tile::{PANEL, Product, SIDE, STEP};
use crate::nn::kernel::cpu::parallel::{Shared, for_each, piece};
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::{Isa, Kernel, Simd, dispatch};
use std::ops::Range;

/// Sums that a core's cache holds beside a block of operands.
const SMALL: usize = 128 << 10;
/// Sums of all parts together.
const SUMS: usize = 2 << 20;
/// bf16 numbers packed before they are multiplied, where jobs share them.
const CHUNK: usize = 4 << 20;
/// Pixels of a block: the inner dimension of one product.
const BLOCK: usize = 1024;

/// Adds to (or, without `accumulate`, writes) the gradient of the weights (kd, kh, kw, in, out);
/// lengths were checked by the caller.
pub(super) fn backward_weight(
    body: Body,
    shape: &ConvShape,
    input: &[f32],
    grad: &[f32],
    accumulate: bool,
    grad_weight: &mut [f32],
) {
    let [od, _, _] = shape.output();
    let plane = grad_weight.len() / shape.kernel[0];
    for (tap, grad_weight) in grad_weight.chunks_exact_mut(plane).enumerate() {
        let below = |z: usize| (z * shape.stride[0] + tap).checked_sub(shape.padding[0]);
        let depth = |z: usize| below(z).filter(|depth| *depth < shape.input[0]);
        let slices = (0..shape.batch)
            .flat_map(|n| (0..od).filter_map(move |z| Some((n * shape.input[0] + depth(z)?, n * od + z))))
            .collect();
        let plan = Plan::new(shape, slices);
        Sum { body, plan, input, grad }.run(accumulate, grad_weight);
    }
}

/// How the pixels of a block lie, and which blocks there are.
struct Plan {
    shape: ConvShape,
    /// Input channels with those that pad them.
    channels: usize,
    /// Input slice and output slice.
    slices: Vec<(usize, usize)>,
    /// Slices and output rows of a block.
    group: usize,
    rows: usize,
    /// Pixels from line to line, and lines beyond the output rows.
    line: usize,
    halo: usize,
    /// Pixels of a slice in a block, in whole steps.
    pixels: usize,
    /// Rows of A are taps and channels, not channels alone.
    gather: bool,
    /// Phases of the stride in height and width.
    phases: [usize; 2],
    /// bf16 numbers from slice to slice and from row to row of A, and rows of A.
    slice: usize,
    row: usize,
    height: usize,
    /// Where each step of a row begins.
    steps: Vec<u32>,
}

impl Plan {
    fn new(shape: &ConvShape, slices: Vec<(usize, usize)>) -> Plan {
        let [_, oh, ow] = shape.output();
        let [_, kh, kw] = shape.kernel;
        let [_, sy, sx] = shape.stride;
        let (halo, beyond) = ((kh - 1) / sy, (kw - 1) / sx);
        let line = ow + beyond;
        let rows = (BLOCK / line).max(4 * halo).clamp(1, oh);
        let rows = oh.div_ceil(oh.div_ceil(rows));
        let pixels = ((rows - 1) * line + ow).next_multiple_of(STEP);
        let group = if rows == oh { (BLOCK / pixels).clamp(1, slices.len().max(1)) } else { 1 };
        let group = slices.len().div_ceil(slices.len().div_ceil(group).max(1)).max(1);
        let phases = [sy.min(kh), sx.min(kw)];
        let dense = (kh * kw * shape.in_channels).next_multiple_of(SIDE);
        let channels = shape.in_channels.next_multiple_of(SIDE);
        let gather = dense * 6 / 5 < kh * kw * channels;
        // Turned sixteen at a time; tiles are 32 high.
        let channels = if gather { shape.in_channels.next_multiple_of(16) } else { channels };
        let slice = if gather { pixels } else { (pixels + halo * line + beyond).next_multiple_of(STEP) };
        let height = if gather { dense } else { phases[0] * phases[1] * channels };
        // An odd number of cache lines from row to row.
        let row = ((group * slice / STEP) | 1) * STEP;
        let per_slice = pixels / STEP;
        let steps = (0..group * per_slice).map(|i| (i / per_slice * slice + i % per_slice * STEP) as u32).collect();
        Plan {
            shape: *shape,
            channels,
            slices,
            group,
            rows,
            line,
            halo,
            pixels,
            gather,
            phases,
            slice,
            row,
            height,
            steps,
        }
    }

    /// The row of A and the shift in pixels at which a tap reads a channel.
    fn source(&self, tap: usize, channel: usize) -> (usize, usize) {
        let [_, sy, sx] = self.shape.stride;
        let (y, x) = (tap / self.shape.kernel[2], tap % self.shape.kernel[2]);
        let phase = y % sy * self.phases[1] + x % sx;
        (phase * self.channels + channel, y / sy * self.line + x / sx)
    }

    fn per_slice(&self) -> usize {
        self.shape.output()[1].div_ceil(self.rows)
    }

    fn blocks(&self) -> usize {
        self.slices.len().div_ceil(self.group) * self.per_slice()
    }

    /// Slices and output rows of a block.
    fn block(&self, block: usize) -> (&[(usize, usize)], Range<usize>) {
        let (s0, y0) = (block / self.per_slice() * self.group, block % self.per_slice() * self.rows);
        let slices = &self.slices[s0..(s0 + self.group).min(self.slices.len())];
        (slices, y0..(y0 + self.rows).min(self.shape.output()[1]))
    }

    fn taps(&self) -> usize {
        self.shape.kernel[1] * self.shape.kernel[2]
    }

    /// Tiles of 32 rows of the product; without gathering all taps of 32 channels follow each other.
    fn tiles(&self) -> usize {
        if self.gather { self.height / SIDE } else { self.taps() * self.shape.in_channels.div_ceil(SIDE) }
    }

    /// The first row of A of a tile, its shift, and how many rows count.
    fn tile(&self, tile: usize) -> (usize, usize, usize) {
        if self.gather {
            return (tile * SIDE, 0, SIDE.min(self.taps() * self.shape.in_channels - tile * SIDE));
        }
        let channel = tile / self.taps() * SIDE;
        let (row, shift) = self.source(tile % self.taps(), channel);
        (row, shift, SIDE.min(self.shape.in_channels - channel))
    }

    /// The tile and its row that hold the sums of a tap and channel.
    fn holder(&self, tap: usize, channel: usize) -> (usize, usize) {
        if self.gather {
            let r = tap * self.shape.in_channels + channel;
            return (r / SIDE, r % SIDE);
        }
        (channel / SIDE * self.taps() + tap, channel % SIDE)
    }
}

/// One tap in depth.
struct Sum<'a> {
    body: Body,
    plan: Plan,
    input: &'a [f32],
    grad: &'a [f32],
}

impl Sum<'_> {
    fn run(&self, accumulate: bool, grad_weight: &mut [f32]) {
        let part_len = self.plan.tiles() * self.panels() * SIDE * SIDE;
        match part_len <= SMALL {
            true => self.parts(part_len, accumulate, grad_weight),
            false => self.chunks(part_len, accumulate, grad_weight),
        }
    }

    fn panels(&self) -> usize {
        self.plan.shape.out_channels.div_ceil(SIDE)
    }

    /// bf16 numbers of the packed input and of the packed gradient of a block.
    fn packed_len(&self) -> [usize; 2] {
        [self.plan.height * self.plan.row, self.panels() * self.plan.steps.len() * PANEL]
    }

    /// Few weights: each job packs blocks of its own, and multiplies all of one while it is in the cache.
    fn parts(&self, part_len: usize, accumulate: bool, grad_weight: &mut [f32]) {
        let [a_len, b_len] = self.packed_len();
        let blocks = self.plan.blocks();
        let parts = (SUMS / part_len).clamp(1, 32).min(blocks.max(1));
        lend_floats(parts * part_len, |sums| {
            sums.fill(0.0);
            let shared = Shared::new(sums);
            for_each(parts, |part| {
                lend(a_len + b_len, |packed| {
                    let (a, b) = packed.split_at_mut(a_len);
                    for block in piece(blocks, parts, part) {
                        self.pack_input(block, a);
                        self.pack_grad(block, b);
                        // Safety: a part of the sums is one job's alone.
                        let sums = unsafe { shared.at(part * part_len) };
                        self.body.unit.enter(|| unsafe {
                            self.multiply(0..self.plan.tiles(), 0..self.panels(), [a, b], sums);
                        });
                    }
                })
            });
            self.finish(&*sums, parts, accumulate, grad_weight);
        });
    }

    /// Many weights, shared out between jobs: all of them read what was packed, some MiB at a time.
    fn chunks(&self, part_len: usize, accumulate: bool, grad_weight: &mut [f32]) {
        let (tiles, panels, blocks) = (self.plan.tiles(), self.panels(), self.plan.blocks());
        let [a_len, b_len] = self.packed_len();
        let chunk = (CHUNK / (a_len + b_len)).clamp(1, blocks.max(1));
        // A job: all taps of 32 channels, or a few tiles, by some panels.
        let high = if self.plan.gather || self.plan.taps() == 1 { 4.min(tiles) } else { self.plan.taps() };
        let jobs_high = tiles.div_ceil(high);
        let jobs_wide = (32usize.div_ceil(jobs_high)).clamp(panels.div_ceil(4), panels);
        lend_floats(part_len, |sums| {
            sums.fill(0.0);
            let shared = Shared::new(sums);
            lend(chunk * (a_len + b_len), |packed| {
                for first in (0..blocks).step_by(chunk) {
                    let count = chunk.min(blocks - first);
                    let target = Shared::new(packed);
                    for_each(2 * count, |job| {
                        let (i, start) = (job / 2, job / 2 * (a_len + b_len));
                        // Safety: each job packs a part of its own.
                        match job % 2 {
                            0 => self.pack_input(first + i, unsafe { target.slice(start..start + a_len) }),
                            _ => {
                                self.pack_grad(first + i, unsafe { target.slice(start + a_len..start + a_len + b_len) })
                            }
                        }
                    });
                    let packed = &*packed;
                    for_each(jobs_high * jobs_wide, |job| {
                        let tiles = job / jobs_wide * high..(job / jobs_wide * high + high).min(tiles);
                        self.body.unit.enter(|| {
                            for block in packed.chunks_exact(a_len + b_len).take(count) {
                                let (a, b) = block.split_at(a_len);
                                // Safety: these tiles and panels are this job's alone.
                                let sums = unsafe { shared.at(0) };
                                let panels = piece(panels, jobs_wide, job % jobs_wide);
                                unsafe { self.multiply(tiles.clone(), panels, [a, b], sums) };
                            }
                        });
                    });
                }
            });
            self.finish(&*sums, 1, accumulate, grad_weight);
        });
    }

    /// Adds the products of some tiles and panels of a block to their sums.
    ///
    /// # Safety
    /// `sums` must hold a part, and nobody else touch those tiles and panels; inside [`Bf16Unit::enter`].
    unsafe fn multiply(&self, tiles: Range<usize>, panels: Range<usize>, [a, b]: [&[u16]; 2], sums: *mut f32) {
        let plan = &self.plan;
        for (panel, tile) in panels.flat_map(|panel| tiles.clone().map(move |tile| (panel, tile))) {
            let (row, shift, rows) = plan.tile(tile);
            self.body.unit.multiply(Product {
                a: a[row * plan.row + shift..].as_ptr(),
                a_row: plan.row,
                steps: &plan.steps,
                b: b[panel * plan.steps.len() * PANEL..].as_ptr(),
                rows,
                columns: SIDE.min(plan.shape.out_channels - panel * SIDE),
                c: sums.add((tile * self.panels() + panel) * SIDE * SIDE),
                c_row: SIDE,
                accumulate: true,
            });
        }
    }

    fn pack_input(&self, block: usize, to: &mut [u16]) {
        let (plan, shape) = (&self.plan, &self.plan.shape);
        let (slices, rows) = plan.block(block);
        let c = shape.in_channels;
        let image = shape.input[1] * shape.input[2] * c;
        let grid = |slice: usize, phase: usize| Grid {
            image: Some(&self.input[slice * image..(slice + 1) * image]),
            size: [shape.input[1], shape.input[2]],
            channels: c,
            origin: [
                (rows.start * shape.stride[1] + phase / plan.phases[1]) as isize - shape.padding[1] as isize,
                (phase % plan.phases[1]) as isize - shape.padding[2] as isize,
            ],
            step: [shape.stride[1], shape.stride[2]],
            grid: [rows.len() + plan.halo, plan.line],
        };
        let phases = plan.phases[0] * plan.phases[1];
        let channels = plan.channels;
        if !plan.gather {
            for (i, phase) in (0..plan.group).flat_map(|i| (0..phases).map(move |phase| (i, phase))) {
                let grid = slices.get(i).map(|(slice, _)| grid(*slice, phase));
                let to = &mut to[phase * channels * plan.row + i * plan.slice..];
                let turn = Turn { isa: self.body.isa, grid, pixels: plan.slice, channels, row: plan.row, to };
                // Safety: the instruction set is there; the slices are checked.
                unsafe { dispatch(self.body.isa, turn) }
            }
            return;
        }
        // Channels first, as above, then a row a tap and channel.
        let held = (plan.pixels + plan.halo * plan.line + plan.line).next_multiple_of(STEP);
        lend(phases * channels * held, |turned| {
            for i in 0..plan.group {
                for phase in 0..phases {
                    let grid = slices.get(i).map(|(slice, _)| grid(*slice, phase));
                    let to = &mut turned[phase * channels * held..];
                    // Safety: as above.
                    unsafe {
                        dispatch(
                            self.body.isa,
                            Turn { isa: self.body.isa, grid, pixels: held, channels, row: held, to },
                        )
                    }
                }
                for r in 0..plan.height {
                    let to = &mut to[r * plan.row + i * plan.slice..][..plan.pixels];
                    if r < plan.taps() * c {
                        let (row, shift) = plan.source(r / c, r % c);
                        to.copy_from_slice(&turned[row * held + shift..][..plan.pixels]);
                    } else {
                        to.fill(0);
                    }
                }
            }
        });
    }

    fn pack_grad(&self, block: usize, to: &mut [u16]) {
        let (plan, k) = (&self.plan, self.plan.shape.out_channels);
        let [_, oh, ow] = plan.shape.output();
        let (slices, rows) = plan.block(block);
        let steps = plan.pixels / STEP;
        for i in 0..plan.group {
            let grid = slices.get(i).map(|(_, slice)| Grid {
                image: Some(&self.grad[slice * oh * ow * k..(slice + 1) * oh * ow * k]),
                size: [rows.end, ow],
                channels: k,
                origin: [rows.start as isize, 0],
                step: [1, 1],
                grid: [rows.len(), plan.line],
            });
            let pairs =
                Paired { grid, steps, panel: plan.group * steps * PANEL, columns: k, to: &mut to[i * steps * PANEL..] };
            // Safety: the instruction set is there; the slices are checked.
            unsafe { dispatch(self.body.isa, pairs) }
        }
    }

    /// Adds the parts up, in order, into the weights' own layout.
    fn finish(&self, sums: &[f32], parts: usize, accumulate: bool, grad_weight: &mut [f32]) {
        let (plan, k) = (&self.plan, self.plan.shape.out_channels);
        let (c, panels) = (plan.shape.in_channels, self.panels());
        let part_len = sums.len() / parts;
        let per_job = (1usize << 14).div_ceil(k);
        let target = Shared::new(grad_weight);
        let rows = plan.taps() * c;
        for_each(rows.div_ceil(per_job), |job| {
            for r in job * per_job..(job * per_job + per_job).min(rows) {
                let (tile, row) = plan.holder(r / c, r % c);
                // Safety: a row of the weights is one job's alone.
                let to = unsafe { target.slice(r * k..(r + 1) * k) };
                for (panel, to) in to.chunks_mut(SIDE).enumerate() {
                    let at = (tile * panels + panel) * SIDE * SIDE + row * SIDE;
                    for part in 0..parts {
                        let sums = &sums[part * part_len + at..][..to.len()];
                        match accumulate || part > 0 {
                            true => to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum),
                            false => to.copy_from_slice(sums),
                        }
                    }
                }
            }
        });
    }
}

/// Rows of pixels turned into rows of channels, rounded; zero where the grid or the channels end.
struct Turn<'a> {
    isa: Isa,
    grid: Option<Grid<'a>>,
    /// Pixels to write, a whole number of steps.
    pixels: usize,
    channels: usize,
    /// bf16 numbers from channel to channel.
    row: usize,
    to: &'a mut [u16],
}

impl Kernel for Turn<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        assert!(self.to.len() >= (self.channels - 1) * self.row + self.pixels);
        let there = self.grid.map_or(0, |grid| grid.channels);
        let blocks = self.channels / 16;
        let mut cursor = Cursor::default();
        lend(blocks * 512, |pairs| {
            let pairs: *mut Pairs = pairs.as_mut_ptr().cast();
            for p in (0..self.pixels).step_by(STEP) {
                let rows = cursor.next(self.grid.as_ref());
                interleave::<S>(&rows, there, blocks, |i| pairs.add(i).cast());
                for i in 0..blocks {
                    let to = self.to.as_mut_ptr().add(16 * i * self.row + p);
                    transpose(self.isa, &*pairs.add(i), to, self.row);
                }
            }
        })
    }
}

/// Pixels in pairs, panel by panel, rounded; zero where the grid or the columns end.
struct Paired<'a> {
    grid: Option<Grid<'a>>,
    steps: usize,
    /// bf16 numbers from panel to panel.
    panel: usize,
    columns: usize,
    to: &'a mut [u16],
}

impl Kernel for Paired<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut cursor = Cursor::default();
        for step in 0..self.steps {
            let rows = cursor.next(self.grid.as_ref());
            let blocks = 2 * self.columns.div_ceil(SIDE);
            let start = |i: usize| i / 2 * self.panel + step * PANEL + i % 2 * (PANEL / 2);
            assert!(self.to.len() >= start(blocks - 1) + PANEL / 2);
            let to = self.to.as_mut_ptr();
            interleave::<S>(&rows, self.columns, blocks, |i| to.add(start(i)).cast());
        }
    }
}

/// Walks the pixels of a grid, 32 at a time; beyond it they are null.
#[derive(Default)]
struct Cursor {
    line: usize,
    column: usize,
}

impl Cursor {
    #[inline(always)]
    fn next(&mut self, grid: Option<&Grid>) -> [*const f32; STEP] {
        let mut pixels = [std::ptr::null(); STEP];
        let Some(grid) = grid else { return pixels };
        for pixel in &mut pixels {
            if self.line >= grid.grid[0] {
                break;
            }
            *pixel = grid.pixel(self.line, self.column);
            self.column += 1;
            if self.column == grid.grid[1] {
                (self.line, self.column) = (self.line + 1, 0);
            }
        }
        pixels
    }
}
