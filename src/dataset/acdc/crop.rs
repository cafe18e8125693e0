//! The part of every slice that is kept (S4, 5.1.2): one rectangle for all patients, in their own pixels.
//!
//! S4 does not say whether a box of common size follows each heart, or whether all share its coordinates. Its size does:
//! on 50 of the 100 patients the hearts' boxes together span columns 29 to 174 and rows 22 to 206; a contour between
//! pixels, rounded outwards and used as a range, makes that 147 x 186, S4's own figure, while no single heart is larger
//! than 111 x 91. So coordinates are common, and a patient without ground truth is cropped like all others.

use super::sample::Window;
use crate::geometry::PixelBox;
use serde::{Deserialize, Serialize};

/// Where a patient's heart is, after the ground truth of all its slices and phases.
#[derive(Clone, Debug, PartialEq)]
pub struct HeartBox {
    pub patient: String,
    pub heart: PixelBox,
    /// Width and height of the image.
    pub image_px: [usize; 2],
    /// x, y.
    pub spacing_mm: [f64; 2],
}

/// The common rectangle, and what places it where it does not fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crop {
    /// The first column and row; -1 where a heart touches the border of its image.
    pub left_px: i64,
    pub top_px: i64,
    pub width_px: usize,
    pub height_px: usize,
    /// Patients that had no say in it.
    pub left_out: Vec<String>,
    /// Medians over the others, x and y: spacing, the heart's size, and its centre as seen from the image's.
    pub spacing_mm: [f64; 2],
    pub heart_mm: [f64; 2],
    pub offset_mm: [f64; 2],
}

impl Crop {
    /// The rectangle that holds every heart, but for those that reach beyond the median width or height of the images:
    /// "the bounding box is also larger than the other images", says S4 of the one patient that it skips. Of the others
    /// none is lost. `None` where there is no heart at all.
    pub fn common(boxes: &[HeartBox]) -> Option<Crop> {
        let [usual_width, usual_height] = [0, 1].map(|axis| median(boxes.iter().map(|b| b.image_px[axis] as f64)));
        let usual = |b: &&HeartBox| b.heart.right as f64 <= usual_width && b.heart.bottom as f64 <= usual_height;
        let (kept, left_out): (Vec<&HeartBox>, Vec<&HeartBox>) = boxes.iter().partition(usual);
        // Fewer than half are wider than the median, fewer than half higher: somebody is left.
        let all = kept.iter().map(|b| b.heart).reduce(|all, one| all.union(&one))?;
        let [width, height] = all.size();
        let over =
            |value: &dyn Fn(&HeartBox, usize) -> f64| [0, 1].map(|axis| median(kept.iter().map(|b| value(b, axis))));
        Some(Crop {
            left_px: all.left as i64 - 1,
            top_px: all.top as i64 - 1,
            width_px: width + 1,
            height_px: height + 1,
            left_out: left_out.iter().map(|b| b.patient.clone()).collect(),
            spacing_mm: over(&|b, axis| b.spacing_mm[axis]),
            heart_mm: over(&|b, axis| b.heart.size()[axis] as f64 * b.spacing_mm[axis]),
            offset_mm: over(&|b, axis| {
                (b.heart.center()[axis] - (b.image_px[axis] as f64 - 1.0) / 2.0) * b.spacing_mm[axis]
            }),
        })
    }

