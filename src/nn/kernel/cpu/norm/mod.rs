//! Batch normalisation over (rows, channels), and the sums that bias gradients need.

mod gradient;
mod moments;
mod scale_shift;

pub use gradient::{Gate, blend, blend_beside, grad_sums};
pub use moments::moments;
pub use scale_shift::scale_shift;

use super::channels::{Cut, Term, sum_rows};
use super::parallel::{Shared, for_each};
use super::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};
use gradient::Patterns;

/// Sums down the rows of `x`.
pub fn sums(isa: Isa, x: &[f32], channels: usize) -> Vec<f64> {
    let rows = rows_of(x, channels);
    total::<1>(rows, channels, |first, rows, sums| {
        // Safety: the rows lie in the array.
        unsafe { dispatch(isa, SumRows { term: Values { x }, channels, first, rows, sums }) }
    })
}

/// Sums down the rows of `grad`, which is first set to zero wherever `output` is not positive
/// (ReLU's gradient) if `output` is given.
pub fn mask_and_sum(isa: Isa, grad: &mut [f32], output: Option<&[f32]>, channels: usize) -> Vec<f64> {
    let rows = rows_of(grad, channels);
    let Some(output) = output else {
        return sums(isa, grad, channels);
    };
    assert_eq!(output.len(), grad.len());
    let grad = Shared::new(grad);
    total::<1>(rows, channels, |first, rows, sums| {
        // Safety: blocks are disjoint and lie in both arrays.
        unsafe { dispatch(isa, SumRows { term: Masked { grad, output }, channels, first, rows, sums }) }
    })
}

fn rows_of(x: &[f32], channels: usize) -> usize {
    assert!(channels > 0 && !x.is_empty() && x.len().is_multiple_of(channels), "rows of {channels} channels");
    x.len() / channels
}

/// Adds up `Q` sums a channel over all blocks, in f64 from block to block.
fn total<const Q: usize>(
    rows: usize,
    channels: usize,
    block: impl Fn(usize, usize, &mut [f32]) + Sync + Send,
) -> Vec<f64> {
    let cut = Cut::new(rows, channels);
    let mut states = cut.states(vec![0f64; Q * channels]);
    let shared = Shared::new(&mut states);
    cut.for_each(|part, blocks| {
        // Safety: one job a part.
        let state = unsafe { &mut *shared.at(part) };
        let mut sums = vec![0f32; Q * channels];
        for (first, rows) in blocks {
            sums.fill(0.0);
            block(first, rows, &mut sums);
            state.iter_mut().zip(&sums).for_each(|(s, b)| *s += *b as f64);
        }
    });
    let mut all = vec![0f64; Q * channels];
    for state in states {
        all.iter_mut().zip(state).for_each(|(a, s)| *a += s);
    }
    all
}

/// Runs `job(first, len)` over pieces that begin with a pattern.
fn by_patterns(len: usize, pattern: usize, job: impl Fn(usize, usize) + Sync + Send) {
    let piece = (1usize << 14).next_multiple_of(pattern);
    for_each(len.div_ceil(piece), |i| job(i * piece, piece.min(len - i * piece)));
}

struct SumRows<'a, T> {
    term: T,
    channels: usize,
    first: usize,
    rows: usize,
    sums: &'a mut [f32],
}

/// A term with its number of quantities, so that one kernel serves all.
trait Sums {
    unsafe fn run<S: Simd>(&self, channels: usize, first: usize, rows: usize, sums: &mut [f32]);
}

impl<T: Sums> Kernel for SumRows<'_, T> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self.term.run::<S>(self.channels, self.first, self.rows, self.sums)
    }
}

macro_rules! sums {
    ($($term:ident: $q:literal),*) => {$(
        impl Sums for $term<'_> {
            #[inline(always)]
            unsafe fn run<S: Simd>(&self, channels: usize, first: usize, rows: usize, sums: &mut [f32]) {
                sum_rows::<S, Self, $q>(self, channels, first, rows, sums)
            }
        }
    )*};
}
sums!(Values: 1, Centred: 2, Masked: 1, GradTimesCentred: 2);

struct Values<'a> {
    x: &'a [f32],
}
impl Term<1> for Values<'_> {
    #[inline(always)]
    unsafe fn at<S: Simd>(&self, i: usize, n: usize, _: usize) -> [S::V; 1] {
        [load_upto::<S>(self.x.as_ptr().add(i), n)]
    }
}

struct Centred<'a> {
    x: &'a [f32],
    mean: &'a [f32],
}
impl Term<2> for Centred<'_> {
    #[inline(always)]
    unsafe fn at<S: Simd>(&self, i: usize, n: usize, j: usize) -> [S::V; 2] {
        let mean = load_upto::<S>(self.mean.as_ptr().add(j), n);
        let d = S::sub(load_upto::<S>(self.x.as_ptr().add(i), n), mean);
        [d, S::mul(d, d)]
    }
}

struct Masked<'a> {
    grad: Shared<f32>,
    output: &'a [f32],
}
impl Term<1> for Masked<'_> {
    #[inline(always)]
    unsafe fn at<S: Simd>(&self, i: usize, n: usize, _: usize) -> [S::V; 1] {
        let zero = S::splat(0.0);
        let p = self.grad.at(i);
        let positive = S::greater(load_upto::<S>(self.output.as_ptr().add(i), n), zero);
        let g = S::select(positive, load_upto::<S>(p, n), zero);
        store_upto::<S>(p, g, n);
        [g]
    }
}

struct GradTimesCentred<'a> {
    grad: &'a [f32],
    x: &'a [f32],
    mean: &'a [f32],
    gate: &'a Patterns<'a>,
}
impl Term<2> for GradTimesCentred<'_> {
    #[inline(always)]
    unsafe fn at<S: Simd>(&self, i: usize, n: usize, j: usize) -> [S::V; 2] {
        let x = load_upto::<S>(self.x.as_ptr().add(i), n);
        let g = self.gate.pass::<S>(load_upto::<S>(self.grad.as_ptr().add(i), n), x, i, n, j);
        let d = S::sub(x, load_upto::<S>(self.mean.as_ptr().add(j), n));
        [g, S::mul(g, d)]
    }
}
