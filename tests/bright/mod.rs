//! A U-Net made by hand that takes for head what is bright, and pictures of bright ellipses: truth without training.
#![allow(dead_code)] // Each test file uses what it needs.

use hcwb::geometry::{Ellipse, coverage};
use hcwb::model::{self, ModelOptions};
use hcwb::nn::{Network, weights};
use hcwb::recipe::Recipe;
use hcwb::run::{Provenance, RunDir};
use hcwb::workspace::Workspace;
use image::GrayImage;
use std::collections::BTreeMap;
use std::path::Path;

pub const SIDE: usize = 64;

/// What a run of a segmentation writes beside its weights.
pub fn metadata() -> BTreeMap<String, String> {
    let pairs = [
        ("model", "unet-small".to_owned()),
        ("input", format!("{SIDE},{SIDE},1")),
        ("task", "hc-segmentation".to_owned()),
        ("normalise", "unit".to_owned()),
        ("grey_mean", "0".to_owned()),
        ("grey_sd", "255".to_owned()),
        ("batch_norm_eps", "0.00001".to_owned()),
    ];
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

/// Every weight 0, but for one channel that hands the picture from layer to layer along the topmost level, and a last
/// one that makes half grey a probability of a half.
pub fn save_weights(file: &Path, metadata: &BTreeMap<String, String>) {
    let options = ModelOptions::default().with_input(&[SIDE, SIDE, 1]);
    let network = Network::new(model::build("unet-small", &options).unwrap(), 0);
    let mut state = network.state();
    state.values_mut().for_each(|array| array.values.fill(0.0));
    // The middle tap of a 3x3 kernel from the first input channel to the first output channel.
    for name in ["encoder.0.conv1", "encoder.0.conv2", "decoder.1.conv1", "decoder.1.conv2"] {
        state.get_mut(&format!("{name}.weight")).unwrap().values[4] = 1.0;
    }
    state.get_mut("head.weight").unwrap().values[0] = 12.0;
    state.get_mut("head.bias").unwrap().values[0] = -6.0;
    weights::save(file, &state, metadata).unwrap();
}

/// A run whose best weights are those, on data that are registered as `dataset`.
pub fn run(workspace: &Path, dataset: &str, fingerprint: &str) -> RunDir {
    let ws = Workspace::at(workspace).unwrap();
    let mut recipe = Recipe { name: "bright".into(), ..Recipe::default() };
    recipe.task = "hc-segmentation".into();
    recipe.train.loss = "dice".into();
    recipe.model.name = "unet-small".into();
    recipe.data.size = [SIDE, SIDE];
    recipe.data.dataset = dataset.into();
    let run = RunDir::create(&ws, &recipe, &Provenance::now(fingerprint, false)).unwrap();
    save_weights(&run.checkpoints().join("best.safetensors"), &metadata());
    run
}

/// A bright ellipse on a dark ground, anti-aliased.
pub fn picture(ellipse: &Ellipse, width: u32, height: u32) -> GrayImage {
    let shares = coverage(ellipse, width as usize, height as usize);
    GrayImage::from_raw(width, height, shares.iter().map(|s| (20.0 + 215.0 * s).round() as u8).collect()).unwrap()
}

/// The `i`th of a series of heads in images of that size, all different, all within the image.
pub fn head(i: usize, width: u32, height: u32) -> Ellipse {
    let (width, height) = (f64::from(width), f64::from(height));
    let wave = |k: f64| (i as f64 * k).sin();
    Ellipse::new(
        width * (0.5 + 0.06 * wave(1.3)),
        height * (0.5 + 0.05 * wave(2.1)),
        height * (0.34 + 0.04 * wave(0.7)),
        height * (0.26 + 0.03 * wave(1.9)),
        1.5 + 1.4 * wave(0.9),
    )
}
