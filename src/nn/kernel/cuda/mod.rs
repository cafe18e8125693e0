//! Kernels for NVIDIA's cards: the driver, cuDNN and own kernels, all opened at run time.

pub mod card;
pub mod context;
pub mod cudnn;
pub mod driver;
pub mod executor;
pub mod graph;
pub mod library;
pub mod memory;
pub mod nvml;
pub mod stream;
