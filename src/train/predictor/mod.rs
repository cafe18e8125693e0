//! A trained network, ready to say what it sees in images of any size.

mod about;
mod found;
mod hearts;

pub use about::{About, Output};
pub use found::{Found, head_of_map};
pub use hearts::{HeartFound, HeartPredictor, diagnosis};

use crate::dataset::resize::resize_into;
use crate::error::{Error, Result};
use crate::geometry::HeadOptions;
use crate::model::{self, ModelOptions};
use crate::nn::program::Arithmetic;
use crate::nn::{Device, Graph, Loss, Network, OptimizerKind, OptimizerSpec, Precision, Tensor, Trainer, weights};
use crate::run::checkpoint::Which;
use crate::run::{RunDir, predictions};
use image::GrayImage;
use rayon::prelude::*;
use std::path::Path;

/// A network with its weights, and all that stands between an image file's pixels and a circumference.
pub struct Predictor {
    about: About,
    trainer: Trainer,
    options: HeadOptions,
    hc_error_sd_mm: Option<f64>,
}

impl Predictor {
    /// The best weights of a run, in the network of its recipe.
    ///
    /// Fails where the run has none yet, or where they are damaged.
    pub fn of_run(run: &RunDir, device: Device) -> Result<Predictor> {
        let file = Which::Best.weights(run);
        if !file.is_file() {
            return Err(Error::new(format!("the run {} has no best weights yet", run.id()))
                .at(&file)
                .cure("wait for its first epoch to end, or name another run"));
        }
        let graph = run.recipe()?.graph()?;
        let mut predictor = Self::new(&file, device, |_| Ok(graph))?;
        predictor.hc_error_sd_mm = hc_error_sd_mm(&predictions::read(run)?);
        Ok(predictor)
    }

    /// A weights file whose metadata say which network it belongs to, as every run writes them.
    pub fn of_file(file: &Path, device: Device) -> Result<Predictor> {
        Self::new(file, device, |options| {
            let (model, options) = options;
            model::build(model, options)
        })
    }

    fn new(
        file: &Path,
        device: Device,
        graph: impl FnOnce((&str, &ModelOptions)) -> Result<Graph>,
    ) -> Result<Predictor> {
        let (state, metadata) = weights::load(file)?;
        let about = About::read(&metadata, &state).map_err(|e| e.at(file))?;
        let graph = graph((&about.model, &about.options))?;
        about.check(&graph).map_err(|e| e.at(file))?;
        let mut network = Network::new(graph, 0);
        network.load_state(&state).map_err(|e| e.at(file))?;
        // Nothing is trained: the optimizer with the least memory, and a loss that is never asked for.
        let optimizer = OptimizerSpec::new(OptimizerKind::Sgd);
        let arithmetic = Arithmetic { precision: Precision::F32, deterministic: false };
        let trainer = Trainer::new(network, device, arithmetic, Loss::Mse, &optimizer)?;
        Ok(Predictor { about, trainer, options: HeadOptions::default(), hc_error_sd_mm: None })
    }

    pub fn about(&self) -> &About {
        &self.about
    }

    /// SD of the run's own errors in mm, on its test part or else its validation part; `None` for a weights file.
    pub fn hc_error_sd_mm(&self) -> Option<f64> {
        self.hc_error_sd_mm
    }

    /// What is found in each image, in pixels of its own resolution. Runs on the current rayon pool.
    pub fn predict(&mut self, images: &[GrayImage]) -> Result<Vec<Found>> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let (about, options) = (&self.about, &self.options);
        let [width, height] = about.size;
        let channels = about.normalise.channels();
        let mut values = vec![0.0; images.len() * height * width * channels];
        values.par_chunks_exact_mut(height * width * channels).zip(images).for_each(|(out, image)| {
            let mut small = vec![0; width * height];
            resize_into(image, width, height, &mut small);
            about.normalise.apply(small.into_iter().map(f32::from), out);
        });
        let input = Tensor::from_vec(&[images.len(), height, width, channels], values)?;
        let output = self.trainer.predict(&input)?;
        let each = output.data().par_chunks_exact(output.data().len() / images.len());
        each.zip(images).map(|(output, image)| found(about, options, output, image)).collect()
    }
}

/// What the network's output for one image means.
fn found(about: &About, options: &HeadOptions, output: &[f32], image: &GrayImage) -> Result<Found> {
    match about.output {
        Output::HcPx { unit } => Ok(Found::HcPx(f64::from(output[0]) * unit)),
        Output::HcMm { unit } => Ok(Found::HcMm(f64::from(output[0]) * unit)),
        Output::Mask { classes } => {
            // Of several masks the first is the head's: the preprint's three are copies of one.
            let map: Vec<f32> = output.iter().step_by(classes).copied().collect();
            if map.iter().any(|v| !v.is_finite()) {
                return Ok(Found::NotFinite);
            }
            let size = [image.width() as usize, image.height() as usize];
            Ok(match head_of_map(&map, about.size, size, options)? {
                Ok(head) => Found::Head(Box::new(head)),
                Err(none) => Found::NoHead(none),
            })
        }
    }
}

/// Of the rows whose head was found without doubt: those of the test part, where there is one.
fn hc_error_sd_mm(rows: &[predictions::Prediction]) -> Option<f64> {
    let of = |test: bool| -> Vec<f64> {
        let part = rows.iter().filter(|r| (r.set == "test") == test && r.prediction_hc_mm > 0.0 && r.note.is_none());
        part.map(|r| r.error_mm).filter(|e| e.is_finite()).collect()
    };
    let errors = Some(of(true)).filter(|e| e.len() >= 2).unwrap_or_else(|| of(false));
    if errors.len() < 2 {
        return None;
    }
    let n = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / n;
    Some((errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::predictions::Prediction;

    #[test]
    fn the_spread_of_errors_is_the_test_part_s_and_leaves_out_images_without_a_head() {
        let row = |set: &str, prediction_hc_mm: f64, error_mm: f64| Prediction {
            set: set.into(),
            prediction_hc_mm,
            error_mm,
            ..Prediction::default()
        };
        let validation =
            [row("validation", 170.0, 1.0), row("validation", 180.0, -1.0), row("validation", 0.0, -150.0)];
        assert_eq!(hc_error_sd_mm(&validation), Some(1.0));
        let test = [row("test", 170.0, 5.0), row("test", 180.0, 1.0)];
        assert_eq!(hc_error_sd_mm(&[&validation[..], &test].concat()), Some(2.0));
        assert_eq!(hc_error_sd_mm(&validation[..1]), None);
    }
}
