//! Ellipses: circumference, fit, affine images, raster. Pure mathematics, no files.
//!
//! Coordinates are pixels, x to the right and y down, and a pixel's centre lies at whole numbers: the centre of the
//! top-left pixel is (0, 0).

mod affine;
mod ellipse;
mod fit;
mod raster;

pub use affine::Affine;
pub use ellipse::Ellipse;
pub use fit::{FitError, fit_ellipse};
pub use raster::{Mask, fill, ring};
