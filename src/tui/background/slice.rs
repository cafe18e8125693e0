//! A slice of a heart as a picture: its grey values, and the masks of its structures.

use crate::dataset::acdc::sample::Window;
use crate::dataset::acdc::{
    Form, HeartSample, LabelMap, PreparedHearts, Scan, is_prepared, prepare, read_labels, read_scan,
};
use crate::dataset::registry;
use crate::error::{Error, Result};
use crate::progress::Silent;
use crate::text;
use crate::tui::widget::picture::Slice;
use crate::workspace::Workspace;
use image::GrayImage;
use std::path::Path;

/// What the preprint's networks take (S4, 5.1.3).
pub const USUAL: Form = Form::Volume { slices: 9, height: 224, width: 224 };

/// Grey values, and masks (255 inside) of RV, MYO and LV.
pub struct Painted {
    pub gray: GrayImage,
    pub structures: Option<[GrayImage; 3]>,
}

/// The slice of the file at `path` that is wanted, and the box that preparation cuts out of it.
///
/// # Errors
/// Files that cannot be read; a label map of another shape; a heart that is not prepared.
pub fn of(ws: &Workspace, path: &Path, slice: &Slice) -> Result<(Painted, Option<[f64; 4]>)> {
    match &slice.prepared {
        None => Ok((of_file(path, slice)?, None)),
        Some(wanted) => {
            let hearts = prepared(ws, &wanted.dataset)?;
            let is = |s: &HeartSample| s.patient == wanted.patient && s.phase.word() == wanted.phase;
            let i = hearts.samples.iter().position(is).ok_or_else(|| {
                Error::new(format!("{} {} could not be prepared", text::line(&wanted.patient), wanted.phase))
                    .cure("the audit (u) says why")
            })?;
            if wanted.whole {
                return Ok((of_prepared(&hearts, i, slice.z), None));
            }
            let Window { left_px, top_px, width_px, height_px } = hearts.samples[i].window;
            // The window counts from the left edge of the first pixel, outlines from its centre.
            let frame = [left_px, top_px, left_px + width_px - 1.0, top_px + height_px - 1.0];
            Ok((of_file(path, slice)?, Some(frame)))
        }
    }
}

/// The volumes that the shipped recipes train on; never made here, since that may take long.
fn prepared(ws: &Workspace, name: &str) -> Result<PreparedHearts> {
    let dataset = registry::load(ws, name)?;
    if !is_prepared(ws, &dataset, &USUAL) {
        return Err(Error::new(format!("{name} is not prepared yet")).cure("m prepares it"));
    }
    prepare(ws, &dataset, &USUAL, &Silent)
}

fn of_prepared(hearts: &PreparedHearts, i: usize, z: usize) -> Painted {
    let [slices, height, width] = hearts.shape(i);
    let z = z.min(slices - 1);
    let part = z * height * width..(z + 1) * height * width;
    let values = hearts.image(i);
    painted(&values[part.clone()], window(values), Some(&hearts.labels(i)[part]), width, height)
}

/// The slice of the file at `path`, and of the label map over it.
fn of_file(path: &Path, slice: &Slice) -> Result<Painted> {
    let scan = read_scan(path)?;
    let labels = slice.labels.as_ref().map(|(path, _)| read_labels(path)).transpose()?;
    if let (Some(labels), Some((path, _))) = (&labels, &slice.labels) {
        labels.fits(&scan.header).map_err(|e| e.at(path))?;
    }
    let [width, height, slices, _] = scan.header.shape;
    let z = slice.z.min(slices.saturating_sub(1));
    let Scan { values, .. } = scan;
    let part = z * width * height..(z + 1) * width * height;
    let labels = labels.as_ref().map(|LabelMap { labels, .. }| &labels[part.clone()]);
    Ok(painted(&values[part], window(&values), labels, width, height))
}

/// Grey values from `window`'s lower end to its upper, row by row, under masks of `labels`.
pub fn painted(values: &[f32], (low, high): (f32, f32), labels: Option<&[u8]>, width: usize, height: usize) -> Painted {
    let image = |of: &dyn Fn(usize) -> u8| {
        let values = (0..width * height).map(of).collect();
        GrayImage::from_raw(width as u32, height as u32, values).unwrap_or_default()
    };
    let span = (high - low).max(f32::MIN_POSITIVE);
    // The cast saturates at 0 and 255.
    let gray = image(&|i| ((values[i] - low) / span * 255.0) as u8);
    let structures = labels.map(|labels| [1u8, 2, 3].map(|of| image(&|i| if labels[i] == of { 255 } else { 0 })));
    Painted { gray, structures }
}

/// The greys between which nearly all of a volume lies: its 1st and 99.5th percentile, so that a few bright voxels do not
/// darken the rest, and slices of one heart can be compared.
pub fn window(values: &[f32]) -> (f32, f32) {
    if values.is_empty() {
        return (0.0, 1.0);
    }
    let mut sorted = values.to_vec();
    let mut at = |share: f64| {
        let place = ((values.len() - 1) as f64 * share) as usize;
        *sorted.select_nth_unstable_by(place, f32::total_cmp).1
    };
    (at(0.01), at(0.995))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bright_voxels_do_not_darken_the_rest() {
        let mut values: Vec<f32> = (0..1000).map(|i| i as f32 / 10.0).collect();
        values[7] = 1e6;
        let (low, high) = window(&values);
        assert!((0.5..2.0).contains(&low) && (98.0..101.0).contains(&high), "{low} {high}");
        let painted = painted(&[-5.0, low, high, 1e6], (low, high), Some(&[0, 1, 2, 3]), 2, 2);
        assert_eq!(painted.gray.as_raw(), &[0, 0, 255, 255]);
        let structures = painted.structures.unwrap();
        assert_eq!(structures.map(|s| s.iter().position(|v| *v == 255)), [Some(1), Some(2), Some(3)]);
    }
}
