//! Kernels: the only room with `unsafe`, behind safe functions that check shapes.

#![allow(unsafe_code)]

pub mod cpu;

pub use cpu::check_env;
