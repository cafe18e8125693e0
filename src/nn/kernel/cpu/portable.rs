//! `Simd` in plain Rust: eight lanes in an array, for every machine and as the reference in tests.

use super::bf16;
use super::gemm::{Tile, tallest};
use super::simd::Simd;

#[derive(Clone, Copy)]
pub(super) struct Portable;

const N: usize = 8;
type Lanes = [f32; N];

#[inline(always)]
fn each(f: impl Fn(usize) -> f32) -> Lanes {
    std::array::from_fn(f)
}

impl Simd for Portable {
    type V = Lanes;
    type M = [bool; N];
    const LANES: usize = N;
    const ROWS: usize = 2;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Lanes {
        [x; N]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Lanes {
        p.cast::<Lanes>().read_unaligned()
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Lanes) {
        p.cast::<Lanes>().write_unaligned(v)
    }
    #[inline(always)]
    unsafe fn load_n(p: *const f32, n: usize) -> Lanes {
        each(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_n(p: *mut f32, v: Lanes, n: usize) {
        for (i, x) in v.iter().take(n).enumerate() {
            *p.add(i) = *x;
        }
    }
    #[inline(always)]
    unsafe fn add(a: Lanes, b: Lanes) -> Lanes {
        each(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: Lanes, b: Lanes) -> Lanes {
        each(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: Lanes, b: Lanes) -> Lanes {
        each(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn div(a: Lanes, b: Lanes) -> Lanes {
        each(|i| a[i] / b[i])
    }
    #[inline(always)]
    unsafe fn sqrt(a: Lanes) -> Lanes {
        each(|i| a[i].sqrt())
    }
    #[inline(always)]
    unsafe fn fma(a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        // Two roundings: without the instruction `mul_add` would be a library call a lane.
        each(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn relu(a: Lanes) -> Lanes {
        each(|i| if a[i] < 0.0 { 0.0 } else { a[i] })
    }
    #[inline(always)]
    unsafe fn bf16(a: Lanes) -> Lanes {
        each(|i| bf16::nearest(a[i]))
    }
    #[inline(always)]
    unsafe fn greater(a: Lanes, b: Lanes) -> [bool; N] {
        std::array::from_fn(|i| a[i] > b[i])
    }
    #[inline(always)]
    unsafe fn beats(a: Lanes, b: Lanes) -> [bool; N] {
        std::array::from_fn(|i| a[i] > b[i] || a[i].is_nan())
    }
    #[inline(always)]
    unsafe fn equal(a: Lanes, b: Lanes) -> [bool; N] {
        std::array::from_fn(|i| a[i] == b[i])
    }
    #[inline(always)]
    unsafe fn select(m: [bool; N], a: Lanes, b: Lanes) -> Lanes {
        each(|i| if m[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn sum(v: Lanes) -> f32 {
        ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
    }
    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: Lanes, n: usize) {
        for (i, x) in v.iter().take(n).enumerate() {
            *p.add(i) = *x as u8;
        }
    }
    #[inline(always)]
    unsafe fn load_bytes(p: *const u8, n: usize) -> Lanes {
        each(|i| if i < n { unsafe { *p.add(i) as f32 } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn transpose8(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        for i in 0..8 {
            for j in 0..8 {
                *to.add(j * to_row + i) = *from.add(i * from_row + j);
            }
        }
    }
    #[inline(always)]
    unsafe fn splat_pair(p: *const f32) -> Lanes {
        let pair = [*p, *p.add(1)];
        each(|i| pair[i % 2])
    }
    #[inline(always)]
    unsafe fn load_pair(p: *const f32, q: *const f32, n: usize) -> Lanes {
        each(|i| if i / 2 < n { unsafe { *[p, q][i % 2].add(i / 2) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_pair(p: *mut f32, q: *mut f32, v: Lanes, n: usize) {
        for i in 0..n.min(N / 2) {
            *p.add(i) = v[2 * i];
            *q.add(i) = v[2 * i + 1];
        }
    }
    #[inline(always)]
    unsafe fn tile(m: usize, vectors: usize, tail: usize, t: Tile) -> usize {
        tallest!(Portable, m, vectors, tail, t, 2, 1)
    }
}
