//! Element by element over long arrays: optimizer steps and sums.

use super::parallel::{Shared, for_each};
use super::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};
use std::ops::Range;

/// Floats of one job.
const CHUNK: usize = 1 << 14;

pub(super) fn chunks(len: usize, job: impl Fn(Range<usize>) + Sync + Send) {
    for_each(len.div_ceil(CHUNK), |i| job(i * CHUNK..len.min((i + 1) * CHUNK)));
}

/// `target (+)= sum over parts`, in the order of the parts; `parts` is a whole number of targets long.
pub fn sum_parts(isa: Isa, parts: &[f32], accumulate: bool, target: &mut [f32]) {
    let len = target.len();
    assert!(len > 0 && parts.len().is_multiple_of(len));
    let shared = Shared::new(target);
    // Safety: chunks are disjoint and inside the target.
    chunks(len, |range| unsafe {
        let target = shared.slice(range.clone());
        dispatch(isa, SumParts { parts, stride: len, first: range.start, accumulate, target });
    });
}

struct SumParts<'a> {
    parts: &'a [f32],
    stride: usize,
    first: usize,
    accumulate: bool,
    target: &'a mut [f32],
}

impl Kernel for SumParts<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (len, count) = (self.target.len(), self.parts.len() / self.stride);
        for i in (0..len).step_by(S::LANES) {
            let n = len - i;
            let p = self.target.as_mut_ptr().add(i);
            let mut sum = load_upto::<S>(self.parts.as_ptr().add(self.first + i), n);
            for part in 1..count {
                sum = S::add(sum, load_upto::<S>(self.parts.as_ptr().add(part * self.stride + self.first + i), n));
            }
            if self.accumulate {
                sum = S::add(load_upto::<S>(p, n), sum);
            }
            store_upto::<S>(p, sum, n);
        }
    }
}

/// `a += b`.
pub fn add(isa: Isa, a: &mut [f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    if !a.is_empty() {
        sum_parts(isa, b, true, a)
    }
}

/// The scalars of one Adam step, PyTorch's order of operations.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    pub beta2: f32,
    pub one_minus_beta1: f32,
    pub one_minus_beta2: f32,
    /// lr / (1 - beta1^t)
    pub step_size: f32,
    /// sqrt(1 - beta2^t)
    pub correction2_sqrt: f32,
    pub eps: f32,
    /// Added to the gradient times the weight (Adam's L2 term).
    pub l2: f32,
    /// The weight is first multiplied by this (AdamW's 1 - lr * decay).
    pub shrink: f32,
}

/// One step of Adam or AdamW, in place.
pub fn adam(isa: Isa, step: AdamStep, weight: &mut [f32], grad: &[f32], first: &mut [f32], second: &mut [f32]) {
    let len = weight.len();
    assert!(grad.len() == len && first.len() == len && second.len() == len);
    let (weight, first, second) = (Shared::new(weight), Shared::new(first), Shared::new(second));
    // Safety: chunks are disjoint and inside arrays of equal length.
    chunks(len, |r| unsafe {
        let (weight, first, second) = (weight.slice(r.clone()), first.slice(r.clone()), second.slice(r.clone()));
        dispatch(isa, Adam { step, weight, grad: &grad[r], first, second });
    });
}

struct Adam<'a> {
    step: AdamStep,
    weight: &'a mut [f32],
    grad: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for Adam<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let s = self.step;
        let (one_minus_beta1, one_minus_beta2) = (S::splat(s.one_minus_beta1), S::splat(s.one_minus_beta2));
        let (beta2, l2, shrink) = (S::splat(s.beta2), S::splat(s.l2), S::splat(s.shrink));
        let (rate, correction, eps) = (S::splat(-s.step_size), S::splat(s.correction2_sqrt), S::splat(s.eps));
        let len = self.weight.len();
        for i in (0..len).step_by(S::LANES) {
            let n = len - i;
            let (pw, pm, pv) =
                (self.weight.as_mut_ptr().add(i), self.first.as_mut_ptr().add(i), self.second.as_mut_ptr().add(i));
            let old = load_upto::<S>(pw, n);
            let g = S::fma(l2, old, load_upto::<S>(self.grad.as_ptr().add(i), n));
            let m = load_upto::<S>(pm, n);
            let m = S::fma(one_minus_beta1, S::sub(g, m), m);
            let v = S::fma(S::mul(one_minus_beta2, g), g, S::mul(beta2, load_upto::<S>(pv, n)));
            let denominator = S::add(S::div(S::sqrt(v), correction), eps);
            let w = S::fma(rate, S::div(m, denominator), S::mul(old, shrink));
            store_upto::<S>(pm, m, n);
            store_upto::<S>(pv, v, n);
            store_upto::<S>(pw, w, n);
        }
    }
}

/// The scalars of one step of gradient descent with momentum.
#[derive(Clone, Copy, Debug)]
pub struct SgdStep {
    pub lr: f32,
    pub momentum: f32,
    pub l2: f32,
    /// The velocity is the gradient itself, as PyTorch starts it.
    pub first_step: bool,
}

/// One step of gradient descent with momentum, in place.
pub fn sgd(isa: Isa, step: SgdStep, weight: &mut [f32], grad: &[f32], velocity: &mut [f32]) {
    let len = weight.len();
    assert!(grad.len() == len && velocity.len() == len);
    let (weight, velocity) = (Shared::new(weight), Shared::new(velocity));
    // Safety: chunks are disjoint and inside arrays of equal length.
    chunks(len, |r| unsafe {
        let (weight, velocity) = (weight.slice(r.clone()), velocity.slice(r.clone()));
        dispatch(isa, Sgd { step, weight, grad: &grad[r], velocity });
    });
}

struct Sgd<'a> {
    step: SgdStep,
    weight: &'a mut [f32],
    grad: &'a [f32],
    velocity: &'a mut [f32],
}

impl Kernel for Sgd<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let s = self.step;
        let (l2, rate) = (S::splat(s.l2), S::splat(-s.lr));
        let momentum = S::splat(if s.first_step { 0.0 } else { s.momentum });
        let len = self.weight.len();
        for i in (0..len).step_by(S::LANES) {
            let n = len - i;
            let (pw, pv) = (self.weight.as_mut_ptr().add(i), self.velocity.as_mut_ptr().add(i));
            let old = load_upto::<S>(pw, n);
            let g = S::fma(l2, old, load_upto::<S>(self.grad.as_ptr().add(i), n));
            let v = S::fma(momentum, load_upto::<S>(pv, n), g);
            store_upto::<S>(pv, v, n);
            store_upto::<S>(pw, S::fma(rate, v, old), n);
        }
    }
}
