//! The passes over predictions and truths: one for the sums and the means' gradient, one for the overlaps'.
//!
//! Values are cut into chunks of one size, summed in f64 chunk by chunk and then in the chunks' order, so that no
//! result hangs on the number of threads.

use super::overlap::{Shared, Slope};
use super::{Overlap, Point, Terms, difference, entropy};
use crate::nn::kernel::cpu::Isa;
use crate::nn::kernel::cpu::plain::{self, Plain};
use rayon::prelude::*;

/// Values of one chunk, or a little fewer where channels do not divide them.
const CHUNK: usize = 1 << 14;
/// Values that a loss is taken of at a time.
const BLOCK: usize = 64;
/// Sums that run side by side, so that they fit vectors.
const LANES: usize = 8;

/// A width of numbers that a loss is computed on; the arithmetic is f64 either way.
pub trait Real: Copy + Send + Sync {
    fn wide(self) -> f64;
    fn narrow(value: f64) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn narrow(value: f64) -> f32 {
        value as f32
    }
}

impl Real for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn narrow(value: f64) -> f64 {
        value
    }
}

/// What a loss is made of, over one or several batches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    /// Values seen.
    count: usize,
    point: f64,
    /// One a channel; none for a loss without overlap.
    shared: Vec<Shared>,
}

impl Sums {
    /// Takes in another batch's.
    pub fn add(&mut self, other: &Sums) {
        self.count += other.count;
        self.point += other.point;
        if self.shared.is_empty() {
            self.shared = vec![Shared::default(); other.shared.len()];
        }
        for (a, b) in self.shared.iter_mut().zip(&other.shared) {
            a.common += b.common;
            a.prediction += b.prediction;
            a.truth += b.truth;
        }
    }
}

pub fn value_and_grad<R: Real>(terms: Terms, p: &[R], t: &[R], channels: usize, grad: &mut [R]) -> f64 {
    assert_eq!(grad.len(), p.len(), "one gradient for each prediction");
    let sums = walk(terms, p, t, channels, Some(grad));
    if let Some((weight, overlap)) = terms.overlap {
        let slopes: Vec<Slope> = overlaps(weight, overlap, &sums).map(|(_, slope)| slope).collect();
        let behind_means = terms.point.is_some();
        let chunk = chunk(channels);
        let jobs = grad.par_chunks_mut(chunk).zip(t.par_chunks(chunk));
        jobs.for_each(|(grad, t)| add_overlap(&slopes, t, grad, behind_means));
    }
    value(terms, &sums)
}

pub fn sums<R: Real>(terms: Terms, p: &[R], t: &[R], channels: usize) -> Sums {
    walk(terms, p, t, channels, None)
}

pub fn value(terms: Terms, sums: &Sums) -> f64 {
    let mean = terms.point.map_or(0.0, |(weight, _)| weight * sums.point / sums.count as f64);
    let overlap = terms.overlap.map_or(0.0, |(weight, overlap)| overlaps(weight, overlap, sums).map(|o| o.0).sum());
    mean + overlap
}

/// Each channel's part of the loss, and its slope.
fn overlaps(weight: f64, overlap: Overlap, sums: &Sums) -> impl Iterator<Item = (f64, Slope)> + '_ {
    let channels = sums.shared.len() as f64;
    let (part, positions) = (weight / channels, sums.count as f64 / channels);
    sums.shared.iter().map(move |shared| {
        let (value, slope) = overlap.of(*shared, positions);
        (part * value, Slope { common: part * slope.common, prediction: part * slope.prediction })
    })
}

