//! `Simd` on AVX2 with FMA: eight lanes, sixteen registers.

use super::gemm::{Tile, tallest};
use super::simd::{Kernel, Simd};
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// # Safety
/// The machine must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn enter<K: Kernel>(kernel: K) {
    kernel.run::<Avx2>()
}

#[inline(always)]
unsafe fn first(n: usize) -> __m256i {
    _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// [`Simd::transpose8`] of every machine with AVX2.
///
/// # Safety
/// Both blocks must be valid.
#[inline(always)]
pub(super) unsafe fn transpose8(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
    let mut row = [_mm256_setzero_ps(); 8];
    for (i, row) in row.iter_mut().enumerate() {
        *row = _mm256_loadu_ps(from.add(i * from_row));
    }
    // Neighbouring rows interleaved, then neighbouring pairs; each half holds columns j and j + 4.
    let mut pair = [_mm256_setzero_ps(); 8];
    for i in 0..4 {
        pair[i] = _mm256_unpacklo_ps(row[2 * i], row[2 * i + 1]);
        pair[i + 4] = _mm256_unpackhi_ps(row[2 * i], row[2 * i + 1]);
    }
    for half in 0..2 {
        let (a, b, c, d) = (pair[4 * half], pair[4 * half + 1], pair[4 * half + 2], pair[4 * half + 3]);
        for odd in 0..2 {
            let (upper, lower) = if odd == 0 {
                (_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0x44>(c, d))
            } else {
                (_mm256_shuffle_ps::<0xee>(a, b), _mm256_shuffle_ps::<0xee>(c, d))
            };
            let column = 2 * half + odd;
            _mm256_storeu_ps(to.add(column * to_row), _mm256_permute2f128_ps::<0x20>(upper, lower));
            _mm256_storeu_ps(to.add((column + 4) * to_row), _mm256_permute2f128_ps::<0x31>(upper, lower));
        }
    }
}

impl Simd for Avx2 {
    type V = __m256;
    type M = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        _mm256_set1_ps(x)
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m256 {
        _mm256_loadu_ps(p)
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m256) {
        _mm256_storeu_ps(p, v)
    }
    #[inline(always)]
    unsafe fn load_n(p: *const f32, n: usize) -> __m256 {
        _mm256_maskload_ps(p, first(n))
    }
    #[inline(always)]
    unsafe fn store_n(p: *mut f32, v: __m256, n: usize) {
        _mm256_maskstore_ps(p, first(n), v)
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        _mm256_add_ps(a, b)
    }
    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        _mm256_sub_ps(a, b)
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        _mm256_mul_ps(a, b)
    }
    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        _mm256_div_ps(a, b)
    }
    #[inline(always)]
    unsafe fn sqrt(a: __m256) -> __m256 {
        _mm256_sqrt_ps(a)
    }
    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        _mm256_fmadd_ps(a, b, c)
    }
    #[inline(always)]
    unsafe fn relu(a: __m256) -> __m256 {
        // The instruction hands back its second operand where either is NaN.
        _mm256_max_ps(_mm256_setzero_ps(), a)
    }
    #[inline(always)]
    unsafe fn bf16(a: __m256) -> __m256 {
        let bits = _mm256_castps_si256(a);
        let even = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), even);
        let nearest = _mm256_and_ps(_mm256_castsi256_ps(up), _mm256_castsi256_ps(_mm256_set1_epi32(!0xffff)));
        // A sum with itself quietens a NaN.
        _mm256_blendv_ps(nearest, _mm256_add_ps(a, a), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a))
    }
    #[inline(always)]
    unsafe fn greater(a: __m256, b: __m256) -> __m256 {
        _mm256_cmp_ps::<_CMP_GT_OQ>(a, b)
    }
    #[inline(always)]
    unsafe fn beats(a: __m256, b: __m256) -> __m256 {
        _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a))
    }
    #[inline(always)]
    unsafe fn equal(a: __m256, b: __m256) -> __m256 {
        _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b)
    }
    #[inline(always)]
    unsafe fn select(m: __m256, a: __m256, b: __m256) -> __m256 {
        _mm256_blendv_ps(b, a, m)
    }
    #[inline(always)]
    unsafe fn sum(v: __m256) -> f32 {
        let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: __m256, n: usize) {
        let whole = _mm256_cvtps_epi32(v);
        let words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
        let bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).to_le_bytes();
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), p, n.min(8));
    }
    #[inline(always)]
    unsafe fn load_bytes(p: *const u8, n: usize) -> __m256 {
        let mut bytes = [0u8; 8];
        core::ptr::copy_nonoverlapping(p, bytes.as_mut_ptr(), n.min(8));
        _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes))))
    }
    #[inline(always)]
    unsafe fn transpose8(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        transpose8(from, from_row, to, to_row)
    }
    #[inline(always)]
    unsafe fn splat_pair(p: *const f32) -> __m256 {
        _mm256_castsi256_ps(_mm256_set1_epi64x(p.cast::<i64>().read_unaligned()))
    }
    #[inline(always)]
    unsafe fn load_pair(p: *const f32, q: *const f32, n: usize) -> __m256 {
        let half = _mm256_castsi256_si128(first(n));
        let load = |p| if n >= 4 { _mm_loadu_ps(p) } else { _mm_maskload_ps(p, half) };
        let (p, q) = (load(p), load(q));
        _mm256_set_m128(_mm_unpackhi_ps(p, q), _mm_unpacklo_ps(p, q))
    }
    #[inline(always)]
    unsafe fn store_pair(p: *mut f32, q: *mut f32, v: __m256, n: usize) {
        let (low, high) = (_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let (even, odd) = (_mm_shuffle_ps::<0x88>(low, high), _mm_shuffle_ps::<0xdd>(low, high));
        if n >= 4 {
            _mm_storeu_ps(p, even);
            _mm_storeu_ps(q, odd);
        } else {
            let half = _mm256_castsi256_si128(first(n));
            _mm_maskstore_ps(p, half, even);
            _mm_maskstore_ps(q, half, odd);
        }
    }
    #[inline(always)]
    unsafe fn tile(m: usize, vectors: usize, tail: usize, t: Tile) -> usize {
        tallest!(Avx2, m, vectors, tail, t, 6, 5, 4, 3, 2, 1)
    }
}
