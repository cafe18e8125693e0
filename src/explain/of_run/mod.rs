//! A trained run explained: its network, its held-out images as that sees them, and what is kept in `<run>/explain/`.

pub mod aopc;
pub mod curves_file;
pub mod dream;
mod head_regions;
mod held_out;
mod opened;
pub mod sanity;
mod sanity_report;

pub use head_regions::HeadRegions;
pub use held_out::held_out;
pub use opened::{Opened, as_seen, best_network, hc_px_or_mm, methods, settings, to_gray};
