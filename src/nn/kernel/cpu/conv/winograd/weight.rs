//! The gradient towards the weights: the exact adjoint, summed in the transform domain.

use super::kernel::TransformBack;
use super::matrices::{Layout, Matrices};
use super::points::Minimal;
use super::schedule::{Schedule, Work};
use super::tiles::{Gather, Grid};
use crate::nn::kernel::cpu::gemm::{Ahead, Block, Tile, gemm, gemm_fetching};
use crate::nn::kernel::cpu::lend::lend;
use crate::nn::kernel::cpu::parallel::{Shared, for_each, piece, with_scratch};
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::{Isa, dispatch};
use std::marker::PhantomData;
use std::ops::Range;

/// Floats that the sums of all parts may take.
const PARTS: usize = 4 << 20;

pub(super) struct WeightGradient<'a, F> {
    isa: Isa,
    shape: &'a ConvShape,
    input: &'a [f32],
    grad: &'a [f32],
    from: Grid,
    to: Grid,
    /// For each depth tap the slices of the gradient that it reaches, and the first input slice.
    taps: Vec<(Range<usize>, usize)>,
    accumulate: bool,
    target: Shared<f32>,
    filter: PhantomData<F>,
}

impl<'a, F: Minimal> WeightGradient<'a, F> {
    const POINTS: usize = F::POINTS * F::POINTS;

    /// Lengths were checked by the caller.
    pub fn run(
        isa: Isa,
        shape: &'a ConvShape,
        input: &'a [f32],
        grad: &'a [f32],
        accumulate: bool,
        grad_weight: &'a mut [f32],
    ) {
        let [od, oh, ow] = shape.output();
        let tiles = [oh.div_ceil(F::OUT), ow.div_ceil(F::OUT * F::TILES)];
        let reached = |tap: usize| {
            let padding = shape.padding[0];
            let first = padding.saturating_sub(tap).min(od);
            let slices = first..od.min((shape.input[0] + padding).saturating_sub(tap)).max(first);
            (slices, (first + tap).saturating_sub(padding))
        };
        let plan = WeightGradient::<F> {
            isa,
            shape,
            input,
            grad,
            from: Grid { size: shape.input, channels: shape.in_channels, tiles },
            to: Grid { size: [od, oh, ow], channels: shape.out_channels, tiles },
            taps: (0..shape.kernel[0]).map(reached).collect(),
            accumulate,
            target: Shared::new(grad_weight),
            filter: PhantomData,
        };
        let count = shape.batch * tiles[0] * tiles[1];
        let work = Work {
            points: Self::POINTS,
            depth_taps: shape.kernel[0],
            tiles: count,
            slices: [shape.input[0], od],
            channels: [shape.in_channels * F::TILES, shape.out_channels * F::TILES],
        };
        // Safety: the grids are those of the slices, whose lengths the caller checked.
        unsafe {
            match Schedule::of(isa, &work) {
                Schedule::Blocks { tiles } => plan.blocks(count, tiles),
                Schedule::Columns { group, columns, tiles, .. } => plan.columns(count, group, columns, tiles),
            }
        }
    }

    /// Columns of the sums: one an output channel, or two.
    fn columns_in_all(&self) -> usize {
        self.shape.out_channels * F::TILES
    }

