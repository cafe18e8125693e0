//! The training loop: a run directory in, events, checkpoints and predictions out.

mod card_load;
mod evaluate;
mod fit;
pub mod heart_metrics;
mod journal;
mod loader;
pub mod memory;
pub mod metrics;
mod order;
pub mod predictor;
pub mod pretrained;
mod session;
mod standing;
mod stopping;
mod task;

pub use fit::{Ended, Turn, fit};
pub use journal::Journal;
pub use predictor::Predictor;
pub use task::{Data, takes_heart};
