//! Rounding to bf16: the upper half of an f32, to nearest, ties to even.

use crate::nn::kernel::cpu::parallel::{Shared, for_each};
use crate::nn::kernel::cpu::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};

/// The nearest bf16, ties to even; beyond the largest it is infinite, and a NaN stays a (quiet) NaN.
#[inline(always)]
pub(super) fn round(x: f32) -> u16 {
    let bits = x.to_bits();
    let nearest = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    // Without a branch, so that loops over it become vector code.
    let nan = (bits >> 16) | 0x40;
    (if bits & 0x7fff_ffff > 0x7f80_0000 { nan } else { nearest }) as u16
}

/// The f32 that a bf16 stands for.
#[inline(always)]
pub(super) fn widen(x: u16) -> f32 {
    f32::from_bits((x as u32) << 16)
}

/// The nearest bf16 as an f32.
#[inline(always)]
pub(in crate::nn::kernel::cpu) fn nearest(x: f32) -> f32 {
    widen(round(x))
}

/// Two neighbours of an inner dimension, as the product instructions take them: the first one low.
#[inline(always)]
pub(super) fn pair(first: f32, second: f32) -> u32 {
    round(first) as u32 | (round(second) as u32) << 16
}

/// A copy with every value rounded to bf16, for the f32 kernels.
pub(super) fn rounded(isa: Isa, values: &[f32]) -> Vec<f32> {
    const CHUNK: usize = 1 << 14;
    let mut copy = Vec::with_capacity(values.len());
    let target = Shared::new(copy.spare_capacity_mut());
    for_each(values.len().div_ceil(CHUNK), |i| {
        let range = i * CHUNK..(i * CHUNK + CHUNK).min(values.len());
        // Safety: chunks are disjoint and inside the capacity; a bf16 copy writes each of its values.
        unsafe { dispatch(isa, Copy { from: &values[range.clone()], to: target.at(range.start).cast() }) }
    });
    // Safety: the chunks cover all of it.
    unsafe { copy.set_len(values.len()) };
    copy
}

struct Copy<'a> {
    from: &'a [f32],
    to: *mut f32,
}

impl Kernel for Copy<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let len = self.from.len();
        for i in (0..len).step_by(S::LANES) {
            store_upto::<S>(self.to.add(i), S::bf16(load_upto::<S>(self.from.as_ptr().add(i), len - i)), len - i);
        }
    }
}
