//! What comes of runs: tables of pooled folds beside the papers' figures.

mod papers;
mod pooled;

pub use papers::{Cell, cells};
pub use pooled::{Row, pooled, text};