    /// Parts of the blocks sum on their own; the sums are added in order.
    unsafe fn blocks(&self, count: usize, tiles: usize) {
        let s = self.shape;
        let [slices, out_slices] = [self.from.size[0], self.to.size[0]];
        let columns = self.columns_in_all();
        let sums = Layout::of(Self::POINTS, s.in_channels, columns);
        let depth = s.kernel[0];
        let blocks = count.div_ceil(tiles);
        let parts = (PARTS / (depth * sums.len)).clamp(4, 16).min(blocks.div_ceil(2)).max(1);
        let mut lent = lend(parts * depth * sums.len);
        let mut rest = &mut lent[..];
        // By depth tap, then by part.
        let all: Vec<Matrices> = (0..depth * parts).map(|_| Matrices::carve(sums, &mut rest)).collect();
        let gathered = Layout::of(Self::POINTS, slices * tiles, s.in_channels * F::TILES);
        let grads = Layout::of(Self::POINTS, out_slices * tiles, columns);
        for_each(parts, |part| {
            let mine = piece(blocks, parts, part);
            for block in mine.clone() {
                let tiles = block * tiles..count.min((block + 1) * tiles);
                let n = tiles.len();
                with_scratch(gathered.len + grads.len, |mut scratch| {
                    let gathered = Matrices::carve(gathered, &mut scratch);
                    let grads = Matrices::carve(grads, &mut scratch);
                    for slice in 0..slices {
                        self.gather(slice, tiles.clone(), gathered, slice * n);
                    }
                    for slice in 0..out_slices {
                        self.gather_grad(slice, tiles.clone(), 0..columns, grads, slice * n);
                    }
                    for tap in 0..depth {
                        let sums = all[tap * parts + part];
                        let first = block == mine.start;
                        self.multiply(tap, (gathered, n, 0), (grads, n), n, columns, sums, !first);
                    }
                });
            }
        });
        let pieces = s.in_channels.div_ceil(4);
        for_each(depth * pieces, |i| {
            let (tap, channels) = (i / pieces, piece(s.in_channels, pieces, i % pieces));
            self.transform(tap, &all[tap * parts..(tap + 1) * parts], channels, 0..columns);
        });
    }

    /// Each job sums its output channels over all tiles of the group.
    unsafe fn columns(&self, count: usize, group: usize, columns: usize, tiles: usize) {
        let s = self.shape;
        let [slices, out_slices] = [self.from.size[0], self.to.size[0]];
        let all = self.columns_in_all();
        let (depth, jobs) = (s.kernel[0], all.div_ceil(columns));
        let gathered = Layout::of(Self::POINTS, slices * group, s.in_channels * F::TILES);
        let sums = Layout::of(Self::POINTS, s.in_channels, columns);
        let grads = Layout::of(Self::POINTS, out_slices * tiles, columns);
        // With one group the sums need not outlive their job.
        let kept = if group < count { jobs * depth * sums.len } else { 0 };
        let mut lent = lend(gathered.len + kept);
        let mut rest = &mut lent[..];
        let gathered = Matrices::carve(gathered, &mut rest);
        let kept: Vec<Matrices> =
            (0..if kept > 0 { jobs * depth } else { 0 }).map(|_| Matrices::carve(sums, &mut rest)).collect();
        for first in (0..count).step_by(group) {
            let here = group.min(count - first);
            let pieces = here.div_ceil(4);
            for_each(slices * pieces, |i| {
                let (slice, tiles) = (i / pieces, piece(here, pieces, i % pieces));
                let row = slice * here + tiles.start;
                self.gather(slice, first + tiles.start..first + tiles.end, gathered, row)
            });
            for_each(jobs, |job| {
                let k = job * columns..all.min((job + 1) * columns);
                let own = if kept.is_empty() { depth * sums.len } else { 0 };
                with_scratch(grads.len + own, |mut scratch| {
                    let grads = Matrices::carve(grads, &mut scratch);
                    let mut sum = |tap| match kept.is_empty() {
                        true => Matrices::carve(sums, &mut scratch),
                        false => kept[job * depth + tap],
                    };
                    let sums: Vec<Matrices> = (0..depth).map(&mut sum).collect();
                    for start in (0..here).step_by(tiles) {
                        let n = tiles.min(here - start);
                        for slice in 0..out_slices {
                            let tiles = first + start..first + start + n;
                            self.gather_grad(slice, tiles, k.clone(), grads, slice * n);
                        }
                        for (tap, sums) in sums.iter().enumerate() {
                            let more = first + start > 0;
                            self.multiply(tap, (gathered, here, start), (grads, n), n, k.len(), *sums, more);
                        }
                    }
                    if first + here == count {
                        for (tap, sums) in sums.iter().enumerate() {
                            self.transform(tap, &[*sums], 0..s.in_channels, k.clone());
                        }
                    }
                });
            });
        }
    }

