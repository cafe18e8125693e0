//! `hcwb bench features`: what a network makes of images, behind one layer.

use super::network::{Which, input, on_threads};
use crate::error::Result;
use crate::model::pretrained::into_encoder;
use crate::nn::{Array, Network, Pass, weights};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Pre-trained weights and images in, feature maps out: for checking the engine against other tools.
#[derive(Args)]
pub struct BenchFeatures {
    #[command(flatten)]
    which: Which,
    /// Change a setting of the model, as `hcwb model show` takes it
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Pre-trained weights under torchvision's names, without a head
    #[arg(long, value_name = "FILE")]
    encoder: PathBuf,
    /// A tensor `input` (N, height, width, channels), already normalised
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// The layer, as `hcwb model show` names it
    #[arg(long)]
    layer: String,
    /// f32, f32-strict, bf16 or tf32
    #[arg(long, default_value = "f32")]
    precision: String,
    #[arg(long)]
    threads: Option<u32>,
    /// Where the tensor `features` goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(args: &BenchFeatures) -> Result<()> {
    let graph = args.which.spec(&args.set)?.build()?;
    let (images, _) = input(&args.input, &graph)?;
    let mut network = Network::new(graph.up_to(&args.layer)?, 0);
    network.set_precision(args.precision.parse()?);
    let (arrays, metadata) = weights::load(&args.encoder)?;
    let report = into_encoder(&mut network, &arrays, &metadata).map_err(|e| e.at(&args.encoder))?;
    println!("{} tensors loaded, {} of the file not used", report.loaded.len(), report.skipped.len());
    let (_, maps) = on_threads(args.threads, || network.forward(&images, Pass::Eval))?;
    let array = Array { shape: maps.shape().to_vec(), values: maps.data().to_vec() };
    weights::save(&args.output, &BTreeMap::from([("features".to_owned(), array)]), &BTreeMap::new())?;
    println!("{} of shape {:?} in {}", args.layer, maps.shape(), args.output.display());
    Ok(())
}
