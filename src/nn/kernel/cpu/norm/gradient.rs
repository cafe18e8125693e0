//! The gradient of batch normalisation, through the ReLU and the residual sum behind it.

use super::{GradTimesCentred, SumRows, by_patterns, rows_of, total};
use crate::nn::kernel::cpu::channels::repeat;
use crate::nn::kernel::cpu::parallel::Shared;
use crate::nn::kernel::cpu::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};

/// Which elements of a gradient a ReLU behind the normalisation lets through.
#[derive(Clone, Copy, Debug)]
pub enum Gate<'a> {
    /// All: there is no ReLU.
    Open,
    /// Those where `x * scale + shift` is positive.
    ScaleShift(&'a [f32], &'a [f32]),
    /// Those where the ReLU's output is positive.
    Output(&'a [f32]),
}

/// `grad = gated grad * a + x * b + c` channel by channel, the gradient of batch normalisation.
pub fn blend(isa: Isa, grad: &mut [f32], x: &[f32], abc: [&[f32]; 3], gate: Gate) {
    let target = Shared::new(grad);
    blend_into(isa, target, x, abc, gate, Some(target), false, x.len());
}

/// As [`blend`], but into `target` if there is one, and `grad` becomes the gated gradient itself.
pub fn blend_beside(isa: Isa, grad: &mut [f32], x: &[f32], abc: [&[f32]; 3], gate: Gate, target: Option<&mut [f32]>) {
    assert!(target.as_ref().is_none_or(|t| t.len() == x.len()));
    let (len, target) = (grad.len(), target.map(Shared::new));
    blend_into(isa, Shared::new(grad), x, abc, gate, target, true, len);
}

#[allow(clippy::too_many_arguments)]
fn blend_into(
    isa: Isa,
    grad: Shared<f32>,
    x: &[f32],
    [a, b, c]: [&[f32]; 3],
    gate: Gate,
    target: Option<Shared<f32>>,
    keep: bool,
    len: usize,
) {
    let channels = a.len();
    rows_of(x, channels);
    assert!(b.len() == channels && c.len() == channels && x.len() == len);
    let gate = Patterns::new(isa, gate, x.len());
    let (a, b, c) = (repeat(isa, a), repeat(isa, b), repeat(isa, c));
    by_patterns(len, a.len(), |first, len| {
        // Safety: pieces are disjoint, begin with a pattern and lie in all arrays.
        unsafe {
            dispatch(isa, Blend { grad, x, a: &a, b: &b, c: &c, gate: &gate, target, keep, first, len });
        }
    });
}

/// Sums down the rows of the gated `grad` and of that times `x - mean`.
pub fn grad_sums(isa: Isa, grad: &[f32], x: &[f32], mean: &[f32], gate: Gate) -> (Vec<f64>, Vec<f64>) {
    let channels = mean.len();
    let rows = rows_of(x, channels);
    assert_eq!(grad.len(), x.len());
    let pattern = repeat(isa, mean);
    let gate = Patterns::new(isa, gate, x.len());
    let sums = total::<2>(rows, channels, |first, rows, sums| {
        let term = GradTimesCentred { grad, x, mean: &pattern, gate: &gate };
        // Safety: the rows lie in both arrays; the patterns were made for this instruction set.
        unsafe { dispatch(isa, SumRows { term, channels, first, rows, sums }) }
    });
    let mut sums = sums.into_iter();
    let first: Vec<f64> = sums.by_ref().take(channels).collect();
    (first, sums.collect())
}

/// A gate with its values laid out for one instruction set.
pub(super) enum Patterns<'a> {
    Open,
    ScaleShift(Vec<f32>, Vec<f32>),
    Output(&'a [f32]),
}

impl<'a> Patterns<'a> {
    fn new(isa: Isa, gate: Gate<'a>, len: usize) -> Patterns<'a> {
        match gate {
            Gate::Open => Patterns::Open,
            Gate::ScaleShift(scale, shift) => Patterns::ScaleShift(repeat(isa, scale), repeat(isa, shift)),
            Gate::Output(output) => {
                assert_eq!(output.len(), len);
                Patterns::Output(output)
            }
        }
    }

    /// `grad` where the gate is open, else zero: elements `i..i + n`, which lie at `j` in the pattern.
    ///
    /// # Safety
    /// As [`Term::at`].
    #[inline(always)]
    pub(super) unsafe fn pass<S: Simd>(&self, grad: S::V, x: S::V, i: usize, n: usize, j: usize) -> S::V {
        let zero = S::splat(0.0);
        let y = match self {
            Patterns::Open => return grad,
            Patterns::ScaleShift(scale, shift) => {
                S::fma(x, load_upto::<S>(scale.as_ptr().add(j), n), load_upto::<S>(shift.as_ptr().add(j), n))
            }
            Patterns::Output(output) => load_upto::<S>(output.as_ptr().add(i), n),
        };
        S::select(S::greater(y, zero), grad, zero)
    }
}

struct Blend<'a> {
    grad: Shared<f32>,
    x: &'a [f32],
    a: &'a [f32],
    b: &'a [f32],
    c: &'a [f32],
    gate: &'a Patterns<'a>,
    target: Option<Shared<f32>>,
    /// Leave the gated gradient in `grad`.
    keep: bool,
    first: usize,
    len: usize,
}
impl Kernel for Blend<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut j = 0;
        for i in (self.first..self.first + self.len).step_by(S::LANES) {
            let n = self.first + self.len - i;
            let p = self.grad.at(i);
            let x = load_upto::<S>(self.x.as_ptr().add(i), n);
            let g = self.gate.pass::<S>(load_upto::<S>(p, n), x, i, n, j);
            if self.keep {
                store_upto::<S>(p, g, n);
            }
            if let Some(target) = self.target {
                let of = |v: &[f32]| S::load(v.as_ptr().add(j));
                store_upto::<S>(target.at(i), S::fma(g, of(self.a), S::fma(x, of(self.b), of(self.c))), n);
            }
            j += S::LANES;
            if j == self.a.len() {
                j = 0;
            }
        }
    }
}
