//! Operands on their way into tiles: rounded to bf16, paired, transposed, padded with zeros.

use super::round::pair;
use super::tile::{PANEL, SIDE, STEP};
use crate::nn::kernel::cpu::parallel::{Shared, for_each};
use crate::nn::kernel::cpu::simd::{Isa, Kernel, Simd, dispatch};

/// Sixteen columns of a step: pair of inner values by pair, column by column.
pub(super) type Pairs = [u32; 256];

/// The inner dimension of a product: `groups` runs of `depth` values, each padded to whole steps.
#[derive(Clone, Copy)]
pub(super) struct Inner {
    pub groups: usize,
    pub depth: usize,
}

impl Inner {
    pub fn steps_per_group(&self) -> usize {
        self.depth.div_ceil(STEP)
    }
    pub fn steps(&self) -> usize {
        self.groups * self.steps_per_group()
    }
}

/// Packs the right-hand side into panels of 32 columns; `to` holds `columns.div_ceil(32) * steps * PANEL`.
///
/// The element of inner value `r` (of all groups) and column `c` is `source[row(r) + c * column_stride]`.
pub(super) fn pack(
    isa: Isa,
    inner: Inner,
    columns: usize,
    source: &[f32],
    row: impl Fn(usize) -> usize + Sync + Send,
    column_stride: usize,
    to: &mut [u16],
) {
    let steps = inner.steps();
    let panels = columns.div_ceil(SIDE);
    assert_eq!(to.len(), panels * steps * PANEL);
    let target = Shared::new(to);
    // A few steps a job: few enough that a wide matrix of few panels is shared out, too.
    let per_job = steps.clamp(1, 16);
    let jobs = steps.div_ceil(per_job);
    for_each(panels * jobs, |job| {
        let (panel, first) = (job / jobs, job % jobs * per_job);
        for step in first..(first + per_job).min(steps) {
            let (group, start) = (step / inner.steps_per_group(), step % inner.steps_per_group() * STEP);
            let valid = STEP.min(inner.depth - start);
            let rows: [usize; STEP] =
                std::array::from_fn(|i| if i < valid { row(group * inner.depth + start + i) } else { usize::MAX });
            let columns = panel * SIDE..columns.min(panel * SIDE + SIDE);
            // Safety: a step of the target is this job's alone; the packer checks what it reads.
            unsafe {
                let to = target.slice((panel * steps + step) * PANEL..(panel * steps + step + 1) * PANEL);
                dispatch(isa, Step { isa, source, rows: &rows, columns, column_stride, to });
            }
        }
    });
}

struct Step<'a> {
    isa: Isa,
    source: &'a [f32],
    /// Where inner value `i` begins, or `usize::MAX`: zero.
    rows: &'a [usize; STEP],
    columns: std::ops::Range<usize>,
    column_stride: usize,
    to: &'a mut [u16],
}

impl Kernel for Step<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (half, to) in self.to.chunks_exact_mut(PANEL / 2).enumerate() {
            let first = self.columns.start + half * 16;
            let columns = self.columns.end.saturating_sub(first).min(16);
            if columns == 0 {
                to.fill(0);
            } else if self.column_stride == 1 {
                let at = |row: usize| match row {
                    usize::MAX => std::ptr::null(),
                    row => self.source[row + first..row + first + columns].as_ptr(),
                };
                let to = to.as_mut_ptr().cast();
                interleave::<S>(&self.rows.map(at), columns, 1, |_| to);
            } else {
                // Columns are what lies contiguous: made as rows, then transposed.
                let mut flat: Pairs = [0; 256];
                let valid = self.rows.iter().take_while(|row| **row != usize::MAX).count();
                let contiguous = (1..valid).all(|i| self.rows[i] == self.rows[0] + i);
                for (c, flat) in flat.chunks_exact_mut(16).take(columns).enumerate() {
                    let offset = (first + c) * self.column_stride;
                    let mut values = [0f32; STEP];
                    if contiguous && valid == STEP {
                        values.copy_from_slice(&self.source[self.rows[0] + offset..][..STEP]);
                    } else {
                        for (value, row) in values.iter_mut().zip(&self.rows[..valid]) {
                            *value = self.source[row + offset];
                        }
                    }
                    for (i, flat) in flat.iter_mut().enumerate() {
                        *flat = pair(values[2 * i], values[2 * i + 1]);
                    }
                }
                transpose(self.isa, &flat, to.as_mut_ptr(), 32);
            }
        }
    }
}

/// Rounds 32 rows into pairs of rows, sixteen columns to a block; null rows are zero, and so is what
/// lies beyond `columns`. Row by row, because memory is fastest where it is read in order.
///
/// # Safety
/// The instruction set of `S` must be there; the rows that are not null readable for `columns`
/// floats, and `block(i)` writable for [`Pairs`] for every block below `blocks`.
#[inline(always)]
pub(super) unsafe fn interleave<S: Simd>(
    rows: &[*const f32; STEP],
    columns: usize,
    blocks: usize,
    block: impl Fn(usize) -> *mut u32,
) {
    static ZEROS: [f32; 16] = [0.0; 16];
    for (i, rows) in rows.chunks_exact(2).enumerate() {
        for j in 0..blocks {
            let n = columns.saturating_sub(16 * j).min(16);
            let mut padded = [[0f32; 16]; 2];
            let mut two = [ZEROS.as_ptr(); 2];
            for ((values, padded), row) in two.iter_mut().zip(&mut padded).zip(rows) {
                if row.is_null() || n == 0 {
                    continue;
                }
                *values = row.add(16 * j);
                if n < 16 {
                    for lane in (0..16).step_by(S::LANES) {
                        let n = n.saturating_sub(lane).min(S::LANES);
                        S::store(padded.as_mut_ptr().add(lane), S::load_n(values.wrapping_add(lane), n));
                    }
                    *values = padded.as_ptr();
                }
            }
            let [even, odd] = two.map(|values| &*values.cast::<[f32; 16]>());
            let to = &mut *block(j).add(16 * i).cast::<[u32; 16]>();
            for (to, (even, odd)) in to.iter_mut().zip(even.iter().zip(odd)) {
                *to = pair(*even, *odd);
            }
        }
    }
}

/// Writes the transpose of a 16x16 block of pairs, each row `to_row` bf16 numbers after the one before.
///
/// # Safety
/// The machine must have `isa`, and `to` be writable for its 16 rows of 32 numbers.
#[inline(always)]
pub(super) unsafe fn transpose(isa: Isa, from: &Pairs, to: *mut u16, to_row: usize) {
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512 {
        return super::avx512::transpose(from, to, to_row);
    }
    let _ = isa;
    for (i, j) in (0..16).flat_map(|i| (0..16).map(move |j| (i, j))) {
        to.add(i * to_row).cast::<u32>().add(j).write_unaligned(from[16 * j + i]);
    }
}
