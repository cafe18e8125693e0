//! Kernels for NVIDIA's cards: the driver, cuDNN and own kernels, all opened at run time.

pub mod card;
pub mod driver;
pub mod library;
pub mod nvml;
