//! Matrices (rows, channels) side by side, and columns taken out of one.

use super::parallel::{Shared, for_each};

/// Floats of one job.
const CHUNK: usize = 1 << 15;

/// Runs `job(first row, rows)` over blocks of rows of so many floats.
fn by_rows(rows: usize, width: usize, job: impl Fn(usize, usize) + Sync + Send) {
    let block = (CHUNK / width).max(1);
    for_each(rows.div_ceil(block), |i| job(i * block, block.min(rows - i * block)));
}

/// Writes the rows of all `parts` (values, channels) one behind the other.
pub fn join(parts: &[(&[f32], usize)], output: &mut [f32]) {
    let whole: usize = parts.iter().map(|p| p.1).sum();
    let rows = output.len() / whole;
    assert_eq!(output.len(), rows * whole);
    assert!(parts.iter().all(|(x, channels)| x.len() == rows * channels));
    let target = Shared::new(output);
    by_rows(rows, whole, |first, count| {
        // Safety: blocks of rows are disjoint and inside the output.
        let output = unsafe { target.slice(first * whole..(first + count) * whole) };
        for (row, output) in (first..first + count).zip(output.chunks_exact_mut(whole)) {
            let mut at = 0;
            for &(x, channels) in parts {
                output[at..at + channels].copy_from_slice(&x[row * channels..(row + 1) * channels]);
                at += channels;
            }
        }
    });
}

/// Columns `from..from + channels` of `values` (rows, `whole`).
pub fn take(values: &[f32], whole: usize, from: usize, channels: usize, part: &mut [f32]) {
    let rows = values.len() / whole;
    assert!(values.len() == rows * whole && part.len() == rows * channels && from + channels <= whole);
    let target = Shared::new(part);
    by_rows(rows, channels, |first, count| {
        // Safety: blocks of rows are disjoint and inside the part.
        let part = unsafe { target.slice(first * channels..(first + count) * channels) };
        for (row, part) in (first..first + count).zip(part.chunks_exact_mut(channels)) {
            part.copy_from_slice(&values[row * whole + from..][..channels]);
        }
    });
}
