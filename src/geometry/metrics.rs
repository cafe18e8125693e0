//! How two masks, or two circumferences, agree: overlap, distances between outlines, differences of HC.

use super::BitMask;
use super::distance::distances_px;
use crate::error::Result;

/// Counts of pixels, from which overlap is reckoned. Of two empty masks every pixel agrees, but there is no overlap
/// to speak of: Dice index and IoU are `None`. If only one is empty, they are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    pub truth: usize,
    pub prediction: usize,
    pub both: usize,
    /// Of the image.
    pub pixels: usize,
}

impl Overlap {
    /// Masks of one size.
    pub fn of(truth: &BitMask, prediction: &BitMask) -> Result<Overlap> {
        let both = truth.count_common(prediction)?;
        let pixels = truth.width() * truth.height();
        Ok(Overlap { truth: truth.count(), prediction: prediction.count(), both, pixels })
    }

    /// DI: twice the common pixels over the sum of both.
    pub fn dice(&self) -> Option<f64> {
        ratio(2 * self.both, self.truth + self.prediction)
    }

    /// The common pixels over those of either.
    pub fn iou(&self) -> Option<f64> {
        ratio(self.both, self.truth + self.prediction - self.both)
    }

    /// The share of pixels, background too, that agree.
    pub fn pixel_accuracy(&self) -> Option<f64> {
        ratio(self.pixels + 2 * self.both - self.truth - self.prediction, self.pixels)
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Distances between the boundaries of two masks, in px: times the pixel size, in mm.
///
/// A boundary pixel is set and has a 4-neighbour that is not; beyond the image nothing is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundaryDistance {
    /// HD: the greater of the two greatest distances from one boundary's pixels to the other's nearest.
    pub hausdorff_px: f64,
    /// ASSD: the mean over the pixels of both boundaries of the distance to the other's nearest.
    pub average_px: f64,
}

impl BoundaryDistance {
    /// `None` where either mask is empty: there is nothing to be near to. Masks of one size.
    pub fn of(truth: &BitMask, prediction: &BitMask) -> Result<Option<BoundaryDistance>> {
        let (truth, prediction) = (truth.boundary(), prediction.boundary());
        let there = distances_px(&truth, &prediction)?;
        let back = distances_px(&prediction, &truth)?;
        if there.is_empty() || back.is_empty() {
            return Ok(None);
        }
        let greatest = |distances: &[f64]| distances.iter().fold(0.0, |most: f64, d| most.max(*d));
        let sum = there.iter().sum::<f64>() + back.iter().sum::<f64>();
        Ok(Some(BoundaryDistance {
            hausdorff_px: greatest(&there).max(greatest(&back)),
            average_px: sum / (there.len() + back.len()) as f64,
        }))
    }
}

/// A measured circumference beside the true one, both in the same unit, px or mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HcDifference {
    /// DF: measured less true.
    pub signed: f64,
    /// ADF; its mean over images is the MAE.
    pub absolute: f64,
    /// Of the true one, in percent; its mean over images is the PMAE.
    pub percent: f64,
}

impl HcDifference {
    /// `None` unless the truth is a positive and the measurement a finite number.
    pub fn of(truth: f64, measured: f64) -> Option<HcDifference> {
        let signed = measured - truth;
        (truth > 0.0 && signed.is_finite()).then(|| HcDifference {
            signed,
            absolute: signed.abs(),
            percent: 100.0 * signed.abs() / truth,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Run;

    fn square(x: u32, y: u32, side: u32) -> BitMask {
        let mut mask = BitMask::empty(100, 80);
        (y..y + side).for_each(|y| mask.set_run(Run { y, start: x, end: x + side }));
        mask
    }

    #[test]
    fn two_squares_overlap_as_counted_by_hand() {
        let overlap = Overlap::of(&square(10, 10, 20), &square(20, 10, 20)).unwrap();
        assert_eq!((overlap.dice(), overlap.iou()), (Some(0.5), Some(200.0 / 600.0)));
        assert_eq!(overlap.pixel_accuracy(), Some(7600.0 / 8000.0));
    }

    #[test]
    fn two_squares_lie_as_far_apart_as_measured_by_hand() {
        let distance = BoundaryDistance::of(&square(10, 10, 2), &square(13, 14, 2)).unwrap().unwrap();
        // The pixels of the first lie (3, 4), (2, 4), (3, 3) and (2, 3) from the nearest of the second, and so back.
        assert_eq!(distance.hausdorff_px, 5.0);
        let each = [5.0, 20f64.sqrt(), 18f64.sqrt(), 13f64.sqrt()];
        assert!((distance.average_px - each.iter().sum::<f64>() / 4.0).abs() < 1e-12, "{}", distance.average_px);
    }

    #[test]
    fn the_border_of_the_image_is_a_boundary() {
        let all = BitMask::empty(5, 5).complement();
        let inner = BoundaryDistance::of(&all, &all).unwrap().unwrap();
        assert_eq!((inner.hausdorff_px, inner.average_px), (0.0, 0.0));
        let mut centre = BitMask::empty(5, 5);
        centre.set(2, 2, true);
        assert_eq!(BoundaryDistance::of(&all, &centre).unwrap().unwrap().hausdorff_px, 8f64.sqrt());
    }

    #[test]
    fn empty_masks_have_no_distance_and_two_of_them_no_overlap() {
        let (none, some) = (BitMask::empty(100, 80), square(1, 1, 3));
        let overlap = Overlap::of(&none, &some).unwrap();
        assert_eq!((overlap.dice(), overlap.iou()), (Some(0.0), Some(0.0)));
        let nothing = Overlap::of(&none, &none).unwrap();
        assert_eq!((nothing.dice(), nothing.iou(), nothing.pixel_accuracy()), (None, None, Some(1.0)));
        for (truth, prediction) in [(&none, &some), (&some, &none), (&none, &none)] {
            assert_eq!(BoundaryDistance::of(truth, prediction).unwrap(), None);
        }
        assert!(Overlap::of(&none, &BitMask::empty(80, 100)).is_err());
    }

    #[test]
    fn differences_have_a_sign_a_size_and_a_share() {
        let difference = HcDifference::of(200.0, 190.0).unwrap();
        assert_eq!((difference.signed, difference.absolute, difference.percent), (-10.0, 10.0, 5.0));
        assert_eq!(HcDifference::of(0.0, 190.0), None);
        assert_eq!(HcDifference::of(200.0, f64::NAN), None);
    }
}
