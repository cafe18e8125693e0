//! The vector trait that every kernel is written against, and the choice of its body at run time.
//!
//! Code that must be compiled with vector instructions is `#[inline(always)]`, generic over
//! `S: Simd`, and reached only through [`dispatch`], whose arms fix both `S` and the features.

use super::gemm::Tile;
use super::portable::Portable;
use crate::error::{Error, Result};
use std::sync::OnceLock;

/// Instruction sets that the kernels are compiled for, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    Portable,
    Avx2,
    Avx512,
}

/// The environment variable that holds the kernels to less than the machine has.
const VARIABLE: &str = "HCWB_CPU";

impl Isa {
    /// The most that this machine has.
    pub fn detect() -> Isa {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            {
                let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                let avx512 = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl");
                match (avx2, avx512) {
                    (true, true) => return Isa::Avx512,
                    (true, false) => return Isa::Avx2,
                    _ => {}
                }
            }
            Isa::Portable
        })
    }

    /// What the kernels use in this process: `HCWB_CPU`, but never more than the machine has.
    pub fn current() -> Isa {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| requested().ok().flatten().unwrap_or(Isa::Avx512).min(Isa::detect()))
    }

    /// Every instruction set that this machine can run, for tests that compare them.
    pub fn available() -> impl Iterator<Item = Isa> {
        [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| *isa <= Isa::detect())
    }

    /// The name that `HCWB_CPU` knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Floats in one vector.
    pub(super) fn lanes(self) -> usize {
        match self {
            Isa::Avx512 => 16,
            _ => 8,
        }
    }

    /// Rows of the tallest register tile.
    pub(super) fn rows(self) -> usize {
        match self {
            Isa::Avx512 => 14,
            Isa::Avx2 => 6,
            Isa::Portable => 2,
        }
    }

    /// Columns of one panel of a packed right-hand side: two vectors.
    pub(super) fn panel(self) -> usize {
        2 * self.lanes()
    }
}

/// What `HCWB_CPU` asks for, if it is set.
fn requested() -> Result<Option<Isa>> {
    match std::env::var_os(VARIABLE) {
        Some(value) if !value.is_empty() => parse(&value.to_string_lossy()).map(Some),
        _ => Ok(None),
    }
}

/// Whether `HCWB_CPU` lets AMX tiles be used; where it is unset, it does.
pub(super) fn amx_allowed() -> bool {
    std::env::var_os(VARIABLE).is_none_or(|value| value.is_empty() || value == "amx")
}

fn parse(word: &str) -> Result<Isa> {
    match word {
        "portable" => Ok(Isa::Portable),
        "avx2" => Ok(Isa::Avx2),
        // AMX tiles hold bf16 only; in f32 such a machine runs the AVX-512 bodies.
        "avx512" | "amx" => Ok(Isa::Avx512),
        _ => Err(Error::usage(format!("{VARIABLE}={} is no instruction set", crate::text::line(word)))
            .cure("use portable, avx2, avx512 or amx, or leave it unset")),
    }
}

/// Refuses an `HCWB_CPU` that names no instruction set; to be called once at start.
pub fn check_env() -> Result<()> {
    requested().map(drop)
}

/// A piece of work that is compiled once per instruction set.
pub(super) trait Kernel {
    /// # Safety
    /// The instruction set of `S` must be there, and the pointers inside `self` valid.
    unsafe fn run<S: Simd>(self);
}

/// Panics where `isa` is more than the machine has.
///
/// # Safety
/// The pointers inside `kernel` must be valid.
pub(super) unsafe fn dispatch<K: Kernel>(isa: Isa, kernel: K) {
    assert!(isa <= Isa::detect(), "this machine has no {}", isa.name());
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => super::avx512::enter(kernel),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => super::avx2::enter(kernel),
        _ => kernel.run::<Portable>(),
    }
}

