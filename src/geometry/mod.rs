//! Ellipses and masks: circumference, fit, raster; components, outlines, distances. Pure mathematics, no files.
//!
//! Coordinates are pixels, x to the right and y down, and a pixel's centre lies at whole numbers: the centre of the
//! top-left pixel is (0, 0).

mod affine;
mod bits;
mod border;
mod canny;
mod components;
mod contour;
mod distance;
mod ellipse;
mod fit;
mod head;
mod marching_squares;
mod metrics;
mod raster;
mod robust;
mod surface_distance;
mod volume;
mod volume_resample;
mod wall;

pub use affine::Affine;
pub use bits::{BitMask, Run};
pub use border::Borders;
pub use canny::Canny;
pub use components::{Components, Connectivity, fill_holes, largest_component};
pub use contour::{border_pixels, outline, outline_at_level, outline_of_part};
pub use distance::{distances_px, squared_distance_transform_px2};
pub use ellipse::Ellipse;
pub use fit::{FitError, fit_ellipse};
pub use head::{Contour, Fit, Head, HeadOptions, NoHead, half_extents};
pub use marching_squares::{Polyline, marching_squares};
pub use metrics::{BoundaryDistance, HcDifference, Overlap};
pub use raster::{Mask, coverage, distance_to_outline_px, fill, fill_bits, ring};
pub use robust::{CORE_PX, RobustFit, fit_ellipse_robust};
pub use surface_distance::hausdorff_mm;
pub use volume::{PixelBox, areas_px};
pub use volume_resample::{Axis, resample_likeliest, resample_linear, resample_nearest};
pub use wall::{SEGMENTS, wall_thickness_mm};
