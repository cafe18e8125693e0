//! Winograd's minimal filtering algorithms F(2,3) and F(4,3): their transforms in one direction.
//!
//! Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4, names them:
//! Y = A^T [ (G g) . (B^T d) ]. F(4,3) here takes the points 0, +-a, +-b and infinity with a = 5/8,
//! b = 3/2, which loses half of the digits that the textbook's 1 and 2 lose, at the same price.

use crate::nn::kernel::cpu::simd::Simd;
use std::marker::PhantomData;

/// Points of the largest transform: arrays are as long, of which a smaller one uses the first.
pub(super) const MOST: usize = 6;

/// Most pixels across that the tiles of one row have.
pub(super) const WIDEST: usize = MOST + 4;

/// One algorithm for three taps. `V` arrays hold a vector of channels for each position.
///
/// # Safety
/// Of every method: the instruction set of `S` must be there.
pub(super) trait Minimal: Copy + Send + Sync + 'static {
    /// Outputs of a tile.
    const OUT: usize;
    /// Points of the transform, as many as a tile has inputs.
    const POINTS: usize;
    /// Tiles side by side that one row of the matrices holds: each channel's one or two values.
    const TILES: usize = 1;
    /// Inputs, gradients and taps as they are read.
    #[inline(always)]
    unsafe fn operand<S: Simd>(x: S::V) -> S::V {
        x
    }
    /// B^T: inputs to points.
    unsafe fn input<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST];
    /// A^T: points to outputs.
    unsafe fn output<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST];
    /// A: the gradient of outputs to points.
    unsafe fn grad<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST];
    /// G: taps to points.
    unsafe fn kernel<S: Simd>(x: [S::V; 3]) -> [S::V; MOST];
    /// G^T: points to the gradient of taps.
    unsafe fn grad_kernel<S: Simd>(x: [S::V; MOST]) -> [S::V; 3];
}

/// F(2,3) on 0, 1, -1 and infinity.
#[derive(Clone, Copy)]
pub(super) struct F2;

impl Minimal for F2 {
    const OUT: usize = 2;
    const POINTS: usize = 4;

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        let none = S::splat(0.0);
        [S::sub(x[0], x[2]), S::add(x[1], x[2]), S::sub(x[2], x[1]), S::sub(x[1], x[3]), none, none]
    }
    #[inline(always)]
    unsafe fn output<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        let none = S::splat(0.0);
        let (even, odd) = (S::add(x[1], x[2]), S::sub(x[1], x[2]));
        [S::add(x[0], even), S::sub(odd, x[3]), none, none, none, none]
    }
    #[inline(always)]
    unsafe fn grad<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        let none = S::splat(0.0);
        [x[0], S::add(x[0], x[1]), S::sub(x[0], x[1]), S::sub(none, x[1]), none, none]
    }
    #[inline(always)]
    unsafe fn kernel<S: Simd>(x: [S::V; 3]) -> [S::V; MOST] {
        let (none, half) = (S::splat(0.0), S::splat(0.5));
        let (even, odd) = (S::mul(half, S::add(x[0], x[2])), S::mul(half, x[1]));
        [x[0], S::add(even, odd), S::sub(even, odd), x[2], none, none]
    }
    #[inline(always)]
    unsafe fn grad_kernel<S: Simd>(x: [S::V; MOST]) -> [S::V; 3] {
        let half = S::splat(0.5);
        let (even, odd) = (S::mul(half, S::add(x[1], x[2])), S::mul(half, S::sub(x[1], x[2])));
        [S::add(x[0], even), odd, S::add(even, x[3])]
    }
}

/// F(4,3) on 0, +-5/8, +-3/2 and infinity, of one tile or of two side by side.
#[derive(Clone, Copy)]
pub(super) struct F4<const TILES: usize>;

const A: f64 = 5.0 / 8.0;
const B: f64 = 3.0 / 2.0;
const A2: f64 = A * A;
const B2: f64 = B * B;
/// What scales the rows of G: a point's differences from all the other points, multiplied; one over that.
const AT_0: f64 = 1.0 / (A2 * B2);
const AT_A: f64 = 1.0 / (2.0 * A2 * (A2 - B2));
const AT_B: f64 = 1.0 / (2.0 * B2 * (B2 - A2));

/// A constant in every lane.
///
/// # Safety
/// As [`Simd::splat`].
#[inline(always)]
unsafe fn c<S: Simd>(value: f64) -> S::V {
    S::splat(value as f32)
}

