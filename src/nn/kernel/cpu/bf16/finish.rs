//! Sums of a tile on their way to memory, with the epilogue.

use super::tile::SIDE;
use crate::nn::kernel::cpu::conv::Epilogue;
use crate::nn::kernel::cpu::parallel::Shared;
use crate::nn::kernel::cpu::simd::{Kernel, Simd, load_upto, store_upto};

/// Sums on their way to memory, with the epilogue.
pub(super) struct Finish<'a> {
    pub sums: &'a [f32],
    pub places: &'a [usize],
    /// The first of the output channels, and their number.
    pub first: usize,
    pub columns: usize,
    pub epilogue: Epilogue<'a>,
    pub target: Shared<f32>,
    /// Leave no copy in the cache: whole vectors on line boundaries only.
    pub stream: bool,
}

impl Kernel for Finish<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Epilogue { scale, bias, add, relu } = self.epilogue;
        for j in (0..self.columns).step_by(S::LANES) {
            let n = self.columns - j;
            let of = |values: &[f32], none: f32| match values.is_empty() {
                true => S::splat(none),
                false => load_upto::<S>(values[self.first + j..].as_ptr(), n),
            };
            let (scale, bias) = (of(scale, 1.0), of(bias, 0.0));
            for (sums, at) in self.sums.chunks_exact(SIDE).zip(self.places) {
                if *at == usize::MAX {
                    continue;
                }
                let at = at + self.first + j;
                let mut v = S::fma(S::load(sums[j..].as_ptr()), scale, bias);
                if let Some(add) = add {
                    v = S::add(v, load_upto::<S>(add[at..].as_ptr(), n));
                }
                let v = if relu { S::relu(v) } else { v };
                match self.stream {
                    true => S::stream(self.target.at(at), v),
                    false => store_upto::<S>(self.target.at(at), v, n),
                }
            }
        }
        if self.stream {
            S::fence()
        }
    }
}
