//! One file measured: is it a mask at all, ring or filled, and what ellipse does it hold?

use crate::cli::pixel_sizes::Known;
use crate::dataset::hc18::{Annotation, RING_THICKNESS_PX, decode_gray};
use crate::error::{Error, Result};
use crate::geometry::{BitMask, Borders, Ellipse, Fit, HcDifference, HeadOptions, NoHead};
use clap::ValueEnum;
use image::GrayImage;
use serde::Serialize;
use std::path::Path;

/// A mask has hardly any pixels that are neither dark nor light; a picture is full of them.
const MOST_GREY: f64 = 0.2;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DrawnAs {
    /// Whichever it looks like
    Auto,
    /// A line along the head's outline
    Ring,
    /// The head's inside
    Filled,
}

/// One file's row.
#[derive(Serialize)]
pub struct Measured {
    pub file: String,
    pub hc_px: Option<f64>,
    pub hc_mm: Option<f64>,
    pub center_x_px: Option<f64>,
    pub center_y_px: Option<f64>,
    pub semi_axis_a_px: Option<f64>,
    pub semi_axis_b_px: Option<f64>,
    pub angle_rad: Option<f64>,
    /// Why there is no ellipse.
    pub reason: Option<String>,
    /// What a person should know of an ellipse that there is.
    pub note: Option<String>,
    pub drawn_as: Option<&'static str>,
    pub pixel_size_mm: Option<f64>,
    pub truth_hc_mm: Option<f64>,
    /// Measured less true.
    pub difference_mm: Option<f64>,
}

impl Measured {
    pub fn none(file: &Path, reason: String) -> Measured {
        Measured {
            file: file.to_string_lossy().into_owned(),
            hc_px: None,
            hc_mm: None,
            center_x_px: None,
            center_y_px: None,
            semi_axis_a_px: None,
            semi_axis_b_px: None,
            angle_rad: None,
            reason: Some(reason),
            note: None,
            drawn_as: None,
            pixel_size_mm: None,
            truth_hc_mm: None,
            difference_mm: None,
        }
    }

    fn some(file: &Path, ellipse: &Ellipse, note: Option<String>) -> Measured {
        Measured {
            hc_px: Some(ellipse.circumference_ramanujan_px()),
            center_x_px: Some(ellipse.center_x_px),
            center_y_px: Some(ellipse.center_y_px),
            semi_axis_a_px: Some(ellipse.semi_axis_a_px),
            semi_axis_b_px: Some(ellipse.semi_axis_b_px),
            angle_rad: Some(ellipse.angle_rad),
            reason: None,
            note,
            ..Measured::none(file, String::new())
        }
    }

    /// With what tables know of it.
    pub fn in_mm(mut self, known: Known) -> Measured {
        self.pixel_size_mm = known.pixel_size_mm;
        self.truth_hc_mm = known.hc_mm;
        self.hc_mm = self.hc_px.zip(known.pixel_size_mm).map(|(px, size)| px * size);
        let both = known.hc_mm.zip(self.hc_mm);
        self.difference_mm = both.and_then(|(truth, hc)| HcDifference::of(truth, hc)).map(|d| d.signed);
        self
    }
}

/// An error where the file is no mask; a mask without a head is a row with its reason.
pub fn measure(file: &Path, drawn_as: DrawnAs, options: &HeadOptions) -> Result<Measured> {
    let image = decode_gray(file)?;
    let image = mask_of(image).map_err(|e| e.at(file))?;
    let kind = match drawn_as {
        DrawnAs::Auto => Annotation::of(&image),
        DrawnAs::Ring => Annotation::Ring,
        DrawnAs::Filled => Annotation::Filled,
    };
    let (found, word) = match kind {
        Annotation::Ring => (ring(&image, options)?, "ring"),
        Annotation::Filled => (filled(&image, options)?, "filled"),
    };
    let row = match found {
        Ok((ellipse, note)) => Measured::some(file, &ellipse, note),
        Err(none) => Measured::none(file, none.to_string()),
    };
    Ok(Measured { drawn_as: Some(word), ..row })
}

type Found = Result<(Ellipse, Option<String>), NoHead>;

fn ring(image: &GrayImage, options: &HeadOptions) -> Result<Found> {
    let bits = BitMask::from_bytes(image.as_raw(), image.width() as usize, image.height() as usize, 128)?;
    if bits.is_empty() {
        return Ok(Err(NoHead::Empty));
    }
    let points: Vec<_> = bits.pixels().iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).collect();
    Ok(options.ellipse_along(&points).map(|(ellipse, visible)| {
        let Ellipse { center_x_px: x, center_y_px: y, semi_axis_a_px: a, semi_axis_b_px: b, angle_rad } = ellipse;
        // Extents reach the centres of the outermost pixels of the ring, not its middle.
        let beyond = if options.fit == Fit::HalfExtents { 0.5 * (RING_THICKNESS_PX - 1.0) } else { 0.0 };
        (Ellipse::new(x, y, a - beyond, b - beyond, angle_rad), note(bits.borders(), visible, 1))
    }))
}

fn filled(image: &GrayImage, options: &HeadOptions) -> Result<Found> {
    let values: Vec<f32> = image.as_raw().iter().map(|v| f32::from(*v) / 255.0).collect();
    let found = options.head_of_probabilities(&values, image.width() as usize, image.height() as usize, 0.5)?;
    Ok(found.map(|head| (head.ellipse, note(head.cut, head.visible, head.parts))))
}

fn note(cut: Borders, visible: f64, parts: usize) -> Option<String> {
    let mut notes = Vec::new();
    if cut.any() {
        notes.push(format!("cut by the border: {}", cut.words()));
    }
    if parts > 1 {
        notes.push(format!("{parts} parts, the largest is measured"));
    }
    if visible < 0.75 {
        notes.push(format!("{:.0} % of the outline are there", 100.0 * visible));
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// Dark and light as 0 and 255 where there are only two values; else as they are, if it is no picture.
fn mask_of(mut image: GrayImage) -> Result<GrayImage> {
    let mut counts = [0usize; 256];
    image.as_raw().iter().for_each(|v| counts[usize::from(*v)] += 1);
    let used: Vec<usize> = (0..256).filter(|v| counts[*v] > 0).collect();
    if let [low, high] = used[..] {
        // A light background is still background: which of both is the head is not asked here.
        image.iter_mut().for_each(|v| *v = if usize::from(*v) == high { 255 } else { 0 });
        debug_assert!(low < high);
        return Ok(image);
    }
    let grey = counts[32..224].iter().sum::<usize>() as f64 / image.as_raw().len() as f64;
    if used.len() > 2 && grey > MOST_GREY {
        let percent = 100.0 * grey;
        return Err(Error::new(format!("it is a picture, not a mask: {percent:.0} % of its pixels are grey"))
            .cure("give ring annotations, filled masks, or maps of probabilities from black to white"));
    }
    Ok(image)
}
