//! True masks of heads at training size, and from the probabilities of a mask to ellipse, HC and agreement.

use crate::dataset::cache::{Prepared, Sample};
use crate::dataset::hc18::RING_THICKNESS_PX;
use crate::error::{Error, Result};
use crate::geometry::{
    Affine, BitMask, BoundaryDistance, Ellipse, HeadOptions, Overlap, coverage, fill_bits, fit_ellipse_robust,
    outline_of_part,
};
use crate::run::predictions::Prediction;
use rayon::prelude::*;

/// Inside is where the network says at least this.
pub const LEVEL: f32 = 0.5;

/// The true masks of all samples at training size.
pub struct Masks {
    /// 0 to 255: the share of each pixel that is head; height x width a sample, row by row.
    pub levels: Vec<u8>,
    /// Masks that the network gives; the first is the head.
    pub classes: usize,
}

impl Masks {
    /// From the true ellipses, filled or, with `ring`, as annotations draw them; fails where `needed` samples have none.
    pub fn of(prepared: &Prepared, needed: &[usize], classes: usize, ring: bool) -> Result<Masks> {
        if let Some(i) = needed.iter().find(|i| prepared.samples[**i].truth.is_none()) {
            return Err(Error::new(format!("{} has no ring that a mask could be made of", prepared.samples[*i].file))
                .cure("see `hcwb data audit`, and leave such images out of the data set"));
        }
        let [height, width] = prepared.size;
        let mut levels = vec![0u8; prepared.samples.len() * height * width];
        levels.par_chunks_exact_mut(height * width).zip(&prepared.samples).for_each(|(out, sample)| {
            let Some(ellipse) = &sample.truth else { return };
            let map = Affine::resize(size(sample), (width as f64, height as f64));
            let within = |by_px: f64| coverage(&ellipse.grown(by_px).transformed(&map), width, height);
            let half = 0.5 * RING_THICKNESS_PX;
            let shares: Vec<f32> = match ring {
                false => within(0.0),
                true => within(half).iter().zip(within(-half)).map(|(outer, inner)| outer - inner).collect(),
            };
            out.iter_mut().zip(shares).for_each(|(o, share)| *o = (share * 255.0).round() as u8);
        });
        Ok(Masks { levels, classes })
    }
}

fn size(sample: &Sample) -> (f64, f64) {
    (f64::from(sample.width_px), f64::from(sample.height_px))
}

/// Fills in what the probabilities (height x width, of the head) say of a sample, at the file's own size.
pub fn judge(sample: &Sample, probabilities: &[f32], training: [usize; 2], row: &mut Prediction) -> Result<()> {
    let (width, height) = (sample.width_px as usize, sample.height_px as usize);
    let values = enlarge(probabilities, training, [height, width]);
    let raw = BitMask::from_probabilities(&values, width, height, LEVEL)?;
    let options = HeadOptions::default();
    let part = options.largest_part(&raw).map(|(part, _, _)| part);
    let ellipse = match options.head_of_probabilities(&values, width, height, LEVEL)? {
        Ok(head) => Some(head.ellipse),
        Err(why) => {
            // An odd mask is measured all the same, as anyone would who takes the largest part: the figures then say how
            // far off it is.
            row.note = Some(why.to_string());
            let points = part.as_ref().and_then(|p| outline_of_part(p, &values, LEVEL).ok());
            points.and_then(|p| fit_ellipse_robust(&p).ok()).map(|fit| fit.ellipse)
        }
    };
    row.prediction_hc_px = ellipse.as_ref().map_or(0.0, Ellipse::circumference_ramanujan_px);
    if let Some(e) = &ellipse {
        row.prediction_center_x_px = Some(e.center_x_px);
        row.prediction_center_y_px = Some(e.center_y_px);
        row.prediction_semi_axis_a_px = Some(e.semi_axis_a_px);
        row.prediction_semi_axis_b_px = Some(e.semi_axis_b_px);
        row.prediction_angle_rad = Some(e.angle_rad);
    }
    let Some(truth) = &sample.truth else { return Ok(()) };
    let truth = fill_bits(truth, width, height);
    let empty = || BitMask::empty(width, height);
    let drawn = ellipse.map_or_else(empty, |e| fill_bits(&e, width, height));
    let mm = sample.pixel_size_mm;
    let agreement = |mask: &BitMask| -> Result<[Option<f64>; 7]> {
        let (overlap, apart) = (Overlap::of(&truth, mask)?, BoundaryDistance::of(&truth, mask)?);
        let (hausdorff, average) = (apart.map(|a| a.hausdorff_px), apart.map(|a| a.average_px));
        let shares = [overlap.dice(), overlap.iou(), overlap.pixel_accuracy()];
        let distances = [hausdorff, hausdorff.map(|d| d * mm), average, average.map(|d| d * mm)];
        Ok([shares[0], shares[1], shares[2], distances[0], distances[1], distances[2], distances[3]])
    };
    let r = agreement(&raw)?;
    (row.raw_dice, row.raw_iou, row.raw_pixel_accuracy) = (r[0], r[1], r[2]);
    (row.raw_hausdorff_px, row.raw_hausdorff_mm, row.raw_assd_px, row.raw_assd_mm) = (r[3], r[4], r[5], r[6]);
    let m = agreement(&part.unwrap_or_else(empty))?;
    (row.mask_dice, row.mask_iou, row.mask_pixel_accuracy) = (m[0], m[1], m[2]);
    (row.mask_hausdorff_px, row.mask_hausdorff_mm, row.mask_assd_px, row.mask_assd_mm) = (m[3], m[4], m[5], m[6]);
    let e = agreement(&drawn)?;
    (row.ellipse_dice, row.ellipse_iou, row.ellipse_pixel_accuracy) = (e[0], e[1], e[2]);
    (row.ellipse_hausdorff_px, row.ellipse_hausdorff_mm) = (e[3], e[4]);
    (row.ellipse_assd_px, row.ellipse_assd_mm) = (e[5], e[6]);
    Ok(())
}

