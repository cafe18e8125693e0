//! `hcwb explain`: why a run's network said so, image by image: maps as tensors and as coloured pictures.

use super::output;
use super::predict::{find_images, names, png};
use crate::dataset::aside;
use crate::dataset::hc18::decode_gray;
use crate::dataset::resize::resize_into;
use crate::error::{Error, IoContext, Result};
use crate::explain::inputs::Given;
use crate::explain::{Analyzer, Explainer, Settings, picture};
use crate::nn::{Array, Network, Tensor, weights};
use crate::progress::Progress;
use crate::run::checkpoint::Which;
use crate::run::find;
use crate::text;
use crate::train::predictor::{About, Output};
use crate::workspace::Workspace;
use clap::Args;
use image::{ExtendedColorType, GrayImage};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Args)]
pub struct Explain {
    /// The run whose best weights are used, as `hcwb run list` has it: a regression
    #[arg(long, value_name = "ID")]
    run: String,
    /// PNG files of any size, folders of them, or a data set by its name
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    /// Analyzers, between commas: gradient, lrp-z …; a wrong name lists them all
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    analyzer: Vec<String>,
    /// A setting of those analyzers that have it (start=output); may repeat
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The folder for IMAGE.ANALYZER.safetensors and IMAGE.ANALYZER.png
    #[arg(short, long, value_name = "DIR", default_value = "explained")]
    out: PathBuf,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

/// What is found for images at once, so that memory does not grow with their number.
const IMAGES_AT_ONCE: usize = 16;

pub fn run(args: &Explain, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let analyzers: Vec<_> = args.analyzer.iter().map(|name| Analyzer::find(name)).collect::<Result<_>>()?;
    let files = find_images(&args.paths, &[], false, ws)?;
    let names = names(&files)?;
    let run = find(ws, &args.run)?;
    let file = Which::Best.weights(&run);
    let (state, metadata) = weights::load(&file)?;
    let about = About::read(&metadata, &state).map_err(|e| e.at(&file))?;
    let methods = analyzers
        .iter()
        .map(|analyzer| Ok((analyzer.name, analyzer.with(&settings(analyzer, &analyzers, &args.set, &about)?)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut graph = run.recipe()?.graph()?;
    about.check(&graph).map_err(|e| e.at(&file))?;
    graph.freeze();
    let mut network = Network::new(graph, 0);
    network.load_state(&state).map_err(|e| e.at(&file))?;
    drop(state);
    let mut explainer = Explainer::new(&network)?;
    drop(network);
    std::fs::create_dir_all(&args.out).doing("make the folder of maps", &args.out)?;
    let mut rows = Vec::new();
    progress.begin("explaining", (files.len() * methods.len()) as u64);
    for (files, names) in files.chunks(IMAGES_AT_ONCE).zip(names.chunks(IMAGES_AT_ONCE)) {
        let images: Vec<GrayImage> = files.iter().map(|file| decode_gray(file)).collect::<Result<_>>()?;
        let input = as_seen(&about, &images)?;
        for (analyzer, method) in &methods {
            let found = explainer.explain(method, &input, &Given::default())?;
            let sample = found.map.data().len() / images.len();
            for (i, image) in images.iter().enumerate() {
                let values = |t: &Tensor| t.data()[i * sample..(i + 1) * sample].to_vec();
                let [height, width, channels] = [input.shape()[1], input.shape()[2], input.shape()[3]];
                let output = found.output.data()[i];
                let array = |values| Array { shape: vec![1, height, width, channels], values };
                let arrays = BTreeMap::from([
                    ("attribution".to_owned(), array(values(&found.map))),
                    ("input".to_owned(), array(values(&input))),
                    ("output".to_owned(), Array { shape: vec![1, 1], values: vec![output] }),
                ]);
                let metadata = BTreeMap::from([
                    ("analyzer".to_owned(), (*analyzer).to_owned()),
                    ("run".to_owned(), run.id().to_owned()),
                ]);
                let [map, drawn] =
                    ["safetensors", "png"].map(|e| args.out.join(format!("{}.{analyzer}.{e}", names[i])));
                weights::save(&map, &arrays, &metadata)?;
                let overlay = picture::overlay(image, &values(&found.map), [height, width, channels]);
                let (w, h) = overlay.dimensions();
                aside::replace(&drawn, &png(overlay.as_raw(), w, h, ExtendedColorType::Rgb8)?)?;
                if found.silent.contains(&i) {
                    eprintln!(
                        "hcwb: {}: f(x) <= 0, and {analyzer} explains positive outputs only: its map is zero everywhere",
                        text::line(&names[i])
                    );
                }
                let (hc_px, hc_mm) = match about.output {
                    Output::HcPx { unit } => (Some(f64::from(output) * unit), None),
                    Output::HcMm { unit } => (None, Some(f64::from(output) * unit)),
                    Output::Mask { .. } => (None, None),
                };
                rows.push(json!({
                    "file": files[i], "analyzer": analyzer, "output": output, "hc_px": hc_px, "hc_mm": hc_mm,
                    "map": map, "picture": drawn,
                }));
            }
            progress.advance(images.len() as u64);
        }
    }
    match args.json {
        true => output::json(&rows),
        false => output::print(&format!("{} maps in {}\n", rows.len(), text::line(&args.out.display().to_string()))),
    }
}

/// The images as the network sees them: (N, H, W, C).
fn as_seen(about: &About, images: &[GrayImage]) -> Result<Tensor> {
    let ([width, height], channels) = (about.size, about.normalise.channels());
    let mut values = vec![0.0; images.len() * height * width * channels];
    for (out, image) in values.chunks_exact_mut(height * width * channels).zip(images) {
        let mut small = vec![0; width * height];
        resize_into(image, width, height, &mut small);
        about.normalise.apply(small.into_iter().map(f32::from), out);
    }
    Tensor::from_vec(&[images.len(), height, width, channels], values)
}

/// Those that `analyzer` has; each pair has to belong to one of `all`. A black image is that of grey value 0.
fn settings(analyzer: &Analyzer, all: &[&Analyzer], pairs: &[String], about: &About) -> Result<Settings> {
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
