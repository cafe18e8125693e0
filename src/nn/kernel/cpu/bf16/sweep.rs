//! Convolution forward and towards the input, as a bf16 product: rows are pixels, columns channels.
//!
//! A job rounds the lines that it needs into scratch. From 32 channels on a step is 32 channels of
//! a tap, read where they lie: an implicit GEMM. With fewer, the taps of a pixel are first gathered
//! one behind the other, so that steps are full.

use super::finish::Finish;
use super::pack::{Inner, pack};
use super::pixels::{Gather, Grid, Rows, SLACK};
use super::scratch::{lend, lend_floats};
use super::tile::{PANEL, Product, SIDE, STEP};
use super::unit::Bf16Unit;
use crate::nn::kernel::cpu::conv::Epilogue;
use crate::nn::kernel::cpu::parallel::{Shared, for_each, piece};
use crate::nn::kernel::cpu::simd::{Isa, dispatch};

/// A correlation of `source` with weights, written on a grid of the target.
pub(super) struct Sweep<'a> {
    pub isa: Isa,
    pub unit: Bf16Unit,
    pub source: &'a [f32],
    pub batch: usize,
    pub size: [usize; 3],
    pub channels: usize,
    /// Source position of the first tap of the first output; may lie outside the volume.
    pub origin: [isize; 3],
    pub step: [usize; 3],
    pub taps: [usize; 3],
    pub out_channels: usize,
    pub out: [usize; 3],
    pub target: Shared<f32>,
    /// Floats of the target to the first output, and from volume, slice, row, pixel to the next.
    pub first: usize,
    pub stride: [usize; 4],
    pub epilogue: Epilogue<'a>,
}

/// How the pixels of a job lie in its scratch.
struct Plan {
    gather: bool,
    inner: Inner,
    /// Where the steps of an output pixel begin, counted from its first.
    steps: Vec<u32>,
    /// Slices and output rows of a job.
    slices: usize,
    rows: usize,
    /// Output pixels from line to line and from slice to slice, those beyond the border included.
    line: usize,
    slice: usize,
    /// bf16 numbers from pixel to pixel.
    pitch: usize,
    /// Outputs will have left the cache before anybody reads them, and are whole lines of it.
    stream: bool,
}

/// bf16 numbers of A that a job holds at a time, so that they stay in a core's cache.
const BLOCK: usize = 192 << 10;
/// Steps multiplied in one go: 32 KiB of B.
const DEPTH: usize = 16;
/// bf16 numbers of B that stay in a core's cache beside everything else.
const FEW: usize = 128 << 10;
/// Floats of an output that will have left the cache before anybody reads it.
const FAR: usize = 4 << 20;

