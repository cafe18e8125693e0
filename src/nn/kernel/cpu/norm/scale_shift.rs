//! Normalisation itself, with the residual sum and the ReLU behind it.

use super::{by_patterns, rows_of};
use crate::nn::kernel::cpu::channels::repeat;
use crate::nn::kernel::cpu::parallel::Shared;
use crate::nn::kernel::cpu::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};

/// `y = x * scale + shift` channel by channel, `+ add` if there is one, then ReLU if asked for.
pub fn scale_shift(isa: Isa, x: &[f32], scale: &[f32], shift: &[f32], add: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    let channels = scale.len();
    rows_of(x, channels);
    assert!(shift.len() == channels && x.len() == y.len() && add.is_none_or(|a| a.len() == x.len()));
    let (scale, shift) = (repeat(isa, scale), repeat(isa, shift));
    let target = Shared::new(y);
    by_patterns(x.len(), scale.len(), |first, len| {
        let piece = |v: &'_ [f32]| v[first..first + len].as_ptr();
        let (x, add) = (piece(x), add.map_or(std::ptr::null(), piece));
        // Safety: pieces are disjoint, begin with a pattern and lie in all arrays.
        unsafe {
            dispatch(isa, ScaleShift { len, x, scale: &scale, shift: &shift, add, relu, y: target.at(first) });
        }
    });
}

struct ScaleShift<'a> {
    len: usize,
    x: *const f32,
    scale: &'a [f32],
    shift: &'a [f32],
    /// Or null.
    add: *const f32,
    relu: bool,
    y: *mut f32,
}
impl Kernel for ScaleShift<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut j = 0;
        for i in (0..self.len).step_by(S::LANES) {
            let n = self.len - i;
            let (scale, shift) = (S::load(self.scale.as_ptr().add(j)), S::load(self.shift.as_ptr().add(j)));
            let mut v = S::fma(load_upto::<S>(self.x.add(i), n), scale, shift);
            if !self.add.is_null() {
                v = S::add(v, load_upto::<S>(self.add.add(i), n));
            }
            store_upto::<S>(self.y.add(i), if self.relu { S::relu(v) } else { v }, n);
            j += S::LANES;
            if j == self.scale.len() {
                j = 0;
            }
        }
    }
}
