//! Forward and towards the input: tiles gathered, multiplied point by point, scattered.

use super::kernel::{Panels, Transform, Weights};
use super::matrices::{Layout, Matrices};
use super::points::Minimal;
use super::schedule::{Schedule, Work};
use super::tiles::{Gather, Grid, Scatter};
use crate::nn::kernel::cpu::conv::Epilogue;
use crate::nn::kernel::cpu::gemm::{Block, Tile, gemm};
use crate::nn::kernel::cpu::lend::lend;
use crate::nn::kernel::cpu::parallel::{Shared, for_each, piece, with_scratch};
use crate::nn::kernel::cpu::simd::{Isa, dispatch};
use std::marker::PhantomData;
use std::ops::Range;

/// Floats of an output that will have left the cache before anybody reads it.
const FAR: usize = 4 << 20;

/// A correlation of `source` with kernels of 3x3 in plane, stride 1, written to `target`.
pub(super) struct Correlation<'a> {
    pub source: &'a [f32],
    pub batch: usize,
    pub size: [usize; 3],
    pub padding: [usize; 3],
    pub weights: Weights<'a>,
    pub channels: usize,
    pub out: [usize; 3],
    pub out_channels: usize,
    pub epilogue: Epilogue<'a>,
    pub target: Shared<f32>,
}

/// Slices of the output under which the same depth taps lie inside the volume.
pub(super) struct Run {
    pub slices: Range<usize>,
    pub taps: Range<usize>,
    /// The input slice under the first tap of the first slice.
    pub source: usize,
}

/// All slices of an output `out` deep, of an input `size` deep.
pub(super) fn runs(size: usize, out: usize, taps: usize, padding: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for z in 0..out {
        let first = padding.saturating_sub(z).min(taps);
        let taps = first..taps.min((size + padding).saturating_sub(z)).max(first);
        match runs.last_mut() {
            Some(run) if run.taps == taps => run.slices.end = z + 1,
            _ => runs.push(Run { slices: z..z + 1, source: (z + first).saturating_sub(padding), taps }),
        }
    }
    runs
}

impl Correlation<'_> {
    /// # Safety
    /// The target must hold the output; lengths must fit the sizes.
    pub unsafe fn run<F: Minimal>(&self, isa: Isa) {
        let points = F::POINTS * F::POINTS;
        let tiles = [self.out[1].div_ceil(F::OUT), self.out[2].div_ceil(F::OUT * F::TILES)];
        let plan = Plan::<F> {
            isa,
            task: self,
            from: Grid { size: self.size, channels: self.channels, tiles },
            to: Grid { size: self.out, channels: self.out_channels, tiles },
            runs: runs(self.size[0], self.out[0], self.weights.depth, self.padding[0]),
            stream: F::TILES == 1
                && self.out_channels.is_multiple_of(16)
                && (self.target.at(0) as usize).is_multiple_of(64)
                && self.batch * self.out.iter().product::<usize>() * self.out_channels >= FAR,
            filter: PhantomData,
        };
        let count = self.batch * tiles[0] * tiles[1];
        if count == 0 || self.out[0] == 0 {
            return;
        }
        let work = Work {
            points,
            depth_taps: self.weights.depth,
            tiles: count,
            slices: [self.size[0], self.out[0]],
            channels: [self.channels * F::TILES, self.out_channels * F::TILES],
        };
        match Schedule::of(isa, &work) {
            Schedule::Blocks { tiles } => plan.blocks(count, tiles),
            Schedule::Columns { group, parts, columns, tiles } => plan.columns(count, group, parts, columns, tiles),
        }
    }
}

struct Plan<'a, F> {
    isa: Isa,
    task: &'a Correlation<'a>,
    from: Grid,
    to: Grid,
    runs: Vec<Run>,
    stream: bool,
    filter: PhantomData<F>,
}

