//! Kernels: the only room with `unsafe`, behind safe functions that check shapes. One folder a kind
//! of device, with functions of the same names; [`super::Compute`] says at run time which is meant.

#![allow(unsafe_code)]

pub mod buffer;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;

pub use cpu::check_env;
