//! The gradient of a convolution towards its weights, as a bf16 product whose inner dimension is pixels.
//!
//! One tap in depth after the other. Input and gradient are packed, some MiB at a time: the input
//! with a row a channel (for few channels: a row a tap and channel, so that tiles are full), the
//! gradient in pairs of pixels. Both count pixels in lines as wide as the input under the kernel,
//! so a tap is only a shift; where a line has no output, the gradient is zero.

use super::Body;
use super::pixels::{Grid, Paired, Turn};
use super::scratch::{lend, lend_floats};
use super::tile::{PANEL, Product, SIDE, STEP};
use super::weight_plan::Plan;
use crate::nn::kernel::cpu::parallel::{Shared, for_each, piece};
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::dispatch;
use std::ops::Range;

/// Sums that a core's cache holds beside a block of operands.
const SMALL: usize = 128 << 10;
/// Sums of all parts together.
const SUMS: usize = 2 << 20;
/// bf16 numbers packed before they are multiplied, where jobs share them.
const CHUNK: usize = 4 << 20;

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
