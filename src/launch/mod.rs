//! Where runs run: a worker process each, detached from every screen, waiting its turn for the processor.

mod queue;
mod spawn;
mod start;
mod worker;

pub use spawn::spawn;
pub use start::{StartOptions, create, resume, start};
pub use worker::work;