impl<const TILES: usize> Minimal for F4<TILES> {
    const TILES: usize = TILES;
    const OUT: usize = 4;
    const POINTS: usize = 6;

    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        // Without the factors of b: x^4 - b^2 x^2 and x^3 - b^2 x; likewise without those of a.
        let (even_a, odd_a) = (S::fma(c::<S>(-B2), x[2], x[4]), S::fma(c::<S>(-B2), x[1], x[3]));
        let (even_b, odd_b) = (S::fma(c::<S>(-A2), x[2], x[4]), S::fma(c::<S>(-A2), x[1], x[3]));
        [
            S::fma(c::<S>(A2 * B2), x[0], S::fma(c::<S>(-(A2 + B2)), x[2], x[4])),
            S::fma(c::<S>(A), odd_a, even_a),
            S::fma(c::<S>(-A), odd_a, even_a),
            S::fma(c::<S>(B), odd_b, even_b),
            S::fma(c::<S>(-B), odd_b, even_b),
            S::fma(c::<S>(A2 * B2), x[1], S::fma(c::<S>(-(A2 + B2)), x[3], x[5])),
        ]
    }
    #[inline(always)]
    unsafe fn output<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        let none = S::splat(0.0);
        let (even_a, odd_a) = (S::add(x[1], x[2]), S::sub(x[1], x[2]));
        let (even_b, odd_b) = (S::add(x[3], x[4]), S::sub(x[3], x[4]));
        [
            S::add(x[0], S::add(even_a, even_b)),
            S::fma(c::<S>(A), odd_a, S::mul(c::<S>(B), odd_b)),
            S::fma(c::<S>(A2), even_a, S::mul(c::<S>(B2), even_b)),
            S::fma(c::<S>(A2 * A), odd_a, S::fma(c::<S>(B2 * B), odd_b, x[5])),
            none,
            none,
        ]
    }
    #[inline(always)]
    unsafe fn grad<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        let (even_a, odd_a) = (S::fma(c::<S>(A2), x[2], x[0]), S::fma(c::<S>(A2), x[3], x[1]));
        let (even_b, odd_b) = (S::fma(c::<S>(B2), x[2], x[0]), S::fma(c::<S>(B2), x[3], x[1]));
        [
            x[0],
            S::fma(c::<S>(A), odd_a, even_a),
            S::fma(c::<S>(-A), odd_a, even_a),
            S::fma(c::<S>(B), odd_b, even_b),
            S::fma(c::<S>(-B), odd_b, even_b),
            x[3],
        ]
    }
    #[inline(always)]
    unsafe fn kernel<S: Simd>(x: [S::V; 3]) -> [S::V; MOST] {
        let even_a = S::fma(c::<S>(AT_A * A2), x[2], S::mul(c::<S>(AT_A), x[0]));
        let even_b = S::fma(c::<S>(AT_B * B2), x[2], S::mul(c::<S>(AT_B), x[0]));
        [
            S::mul(c::<S>(AT_0), x[0]),
            S::fma(c::<S>(AT_A * A), x[1], even_a),
            S::fma(c::<S>(-AT_A * A), x[1], even_a),
            S::fma(c::<S>(AT_B * B), x[1], even_b),
            S::fma(c::<S>(-AT_B * B), x[1], even_b),
            x[2],
        ]
    }
    #[inline(always)]
    unsafe fn grad_kernel<S: Simd>(x: [S::V; MOST]) -> [S::V; 3] {
        let (even_a, odd_a) = (S::add(x[1], x[2]), S::sub(x[1], x[2]));
        let (even_b, odd_b) = (S::add(x[3], x[4]), S::sub(x[3], x[4]));
        [
            S::fma(c::<S>(AT_0), x[0], S::fma(c::<S>(AT_A), even_a, S::mul(c::<S>(AT_B), even_b))),
            S::fma(c::<S>(AT_A * A), odd_a, S::mul(c::<S>(AT_B * B), odd_b)),
            S::fma(c::<S>(AT_A * A2), even_a, S::fma(c::<S>(AT_B * B2), even_b, x[5])),
        ]
    }
}

/// The same on operands rounded to bf16.
#[derive(Clone, Copy)]
pub(super) struct Rounded<F>(PhantomData<F>);

impl<F: Minimal> Minimal for Rounded<F> {
    const OUT: usize = F::OUT;
    const POINTS: usize = F::POINTS;
    const TILES: usize = F::TILES;

    #[inline(always)]
    unsafe fn operand<S: Simd>(x: S::V) -> S::V {
        S::bf16(x)
    }
    #[inline(always)]
    unsafe fn input<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        F::input::<S>(x)
    }
    #[inline(always)]
    unsafe fn output<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        F::output::<S>(x)
    }
    #[inline(always)]
    unsafe fn grad<S: Simd>(x: [S::V; MOST]) -> [S::V; MOST] {
        F::grad::<S>(x)
    }
    #[inline(always)]
    unsafe fn kernel<S: Simd>(x: [S::V; 3]) -> [S::V; MOST] {
        F::kernel::<S>(x)
    }
    #[inline(always)]
    unsafe fn grad_kernel<S: Simd>(x: [S::V; MOST]) -> [S::V; 3] {
        F::grad_kernel::<S>(x)
    }
}
