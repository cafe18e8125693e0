//! dataset
pub mod split;
