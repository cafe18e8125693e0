//! Element by element over activations: sums, ReLU, the logistic function, dropout.

use super::parallel::Shared;
use super::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};
use super::update::chunks;

/// `y = sum of the summands`, in their order, then ReLU if asked for; one summand is copied.
pub fn sum(isa: Isa, summands: &[&[f32]], relu: bool, y: &mut [f32]) {
    let len = y.len();
    assert!(!summands.is_empty() && summands.iter().all(|x| x.len() == len));
    let y = Shared::new(y);
    // Safety: chunks are disjoint and lie in all arrays.
    chunks(len, |range| unsafe {
        dispatch(isa, Sum { summands, relu, first: range.start, y: y.slice(range) });
    });
}

struct Sum<'a> {
    summands: &'a [&'a [f32]],
    relu: bool,
    first: usize,
    y: &'a mut [f32],
}

impl Kernel for Sum<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let len = self.y.len();
        for i in (0..len).step_by(S::LANES) {
            let n = len - i;
            let of = |x: &[f32]| load_upto::<S>(x.as_ptr().add(self.first + i), n);
            let mut v = of(self.summands[0]);
            for x in &self.summands[1..] {
                v = S::add(v, of(x));
            }
            store_upto::<S>(self.y.as_mut_ptr().add(i), if self.relu { S::relu(v) } else { v }, n);
        }
    }
}

/// The greater of zero and each value; a NaN stays one.
pub fn relu(isa: Isa, values: &mut [f32]) {
    in_place(isa, values, |_, v| {
        // Not `max`: a NaN has to reach the loss, where it is seen.
        v.iter_mut().for_each(|v| *v = if *v < 0.0 { 0.0 } else { *v });
    });
}

/// ReLU's gradient: `grad` becomes zero wherever `output` is not positive.
pub fn mask(isa: Isa, grad: &mut [f32], output: &[f32]) {
    assert_eq!(grad.len(), output.len());
    in_place(isa, grad, |first, grad| {
        let output = &output[first..first + grad.len()];
        grad.iter_mut().zip(output).for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
    });
}

/// 1 / (1 + e^-x).
pub fn sigmoid(isa: Isa, values: &mut [f32]) {
    in_place(isa, values, |_, v| {
        for v in v {
            // Of an exponent that is never positive, so that nothing overflows.
            let e = (-v.abs()).exp();
            *v = if *v < 0.0 { e } else { 1.0 } / (1.0 + e);
        }
    });
}

/// The gradient of [`sigmoid`], from its output.
pub fn sigmoid_backward(isa: Isa, grad: &mut [f32], output: &[f32]) {
    assert_eq!(grad.len(), output.len());
    in_place(isa, grad, |first, grad| {
        let output = &output[first..first + grad.len()];
        grad.iter_mut().zip(output).for_each(|(g, y)| *g *= y * (1.0 - y));
    });
}

/// Sets each value to zero with probability `rate` and divides the rest by `1 - rate`; which ones is a
/// function of `key` and their index alone.
pub fn dropout(isa: Isa, key: u64, rate: f32, values: &mut [f32]) {
    let threshold = (rate as f64 * 2f64.powi(32)) as u64;
    let scale = 1.0 / (1.0 - rate);
    in_place(isa, values, |first, values| {
        for (i, v) in values.iter_mut().enumerate() {
            let draw = mix(key.wrapping_add(((first + i) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))) >> 32;
            *v = if draw < threshold { 0.0 } else { *v * scale };
        }
    });
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every output bit hangs on every input bit.
#[inline(always)]
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Runs `job(first, values)` over chunks; a plain loop in it is compiled for each instruction set.
pub(super) fn in_place(isa: Isa, values: &mut [f32], job: impl Fn(usize, &mut [f32]) + Sync + Send) {
    let len = values.len();
    let values = Shared::new(values);
    // Safety: chunks are disjoint and inside the values.
    chunks(len, |range| unsafe {
        dispatch(isa, Plain { job: &job, first: range.start, values: values.slice(range) });
    });
}

struct Plain<'a, F> {
    job: &'a F,
    first: usize,
    values: &'a mut [f32],
}

impl<F: Fn(usize, &mut [f32])> Kernel for Plain<'_, F> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        (self.job)(self.first, self.values)
    }
}
