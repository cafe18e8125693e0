//! Phantom hearts: drawn short-axis cines whose volumes follow from formulas, in ACDC's own layout.
//!
//! Both ventricles hang from one base like halves of ellipsoids: [`Shape`] has their volumes in closed form, [`render`]
//! samples them on voxels, and [`write`] lays patients into folders. The five groups take turns.

mod anatomy;
mod render;
mod write;

pub use anatomy::{Patient, Shape};
pub use render::{Rendered, render};
pub use write::write;