    /// What to cut out of the images of a patient: the common rectangle if the heart lies in it.
    ///
    /// Else as many millimetres as the rectangle usually has, and at least the heart, about the heart's centre. Without
    /// ground truth the heart is supposed to be of median size and at the median place from the image's centre.
    pub fn window(&self, image_px: [usize; 2], spacing_mm: [f64; 2], heart: Option<&PixelBox>) -> Window {
        let (start, size) = ([self.left_px, self.top_px], [self.width_px, self.height_px]);
        let [low, high] = match heart {
            Some(b) => [[b.left, b.top], [b.right, b.bottom]].map(|corner| corner.map(|v| v as f64)),
            None => [-0.5, 0.5].map(|side| {
                [0, 1].map(|axis| {
                    let from_center_mm = self.offset_mm[axis] + side * self.heart_mm[axis];
                    image_px[axis] as f64 / 2.0 + from_center_mm / spacing_mm[axis]
                })
            }),
        };
        let fits =
            |axis: usize| low[axis] >= start[axis] as f64 && high[axis] <= start[axis] as f64 + size[axis] as f64;
        let [left_px, top_px, width_px, height_px] = if fits(0) && fits(1) {
            [start[0] as f64, start[1] as f64, size[0] as f64, size[1] as f64]
        } else {
            let extent = |axis: usize| {
                let usual = size[axis] as f64 * self.spacing_mm[axis] / spacing_mm[axis];
                usual.max(high[axis] - low[axis] + 1.0).ceil()
            };
            let from = |axis: usize| ((low[axis] + high[axis] - extent(axis)) / 2.0).floor();
            [from(0), from(1), extent(0), extent(1)]
        };
        Window { left_px, top_px, width_px, height_px }
    }
}

/// The upper median; 0 of nothing.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heart(patient: usize, [left, top, right, bottom]: [usize; 4], image_px: [usize; 2], spacing: f64) -> HeartBox {
        let heart = PixelBox { left, top, right, bottom };
        HeartBox { patient: format!("patient{patient:03}"), heart, image_px, spacing_mm: [spacing; 2] }
    }

    fn hearts() -> Vec<HeartBox> {
        vec![
            heart(1, [60, 100, 130, 170], [216, 256], 1.5),
            heart(2, [80, 60, 150, 120], [256, 216], 1.5),
            heart(3, [40, 90, 100, 140], [154, 224], 1.8),
            heart(4, [150, 190, 300, 330], [428, 512], 0.75),
            heart(5, [29, 22, 175, 207], [216, 256], 1.5),
        ]
    }

    fn inside(window: &Window, heart: &PixelBox) -> bool {
        window.left_px <= heart.left as f64
            && window.top_px <= heart.top as f64
            && window.left_px + window.width_px >= heart.right as f64
            && window.top_px + window.height_px >= heart.bottom as f64
    }

    #[test]
    fn the_rectangle_is_that_of_the_preprint_and_the_one_patient_beyond_the_others_images_is_left_out() {
        let crop = Crop::common(&hearts()).unwrap();
        assert_eq!((crop.left_px, crop.top_px, crop.width_px, crop.height_px), (28, 21, 147, 186));
        assert_eq!(crop.left_out, ["patient004"]);
        assert_eq!(crop.spacing_mm, [1.5, 1.5]);
        assert_eq!(Crop::common(&[]), None);
    }

    #[test]
    fn no_heart_is_cut_and_who_was_left_out_gets_as_many_millimetres() {
        let crop = Crop::common(&hearts()).unwrap();
        for b in &hearts() {
            let window = crop.window(b.image_px, b.spacing_mm, Some(&b.heart));
            assert!(inside(&window, &b.heart), "{b:?} {window:?}");
            let common = window == Window { left_px: 28.0, top_px: 21.0, width_px: 147.0, height_px: 186.0 };
            assert_eq!(common, b.patient != "patient004");
        }
        let window = crop.window([428, 512], [0.75; 2], Some(&hearts()[3].heart));
        assert_eq!((window.width_px, window.height_px), (294.0, 372.0));
        // A heart larger than all others still fits.
        let giant = PixelBox { left: 10, top: 0, right: 400, bottom: 500 };
        assert!(inside(&crop.window([428, 512], [1.5; 2], Some(&giant)), &giant));
    }

    #[test]
    fn without_ground_truth_usual_images_are_cropped_alike_and_larger_ones_about_the_supposed_heart() {
        let crop = Crop::common(&hearts()).unwrap();
        let usual = crop.window([216, 256], [1.5; 2], None);
        assert_eq!([usual.left_px, usual.top_px], [28.0, 21.0]);
        let large = crop.window([428, 512], [0.75; 2], None);
        assert_eq!([large.width_px, large.height_px], [294.0, 372.0]);
        let center = [large.left_px + 147.0 - 214.0, large.top_px + 186.0 - 256.0];
        for axis in [0, 1] {
            assert!((center[axis] * 0.75 - crop.offset_mm[axis]).abs() < 1.5, "{center:?} {crop:?}");
        }
    }
}
