//! HC18 as published: 2D ultrasound of fetal heads, ring annotations, a table of pixel sizes and circumferences.
//!
//! van den Heuvel et al., PLoS ONE 13(8):e0200412, 2018; Zenodo 1327317.
//! `training_set/NNN_HC.png` and `NNN_HC_Annotation.png` beside `training_set_pixel_size_and_HC.csv`;
//! `test_set/NNN_HC.png` beside `test_set_pixel_size.csv`. `NNN` is one echographic examination; its further images
//! are `NNN_2HC.png`, `NNN_3HC.png` and so on.

mod folder;
mod image;
mod mask;
mod name;
mod ring;
mod table;

pub use folder::{Folder, ImageFile, Listing, Part, PartFolder};
pub use image::{Decoded, decode_bytes, decode_gray};
pub use mask::{Annotation, FILLED_RING_INSET_PX, RING_THICKNESS_PX, TruthMask, truth_mask};
pub use name::{annotation_name, fits_published_order, image_of_annotation, parse_name, trimester};
pub use ring::Ring;
pub use table::{Row, Table, TableDefect, TableDefectKind};

/// Width and height that the data set's paper states, in px; 24 of the 999 published training images differ.
pub const PUBLISHED_SIZE_PX: (u32, u32) = (800, 540);
/// The range of pixel sizes that the data set's paper states, in mm; the files go from 0.0494 to 0.3933.
pub const PUBLISHED_PIXEL_SIZE_MM: (f64, f64) = (0.052, 0.326);
/// How far the circumference of the ring and that of the table may lie apart, in mm.
pub const HC_TOLERANCE_MM: f64 = 0.1;
