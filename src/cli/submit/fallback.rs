//! What is said of an image in which no head was found, if one has to be said: the mean of the heads trained on.

use crate::dataset::{self, Preparation, Sample, registry, split};
use crate::error::{Error, Result};
use crate::geometry::Ellipse;
use crate::progress::Progress;
use crate::run::RunDir;
use crate::workspace::Workspace;

/// The mean ellipse of images, lengths as shares of their width, y of their height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanHead {
    center_x: f64,
    center_y: f64,
    semi_axis_a: f64,
    semi_axis_b: f64,
    angle_rad: f64,
}

impl MeanHead {
    /// `None` where no sample has a true ellipse.
    pub fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<MeanHead> {
        let (mut sums, mut n) = ([0.0; 6], 0.0);
        for (sample, truth) in samples.filter_map(|s| Some((s, s.truth.as_ref()?))) {
            let (width, height) = (f64::from(sample.width_px), f64::from(sample.height_px));
            // An axis has no direction: angles that differ by pi are the same, so twice the angle is averaged.
            let (sin, cos) = (2.0 * truth.angle_rad).sin_cos();
            let values = [
                truth.center_x_px / width,
                truth.center_y_px / height,
                truth.semi_axis_a_px / width,
                truth.semi_axis_b_px / width,
                sin,
                cos,
            ];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            n += 1.0;
        }
        let [x, y, a, b, sin, cos] = sums.map(|sum| sum / n);
        let mean =
            MeanHead { center_x: x, center_y: y, semi_axis_a: a, semi_axis_b: b, angle_rad: sin.atan2(cos) / 2.0 };
        (n > 0.0).then_some(mean)
    }

    /// Of the training part of the data that `run` was trained on.
    pub fn of_training(ws: &Workspace, run: &RunDir, progress: &dyn Progress) -> Result<MeanHead> {
        let (recipe, provenance) = run.frozen()?;
        let dataset = registry::load(ws, &recipe.data.dataset)?;
        let [width, height] = recipe.data.size;
        let prepared = dataset::prepare(ws, &dataset, &Preparation { width, height }, progress)?;
        if prepared.fingerprint != provenance.dataset_fingerprint {
            return Err(Error::new(format!(
                "the data set {} is not the one that the run was trained on",
                dataset.name
            ))
            .at(&dataset.path)
            .cure("register the former data under that name, or leave --fallback out"));
        }
        let data = &recipe.data;
        let split = split(&prepared.exams(), &data.split.parse()?, data.folds, data.fold, recipe.seed)?;
        Self::of(split.train.iter().map(|i| &prepared.samples[*i]))
            .ok_or_else(|| Error::new("none of the images trained on has a true ellipse").at(&dataset.path))
    }

    /// In px of an image of that size.
    pub fn in_image(&self, (width, height): (u32, u32)) -> Ellipse {
        let (width, height) = (f64::from(width), f64::from(height));
        let (a, b) = (self.semi_axis_a * width, self.semi_axis_b * width);
        Ellipse::new(self.center_x * width, self.center_y * height, a, b, self.angle_rad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    fn sample(size: (u32, u32), truth: Option<Ellipse>) -> Sample {
        let (width_px, height_px) = size;
        let (pixel_size_mm, hc_mm, hc_px) = (0.1, 100.0, 1000.0);
        Sample {
            file: "0.png".into(),
            exam: 0,
            width_px,
            height_px,
            pixel_size_mm,
            hc_mm,
            hc_px,
            truth,
            trimester: None,
        }
    }

    #[test]
    fn axes_on_either_side_of_0_have_their_mean_between_them_and_not_across() {
        let one = sample((800, 540), Some(Ellipse::new(400.0, 270.0, 300.0, 200.0, 0.2)));
        let other = sample((800, 540), Some(Ellipse::new(420.0, 250.0, 200.0, 180.0, PI - 0.2)));
        let without = sample((800, 540), None);
        let mean = MeanHead::of([&one, &other, &without].into_iter()).unwrap().in_image((800, 540));
        assert!((mean.center_x_px - 410.0).abs() < 1e-9 && (mean.center_y_px - 260.0).abs() < 1e-9);
        assert!((mean.semi_axis_a_px - 250.0).abs() < 1e-9 && (mean.semi_axis_b_px - 190.0).abs() < 1e-9);
        assert!(mean.angle_rad.min(PI - mean.angle_rad) < 1e-9, "{}", mean.angle_rad);
        assert_eq!(MeanHead::of([&without].into_iter()), None);
        let half = MeanHead::of([&one].into_iter()).unwrap().in_image((400, 270));
        assert!((half.semi_axis_a_px - 150.0).abs() < 1e-9 && (half.center_y_px - 135.0).abs() < 1e-9);
    }
}
