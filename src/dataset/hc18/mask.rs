//! An annotation filled: from the published ring, or from a mask, to the true mask at any size.
//!
//! The annotated ellipse is the middle of the ring: an ellipse through the centres of all its pixels has the table's
//! circumference (800 published rings: mean difference 0.002 mm, +0.017 px). The true mask therefore holds the inner
//! half of the ring only. Filling up to its outer edge, as flood filling does, moves the outline out by 1.29 px: +1.14 mm
//! of circumference on average. The outline is then often taken through the centres of the border pixels, 0.45 px
//! further in: +0.72 mm are left (+0.78 mm by OpenCV's contour). On masks filled to the middle of the ring the outline
//! between pixels is right to +0.002 mm, that through the centres too short by 0.40 mm.

use super::Ring;
use crate::geometry::{
    Affine, BitMask, Components, Connectivity, Ellipse, HeadOptions, Mask, NoHead, coverage, distance_to_outline_px,
    fill_bits, fit_ellipse, squared_distance_transform_px2,
};
use image::GrayImage;

/// Ring pixels for each px of circumference: how thick the published rings are, on average over directions.
pub const RING_THICKNESS_PX: f64 = 2.54;
/// How far outside of the annotated ellipse the outline of a published ring lies that was filled to its outer edge.
pub const FILLED_RING_INSET_PX: f64 = 1.29;
/// Of a ring's pixels, at least this share lies near to the ellipse; else the drawn line itself is filled.
const LEAST_ALONG_ELLIPSE: f64 = 0.8;
/// What is near, in px: published ring pixels lie within 1.46 px.
const NEAR_PX: f64 = 3.0;
/// The thickest line that is a ring, as a share of the minor semi-axis; a thin one is, whatever its size.
const THICKEST_RING: f64 = 0.08;
const THIN_PX: f64 = 4.0;
/// The widest gap of a line that is still filled is twice this, in px.
const LARGEST_GAP_RADIUS_PX: u64 = 32;

/// How an annotation is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotation {
    Ring,
    Filled,
}

/// What is true at every pixel of an image of a given size.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthMask {
    pub drawn_as: Annotation,
    /// In px of the annotation; `None` where what is drawn is no ellipse.
    pub ellipse: Option<Ellipse>,
    pub width: usize,
    pub height: usize,
    /// The share of every pixel that is head, 0 to 1, row by row.
    pub shares: Vec<f32>,
}

/// Why an annotation gives no mask.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoTruth {
    #[error("the annotation is empty")]
    Empty,
    #[error("the annotation is an open line")]
    Open,
    #[error("the annotation is filled, but {0}")]
    NoHead(NoHead),
}

impl TruthMask {
    /// The pixels of which at least half is head, as 255.
    pub fn mask(&self) -> Mask {
        let values = self.shares.iter().map(|share| if *share >= 0.5 { 255 } else { 0 }).collect();
        Mask { width: self.width, height: self.height, values }
    }

    /// The shares as 0 to 255: anti-aliased.
    pub fn levels(&self) -> Vec<u8> {
        self.shares.iter().map(|share| (share * 255.0).round() as u8).collect()
    }
}

impl Annotation {
    /// A ring is a thin line around a black middle; everything else is filled.
    pub fn of(annotation: &GrayImage) -> Annotation {
        let inside = bits(annotation);
        let pixels = inside.pixels();
        // A tenth of them places the middle of a filled head as well as all.
        let step = pixels.len().div_ceil(20_000).max(1);
        let points: Vec<_> = pixels.iter().step_by(step).map(|(x, y)| (f64::from(*x), f64::from(*y))).collect();
        let Ok(around) = fit_ellipse(&points) else { return Annotation::Filled };
        let thickness_px = pixels.len() as f64 / around.circumference_ramanujan_px();
        if thickness_px > (THICKEST_RING * around.semi_axis_b_px).max(THIN_PX) {
            return Annotation::Filled;
        }
        // Of half the axes: a ring's own pixels lie outside of it.
        let Ellipse { center_x_px: x, center_y_px: y, semi_axis_a_px: a, semi_axis_b_px: b, angle_rad } = around;
        let middle = fill_bits(&Ellipse::new(x, y, 0.5 * a, 0.5 * b, angle_rad), inside.width(), inside.height());
        let white = inside.count_common(&middle).unwrap_or(0);
        if 2 * white > middle.count() { Annotation::Filled } else { Annotation::Ring }
    }
}

