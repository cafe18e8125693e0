//! Kernels: the only room with `unsafe`, behind safe functions that check shapes.

pub mod cpu;

pub use cpu::check_env;
