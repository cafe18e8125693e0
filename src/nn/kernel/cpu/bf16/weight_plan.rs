//! How the pixels of a weight gradient are cut into blocks and where its taps find them.

use super::tile::{SIDE, STEP};
use crate::nn::kernel::cpu::shape::ConvShape;
use std::ops::Range;

/// Pixels of a block: the inner dimension of one product.
const BLOCK: usize = 1024;

/// How the pixels of a block lie, and which blocks there are.
pub(super) struct Plan {
    pub shape: ConvShape,
    /// Input channels with those that pad them.
    pub channels: usize,
    /// Input slice and output slice.
    pub slices: Vec<(usize, usize)>,
    /// Slices and output rows of a block.
    pub group: usize,
    pub rows: usize,
    /// Pixels from line to line, and lines beyond the output rows.
    pub line: usize,
    pub halo: usize,
    /// Pixels of a slice in a block, in whole steps.
    pub pixels: usize,
    /// Rows of A are taps and channels, not channels alone.
    pub gather: bool,
    /// Phases of the stride in height and width.
    pub phases: [usize; 2],
    /// bf16 numbers from slice to slice and from row to row of A, and rows of A.
    pub slice: usize,
    pub row: usize,
    pub height: usize,
    /// Where each step of a row begins.
    pub steps: Vec<u32>,
}

impl Plan {
    pub fn new(shape: &ConvShape, slices: Vec<(usize, usize)>) -> Plan {
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
    pub fn source(&self, tap: usize, channel: usize) -> (usize, usize) {
        let [_, sy, sx] = self.shape.stride;
        let (y, x) = (tap / self.shape.kernel[2], tap % self.shape.kernel[2]);
        let phase = y % sy * self.phases[1] + x % sx;
        (phase * self.channels + channel, y / sy * self.line + x / sx)
    }

    pub fn per_slice(&self) -> usize {
        self.shape.output()[1].div_ceil(self.rows)
    }

    pub fn blocks(&self) -> usize {
        self.slices.len().div_ceil(self.group) * self.per_slice()
    }

    /// Slices and output rows of a block.
    pub fn block(&self, block: usize) -> (&[(usize, usize)], Range<usize>) {
        let (s0, y0) = (block / self.per_slice() * self.group, block % self.per_slice() * self.rows);
        let slices = &self.slices[s0..(s0 + self.group).min(self.slices.len())];
        (slices, y0..(y0 + self.rows).min(self.shape.output()[1]))
    }

    pub fn taps(&self) -> usize {
        self.shape.kernel[1] * self.shape.kernel[2]
    }

    /// Tiles of 32 rows of the product; without gathering all taps of 32 channels follow each other.
    pub fn tiles(&self) -> usize {
        if self.gather { self.height / SIDE } else { self.taps() * self.shape.in_channels.div_ceil(SIDE) }
    }

    /// The first row of A of a tile, its shift, and how many rows count.
    pub fn tile(&self, tile: usize) -> (usize, usize, usize) {
        if self.gather {
            return (tile * SIDE, 0, SIDE.min(self.taps() * self.shape.in_channels - tile * SIDE));
        }
        let channel = tile / self.taps() * SIDE;
        let (row, shift) = self.source(tile % self.taps(), channel);
        (row, shift, SIDE.min(self.shape.in_channels - channel))
    }

    /// The tile and its row that hold the sums of a tap and channel.
    pub fn holder(&self, tap: usize, channel: usize) -> (usize, usize) {
        if self.gather {
            let r = tap * self.shape.in_channels + channel;
            return (r / SIDE, r % SIDE);
        }
        (channel / SIDE * self.taps() + tap, channel % SIDE)
    }
}