/// The true mask at `width` x `height` of an annotation of any size.
pub fn truth_mask(annotation: &GrayImage, width: usize, height: usize) -> Result<TruthMask, NoTruth> {
    let (drawn_as, ellipse, drawn) = match Annotation::of(annotation) {
        Annotation::Ring => {
            let line = bits(annotation);
            match Ring::of(annotation).ellipse {
                Ok(ellipse) if runs_along(&line, &ellipse) => (Annotation::Ring, Some(ellipse), None),
                _ => (Annotation::Ring, None, Some(inside_of_line(&line)?)),
            }
        }
        Annotation::Filled => {
            let options = HeadOptions::default();
            let (part, _, _) = options.largest_part(&bits(annotation)).ok_or(NoTruth::Empty)?;
            match options.head_of_mask(&part) {
                Ok(head) => (Annotation::Filled, Some(head.ellipse), None),
                Err(NoHead::NoEllipse { .. } | NoHead::LittleOutline { .. }) => (Annotation::Filled, None, Some(part)),
                Err(none) => return Err(NoTruth::NoHead(none)),
            }
        }
    };
    let from = (f64::from(annotation.width()), f64::from(annotation.height()));
    let shares = match (&ellipse, drawn) {
        (Some(ellipse), _) => {
            let map = Affine::resize(from, (width as f64, height as f64));
            coverage(&ellipse.transformed(&map), width, height)
        }
        (None, Some(drawn)) => average(&drawn, width, height),
        (None, None) => return Err(NoTruth::Empty),
    };
    Ok(TruthMask { drawn_as, ellipse, width, height, shares })
}

fn bits(annotation: &GrayImage) -> BitMask {
    let (width, height) = (annotation.width() as usize, annotation.height() as usize);
    // A decoded image has as many values as pixels.
    BitMask::from_bytes(annotation.as_raw(), width, height, 128).unwrap_or_else(|_| BitMask::empty(width, height))
}

fn runs_along(line: &BitMask, ellipse: &Ellipse) -> bool {
    let pixels = line.pixels();
    let distance_px = distance_to_outline_px(ellipse);
    let near = |(x, y): &&(u32, u32)| distance_px(f64::from(*x), f64::from(*y)) <= NEAR_PX;
    pixels.iter().filter(near).count() as f64 >= LEAST_ALONG_ELLIPSE * pixels.len() as f64
}

/// What a drawn line encloses, up to its middle; the border of the image closes a line that it cuts, and gaps are
/// bridged, the narrowest way first.
fn inside_of_line(line: &BitMask) -> Result<BitMask, NoTruth> {
    let pixels = line.pixels();
    if pixels.is_empty() {
        return Err(NoTruth::Empty);
    }
    let (width, height) = (line.width(), line.height());
    let to_line = squared_distance_transform_px2(line);
    let mean = |of: fn(&(u32, u32)) -> u32| pixels.iter().map(|p| of(p) as usize).sum::<usize>() / pixels.len();
    let middle = (mean(|p| p.0), mean(|p| p.1));
    let mut radius = 0;
    while radius <= LARGEST_GAP_RADIUS_PX {
        let free = where_true(width, height, |i| to_line[i] > radius * radius);
        let background = Components::of(&free, Connectivity::Four);
        let holding_middle = (0..background.count()).map(|i| background.mask(i)).find(|m| m.get(middle.0, middle.1));
        if let Some(enclosed) = holding_middle.filter(|m| frame_pixels(m) < width + height) {
            // What was lost to the bridge is won back, and the line is halved between inside and outside.
            let to_inside = squared_distance_transform_px2(&enclosed);
            let reached = |i: usize| to_inside[i] <= radius * radius && to_line[i] > 0;
            let inside = where_true(width, height, reached);
            let outside = where_true(width, height, |i| to_line[i] > 0 && !reached(i));
            let (inner, outer) = (squared_distance_transform_px2(&inside), squared_distance_transform_px2(&outside));
            return Ok(where_true(width, height, |i| inner[i] <= outer[i]));
        }
        radius = if radius == 0 { 1 } else { radius * 2 };
    }
    Err(NoTruth::Open)
}

