//! Kernels: the only room with `unsafe`, behind safe functions that check shapes. One folder a kind
//! of device, with functions of the same names; [`super::Compute`] says at run time which is meant.

#![allow(unsafe_code)]

pub mod buffer;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;

/// Refuses a word that `HCWB_CPU` or `HCWB_CUDA` does not know; to be called once at start.
pub fn check_env() -> crate::error::Result<()> {
    #[cfg(feature = "cuda")]
    cuda::card::check_env()?;
    cpu::check_env()
}
