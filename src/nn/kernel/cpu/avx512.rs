//! `Simd` on AVX-512: sixteen lanes, thirty-two registers, masks of their own.

use super::gemm::{Tile, tallest};
use super::simd::{Kernel, Simd};
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Avx512;

/// # Safety
/// The machine must have AVX-512 F, BW, DQ and VL.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn enter<K: Kernel>(kernel: K) {
    kernel.run::<Avx512>()
}

#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1u32 << n.min(16)) - 1) as __mmask16
}

impl Simd for Avx512 {
    type V = __m512;
    type M = __mmask16;
    const LANES: usize = 16;
    const ROWS: usize = 14;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        _mm512_set1_ps(x)
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m512 {
        _mm512_loadu_ps(p)
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m512) {
        _mm512_storeu_ps(p, v)
    }
    #[inline(always)]
    unsafe fn load_n(p: *const f32, n: usize) -> __m512 {
        _mm512_maskz_loadu_ps(first(n), p)
    }
    #[inline(always)]
    unsafe fn store_n(p: *mut f32, v: __m512, n: usize) {
        _mm512_mask_storeu_ps(p, first(n), v)
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        _mm512_add_ps(a, b)
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        _mm512_sub_ps(a, b)
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        _mm512_mul_ps(a, b)
    }
    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        _mm512_div_ps(a, b)
    }
    #[inline(always)]
    unsafe fn sqrt(a: __m512) -> __m512 {
        _mm512_sqrt_ps(a)
    }
    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        _mm512_fmadd_ps(a, b, c)
    }
    #[inline(always)]
    unsafe fn relu(a: __m512) -> __m512 {
        // The instruction hands back its second operand where either is NaN.
        _mm512_max_ps(_mm512_setzero_ps(), a)
    }
    #[inline(always)]
    unsafe fn bf16(a: __m512) -> __m512 {
        let bits = _mm512_castps_si512(a);
        let even = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), even);
        let nearest = _mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32(!0xffff)));
        // A sum with itself quietens a NaN.
        _mm512_mask_add_ps(nearest, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), a, a)
    }
    #[inline(always)]
    unsafe fn greater(a: __m512, b: __m512) -> __mmask16 {
        _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b)
    }
    #[inline(always)]
    unsafe fn beats(a: __m512, b: __m512) -> __mmask16 {
        _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a)
    }
    #[inline(always)]
    unsafe fn equal(a: __m512, b: __m512) -> __mmask16 {
        _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b)
    }
    #[inline(always)]
    unsafe fn select(m: __mmask16, a: __m512, b: __m512) -> __m512 {
        _mm512_mask_blend_ps(m, b, a)
    }
    #[inline(always)]
    unsafe fn sum(v: __m512) -> f32 {
        let eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
        let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: __m512, n: usize) {
        _mm_mask_storeu_epi8(p.cast(), first(n), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)))
    }
    #[inline(always)]
    unsafe fn load_bytes(p: *const u8, n: usize) -> __m512 {
        _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(n), p.cast())))
    }
    #[inline(always)]
    unsafe fn transpose8(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        super::avx2::transpose8(from, from_row, to, to_row)
    }
    #[inline(always)]
    unsafe fn stream(p: *mut f32, v: __m512) {
        _mm512_stream_ps(p, v)
    }
    #[inline(always)]
    unsafe fn fence() {
        _mm_sfence()
    }
    #[inline(always)]
    unsafe fn splat_pair(p: *const f32) -> __m512 {
        _mm512_castsi512_ps(_mm512_set1_epi64(p.cast::<i64>().read_unaligned()))
    }
    #[inline(always)]
    unsafe fn load_pair(p: *const f32, q: *const f32, n: usize) -> __m512 {
        let half = first(n) as __mmask8;
        let load = |p| if n >= 8 { _mm256_loadu_ps(p) } else { _mm256_maskz_loadu_ps(half, p) };
        let both = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(load(p)), load(q));
        _mm512_permutexvar_ps(_mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15), both)
    }
    #[inline(always)]
    unsafe fn store_pair(p: *mut f32, q: *mut f32, v: __m512, n: usize) {
        let apart = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
        let both = _mm512_permutexvar_ps(apart, v);
        let (even, odd) = (_mm512_castps512_ps256(both), _mm512_extractf32x8_ps::<1>(both));
        if n >= 8 {
            _mm256_storeu_ps(p, even);
            _mm256_storeu_ps(q, odd);
        } else {
            let half = first(n) as __mmask8;
            _mm256_mask_storeu_ps(p, half, even);
            _mm256_mask_storeu_ps(q, half, odd);
        }
    }
    #[inline(always)]
    unsafe fn tile(m: usize, vectors: usize, tail: usize, t: Tile) -> usize {
        tallest!(Avx512, m, vectors, tail, t, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1)
    }
}
