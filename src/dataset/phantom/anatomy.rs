//! Which head a phantom shows: its size, place, shape and pixel size.

use super::{HEIGHT_PX, WIDTH_PX};
use crate::geometry::Ellipse;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// HC in px and pixel sizes of the published training set, rounded outwards.
const HC_PX: (f64, f64) = (440.0, 1790.0);
const PIXEL_SIZE_MM: (f64, f64) = (0.0501, 0.3899);
/// The head stays this far inside the image, so that its ring is closed.
const MARGIN_PX: f64 = 6.0;

/// Sizes of a trimester in the published training set: share of the images, then mean, SD, least and greatest.
struct Ages {
    share: f64,
    hc_mm: [f64; 4],
    hc_px: [f64; 4],
}

const AGES: [Ages; 3] = [
    Ages { share: 0.165, hc_mm: [76.0, 9.0, 44.3, 99.0], hc_px: [957.0, 248.0, 560.0, 1442.0] },
    Ages { share: 0.694, hc_mm: [173.6, 29.5, 81.0, 264.0], hc_px: [1319.0, 234.0, 440.0, 1786.0] },
    Ages { share: 0.141, hc_mm: [292.2, 20.8, 243.0, 346.0], hc_px: [1324.0, 207.0, 836.0, 1714.0] },
];

/// The head of one image.
#[derive(Clone, Debug)]
pub struct Head {
    /// The outer edge of the skull, in px.
    pub ellipse: Ellipse,
    pub pixel_size_mm: f64,
    pub hc_mm: f64,
    /// Seeds what else the image shows.
    pub scene_seed: [u8; 32],
}

/// Examination and repeat (from 1) of image `index`: every sixth examination has a second image.
fn place_in_series(index: u64) -> (u64, u64) {
    let (block, place) = (index / 7, index % 7);
    (6 * block + place.min(5), if place == 6 { 2 } else { 1 })
}

/// `NNN_HC.png` or `NNN_2HC.png`.
pub fn name_of(index: u64) -> String {
    match place_in_series(index) {
        (exam, 1) => format!("{exam:03}_HC.png"),
        (exam, repeat) => format!("{exam:03}_{repeat}HC.png"),
    }
}

pub(super) fn key(seed: u64, number: u64, purpose: &[u8; 16]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&number.to_le_bytes());
    key[16..].copy_from_slice(purpose);
    key
}

/// Normal by the sum of twelve uniforms, within `[mean, sd, least, greatest]`.
pub(super) fn normal_within(rng: &mut ChaCha8Rng, [mean, sd, least, greatest]: [f64; 4]) -> f64 {
    let standard = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    (mean + sd * standard).clamp(least, greatest)
}

impl Head {
    /// The head of image `index`: the same examination shows the same head, seen and magnified anew.
    pub fn of(seed: u64, index: u64) -> Head {
        let mut of_exam = ChaCha8Rng::from_seed(key(seed, place_in_series(index).0, b"hcwb phantom exm"));
        let draw: f64 = of_exam.random();
        let ages = if draw < AGES[0].share {
            &AGES[0]
        } else if draw < AGES[0].share + AGES[1].share {
            &AGES[1]
        } else {
            &AGES[2]
        };
        let age_hc_mm = normal_within(&mut of_exam, ages.hc_mm);
        let roundness = normal_within(&mut of_exam, [0.78, 0.05, 0.66, 0.92]);

        let mut rng = ChaCha8Rng::from_seed(key(seed, index, b"hcwb phantom img"));
        // A head is drawn until it fits; one in a few does, and smaller ones always do in the end.
        let mut shrink = 1.0;
        let (ellipse, pixel_size_mm) = loop {
            let hc_px = (normal_within(&mut rng, ages.hc_px) * shrink).clamp(HC_PX.0, HC_PX.1);
            let pixel_size_mm = (age_hc_mm / hc_px).clamp(PIXEL_SIZE_MM.0, PIXEL_SIZE_MM.1);
            // As many digits as the table has, so that image and table agree to the last one.
            let pixel_size_mm = (pixel_size_mm * 1e12).round() / 1e12;
            let hc_px = age_hc_mm / pixel_size_mm;
            let unit = Ellipse::new(0.0, 0.0, 1.0, roundness, 0.0).circumference_exact_px();
            let a = hc_px / unit;
            let angle = normal_within(&mut rng, [0.0, 0.35, -1.4, 1.4]);
            let at_origin = Ellipse::new(0.0, 0.0, a, a * roundness, angle);
            let (half_width, half_height) = at_origin.half_extent_px();
            let room_x = (f64::from(WIDTH_PX) - 1.0) / 2.0 - half_width - MARGIN_PX;
            let room_y = (f64::from(HEIGHT_PX) - 1.0) / 2.0 - half_height - MARGIN_PX;
            if room_x > 0.0 && room_y > 0.0 && (HC_PX.0..=HC_PX.1).contains(&hc_px) {
                let x = f64::from(WIDTH_PX) / 2.0 + normal_within(&mut rng, [0.0, 50.0, -room_x, room_x]);
                let y = f64::from(HEIGHT_PX) / 2.0 + normal_within(&mut rng, [0.0, 30.0, -room_y, room_y]);
                break (Ellipse { center_x_px: x, center_y_px: y, ..at_origin }, pixel_size_mm);
            }
            shrink *= 0.997;
        };
        let hc_mm = (ellipse.circumference_exact_px() * pixel_size_mm * 100.0).round() / 100.0;
        Head { ellipse, pixel_size_mm, hc_mm, scene_seed: key(seed, index, b"hcwb phantom scn") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_published_ranges_and_heads_fit_the_image() {
        let heads: Vec<Head> = (0..2000).map(|i| Head::of(11, i)).collect();
        let hc: Vec<f64> = heads.iter().map(|h| h.hc_mm / h.pixel_size_mm).collect();
        let mean = hc.iter().sum::<f64>() / hc.len() as f64;
        assert!((1150.0..1330.0).contains(&mean), "{mean}");
        assert!(hc.iter().all(|v| (439.0..1791.0).contains(v)));
        let spread = |f: fn(&Head) -> f64| heads.iter().map(f).fold((f64::MAX, 0f64), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = spread(|h| h.pixel_size_mm);
        assert!((0.05..0.07).contains(&low) && (0.3..0.39).contains(&high), "{low} {high}");
        let (low, high) = spread(|h| h.hc_mm);
        assert!(low < 60.0 && high > 320.0, "{low} {high}");
        for head in &heads {
            let (w, h) = head.ellipse.half_extent_px();
            assert!(head.ellipse.center_x_px - w > 4.0 && head.ellipse.center_x_px + w < 795.0);
            assert!(head.ellipse.center_y_px - h > 4.0 && head.ellipse.center_y_px + h < 535.0);
        }
    }

    #[test]
    fn a_repeated_examination_shows_the_same_head() {
        assert_eq!(
            (name_of(5), name_of(6), name_of(7)),
            ("005_HC.png".into(), "005_2HC.png".into(), "006_HC.png".into())
        );
        let (one, two) = (Head::of(1, 5), Head::of(1, 6));
        assert!((one.hc_mm - two.hc_mm).abs() <= 0.011 && one.ellipse != two.ellipse);
    }
}
