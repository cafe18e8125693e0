//! What comes of runs: tables of pooled folds beside the papers' figures.

mod hearts;
mod papers;
mod pooled;
mod text;
mod text_hearts;

pub use hearts::{HeartRow, hearts};
pub use papers::{Cell, Figure, HeartCell, cells, heart_cells};
pub use pooled::{Row, Trimester, pooled};
pub use text::text;
pub use text_hearts::text_hearts;