/// Vectors of `LANES` floats.
///
/// # Safety
/// Of every method: the instruction set must be there; pointers must be valid for the lanes touched.
pub(super) trait Simd: Copy + 'static {
    type V: Copy;
    /// One truth value a lane.
    type M: Copy;
    const LANES: usize;
    /// Rows of the tallest register tile.
    const ROWS: usize;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    /// The first `n` lanes; the others read as zero.
    unsafe fn load_n(p: *const f32, n: usize) -> Self::V;
    /// The first `n` lanes; memory beyond is left alone.
    unsafe fn store_n(p: *mut f32, v: Self::V, n: usize);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sqrt(a: Self::V) -> Self::V;
    /// a * b + c
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The greater of zero and `a`; a NaN stays one.
    unsafe fn relu(a: Self::V) -> Self::V;
    /// Rounded to bf16, to nearest, ties to even; a NaN stays one.
    unsafe fn bf16(a: Self::V) -> Self::V;
    unsafe fn greater(a: Self::V, b: Self::V) -> Self::M;
    /// `a` is greater than `b`, or not a number: PyTorch's rule for a new maximum.
    unsafe fn beats(a: Self::V, b: Self::V) -> Self::M;
    unsafe fn equal(a: Self::V, b: Self::V) -> Self::M;
    /// `a` where the mask holds, else `b`.
    unsafe fn select(m: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// Sum of the lanes, always in the same order.
    unsafe fn sum(v: Self::V) -> f32;
    /// The first `n` lanes, whole numbers 0..=255, as bytes.
    unsafe fn store_bytes(p: *mut u8, v: Self::V, n: usize);
    unsafe fn load_bytes(p: *const u8, n: usize) -> Self::V;
    /// `to[j][i] = from[i][j]` of 8x8 floats, rows `from_row` and `to_row` floats apart.
    unsafe fn transpose8(from: *const f32, from_row: usize, to: *mut f32, to_row: usize);
    /// `p[0]` in the even lanes, `p[1]` in the odd ones.
    unsafe fn splat_pair(p: *const f32) -> Self::V;
    /// `p[i]` and `q[i]` in lanes `2 i` and `2 i + 1`, for the first `n` of `LANES / 2`; zeros in the others.
    unsafe fn load_pair(p: *const f32, q: *const f32, n: usize) -> Self::V;
    /// The way back: even lanes to `p`, odd ones to `q`.
    unsafe fn store_pair(p: *mut f32, q: *mut f32, v: Self::V, n: usize);
    /// A store that leaves no copy in the cache, where a vector is a whole line and `p` its start.
    #[inline(always)]
    unsafe fn stream(p: *mut f32, v: Self::V) {
        Self::store(p, v)
    }
    /// Puts streamed stores before whatever the thread does next.
    #[inline(always)]
    unsafe fn fence() {}
    /// Runs the microkernel on as many of the `m` rows as one register tile holds, on `vectors`
    /// (1 or 2) vectors of columns, the last of them `tail` lanes wide; returns the rows done.
    unsafe fn tile(m: usize, vectors: usize, tail: usize, t: Tile) -> usize;
}

/// A load that is masked only where it has to be.
///
/// # Safety
/// `p` must be valid for `n.min(LANES)` floats.
#[inline(always)]
pub(super) unsafe fn load_upto<S: Simd>(p: *const f32, n: usize) -> S::V {
    if n >= S::LANES { S::load(p) } else { S::load_n(p, n) }
}

/// A store that is masked only where it has to be.
///
/// # Safety
/// `p` must be valid for `n.min(LANES)` floats.
#[inline(always)]
pub(super) unsafe fn store_upto<S: Simd>(p: *mut f32, v: S::V, n: usize) {
    if n >= S::LANES { S::store(p, v) } else { S::store_n(p, v, n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_set_is_known_by_its_name_and_any_other_word_is_a_usage_error() {
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512] {
            assert_eq!(parse(isa.name()).unwrap(), isa);
        }
        assert_eq!(parse("amx").unwrap(), Isa::Avx512);
        let error = parse("sse9").unwrap_err();
        assert_eq!(error.kind, crate::error::Kind::Usage);
        assert!(error.cure.unwrap().contains("avx2"));
    }
}
