//! How many blocks and threads each family of kernels is launched with; `kernels/kernel.h` says the same.

use crate::nn::kernel::cpu::ConvShape;

/// Element by element: a thread takes 8 values at a time, and comes back for more.
pub fn flat(values: usize) -> ([u32; 2], [u32; 2]) {
    ([clamp(values.div_ceil(256 * 8), 4096), 1], [256, 1])
}

/// The positions of each channel on their own.
pub fn planes(rows: usize, channels: usize) -> ([u32; 2], [u32; 2]) {
    let ([blocks, _], block) = flat(rows);
    ([blocks, clamp(channels, 65535)], block)
}

/// Rows of channels: 32 threads side by side on channels, 8 on rows.
pub fn columns(rows: usize, channels: usize) -> ([u32; 2], [u32; 2]) {
    ([clamp(channels.div_ceil(32), usize::MAX), row_blocks(rows) as u32], [32, 8])
}

/// How many partial sums [`columns`] leaves for each channel.
pub fn row_blocks(rows: usize) -> usize {
    rows.div_ceil(64).clamp(1, 256)
}

/// Sums of windows: element by element, but one block a window and 32 channels where windows are large.
pub fn gather(shape: &ConvShape) -> ([u32; 2], [u32; 2]) {
    let positions = shape.batch * shape.output().iter().product::<usize>();
    match shape.taps() {
        0..=64 => flat(positions * shape.in_channels),
        _ => ([clamp(positions * shape.in_channels.div_ceil(32), usize::MAX), 1], [256, 1]),
    }
}

/// Eight threads a channel.
pub fn channels(channels: usize) -> ([u32; 2], [u32; 2]) {
    ([clamp(channels.div_ceil(32), usize::MAX), 1], [256, 1])
}

/// A single block.
pub fn one() -> ([u32; 2], [u32; 2]) {
    ([1, 1], [256, 1])
}

fn clamp(blocks: usize, most: usize) -> u32 {
    blocks.clamp(1, most.min(i32::MAX as usize)) as u32
}