/// Whole positions in a chunk.
fn chunk(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

/// All sums; with `grad` also the gradient of the mean, where there is one.
fn walk<R: Real>(terms: Terms, p: &[R], t: &[R], channels: usize, grad: Option<&mut [R]>) -> Sums {
    assert_eq!(p.len(), t.len(), "one truth for each prediction");
    assert!(channels > 0 && p.len().is_multiple_of(channels), "every position has all channels");
    let (chunk, count) = (chunk(channels), p.len());
    let one = |p: &[R], t: &[R], grad: Option<&mut [R]>| {
        let point = terms.point.map_or(0.0, |(weight, point)| match grad {
            Some(grad) => points(point, p, t, grad, |slope| R::narrow(weight * slope / count as f64)),
            None => points(point, p, t, &mut [(); 0], |_| ()),
        });
        let shared = terms.overlap.map_or(Vec::new(), |_| shared(p, t, channels));
        Sums { count: p.len(), point, shared }
    };
    let inputs = p.par_chunks(chunk).zip(t.par_chunks(chunk));
    let parts: Vec<Sums> = match grad {
        Some(grad) => inputs.zip(grad.par_chunks_mut(chunk)).map(|((p, t), grad)| one(p, t, Some(grad))).collect(),
        None => inputs.map(|(p, t)| one(p, t, None)).collect(),
    };
    let mut all = Sums::default();
    parts.iter().for_each(|part| all.add(part));
    all
}

/// The sum of a point's values; its slopes, through `to_grad`, are left in `grad` unless that is empty.
fn points<R: Real, G>(point: Point, p: &[R], t: &[R], grad: &mut [G], to_grad: impl Fn(f64) -> G) -> f64 {
    use {difference as d, entropy as e};
    match point {
        Point::Mae => each(p, t, grad, to_grad, d::absolute, d::absolute),
        Point::Mse => each(p, t, grad, to_grad, d::squared, d::squared),
        Point::Huber { delta } => {
            let of = |p: f64, t: f64| d::huber(delta, p, t);
            each(p, t, grad, to_grad, of, of)
        }
        Point::Bce => each(p, t, grad, to_grad, e::binary, e::binary_of_mask),
        Point::Focal { alpha, gamma: 2.0 } => {
            // Known to the compiler, the usual exponent costs no choice.
            let soft = |p: f64, t: f64| e::focal(alpha, 2.0, p, t);
            each(p, t, grad, to_grad, soft, |p, t| e::focal_of_mask(alpha, 2.0, p, t))
        }
        Point::Focal { alpha, gamma } => {
            let soft = |p: f64, t: f64| e::focal(alpha, gamma, p, t);
            each(p, t, grad, to_grad, soft, |p, t| e::focal_of_mask(alpha, gamma, p, t))
        }
    }
}

/// One loop a loss, without a choice inside; `of_mask` serves where all truths are 0 or 1.
fn each<R: Real, G>(
    p: &[R],
    t: &[R],
    grad: &mut [G],
    to_grad: impl Fn(f64) -> G,
    of: impl Fn(f64, f64) -> (f64, f64),
    of_mask: impl Fn(f64, f64) -> (f64, f64),
) -> f64 {
    let mut sum = 0.0;
    plain::run(Isa::current(), Each { p, t, grad, to_grad, of, of_mask, sum: &mut sum });
    sum
}

struct Each<'a, R, G, T, O, M> {
    p: &'a [R],
    t: &'a [R],
    grad: &'a mut [G],
    to_grad: T,
    of: O,
    of_mask: M,
    sum: &'a mut f64,
}

impl<R: Real, G, T, O, M> Plain for Each<'_, R, G, T, O, M>
where
    T: Fn(f64) -> G,
    O: Fn(f64, f64) -> (f64, f64),
    M: Fn(f64, f64) -> (f64, f64),
{
    #[inline(always)]
    fn run(self) {
        let (mut values, mut slopes, mut lanes) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; LANES]);
        let mut grads = self.grad.chunks_mut(BLOCK);
        for (p, t) in self.p.chunks(BLOCK).zip(self.t.chunks(BLOCK)) {
            let (values, slopes) = (&mut values[..p.len()], &mut slopes[..p.len()]);
            let both = values.iter_mut().zip(slopes.iter_mut()).zip(p.iter().zip(t));
            if t.iter().fold(true, |mask, t| mask & ((t.wide() == 0.0) | (t.wide() == 1.0))) {
                both.for_each(|((value, slope), (p, t))| (*value, *slope) = (self.of_mask)(p.wide(), t.wide()));
            } else {
                both.for_each(|((value, slope), (p, t))| (*value, *slope) = (self.of)(p.wide(), t.wide()));
            }
            for eight in values.chunks(LANES) {
                lanes.iter_mut().zip(eight).for_each(|(lane, value)| *lane += value);
            }
            if let Some(grad) = grads.next() {
                grad.iter_mut().zip(slopes).for_each(|(g, slope)| *g = (self.to_grad)(*slope));
            }
        }
        *self.sum = lanes.iter().sum();
    }
}

/// The three sums of each channel.
fn shared<R: Real>(p: &[R], t: &[R], channels: usize) -> Vec<Shared> {
    if channels == 1 {
        return vec![shared_alone(p, t)];
    }
    let mut sums = vec![Shared::default(); channels];
    for (p, t) in p.chunks_exact(channels).zip(t.chunks_exact(channels)) {
        for (sum, (p, t)) in sums.iter_mut().zip(p.iter().zip(t)) {
            let (p, t) = (p.wide(), t.wide());
            sum.common += p * t;
            sum.prediction += p;
            sum.truth += t;
        }
    }
    sums
}