fn where_true(width: usize, height: usize, holds: impl Fn(usize) -> bool) -> BitMask {
    let values: Vec<u8> = (0..width * height).map(|i| u8::from(holds(i))).collect();
    BitMask::from_bytes(&values, width, height, 1).unwrap_or_else(|_| BitMask::empty(width, height))
}

/// How many pixels lie on the border of the image.
fn frame_pixels(mask: &BitMask) -> usize {
    let (width, height) = (mask.width(), mask.height());
    let on_frame = |(x, y): &&(u32, u32)| *x == 0 || *y == 0 || *x as usize + 1 == width || *y as usize + 1 == height;
    mask.pixels().iter().filter(on_frame).count()
}

/// The share of every pixel of a `width` x `height` image that is set, the mask stretched over it.
fn average(mask: &BitMask, width: usize, height: usize) -> Vec<f32> {
    let (sx, sy) = (width as f64 / mask.width() as f64, height as f64 / mask.height() as f64);
    let mut shares = vec![0f32; width * height];
    for run in mask.runs() {
        let (left, right) = (f64::from(run.start) * sx, f64::from(run.end) * sx);
        let (top, bottom) = (f64::from(run.y) * sy, f64::from(run.y + 1) * sy);
        let last = |end: f64, size: usize| (end.ceil() as usize).min(size);
        for y in top as usize..last(bottom, height) {
            let tall = bottom.min(y as f64 + 1.0) - top.max(y as f64);
            for x in left as usize..last(right, width) {
                let wide = right.min(x as f64 + 1.0) - left.max(x as f64);
                shares[y * width + x] += (tall.max(0.0) * wide.max(0.0)) as f32;
            }
        }
    }
    // Sums of many small parts may pass 1 by rounding.
    shares.iter_mut().for_each(|share| *share = share.min(1.0));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{fill, ring};

    fn gray(mask: Mask) -> GrayImage {
        GrayImage::from_raw(mask.width as u32, mask.height as u32, mask.values).unwrap()
    }

    fn difference(one: &Mask, other: &Mask) -> usize {
        one.values.iter().zip(&other.values).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn a_ring_becomes_the_mask_of_its_middle_at_any_size() {
        for truth in [
            Ellipse::new(400.4, 260.6, 250.0, 190.0, 0.4),
            Ellipse::new(300.4, 200.6, 70.0, 52.0, 2.4),
            Ellipse::new(120.0, 270.0, 240.0, 190.0, 0.2),
            Ellipse::new(40.3, 30.7, 12.0, 9.0, 1.2),
        ] {
            let annotation = gray(ring(&truth, 800, 540, RING_THICKNESS_PX));
            for (width, height) in [(800, 540), (224, 224), (128, 96), (1000, 700)] {
                let made = truth_mask(&annotation, width, height).unwrap();
                assert_eq!(made.drawn_as, Annotation::Ring);
                let hc = made.ellipse.unwrap().circumference_exact_px();
                // A thick line around a small ellipse pulls the fit outwards by h²/2r, h half of its thickness.
                assert!((hc - truth.circumference_exact_px()).abs() < 0.7, "{hc}");
                let map = Affine::resize((800.0, 540.0), (width as f64, height as f64));
                let expected = fill(&truth.transformed(&map), width, height);
                let allowed = expected.pixels().count() / 200 + 6;
                assert!(
                    difference(&made.mask(), &expected) < allowed,
                    "{width}: {}",
                    difference(&made.mask(), &expected)
                );
                let area: f64 = made.levels().iter().map(|v| f64::from(*v) / 255.0).sum();
                assert!((area - expected.pixels().count() as f64).abs() < allowed as f64);
            }
        }
    }

    #[test]
    fn a_line_that_is_no_ellipse_is_filled_to_its_middle_across_gaps_and_the_frame() {
        // A square of side 100 around (150, 120), drawn 3 px thick; with a gap; cut by the left border.
        for (left, gap) in [(100i32, 0), (100, 9), (-20, 0)] {
            let mut annotation = GrayImage::new(300, 240);
            for (x, y) in (0..300i32).flat_map(|x| (0..240i32).map(move |y| (x, y))) {
                let far = (x - left - 50).abs().max((y - 120).abs());
                let in_gap = y > 120 && (x - left - 50).abs() * 2 < gap;
                if (49..=51).contains(&far) && !in_gap {
                    annotation.put_pixel(x as u32, y as u32, image::Luma([255]));
                }
            }
            let made = truth_mask(&annotation, 300, 240).unwrap();
            assert_eq!((made.drawn_as, made.ellipse), (Annotation::Ring, None), "{left} {gap}");
            let visible_side = if left < 0 { 101 + left } else { 101 };
            let area = made.mask().pixels().count() as i32;
            // The bridge over a gap rounds corners off.
            let allowed = if gap > 0 { 300 } else { 120 };
            assert!((area - visible_side * 101).abs() <= allowed, "{left} {gap}: {area}");
        }
    }

    #[test]
    fn filled_annotations_are_taken_as_they_are() {
        let truth = Ellipse::new(200.4, 130.6, 100.0, 80.0, 0.4);
        let made = truth_mask(&gray(fill(&truth, 400, 270)), 400, 270).unwrap();
        assert_eq!(made.drawn_as, Annotation::Filled);
        assert!((made.ellipse.unwrap().circumference_exact_px() - truth.circumference_exact_px()).abs() < 0.3);
        assert!(difference(&made.mask(), &fill(&truth, 400, 270)) < 40);
    }

    #[test]
    fn discs_around_an_empty_middle_are_no_ring() {
        let mut five = Mask::empty(800, 540);
        for (x, y) in [(100.0, 100.0), (300.0, 100.0), (600.0, 120.0), (200.0, 400.0), (600.0, 400.0)] {
            let part = fill(&Ellipse::new(x, y, 50.0, 40.0, 0.3), 800, 540);
            five.values.iter_mut().zip(part.values).for_each(|(v, p)| *v |= p);
        }
        assert_eq!(Annotation::of(&gray(five)), Annotation::Filled);
        for (a, thickness_px) in [(210.0, 9.0), (210.0, 1.0), (12.0, 2.54), (300.0, 2.54)] {
            let ring = ring(&Ellipse::new(400.0, 270.0, a, 0.75 * a, 0.3), 800, 540, thickness_px);
            assert_eq!(Annotation::of(&gray(ring)), Annotation::Ring, "{a} {thickness_px}");
        }
        for a in [4.0, 12.0, 210.0, 900.0] {
            let disc = fill(&Ellipse::new(400.0, 270.0, a, 0.75 * a, 0.3), 800, 540);
            assert_eq!(Annotation::of(&gray(disc)), Annotation::Filled, "{a}");
        }
    }

    #[test]
    fn annotations_without_an_inside_are_refused() {
        assert_eq!(truth_mask(&GrayImage::new(90, 60), 30, 30), Err(NoTruth::Empty));
        let full = GrayImage::from_pixel(90, 60, image::Luma([255]));
        assert_eq!(truth_mask(&full, 30, 30), Err(NoTruth::NoHead(NoHead::Full)));
        let mut angle = GrayImage::new(300, 200);
        for i in 0..180 {
            angle.put_pixel(5, i, image::Luma([255]));
            angle.put_pixel(5 + i, 179, image::Luma([255]));
        }
        assert!(truth_mask(&angle, 100, 100).is_err());
    }
}
