//! What was done: one directory a run, which is the whole truth about it.

pub mod checkpoint;
pub mod control;
pub mod event;
pub mod history;
pub mod lock;
pub mod log;
pub mod predictions;
pub mod predictions_hearts;
pub mod status;

mod dir;
mod id;

pub use dir::{Provenance, RunDir, find, list};
pub use status::{Status, Summary, status, summary};
