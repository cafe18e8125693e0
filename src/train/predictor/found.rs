//! What was found in one image, in pixels of its own resolution.

use crate::error::{Error, Result};
use crate::geometry::{Ellipse, Head, HeadOptions, NoHead};
use crate::train::task::head_masks::{LEVEL, enlarge};

/// A network's answer to one image.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Head(Box<Head>),
    NoHead(NoHead),
    /// Of a regression; any number, also one that no head has.
    HcPx(f64),
    HcMm(f64),
    /// The network's output holds a NaN or an infinity.
    NotFinite,
}

impl Found {
    pub fn ellipse(&self) -> Option<&Ellipse> {
        match self {
            Found::Head(head) => Some(&head.ellipse),
            _ => None,
        }
    }

    /// The circumference in px; of a regression in mm only where the pixel size is known.
    pub fn hc_px(&self, pixel_size_mm: Option<f64>) -> Option<f64> {
        let hc = match self {
            Found::Head(head) => Some(head.ellipse.circumference_ramanujan_px()),
            Found::HcPx(px) => Some(*px),
            Found::HcMm(mm) => pixel_size_mm.map(|size| mm / size),
            Found::NoHead(_) | Found::NotFinite => None,
        };
        hc.filter(|_| self.reason().is_none())
    }

    /// The circumference in mm; where the network speaks of px only where the pixel size is known.
    pub fn hc_mm(&self, pixel_size_mm: Option<f64>) -> Option<f64> {
        match self {
            Found::HcMm(mm) => Some(*mm).filter(|_| self.reason().is_none()),
            _ => self.hc_px(None).zip(pixel_size_mm).map(|(px, size)| px * size),
        }
    }

    /// Why there is no circumference.
    pub fn reason(&self) -> Option<String> {
        let no_head = |hc: f64, unit: &str| {
            (!hc.is_finite() || hc <= 0.0).then(|| format!("the network says {hc:.1} {unit}, which no head has"))
        };
        match self {
            Found::Head(_) => None,
            Found::NoHead(none) => Some(none.to_string()),
            Found::HcPx(px) => no_head(*px, "px"),
            Found::HcMm(mm) => no_head(*mm, "mm"),
            Found::NotFinite => Some("the network's output is not a number".into()),
        }
    }

    /// What a person should know of an ellipse that there is.
    pub fn note(&self) -> Option<String> {
        let Found::Head(head) = self else { return None };
        let mut notes = Vec::new();
        if head.cut.any() {
            notes.push(format!("cut by the border: {}", head.cut.words()));
        }
        if head.parts > 1 {
            notes.push(format!("{} parts, the largest is measured", head.parts));
        }
        if head.visible < 0.75 {
            notes.push(format!("{:.0} % of the outline are there", 100.0 * head.visible));
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

/// The head in a map of probabilities of size `from` (width, height), in pixels of the same image at size `to`.
///
/// The map is brought to that size first, as the run's own evaluation does it, so that mask, outline and ellipse are
/// those of the file's own pixels whatever the training size was.
pub fn head_of_map(
    map: &[f32],
    from: [usize; 2],
    to: [usize; 2],
    options: &HeadOptions,
) -> Result<Result<Head, NoHead>> {
    let ([width, height], [to_width, to_height]) = (from, to);
    if map.is_empty() || width.checked_mul(height) != Some(map.len()) {
        return Err(Error::new(format!("{} values are no map of {width}x{height} px", map.len())));
    }
    let enlarged = enlarge(map, [height, width], [to_height, to_width]);
    options.head_of_probabilities(&enlarged, to_width, to_height, LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Affine, coverage};

    /// To a thousandth, although a pixel of the network may be 6 px wide.
    #[test]
    fn a_head_seen_at_training_size_has_its_circumference_at_the_file_s() {
        let options = HeadOptions::default();
        for (size, from) in [([800, 540], [224, 224]), ([542, 800], [128, 128]), ([100, 90], [224, 224])] {
            let [width, height] = size.map(|s| s as f64);
            let truth = Ellipse::new(0.47 * width, 0.52 * height, 0.33 * width, 0.28 * width, 0.4);
            let map = Affine::resize((width, height), (from[0] as f64, from[1] as f64));
            let seen = coverage(&truth.transformed(&map), from[0], from[1]);
            let head = head_of_map(&seen, from, size, &options).unwrap().unwrap();
            let (found, wanted) = (head.ellipse.circumference_exact_px(), truth.circumference_exact_px());
            assert!((found / wanted - 1.0).abs() < 1e-3, "{size:?}: {found} {wanted}");
            assert!((head.ellipse.center_x_px - truth.center_x_px).abs() < 0.2, "{size:?}");
            assert_eq!((head.mask.width(), head.mask.height()), (size[0], size[1]));
        }
        assert!(head_of_map(&[0.0; 5], [2, 3], [4, 4], &options).is_err());
    }

    #[test]
    fn a_circumference_that_no_head_has_is_a_reason_and_no_number() {
        for hc in [-3.0, 0.0, f64::NAN, f64::INFINITY] {
            for found in [Found::HcPx(hc), Found::HcMm(hc)] {
                assert!(found.reason().is_some());
                assert_eq!((found.hc_px(Some(0.1)), found.hc_mm(Some(0.1))), (None, None));
            }
        }
        assert_eq!(Found::HcPx(1000.0).hc_mm(None), None);
        assert_eq!(Found::HcPx(1000.0).hc_mm(Some(0.1)), Some(100.0));
        assert_eq!(Found::HcMm(100.0).hc_px(Some(0.1)), Some(1000.0));
        assert_eq!((Found::HcMm(100.0).hc_px(None), Found::HcMm(100.0).hc_mm(None)), (None, Some(100.0)));
        assert!(Found::NotFinite.reason().is_some() && Found::NoHead(NoHead::Empty).hc_px(Some(1.0)).is_none());
    }
}
