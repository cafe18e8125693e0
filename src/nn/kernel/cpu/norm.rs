//! Batch normalisation over (rows, channels), and the sums that bias gradients need.

use super::channels::{Cut, Term, repeat, sum_rows};
use super::parallel::{Shared, for_each};
use super::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};

/// Mean and variance (divided by the number of rows) of each channel.
///
/// Each block is centred on its own mean while it lies in the cache; blocks are merged in f64
/// (Chan, Golub and LeVeque 1983, eq. 2.1), so a large mean costs no digits.
pub fn moments(isa: Isa, x: &[f32], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let rows = rows_of(x, channels);
    let cut = Cut::new(rows, channels);
    let mut states = cut.states(Moments { rows: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] });
    let shared = Shared::new(&mut states);
    cut.for_each(|part, blocks| {
        // Safety: one job a part.
        let state = unsafe { &mut *shared.at(part) };
        let mut sums = vec![0f32; channels];
        for (first, rows) in blocks {
            sums.fill(0.0);
            // Safety: the rows lie in `x`.
            unsafe { dispatch(isa, SumRows { term: Values { x }, channels, first, rows, sums: &mut sums }) };
            let mean: Vec<f32> = sums.iter().map(|s| s / rows as f32).collect();
            let pattern = repeat(isa, &mean);
            let term = Squares { x, mean: &pattern };
            sums.fill(0.0);
            // Safety: as above; the pattern was made for this instruction set.
            unsafe { dispatch(isa, SumRows { term, channels, first, rows, sums: &mut sums }) };
            state.merge(rows as f64, mean.iter().map(|m| *m as f64), sums.iter().map(|s| *s as f64));
        }
    });
    let mut all = Moments { rows: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] };
    for s in states {
        all.merge(s.rows, s.mean.into_iter(), s.squares.into_iter());
    }
    all.squares.iter_mut().for_each(|s| *s /= rows as f64);
    (all.mean, all.squares)
}

#[derive(Clone)]
struct Moments {
    rows: f64,
    mean: Vec<f64>,
    /// Sum of squared distances from the mean.
    squares: Vec<f64>,
}

impl Moments {
    fn merge(&mut self, rows: f64, mean: impl Iterator<Item = f64>, squares: impl Iterator<Item = f64>) {
        let total = self.rows + rows;
        if rows == 0.0 {
            return;
        }
        let (share, weight) = (rows / total, self.rows * rows / total);
        for (c, (mean, squares)) in mean.zip(squares).enumerate() {
            let delta = mean - self.mean[c];
            self.mean[c] += delta * share;
            self.squares[c] += squares + delta * delta * weight;
        }
        self.rows = total;
    }
}

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
enum Patterns<'a> {
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
    unsafe fn pass<S: Simd>(&self, grad: S::V, x: S::V, i: usize, n: usize, j: usize) -> S::V {
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
sums!(Values: 1, Squares: 1, Masked: 1, GradTimesCentred: 2);

struct Values<'a> {
    x: &'a [f32],
}
impl Term<1> for Values<'_> {
    #[inline(always)]
    unsafe fn at<S: Simd>(&self, i: usize, n: usize, _: usize) -> [S::V; 1] {
        [load_upto::<S>(self.x.as_ptr().add(i), n)]
    }
}

struct Squares<'a> {
    x: &'a [f32],
    mean: &'a [f32],
}
impl Term<1> for Squares<'_> {
    #[inline(always)]
    unsafe fn at<S: Simd>(&self, i: usize, n: usize, j: usize) -> [S::V; 1] {
        let mean = load_upto::<S>(self.mean.as_ptr().add(j), n);
        let d = S::sub(load_upto::<S>(self.x.as_ptr().add(i), n), mean);
        [S::mul(d, d)]
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