impl Sweep<'_> {
    /// The element of inner value `r` (tap by tap, channel by channel) and column `c` of the weights is
    /// `weight[row(r) + c * column_stride]`.
    ///
    /// # Safety
    /// Every output of the grid must lie in the target.
    pub unsafe fn run(&self, weight: &[f32], row: impl Fn(usize) -> usize + Sync + Send, column_stride: usize) {
        if self.out.contains(&0) || self.batch == 0 {
            return;
        }
        let plan = self.plan();
        let panels = self.out_channels.div_ceil(SIDE);
        lend(panels * plan.inner.steps() * PANEL, |packed| {
            pack(self.isa, plan.inner, self.out_channels, weight, row, column_stride, packed);
            let per_slice = self.out[1].div_ceil(plan.rows);
            let slices = self.batch * self.out[0];
            let blocks = slices.div_ceil(plan.slices) * per_slice;
            // Few pixels: the output channels are shared out, too, and the pixels packed once for each share.
            let shares = 32usize.div_ceil(blocks).min(panels);
            for_each(blocks * shares, |job| {
                let (block, share) = (job / shares, job % shares);
                let s0 = block / per_slice * plan.slices;
                let y0 = block % per_slice * plan.rows;
                let part = Part {
                    slices: s0..(s0 + plan.slices).min(slices),
                    rows: y0..(y0 + plan.rows).min(self.out[1]),
                    panels: piece(panels, shares, share),
                };
                // Safety: blocks and shares are disjoint parts of the grid.
                unsafe { self.part(&plan, part, packed) }
            });
        });
    }

    fn plan(&self) -> Plan {
        let [od, oh, ow] = self.out;
        let taps: usize = self.taps.iter().product();
        let c = self.channels;
        let phases = [1, 2].map(|i| self.step[i].min(self.taps[i]).max(1));
        let halo = [1, 2].map(|i| self.taps[i].saturating_sub(1) / self.step[i]);
        let wide = ow + halo[1];
        let (direct, gathered) = (Inner { groups: taps, depth: c }, Inner { groups: 1, depth: taps * c });
        // Steps times pixels; a fifth is for the copying.
        let direct_cost = direct.steps() * ((oh - 1) * wide + ow);
        let gather = taps > 0 && gathered.steps() * oh * ow * 6 / 5 < direct_cost;
        let inner = if gather { gathered } else { direct };
        // An odd number of cache lines from pixel to pixel, or they would meet in few sets of the cache.
        let odd = |steps: usize| (steps | 1) * STEP;
        let pitch = odd(if gather { inner.steps() } else { inner.steps_per_group() });
        let held = if gather { pitch } else { pitch * self.taps[0] * phases[0] * phases[1] };
        let wanted = (BLOCK / held.max(1)).clamp(96, 1024).min((self.batch * od * oh * ow / 32).max(128));
        let one_slice = !gather && (halo[0] > 0 || halo[1] > 0);
        let rows = (wanted / ow).max(4 * halo[0]).clamp(1, oh);
        // Jobs of nearly equal size.
        let rows = oh.div_ceil(oh.div_ceil(rows));
        let slices = if rows == oh && !one_slice { (wanted / (oh * ow)).clamp(1, self.batch * od) } else { 1 };
        let (line, slice) = if gather { (ow, rows * ow) } else { (wide, (rows + halo[0]) * wide) };
        let steps = match gather {
            true => (0..inner.steps()).map(|i| (i * STEP) as u32).collect(),
            false => (0..taps)
                .flat_map(|tap| {
                    let (z, y, x) = self.tap(tap);
                    let phase = (z * phases[0] + y % self.step[1]) * phases[1] + x % self.step[2];
                    let pixel = phase * slices * slice + y / self.step[1] * line + x / self.step[2];
                    (0..inner.steps_per_group()).map(move |i| (pixel * pitch + i * STEP) as u32)
                })
                .collect(),
        };
        let stream = self.out_channels.is_multiple_of(16)
            // Safety: the target is not empty; only the address is looked at.
            && (unsafe { self.target.at(self.first) } as usize).is_multiple_of(64)
            && self.batch * od * oh * ow * self.out_channels >= FAR;
        Plan { gather, inner, steps, slices, rows, line, slice, pitch, stream }
    }

    fn tap(&self, tap: usize) -> (usize, usize, usize) {
        let [_, height, width] = self.taps;
        (tap / (height * width), tap / width % height, tap % width)
    }

    /// # Safety
    /// As [`Sweep::run`]; no other job may write this part.
    unsafe fn part(&self, plan: &Plan, part: Part, packed: &[u16]) {
        let (count, rows) = (part.slices.len(), part.rows.len());
        let [volume, slice_stride, row, pixel] = self.stride;
        // Where each row of the product is written, if anywhere; the last one is the last output pixel.
        let pixels = (count - 1) * plan.slice + (rows - 1) * plan.line + self.out[2];
        let mut places = vec![usize::MAX; pixels];
        for (s, slice) in part.slices.clone().enumerate() {
            for y in 0..rows {
                let (n, z) = (slice / self.out[0], slice % self.out[0]);
                let at = self.first + n * volume + z * slice_stride + (part.rows.start + y) * row;
                let places = &mut places[s * plan.slice + y * plan.line..][..self.out[2]];
                places.iter_mut().enumerate().for_each(|(x, place)| *place = at + x * pixel);
            }
        }
        let work = |a: &[u16]| self.unit.enter(|| self.multiply(plan, &part, &places, a, packed));
        match plan.gather {
            true => self.gathered(plan, &part, work),
            false => self.direct(plan, &part, work),
        }
    }

    /// Lends the rounded lines, phase of the stride by phase.
    unsafe fn direct(&self, plan: &Plan, part: &Part, work: impl FnOnce(&[u16])) {
        let [pz, py, px] = [self.taps[0], self.step[1].min(self.taps[1]), self.step[2].min(self.taps[2])];
        let plane = plan.slices * plan.slice * plan.pitch;
        // A tile may read 32 pixels from the last one on.
        lend(pz * py * px * plane + SIDE * plan.pitch + SLACK, |scratch| {
            for phase in 0..pz * py * px {
                let (z, y, x) = (phase / (py * px), phase / px % py, phase % px);
                for (i, slice) in part.slices.clone().enumerate() {
                    let lines = plan.slice / plan.line - plan.rows + part.rows.len();
                    let mut grid = self.grid(slice, z, part.rows.start, [lines, plan.line]);
                    grid.origin = [grid.origin[0] + y as isize, grid.origin[1] + x as isize];
                    let to = &mut scratch[phase * plane + i * plan.slice * plan.pitch..];
                    let padded = plan.inner.steps_per_group() * STEP;
                    // Safety: the instruction set is there; everything else is checked slices.
                    unsafe { dispatch(self.isa, Rows { grid, padded, pitch: plan.pitch, to }) }
                }
            }
            work(scratch)
        })
    }

    /// Lends the pixels with all their taps, one behind the other.
    unsafe fn gathered(&self, plan: &Plan, part: &Part, work: impl FnOnce(&[u16])) {
        let [depth, height, width] = self.taps;
        let c = self.channels;
        let lines = (part.rows.len() - 1) * self.step[1] + height;
        let columns = (self.out[2] - 1) * self.step[2] + width;
        let plane = lines * columns * c;
        let runs: Vec<usize> = (0..depth * height).map(|r| r / height * plane + r % height * columns * c).collect();
        lend(depth * plane + SLACK, |source| {
            lend((plan.slices * plan.slice + SIDE) * plan.pitch + SLACK, |gathered| {
                for (i, slice) in part.slices.clone().enumerate() {
                    for z in 0..depth {
                        let mut grid = self.grid(slice, z, part.rows.start, [lines, columns]);
                        grid.step = [1, 1];
                        let to = &mut source[z * plane..];
                        // Safety: the instruction set is there; everything else is checked slices.
                        unsafe { dispatch(self.isa, Rows { grid, padded: c, pitch: c, to }) }
                    }
                    let gather = Gather {
                        source,
                        runs: &runs,
                        length: width * c,
                        pixel: [self.step[1] * columns * c, self.step[2] * c],
                        size: [part.rows.len(), self.out[2]],
                        pitch: plan.pitch,
                        to: &mut gathered[i * plan.slice * plan.pitch..],
                    };
                    // Safety: as above.
                    unsafe { dispatch(self.isa, gather) }
                }
                work(gathered)
            })
        })
    }

    /// The pixels under tap `z` in depth of a slice, from output row `y0` on.
    fn grid(&self, slice: usize, z: usize, y0: usize, grid: [usize; 2]) -> Grid<'_> {
        let (n, oz) = (slice / self.out[0], slice % self.out[0]);
        let depth = self.origin[0] + (oz * self.step[0] + z) as isize;
        let image = self.size[1] * self.size[2] * self.channels;
        let inside = (0..self.size[0] as isize).contains(&depth);
        let start = |depth: isize| (n * self.size[0] + depth as usize) * image;
        Grid {
            image: inside.then(|| &self.source[start(depth)..start(depth) + image]),
            size: [self.size[1], self.size[2]],
            channels: self.channels,
            origin: [self.origin[1] + (y0 * self.step[1]) as isize, self.origin[2]],
            step: [self.step[1], self.step[2]],
            grid,
        }
    }

    /// # Safety
    /// As [`Sweep::part`], inside [`Bf16Unit::enter`].
    unsafe fn multiply(&self, plan: &Plan, part: &Part, places: &[usize], a: &[u16], packed: &[u16]) {
        let steps = plan.steps.len();
        let tiles = places.len().div_ceil(SIDE);
        let pieces = steps.div_ceil(DEPTH).max(1);
        let block = SIDE * SIDE;
        // Few weights stay in the cache while the pixels pass, and whole pixels are written. Else the
        // pixels stay, the weights pass, and every tile keeps its sums from piece to piece of depth.
        let few = pieces == 1 && part.panels.len() * steps * PANEL <= FEW;
        lend_floats(if few { block } else { tiles * block }, |sums| {
            let mut one = |panel: usize, piece: usize, tile: usize| {
                let depth = piece * DEPTH..(piece * DEPTH + DEPTH).min(steps);
                let places = &places[tile * SIDE..places.len().min(tile * SIDE + SIDE)];
                let c = &mut sums[if few { 0 } else { tile * block }..][..block];
                let (first, columns) = (panel * SIDE, SIDE.min(self.out_channels - panel * SIDE));
                self.unit.multiply(Product {
                    a: a.as_ptr().wrapping_add(tile * SIDE * plan.pitch),
                    a_row: plan.pitch,
                    steps: &plan.steps[depth.clone()],
                    b: packed[(panel * steps + depth.start) * PANEL..].as_ptr(),
                    rows: places.len(),
                    columns,
                    c: c.as_mut_ptr(),
                    c_row: SIDE,
                    accumulate: piece > 0,
                });
                if piece + 1 == pieces {
                    let (epilogue, target, stream) = (self.epilogue, self.target, plan.stream);
                    let finish = Finish { sums: c, places, first, columns, epilogue, target, stream };
                    dispatch(self.isa, finish);
                }
            };
            if few {
                for tile in 0..tiles {
                    part.panels.clone().for_each(|panel| one(panel, 0, tile));
                }
            } else {
                for (panel, piece) in part.panels.clone().flat_map(|panel| (0..pieces).map(move |p| (panel, p))) {
                    (0..tiles).for_each(|tile| one(panel, piece, tile));
                }
            }
        });
    }
}

/// What a job computes.
struct Part {
    slices: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
    panels: std::ops::Range<usize>,
}
