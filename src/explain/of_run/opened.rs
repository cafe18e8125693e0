//! A run's network made ready to be explained, and images as it sees them.

use crate::dataset::resize::resize_into;
use crate::error::{Error, Result};
use crate::explain::analyzer::Method;
use crate::explain::{Analyzer, Explainer, Settings};
use crate::nn::{Network, Tensor, weights};
use crate::run::checkpoint::Which;
use crate::run::{RunDir, find};
use crate::text;
use crate::train::predictor::{About, Output};
use crate::workspace::Workspace;
use image::GrayImage;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// A run's best network, ready to be explained.
pub struct Opened {
    pub run: RunDir,
    pub about: About,
    pub explainer: Explainer,
    /// Tells its weights from others: the beginning of their file's SHA-256.
    pub weights: String,
}

impl Opened {
    /// Fails where there is no such run, where it has no weights yet, and where its network gives several values that are
    /// no masks.
    pub fn best_of(ws: &Workspace, id: &str) -> Result<Opened> {
        let run = find(ws, id)?;
        let (about, network) = best_network(&run)?;
        let weights = Self::weights_of(&run)?;
        Ok(Opened { explainer: Explainer::new(&network)?, run, about, weights })
    }

    /// What tells a run's best weights from others: the beginning of their file's SHA-256.
    ///
    /// Fails where there are none yet.
    pub fn weights_of(run: &RunDir) -> Result<String> {
        let file = Which::Best.weights(run);
        let bytes = std::fs::read(&file).map_err(|e| Error::io("read the weights", &file, e))?;
        Ok(Sha256::digest(&bytes).iter().take(6).map(|b| format!("{b:02x}")).collect())
    }
}

/// What a run's best weights say of themselves, and their network, of which nothing is trained any more.
///
/// Fails where the run has no weights yet, and for networks on hearts.
pub fn best_network(run: &RunDir) -> Result<(About, Network)> {
    let file = Which::Best.weights(run);
    let (state, metadata) = weights::load(&file)?;
    let about = About::read(&metadata, &state).map_err(|e| e.at(&file))?;
    let mut graph = run.recipe()?.graph()?;
    about.check(&graph).map_err(|e| e.at(&file))?;
    graph.freeze();
    let mut network = Network::new(graph, 0);
    network.load_state(&state).map_err(|e| e.at(&file))?;
    Ok((about, network))
}

/// The circumference that an output stands for: in px of the file, or in mm.
pub fn hc_px_or_mm(about: &About, output: f32) -> (Option<f64>, Option<f64>) {
    match about.output {
        Output::HcPx { unit } => (Some(f64::from(output) * unit), None),
        Output::HcMm { unit } => (None, Some(f64::from(output) * unit)),
        Output::Mask { .. } => (None, None),
    }
}

/// The images as the network sees them: (N, H, W, C).
pub fn as_seen(about: &About, images: &[GrayImage]) -> Result<Tensor> {
    let ([width, height], channels) = (about.size, about.normalise.channels());
    let mut values = vec![0.0; images.len() * height * width * channels];
    values.par_chunks_exact_mut(height * width * channels).zip(images).for_each(|(out, image)| {
        let mut small = vec![0; width * height];
        resize_into(image, width, height, &mut small);
        about.normalise.apply(small.into_iter().map(f32::from), out);
    });
    Tensor::from_vec(&[images.len(), height, width, channels], values)
}

/// An image as the network sees it (H, W, C), as grey values again: its first channel, cut at black and white.
pub fn to_gray(about: &About, seen: &[f32]) -> GrayImage {
    let ([width, height], channels) = (about.size, about.normalise.channels());
    let [mean, sd] = [&about.normalise.mean, &about.normalise.sd].map(|v| v.first().copied().unwrap_or(0.0));
    let gray = |v: &f32| (f64::from(*v) * f64::from(sd) + f64::from(mean)).round().clamp(0.0, 255.0) as u8;
    let values = seen.iter().step_by(channels.max(1)).map(gray).collect();
    GrayImage::from_raw(width as u32, height as u32, values).unwrap_or_default()
}

/// Analyzers by name with those of the settings that each has.
///
/// Fails on settings that none of them has, and on values that make no sense.
pub fn methods(analyzers: &[&Analyzer], pairs: &[String], about: &About) -> Result<Vec<(&'static str, Method)>> {
    let method = |a: &&Analyzer| Ok((a.name, a.with(&settings(a, analyzers, pairs, about)?)?));
    analyzers.iter().map(method).collect()
}

/// Those that `analyzer` has; each pair has to belong to one of `all`. A black image is that of grey value 0.
pub fn settings(analyzer: &Analyzer, all: &[&Analyzer], pairs: &[String], about: &About) -> Result<Settings> {
    let mut settings = Settings::default();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
            return Err(
                Error::usage(format!("`{}` is no key=value", text::line(pair))).cure("write --set start=output")
            );
        };
        if analyzer.settings.contains(&key) {
            settings.set(key, value);
        } else if !all.iter().any(|a| a.settings.contains(&key)) {
            let known: Vec<_> = all.iter().flat_map(|a| a.settings.iter().copied()).collect();
            let error = Error::usage(format!("none of these analyzers has a setting `{}`", text::line(key)));
            return Err(match text::nearest(key, known.iter().copied()) {
                Some(near) => error.cure(format!("did you mean {near}?")),
                None => error,
            });
        }
    }
    if settings.word("baseline", "") == "file" {
        return Err(Error::usage("there is no file that a baseline could come from")
            .cure("use zero, black or mean; `hcwb attribute` takes a baseline beside the input"));
    }
    if settings.word("baseline", "") == "black" && !settings.has("black") {
        let black = about.normalise.mean.iter().zip(&about.normalise.sd).map(|(mean, sd)| (-mean / sd).to_string());
        settings.set("black", &black.collect::<Vec<_>>().join(","));
    }
    Ok(settings)
}
