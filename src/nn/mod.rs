//! The engine: a graph of layers, a tape, CPU kernels, losses, optimizers and weight files.
//!
//! [`graph`] what a network is, [`plan`] in which order it runs and what is fused, [`network`] the
//! weights and the tape, [`layer`] one file a layer, [`kernel`] the machine code.

pub mod compute;
pub mod device;
pub mod fold;
pub mod graph;
pub mod init;
pub mod kernel;
pub mod layer;
pub mod loss;
pub mod memory;
pub mod network;
pub mod optim;
pub mod parameter;
mod pickle;
pub mod plan;
pub mod profile;
pub mod program;
pub mod pth;
pub mod recycle;
pub mod relevance;
pub mod schedule;
pub mod tensor;
pub mod trainer;
pub mod weights;

pub use compute::{Compute, Precision};
pub use device::{CardInfo, Device};
pub use graph::{Graph, GraphBuilder, NodeId};
pub use loss::Loss;
pub use network::{Network, Pass};
pub use optim::{Optimizer, OptimizerKind, OptimizerSpec};
pub use schedule::Schedule;
pub use tensor::Tensor;
pub use trainer::Trainer;
pub use weights::Array;