impl<F: Minimal> Plan<'_, F> {
    const POINTS: usize = F::POINTS * F::POINTS;

    /// Columns of the products: one a channel of the output, or two.
    fn columns_in_all(&self) -> usize {
        self.task.out_channels * F::TILES
    }

    /// Channels that are summed over, for each depth tap.
    fn rows(&self) -> [usize; 2] {
        [self.task.weights.depth, self.task.channels]
    }

    /// See [`Schedule::Blocks`].
    unsafe fn blocks(&self, count: usize, tiles: usize) {
        let (t, width) = (self.task, self.isa.panel());
        let (slices, out_slices) = (t.size[0], t.out[0]);
        let columns = self.columns_in_all();
        let mut lent = lend(Panels::len(Self::POINTS, width, self.rows(), columns));
        let kernel = Panels::carve(Self::POINTS, width, self.rows(), columns, &mut &mut lent[..]);
        let parts = t.channels.div_ceil(8);
        for_each(parts, |i| self.transform(8 * i..t.channels.min(8 * i + 8), 0..columns, kernel));
        let gathered = Layout::of(Self::POINTS, slices * tiles, t.channels * F::TILES);
        let summed = Layout::of(Self::POINTS, out_slices * tiles, columns);
        for_each(count.div_ceil(tiles), |i| {
            let tiles = i * tiles..count.min((i + 1) * tiles);
            with_scratch(gathered.len + summed.len, |mut scratch| {
                let gathered = Matrices::carve(gathered, &mut scratch);
                let summed = Matrices::carve(summed, &mut scratch);
                for slice in 0..slices {
                    self.gather(slice, tiles.clone(), gathered, slice * tiles.len());
                }
                self.multiply(gathered, tiles.len(), 0..tiles.len(), kernel, columns, summed);
                self.scatter(summed, 0..columns, tiles);
            });
        });
    }

    /// See [`Schedule::Columns`].
    unsafe fn columns(&self, count: usize, group: usize, parts: usize, columns: usize, tiles: usize) {
        let (t, width) = (self.task, self.isa.panel());
        let (slices, out_slices) = (t.size[0], t.out[0]);
        let gathered = Layout::of(Self::POINTS, slices * group, t.channels * F::TILES);
        let summed = Layout::of(Self::POINTS, out_slices * tiles, columns);
        let all = self.columns_in_all();
        let kernel = Panels::len(Self::POINTS, width, self.rows(), columns);
        let mut lent = lend(gathered.len);
        let gathered = Matrices::carve(gathered, &mut &mut lent[..]);
        for first in (0..count).step_by(group) {
            let here = group.min(count - first);
            let pieces = here.div_ceil(4);
            for_each(slices * pieces, |i| {
                let (slice, tiles) = (i / pieces, piece(here, pieces, i % pieces));
                let row = slice * here + tiles.start;
                self.gather(slice, first + tiles.start..first + tiles.end, gathered, row)
            });
            for_each(all.div_ceil(columns) * parts, |i| {
                let (k0, mine) = (i / parts * columns, piece(here, parts, i % parts));
                let k = k0..all.min(k0 + columns);
                with_scratch(kernel + summed.len, |mut scratch| {
                    let kernel = Panels::carve(Self::POINTS, width, self.rows(), columns, &mut scratch);
                    let summed = Matrices::carve(summed, &mut scratch);
                    self.transform(0..t.channels, k.clone(), kernel);
                    for start in mine.clone().step_by(tiles) {
                        let tiles = start..mine.end.min(start + tiles);
                        self.multiply(gathered, here, tiles.clone(), kernel, k.len(), summed);
                        self.scatter(summed, k.clone(), first + tiles.start..first + tiles.end);
                    }
                });
            });
        }
    }

    fn transform(&self, channels: Range<usize>, columns: Range<usize>, out: Panels) {
        let job = Transform::<F> { weights: self.task.weights, channels, columns, out, filter: PhantomData };
        // Safety: the panels were carved for these channels and columns.
        unsafe { dispatch(self.isa, job) }
    }

    unsafe fn gather(&self, slice: usize, tiles: Range<usize>, out: Matrices, row: usize) {
        let gather = Gather::<F, false> {
            values: self.task.source,
            grid: self.from,
            padding: [self.task.padding[1], self.task.padding[2]],
            channels: 0..self.task.channels,
            slice,
            tiles,
            out,
            row,
            filter: PhantomData,
        };
        dispatch(self.isa, gather)
    }

    /// The products of `tiles` of a group of `stride`; their sums lie slice by slice.
    unsafe fn multiply(
        &self,
        gathered: Matrices,
        stride: usize,
        tiles: Range<usize>,
        kernel: Panels,
        columns: usize,
        summed: Matrices,
    ) {
        let lanes = self.isa.lanes();
        let n = tiles.len();
        for point in 0..Self::POINTS {
            for run in &self.runs {
                // Whole groups: the rows of a run's slices follow one another.
                let slices = if n == stride { run.slices.len() } else { 1 };
                for z in run.slices.clone().step_by(slices) {
                    let source = run.source + z - run.slices.start;
                    let tile = Tile {
                        steps: self.task.channels,
                        a_step: F::TILES,
                        a_pairs: F::TILES > 1,
                        segments: run.taps.len(),
                        a: gathered.at(point, source * stride + tiles.start),
                        a_row: gathered.layout.row,
                        a_segment: stride * gathered.layout.row,
                        b: kernel.at(point).add(run.taps.start * kernel.channels * kernel.width),
                        b_step: kernel.width,
                        c: summed.at(point, z * n),
                        c_row: summed.layout.row,
                        ..Tile::PLAIN
                    };
                    let n = columns.next_multiple_of(lanes);
                    gemm(self.isa, Block { m: slices * tiles.len(), n, panel: kernel.panel, tile });
                }
            }
        }
    }

    unsafe fn scatter(&self, products: Matrices, columns: Range<usize>, tiles: Range<usize>) {
        let channels = columns.start / F::TILES..columns.end / F::TILES;
        for slice in 0..self.task.out[0] {
            let scatter = Scatter::<F> {
                products,
                row: slice * tiles.len(),
                grid: self.to,
                channels: channels.clone(),
                slice,
                tiles: tiles.clone(),
                target: self.task.target,
                epilogue: self.task.epilogue,
                stream: self.stream,
                filter: PhantomData,
            };
            dispatch(self.isa, scatter)
        }
    }
}
