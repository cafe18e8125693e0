//! The bf16 product by `vdpbf16ps`, and the transposition of pairs that goes with it.

use super::tile::{PANEL, Product};
use core::arch::x86_64::*;
use std::hint::black_box;

/// # Safety
/// The machine must have AVX512-BF16; the pointers must be valid as [`Product`] says.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) unsafe fn multiply(p: Product) {
    let mut i = 0;
    while i < p.rows {
        let left = p.rows - i;
        i += match (left, p.columns > 16) {
            (12.., true) => rows::<12, 2>(&p, i),
            (8.., true) => rows::<8, 2>(&p, i),
            (4.., true) => rows::<4, 2>(&p, i),
            (_, true) => rows::<1, 2>(&p, i),
            (16.., false) => rows::<16, 1>(&p, i),
            (8.., false) => rows::<8, 1>(&p, i),
            (4.., false) => rows::<4, 1>(&p, i),
            (_, false) => rows::<1, 1>(&p, i),
        }
    }
}

/// Rows `first..first + ROWS`, whose sums stay in registers.
///
/// # Safety
/// As [`multiply`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn rows<const ROWS: usize, const VECTORS: usize>(p: &Product, first: usize) -> usize {
    let mut sum = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    let c = p.c.add(first * p.c_row);
    if p.accumulate {
        for (i, sum) in sum.iter_mut().enumerate() {
            for (j, sum) in sum.iter_mut().enumerate() {
                *sum = _mm512_loadu_ps(c.add(i * p.c_row + 16 * j));
            }
        }
    }
    // As in the f32 microkernel: four rows share a pointer that walks, at distances that the
    // compiler may not take apart.
    let away = [0, black_box(p.a_row), black_box(2 * p.a_row), black_box(3 * p.a_row)];
    let next = black_box(4 * p.a_row);
    let mut b = p.b;
    for step in p.steps {
        let mut a = [p.a.wrapping_add(first * p.a_row + *step as usize); 4];
        for group in 1..4 {
            a[group] = a[group - 1].wrapping_add(next);
        }
        for pair in 0..16 {
            let mut column = [_mm512_setzero_si512(); VECTORS];
            for (j, column) in column.iter_mut().enumerate() {
                *column = _mm512_loadu_si512(b.add(pair * 32 + j * (PANEL / 2)).cast());
            }
            for (i, sum) in sum.iter_mut().enumerate() {
                let x = a[i / 4].add(away[i % 4] + 2 * pair);
                let x = _mm512_set1_epi32(x.cast::<i32>().read_unaligned());
                for (sum, column) in sum.iter_mut().zip(column) {
                    *sum = _mm512_dpbf16_ps(*sum, bf16(x), bf16(column));
                }
            }
        }
        b = b.add(PANEL);
    }
    for (i, sum) in sum.iter().enumerate() {
        for (j, sum) in sum.iter().enumerate() {
            _mm512_storeu_ps(c.add(i * p.c_row + 16 * j), *sum);
        }
    }
    ROWS
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn bf16(pairs: __m512i) -> __m512bh {
    // Safety: the same 512 bits.
    unsafe { core::mem::transmute(pairs) }
}

/// Writes the transpose of a 16x16 block of pairs: row `i` to `to + i * to_row` pairs.
///
/// # Safety
/// The machine must have AVX-512 F; `to` must be writable for its rows.
#[target_feature(enable = "avx512f")]
pub(in crate::nn::kernel::cpu) unsafe fn transpose(from: &[u32; 256], to: *mut u16, to_row: usize) {
    let mut r = [_mm512_setzero_si512(); 16];
    for (i, r) in r.iter_mut().enumerate() {
        *r = _mm512_loadu_si512(from.as_ptr().add(16 * i).cast());
    }
    // Within quarters of a vector: 2x2, then 4x4.
    let mut t = r;
    for i in (0..16).step_by(2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for i in (0..16).step_by(4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    // Then the quarters themselves, four vectors at a time.
    for i in 0..4 {
        let (a, b, c, d) = (r[i], r[i + 4], r[i + 8], r[i + 12]);
        let (ab, cd) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d));
        let (ab_odd, cd_odd) = (_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d));
        let out = [
            _mm512_shuffle_i32x4::<0x88>(ab, cd),
            _mm512_shuffle_i32x4::<0x88>(ab_odd, cd_odd),
            _mm512_shuffle_i32x4::<0xdd>(ab, cd),
            _mm512_shuffle_i32x4::<0xdd>(ab_odd, cd_odd),
        ];
        for (quarter, v) in out.into_iter().enumerate() {
            _mm512_storeu_si512(to.add((4 * quarter + i) * to_row).cast(), v);
        }
    }
}
