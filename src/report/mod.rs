//! What comes of runs: tables of pooled folds beside the papers' figures.

mod papers;
mod pooled;
mod text;

pub use papers::{Cell, cells};
pub use pooled::{Row, Trimester, pooled};
pub use text::text;