    /// Adds the products of `n` tiles to the sums of a depth tap, or starts them.
    #[allow(clippy::too_many_arguments)]
    unsafe fn multiply(
        &self,
        tap: usize,
        (gathered, stride, start): (Matrices, usize, usize),
        (grads, grad_stride): (Matrices, usize),
        n: usize,
        columns: usize,
        sums: Matrices,
        accumulate: bool,
    ) {
        let (slices, source) = self.taps[tap].clone();
        for point in 0..Self::POINTS {
            let tile = Tile {
                steps: n,
                a: gathered.at(point, source * stride + start),
                a_row: F::TILES,
                a_step: gathered.layout.row,
                a_pairs: F::TILES > 1,
                b: grads.at(point, slices.start * grad_stride),
                b_step: grads.layout.row,
                c: sums.at(point, 0),
                c_row: sums.layout.row,
                accumulate,
                ..Tile::PLAIN
            };
            let block = |tile| Block {
                m: self.shape.in_channels,
                n: columns.next_multiple_of(self.isa.lanes()),
                panel: self.isa.panel(),
                tile,
            };
            if n == stride && n == grad_stride {
                // The rows of the slices follow one another.
                gemm(self.isa, block(Tile { steps: n * slices.len(), ..tile }));
                continue;
            }
            // Columns of matrices far away: nothing but a request brings the next ones in time.
            let fetched = Ahead {
                start: tile.a.wrapping_add(gathered.layout.point),
                row: gathered.layout.row,
                rows: if point + 1 < Self::POINTS { n } else { 0 },
                columns: self.shape.in_channels * F::TILES,
            };
            for z in 0..slices.len().max(1) {
                let a = tile.a.wrapping_add(z * stride * gathered.layout.row);
                let b = tile.b.wrapping_add(z * grad_stride * grads.layout.row);
                let steps = if slices.is_empty() { 0 } else { n };
                let fetched = Ahead { start: fetched.start.wrapping_add(z * stride * gathered.layout.row), ..fetched };
                let tile = Tile { steps, a, b, accumulate: accumulate || z > 0, ..tile };
                gemm_fetching(self.isa, block(tile), fetched);
            }
        }
    }

    unsafe fn gather(&self, slice: usize, tiles: Range<usize>, out: Matrices, row: usize) {
        let gather = Gather::<F, false> {
            values: self.input,
            grid: self.from,
            padding: [self.shape.padding[1], self.shape.padding[2]],
            channels: 0..self.shape.in_channels,
            slice,
            tiles,
            out,
            row,
            filter: PhantomData,
        };
        dispatch(self.isa, gather)
    }

    unsafe fn gather_grad(&self, slice: usize, tiles: Range<usize>, columns: Range<usize>, out: Matrices, row: usize) {
        let gather = Gather::<F, true> {
            values: self.grad,
            grid: self.to,
            padding: [0, 0],
            channels: columns.start / F::TILES..columns.end / F::TILES,
            slice,
            tiles,
            out,
            row,
            filter: PhantomData,
        };
        dispatch(self.isa, gather)
    }

    unsafe fn transform(&self, depth: usize, parts: &[Matrices], channels: Range<usize>, columns: Range<usize>) {
        let back = TransformBack::<F> {
            parts,
            depth,
            size: [self.shape.in_channels, self.columns_in_all()],
            channels,
            columns,
            target: self.target,
            accumulate: self.accumulate,
            filter: PhantomData,
        };
        dispatch(self.isa, back)
    }
}
