//! The parts that panels are made of. None of them knows a run, a data set or a recipe.

pub mod chart;
pub mod confirm;
pub mod form;
pub mod histogram;
pub mod list;
pub mod paint;
pub mod picture;
pub mod sheet;
pub mod spark;
pub mod text;
pub mod tint;
