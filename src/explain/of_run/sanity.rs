//! Sanity of a run's explanations: whether they depend on what it learned, and how much of them lies on the skull.

use super::sanity_report::Report;
pub use super::sanity_report::{Alike, Figure, Located, Summary};
use super::{HeadRegions, Opened, as_seen, best_network, held_out, methods};
use crate::dataset::aside;
use crate::dataset::hc18::decode_gray;
use crate::dataset::registry;
use crate::error::{Error, IoContext, Result};
use crate::explain::analyzer::Method;
use crate::explain::inputs::Given;
use crate::explain::pixels::Pixels;
use crate::explain::randomise::{Mode, points, randomised};
use crate::explain::similarity::Similarity;
use crate::explain::{Analyzer, Explainer};
use crate::nn::Tensor;
use crate::progress::Progress;
use crate::run::predictions::Prediction;
use crate::run::{RunDir, find};
use crate::workspace::Workspace;
use image::GrayImage;
use rayon::prelude::*;
use std::path::PathBuf;

/// Cheap ones of each family; the control is always there.
pub const USUAL: &str = "gradient,input-x-gradient,deconvnet,guided-backprop,deep-taylor,lrp-z,lrp-alpha1beta0";
/// What similarity and localisation by chance look like.
const CONTROL: &str = "random";

/// What is checked.
#[derive(Clone, Debug)]
pub struct Study {
    /// Held-out images, evenly spread over the file names: in HC18 these follow the age.
    pub count: usize,
    pub analyzers: Vec<String>,
    /// `key=value` for those analyzers that have the key.
    pub set: Vec<String>,
    pub mode: Mode,
    /// Of the random weights.
    pub seed: u64,
}

/// Images whose maps are held at once.
const IMAGES_AT_ONCE: usize = 8;

/// Where a run's last report lies.
pub fn path(run: &RunDir) -> PathBuf {
    run.path().join("explain").join("sanity.json")
}

/// Compares, locates, and keeps the report with the run, in place of the last one.
///
/// Fails where there is no such run, analyzer or setting, where the run has no weights or predictions yet, and where
/// its images are gone.
pub fn check(ws: &Workspace, id: &str, study: &Study, progress: &dyn Progress) -> Result<Summary> {
    let mut analyzers: Vec<_> = study.analyzers.iter().map(|name| Analyzer::find(name)).collect::<Result<_>>()?;
    if !analyzers.iter().any(|a| a.name == CONTROL) {
        analyzers.push(Analyzer::find(CONTROL)?);
    }
    let run = find(ws, id)?;
    let (about, network) = best_network(&run)?;
    let weights = Opened::weights_of(&run)?;
    let mut trained = Explainer::new(&network)?;
    let methods = methods(&analyzers, &study.set, &about)?;
    let held_out: Vec<Prediction> = held_out(&run, study.count)?.into_iter().map(|(_, row)| row).collect();
    let dataset = registry::load(ws, &run.recipe()?.data.dataset)?;
    let points = points(network.graph());
    let names = analyzers.iter().map(|a| a.name);
    let mut report = Report::new([run.id(), &weights], held_out.len(), study, names, &points);
    progress.begin("checking maps", (held_out.len() * (points.len() + 1) * methods.len()) as u64);
    for (chunk, rows) in held_out.chunks(IMAGES_AT_ONCE).enumerate() {
        let images = rows.iter().map(|row| decode_gray(&dataset.image_path(&row.file)?)).collect::<Result<Vec<_>>>()?;
        let input = as_seen(&about, &images)?;
        let regions = |(row, image): (&Prediction, &GrayImage)| {
            Some(HeadRegions::of(&row.truth_ellipse()?, image.dimensions(), about.size))
        };
        let regions: Vec<Option<HeadRegions>> = rows.iter().zip(&images).map(regions).collect();
        let without = rows.iter().zip(&regions).filter(|(_, regions)| regions.is_none());
        report.without_annotation.extend(without.map(|(row, _)| row.file.clone()));
        // The control is drawn anew for every batch and every network.
        let draw = |network: usize| chunk * (points.len() + 1) + network;
        let mut maps = Vec::new();
        for (i, (_, method)) in methods.iter().enumerate() {
            let found = pixels(&mut trained, method, &input, draw(0))?;
            for (map, regions) in found.iter().zip(&regions) {
                regions.iter().for_each(|regions| report.locate(i, map, regions));
            }
            maps.push(found);
            progress.advance(rows.len() as u64);
        }
        for (at, explainer) in randomised(&network, &points, study.mode, study.seed).enumerate() {
            let mut explainer = explainer?;
            for (i, (_, method)) in methods.iter().enumerate() {
                let found = pixels(&mut explainer, method, &input, draw(at + 1))?;
                let size = [input.shape()[1], input.shape()[2]];
                let alike = |(map, before): (&Pixels, &Pixels)| Similarity::between(before, map, size);
                report.compare(i, at, found.par_iter().zip(&maps[i]).map(alike).collect());
                progress.advance(rows.len() as u64);
            }
        }
    }
    let (found, path) = (report.summary(), path(&run));
    let folder = path.parent().unwrap_or(run.path());
    std::fs::create_dir_all(folder).doing("make the folder of explanations", folder)?;
    let whole = serde_json::to_vec_pretty(&found).map_err(|e| Error::new("cannot write the report").because(e))?;
    aside::replace(&path, &whole)?;
    Ok(found)
}

/// Each image's map, pixel by pixel; the control's noise is another for each `draw`.
fn pixels(explainer: &mut Explainer, method: &Method, input: &Tensor, draw: usize) -> Result<Vec<Pixels>> {
    let control = |seed: &u64| Method::Random { seed: seed.wrapping_mul(0x9e37_79b9).wrapping_add(draw as u64) };
    let found = match method {
        Method::Random { seed } => explainer.explain(&control(seed), input, &Given::default())?,
        other => explainer.explain(other, input, &Given::default())?,
    };
    let channels = input.shape()[3];
    let sample = found.map.data().len() / input.batch();
    Ok(found.map.data().par_chunks(sample).map(|map| Pixels::of(map, channels)).collect())
}
