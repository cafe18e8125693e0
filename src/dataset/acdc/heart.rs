//! One heart read and brought into a form.

use super::crop::{Crop, HeartBox};
use super::form::Form;
use super::normalise::moments;
use super::resample::{Resampler, centered, central_slices, choose_slices};
use super::sample::{HeartSample, Window};
use super::{Frame, LabelMap, Patient, read_header, read_labels, read_scan};
use crate::error::{Error, Result};
use crate::geometry::{PixelBox, areas_px};

/// A sample and its arrays, as [`super::PreparedHearts`] holds them.
pub struct Heart {
    pub sample: HeartSample,
    /// Mean and standard deviation of `image`.
    pub moments: [f64; 2],
    pub image: Vec<f32>,
    pub labels: Vec<u8>,
    /// Empty without a ground truth.
    pub native: Vec<u8>,
}

/// Where the hearts of a patient's phases are, together; `None` without ground truth, or where it is empty.
pub fn outline(patient: &Patient) -> Result<Option<HeartBox>> {
    let mut found: Option<HeartBox> = None;
    for frame in patient.frames()? {
        let Some(path) = &frame.labels else { continue };
        let mask = read_labels(path)?;
        mask.fits(&read_header(&frame.image)?).map_err(|e| e.at(path))?;
        let [width, height, ..] = mask.header.shape;
        let Some(heart) = PixelBox::around_stack(&mask.labels, width, height) else { continue };
        let [x, y, _] = mask.header.spacing_mm;
        let heart = found.map_or(heart, |all: HeartBox| all.heart.union(&heart));
        found = Some(HeartBox { patient: patient.name.clone(), heart, image_px: [width, height], spacing_mm: [x, y] });
    }
    Ok(found)
}

/// Reads a frame. `crop` places volumes; without one they take the whole image. `heart` is the patient's own box.
pub fn read(
    patient: &Patient,
    frame: &Frame,
    form: &Form,
    crop: Option<&Crop>,
    heart: Option<&PixelBox>,
) -> Result<Heart> {
    let info = patient.info()?;
    let scan = read_scan(&frame.image)?;
    let mask = frame.labels.as_deref().map(read_labels).transpose()?;
    if let (Some(mask), Some(path)) = (&mask, &frame.labels) {
        mask.fits(&scan.header).map_err(|e| e.at(path))?;
    }
    let [width, height, depth, _] = scan.header.shape;
    let ([x_mm, y_mm, _], image_px) = (scan.header.spacing_mm, [width, height]);
    let window = match *form {
        Form::Slices { spacing_mm, height, width } => centered(image_px, [x_mm, y_mm], [width, height], spacing_mm),
        Form::Volume { .. } => crop.map_or(whole(image_px), |crop| crop.window(image_px, [x_mm, y_mm], heart)),
    };
    let areas = mask.as_ref().map(|mask| areas_px(&mask.labels, width * height));
    let slices = match (*form, &areas) {
        (Form::Slices { .. }, _) => (0..depth).collect(),
        (Form::Volume { slices, .. }, None) => central_slices(depth, slices),
        (Form::Volume { slices, .. }, Some(areas)) => choose_slices(areas, slices).ok_or_else(|| {
            let error = Error::new("the ground truth holds no heart");
            frame.labels.iter().fold(error, |e, path| e.at(path)).cure("restore the published mask, or take it away")
        })?,
    };
    let resampler = Resampler::new(image_px, &window, form);
    let image = resampler.image(&scan.values, &slices);
    let labels = mask.as_ref().map_or(vec![0; image.len()], |mask| resampler.labels(&mask.labels, &slices));
    let voxels = mask.as_ref().map(LabelMap::counts);
    let spacing_mm = mask.as_ref().map_or(scan.header.spacing_mm, |mask| mask.header.spacing_mm);
    let voxel_ml = spacing_mm.iter().product::<f64>() / 1000.0;
    let sample = HeartSample {
        patient: patient.name.clone(),
        number: patient.number,
        group: info.group,
        phase: frame.phase,
        frame: frame.frame,
        spacing_mm,
        shape: [width, height, depth],
        voxels,
        volumes_ml: voxels.map(|counts| counts.map(|n| n as f64 * voxel_ml)),
        height_cm: info.height_cm,
        weight_kg: info.weight_kg,
        window,
        slices,
    };
    Ok(Heart { sample, moments: moments(&image), image, labels, native: mask.map_or(Vec::new(), |mask| mask.labels) })
}

fn whole(image_px: [usize; 2]) -> Window {
    Window { left_px: 0.0, top_px: 0.0, width_px: image_px[0] as f64, height_px: image_px[1] as f64 }
}
