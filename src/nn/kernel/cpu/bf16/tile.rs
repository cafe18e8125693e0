//! The bf16 product that everything here is made of: one block of 32x32 sums.

use super::round::widen;
use super::unit::Bf16Unit;
#[cfg(target_arch = "x86_64")]
use super::{amx, avx512};

/// Rows and columns of a block.
pub(super) const SIDE: usize = 32;
/// Inner values of a step.
pub(super) const STEP: usize = 32;
/// bf16 numbers of B in a step: two tiles of sixteen columns, each sixteen pairs of rows.
pub(super) const PANEL: usize = STEP * SIDE;

/// `C (rows x columns) = A (rows x inner) * B (inner x columns)`, the inner dimension in steps of 32.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    /// A row of a step is 32 neighbours in memory.
    pub a: *const u16,
    /// bf16 numbers from row to row.
    pub a_row: usize,
    /// Where each step of A begins, in bf16 numbers from `a`.
    pub steps: &'a [u32],
    /// A step after the other, [`PANEL`] numbers each: columns 0..16, then 16..32; pair of inner
    /// values by pair, and in it the two of the first column, of the second, and so on.
    pub b: *const u16,
    /// At most 32; A is readable and C writable for the next multiple of 16.
    pub rows: usize,
    /// At most 32; likewise.
    pub columns: usize,
    pub c: *mut f32,
    /// Floats from row to row.
    pub c_row: usize,
    /// Add to what C holds.
    pub accumulate: bool,
}

impl Bf16Unit {
    /// Runs `job` on this thread with the unit set up for [`Bf16Unit::multiply`].
    pub(super) fn enter<R>(self, job: impl FnOnce() -> R) -> R {
        #[cfg(target_arch = "x86_64")]
        if self == Bf16Unit::Amx {
            return amx::enter(job);
        }
        job()
    }

    /// # Safety
    /// Inside [`Bf16Unit::enter`], on a machine that has the unit, with pointers valid as [`Product`] says.
    #[inline]
    pub(super) unsafe fn multiply(self, product: Product) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Bf16Unit::Amx => amx::multiply(product),
            #[cfg(target_arch = "x86_64")]
            Bf16Unit::Avx512Bf16 => avx512::multiply(product),
            _ => model(product),
        }
    }
}

/// What the instructions compute, up to the order of the sum: products exact, sums rounded to
/// nearest, denormals zero on the way in and out.
///
/// # Safety
/// The pointers must be valid as [`Product`] says.
unsafe fn model(p: Product) {
    for (i, j) in (0..p.rows).flat_map(|i| (0..p.columns).map(move |j| (i, j))) {
        let c = p.c.add(i * p.c_row + j);
        let mut sum = if p.accumulate { flushed(*c) } else { 0.0 };
        for (s, step) in p.steps.iter().enumerate() {
            for k in 0..STEP {
                let a = flushed(widen(*p.a.add(i * p.a_row + *step as usize + k)));
                let b = flushed(widen(*p.b.add(s * PANEL + place(k, j))));
                sum = flushed(a.mul_add(b, sum));
            }
        }
        *c = sum;
    }
}

/// Where inner value `k` of column `j` lies in a step of B.
fn place(k: usize, j: usize) -> usize {
    j / 16 * (PANEL / 2) + k / 2 * 32 + j % 16 * 2 + k % 2
}

fn flushed(x: f32) -> f32 {
    if x.is_subnormal() { 0.0f32.copysign(x) } else { x }
}
