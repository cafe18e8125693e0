//! CPU kernels: one `Simd` trait, one GEMM microkernel, and what is built on them.
//!
//! Every public function takes slices and a shape, checks one against the other, and runs on the
//! current rayon pool. Work is cut by shape alone, never by the number of threads, so results are
//! bit-equal for every thread count.

// One `unsafe fn` here is one contract (its instruction set is there, its pointers are valid);
// a block around every intrinsic would hide that, not sharpen it.
#![allow(unsafe_op_in_unsafe_fn)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod channels;
mod gemm;
mod lend;
mod pack;
mod parallel;
mod portable;
mod simd;

pub mod bf16;
pub mod concat;
pub mod conv;
pub mod elementwise;
pub mod linear;
pub mod norm;
pub mod peak;
pub mod plain;
pub mod pool;
pub mod relevance;
pub mod shape;
pub mod update;
pub mod window_sum;

pub use shape::ConvShape;
pub use simd::{Isa, check_env};

#[cfg(test)]
mod tests;
