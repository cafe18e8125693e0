//! `hcwb explain`: why a run's network said so, image by image: maps as tensors and as coloured pictures.

use super::output;
use super::predict::{find_images, names, png};
use crate::dataset::aside;
use crate::dataset::hc18::decode_gray;
use crate::error::{IoContext, Result};
use crate::explain::inputs::Given;
use crate::explain::of_run::{Opened, as_seen, hc_px_or_mm, methods};
use crate::explain::{Analyzer, picture};
use crate::nn::{Array, Tensor, weights};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use clap::Args;
use image::{ExtendedColorType, GrayImage};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Args)]
pub struct Explain {
    /// The run whose best weights are used, as `hcwb run list` has it; of masks the mean before the sigmoid is explained
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
    let Opened { run, about, mut explainer, .. } = Opened::best_of(ws, &args.run)?;
    let methods = methods(&analyzers, &args.set, &about)?;
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
                let map_of = picture::Map::new(&values(&found.map), [height, width, channels]);
                let overlay = picture::overlay(image, &map_of, picture::Look::default());
                let (w, h) = overlay.dimensions();
                aside::replace(&drawn, &png(overlay.as_raw(), w, h, ExtendedColorType::Rgb8)?)?;
                if found.silent.contains(&i) {
                    eprintln!(
                        "hcwb: {}: f(x) <= 0, and {analyzer} explains positive outputs only: its map is zero everywhere",
                        text::line(&names[i])
                    );
                }
                let (hc_px, hc_mm) = hc_px_or_mm(&about, output);
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