/// Of one channel, in lanes.
fn shared_alone<R: Real>(p: &[R], t: &[R]) -> Shared {
    let (mut common, mut prediction, mut truth) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let mut take = |i: usize, p: R, t: R| {
        let (p, t) = (p.wide(), t.wide());
        common[i] += p * t;
        prediction[i] += p;
        truth[i] += t;
    };
    let ((whole_p, rest_p), (whole_t, rest_t)) = (p.as_chunks::<LANES>(), t.as_chunks::<LANES>());
    for (p, t) in whole_p.iter().zip(whole_t) {
        (0..LANES).for_each(|i| take(i, p[i], t[i]));
    }
    rest_p.iter().zip(rest_t).enumerate().for_each(|(i, (p, t))| take(i, *p, *t));
    Shared { common: common.iter().sum(), prediction: prediction.iter().sum(), truth: truth.iter().sum() }
}

/// `grad (+)= slope.common * t + slope.prediction`, channel by channel.
fn add_overlap<R: Real>(slopes: &[Slope], t: &[R], grad: &mut [R], behind_means: bool) {
    let of = |slope: &Slope, t: R| slope.common * t.wide() + slope.prediction;
    match (slopes, behind_means) {
        ([slope], false) => grad.iter_mut().zip(t).for_each(|(g, t)| *g = R::narrow(of(slope, *t))),
        ([slope], true) => grad.iter_mut().zip(t).for_each(|(g, t)| *g = R::narrow(g.wide() + of(slope, *t))),
        _ => {
            for (grad, t) in grad.chunks_exact_mut(slopes.len()).zip(t.chunks_exact(slopes.len())) {
                for ((g, t), slope) in grad.iter_mut().zip(t).zip(slopes) {
                    let before = if behind_means { g.wide() } else { 0.0 };
                    *g = R::narrow(before + of(slope, *t));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Loss, Settings, WORDS};
    use super::*;
    use crate::nn::kernel::cpu::elementwise::mix;

    /// Probabilities, and masks with soft edges.
    fn drawn(count: usize) -> (Vec<f32>, Vec<f32>) {
        let draw = |i: usize, salt: u64| (mix(i as u64 ^ salt << 40) >> 40) as f32 / (1 << 24) as f32;
        let truth = |v: f32| ((v - 0.5) * 4.0 + 0.5).clamp(0.0, 1.0);
        ((0..count).map(|i| draw(i, 1)).collect(), (0..count).map(|i| truth(draw(i, 2))).collect())
    }

    fn all() -> impl Iterator<Item = Loss> {
        WORDS.iter().map(|word| Loss::parse(word, &Settings::default()).unwrap())
    }

    #[test]
    fn value_and_gradient_are_bit_equal_on_one_thread_and_on_three() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (p, t) = drawn(3 * 50_001);
                let run = |loss: Loss, channels: usize| {
                    let mut grad = vec![0.0; p.len()];
                    (loss.value_and_grad_of(&p, &t, channels, &mut grad).to_bits(), grad)
                };
                all().flat_map(|loss| [run(loss, 1), run(loss, 3)]).collect::<Vec<_>>()
            })
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn channels_side_by_side_are_the_mean_of_channels_alone() {
        let (p, t) = drawn(4 * 5_003);
        let channel = |values: &[f32], c: usize| values.iter().skip(c).step_by(4).copied().collect::<Vec<f32>>();
        for loss in all() {
            let mut grad = vec![0.0; p.len()];
            let value = loss.value_and_grad_of(&p, &t, 4, &mut grad);
            let mut mean = 0.0;
            for c in 0..4 {
                let mut alone = vec![0.0; p.len() / 4];
                mean += loss.value_and_grad_of(&channel(&p, c), &channel(&t, c), 1, &mut alone) / 4.0;
                for (a, b) in alone.iter().zip(channel(&grad, c)) {
                    assert!((a / 4.0 - b).abs() <= 1e-6 * b.abs().max(1e-9), "{loss:?}: {a} {b}");
                }
            }
            assert!((value - mean).abs() < 1e-12, "{loss:?}: {value} {mean}");
        }
    }

    #[test]
    fn sums_over_batches_give_the_value_over_all() {
        let (p, t) = drawn(60_000);
        for loss in all() {
            let mut grad = vec![0.0; p.len()];
            let whole = loss.value_and_grad_of(&p, &t, 3, &mut grad);
            let mut sums = Sums::default();
            for (p, t) in p.chunks(21_000).zip(t.chunks(21_000)) {
                sums.add(&super::sums(loss.terms(), p, t, 3));
            }
            assert!((loss.value(&sums) - whole).abs() < 1e-12, "{loss:?}");
        }
    }
}