/// Bilinear, pixel centres on pixel centres as everywhere: (height, width) to (height, width).
pub fn enlarge(values: &[f32], [from_h, from_w]: [usize; 2], [to_h, to_w]: [usize; 2]) -> Vec<f32> {
    // For each place along one side: the two neighbours and the share of the second.
    let along = |from: usize, to: usize| -> Vec<(usize, usize, f32)> {
        let at = |i: usize| {
            let x = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
            (x as usize, (x as usize + 1).min(from - 1), x.fract() as f32)
        };
        (0..to).map(at).collect()
    };
    let (rows, columns) = (along(from_h, to_h), along(from_w, to_w));
    let mut out = Vec::with_capacity(to_h * to_w);
    for (top, bottom, down) in rows {
        let (upper, lower) = (&values[top * from_w..][..from_w], &values[bottom * from_w..][..from_w]);
        let blended: Vec<f32> = upper.iter().zip(lower).map(|(u, l)| u + (l - u) * down).collect();
        out.extend(
            columns.iter().map(|(left, right, share)| blended[*left] + (blended[*right] - blended[*left]) * share),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(truth: Option<Ellipse>) -> Sample {
        Sample {
            file: "000_HC.png".into(),
            exam: 0,
            width_px: 400,
            height_px: 270,
            pixel_size_mm: 0.2,
            hc_mm: 0.0,
            hc_px: 0.0,
            truth,
            trimester: None,
        }
    }

    #[test]
    fn a_true_mask_at_training_size_leads_back_to_its_circumference() {
        let truth = Ellipse::new(210.0, 120.0, 110.0, 80.0, 0.4);
        let sample = sample(Some(truth));
        let prepared = Prepared::in_memory(vec![sample.clone()], [128, 128], vec![0; 128 * 128]).unwrap();
        let masks = Masks::of(&prepared, &[0], 1, false).unwrap();
        let probabilities: Vec<f32> = masks.levels.iter().map(|l| f32::from(*l) / 255.0).collect();
        let mut row = Prediction::default();
        judge(&sample, &probabilities, [128, 128], &mut row).unwrap();
        let expected = truth.circumference_ramanujan_px();
        assert!((row.prediction_hc_px / expected - 1.0).abs() < 2e-3, "{} for {expected}", row.prediction_hc_px);
        assert!(row.note.is_none() && row.ellipse_dice > Some(0.995) && row.raw_hausdorff_px < Some(2.0), "{row:?}");
        assert_eq!(row.raw_hausdorff_mm, row.raw_hausdorff_px.map(|d| d * 0.2));
    }

    #[test]
    fn a_ring_is_what_lies_between_its_two_outlines_and_is_read_as_a_head_all_the_same() {
        let truth = Ellipse::new(200.0, 135.0, 110.0, 80.0, 0.4);
        let prepared = Prepared::in_memory(vec![sample(Some(truth))], [270, 400], vec![0; 270 * 400]).unwrap();
        let levels = Masks::of(&prepared, &[0], 1, true).unwrap().levels;
        let area: f64 = levels.iter().map(|l| f64::from(*l) / 255.0).sum();
        let expected = truth.circumference_exact_px() * RING_THICKNESS_PX;
        assert!((area / expected - 1.0).abs() < 0.02, "{area} for {expected}");
        let probabilities: Vec<f32> = levels.iter().map(|l| f32::from(*l) / 255.0).collect();
        let mut row = Prediction::default();
        judge(&sample(Some(truth)), &probabilities, [270, 400], &mut row).unwrap();
        assert!(row.mask_dice > Some(0.97) && row.raw_dice < Some(0.1), "{row:?}");
    }

    #[test]
    fn nothing_found_is_a_circumference_of_zero_with_a_reason() {
        let mut row = Prediction::default();
        judge(&sample(Some(Ellipse::new(200.0, 130.0, 90.0, 70.0, 0.0))), &[0.1; 64 * 64], [64, 64], &mut row).unwrap();
        assert_eq!((row.prediction_hc_px, row.raw_dice, row.ellipse_dice), (0.0, Some(0.0), Some(0.0)));
        assert!(row.note.unwrap().contains("empty") && row.raw_hausdorff_px.is_none());
    }

    #[test]
    fn an_image_without_a_ring_is_refused_by_name() {
        let prepared = Prepared::in_memory(vec![sample(None)], [16, 16], vec![0; 256]).unwrap();
        let error = Masks::of(&prepared, &[0], 1, false).map(|_| ()).unwrap_err();
        assert!(error.what.contains("000_HC.png"), "{error}");
        assert!(Masks::of(&prepared, &[], 1, false).is_ok());
    }

    #[test]
    fn enlarging_keeps_a_plane_and_the_ends() {
        let plane: Vec<f32> = (0..12).map(|i| (i / 4) as f32 * 10.0 + (i % 4) as f32).collect();
        let large = enlarge(&plane, [3, 4], [6, 8]);
        assert_eq!((large[0], large[47]), (0.0, 23.0));
        // The middle of the first four is that of their pixels.
        assert!((large[8 + 1] - (0.25 * 10.0 + 0.25)).abs() < 1e-6);
        assert_eq!(enlarge(&plane, [3, 4], [3, 4]), plane);
    }
}
