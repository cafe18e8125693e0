//! Sums down the rows of a (rows, channels) matrix, and values that repeat along its rows.
//!
//! Any number of channels is walked in whole vectors: after `LANES / gcd(LANES, channels)` rows the
//! lanes meet the same channels again. That many rows make one *pattern*.

use super::parallel::{for_each, piece};
use super::simd::{Isa, Simd};

/// Floats of one block: half of a level-1 cache.
const BLOCK: usize = 4096;
/// Jobs at most, whatever the number of threads.
const PARTS: usize = 64;

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Rows of one pattern.
pub(super) fn pattern_rows(lanes: usize, channels: usize) -> usize {
    lanes / gcd(lanes, channels)
}

/// One value a channel, repeated over one pattern.
pub(super) fn repeat(isa: Isa, values: &[f32]) -> Vec<f32> {
    values.repeat(pattern_rows(isa.lanes(), values.len()))
}

/// How the rows of a matrix are cut into blocks, and the blocks into jobs: by shape alone.
pub(super) struct Cut {
    rows: usize,
    block: usize,
    parts: usize,
}

impl Cut {
    pub fn new(rows: usize, channels: usize) -> Cut {
        // 16 rows are a whole number of patterns for every instruction set.
        let block = (BLOCK / channels).next_multiple_of(16).max(16);
        Cut { rows, block, parts: rows.div_ceil(block).min(PARTS) }
    }

    /// Calls `job(part, blocks)` for each part on the thread pool; a block is (first row, rows).
    pub fn for_each(&self, job: impl Fn(usize, &mut dyn Iterator<Item = (usize, usize)>) + Sync + Send) {
        let blocks = self.rows.div_ceil(self.block);
        for_each(self.parts, |part| {
            let mut own =
                piece(blocks, self.parts, part).map(|b| (b * self.block, self.block.min(self.rows - b * self.block)));
            job(part, &mut own)
        });
    }

    /// One zeroed state for each part.
    pub fn states<T: Clone>(&self, zero: T) -> Vec<T> {
        vec![zero; self.parts]
    }
}

/// What is summed: `Q` quantities of the `n` elements from `i` on, which lie at `j` in the pattern.
pub(super) trait Term<const Q: usize> {
    /// # Safety
    /// The instruction set of `S` must be there; `i + n` must lie in the matrix.
    unsafe fn at<S: Simd>(&self, i: usize, n: usize, j: usize) -> [S::V; Q];
}

/// Adds to `sums` (Q, channels) the terms of the rows `first..first + rows`.
///
/// # Safety
/// As [`Term::at`] for these rows.
#[inline(always)]
pub(super) unsafe fn sum_rows<S: Simd, T: Term<Q>, const Q: usize>(
    term: &T,
    channels: usize,
    first: usize,
    rows: usize,
    sums: &mut [f32],
) {
    let step = pattern_rows(S::LANES, channels);
    let pattern = step * channels;
    let (start, whole) = (first * channels, rows / step);
    for j in (0..pattern).step_by(S::LANES) {
        let mut four = [[S::splat(0.0); Q]; 4];
        let mut p = 0;
        while p + 4 <= whole {
            for (u, sum) in four.iter_mut().enumerate() {
                let v = term.at::<S>(start + (p + u) * pattern + j, S::LANES, j);
                for q in 0..Q {
                    sum[q] = S::add(sum[q], v[q]);
                }
            }
            p += 4;
        }
        while p < whole {
            let v = term.at::<S>(start + p * pattern + j, S::LANES, j);
            for q in 0..Q {
                four[0][q] = S::add(four[0][q], v[q]);
            }
            p += 1;
        }
        for q in 0..Q {
            let sum = S::add(S::add(four[0][q], four[1][q]), S::add(four[2][q], four[3][q]));
            spill::<S>(sum, S::LANES, j, channels, &mut sums[q * channels..(q + 1) * channels]);
        }
    }
    let (done, end) = (whole * pattern, rows * channels);
    for e in (done..end).step_by(S::LANES) {
        let n = S::LANES.min(end - e);
        let v = term.at::<S>(start + e, n, e - done);
        for q in 0..Q {
            spill::<S>(v[q], n, e - done, channels, &mut sums[q * channels..(q + 1) * channels]);
        }
    }
}

/// Adds the first `n` lanes, which begin at `j` in the pattern, to their channels.
#[inline(always)]
unsafe fn spill<S: Simd>(v: S::V, n: usize, j: usize, channels: usize, sums: &mut [f32]) {
    let mut c = j % channels;
    if c + S::LANES <= channels && n == S::LANES {
        let p = sums.as_mut_ptr().add(c);
        S::store(p, S::add(S::load(p), v));
        return;
    }
    let mut lanes = [0f32; 16];
    S::store(lanes.as_mut_ptr(), v);
    for lane in &lanes[..n] {
        sums[c] += lane;
        c += 1;
        if c == channels {
            c = 0;
        }
    }
}
