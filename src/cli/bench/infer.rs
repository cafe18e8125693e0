//! `hcwb bench infer`: what a prediction costs, data in memory.

use super::network::{Which, noise, on_threads, peak_rss_bytes};
use crate::error::Result;
use crate::nn::{Network, Pass};
use clap::Args;
use std::time::Instant;

/// Time the inference of images in memory, after one batch that is not timed.
#[derive(Args)]
pub struct BenchInfer {
    #[command(flatten)]
    which: Which,
    /// Change a setting of the model, as `hcwb model show` takes it
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Images at once
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Images altogether
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// f32, f32-strict, bf16 or tf32
    #[arg(long, default_value = "f32")]
    precision: String,
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &BenchInfer) -> Result<()> {
    let graph = args.which.spec(&args.set)?.build()?;
    let shape = [&[args.batch as usize], graph.input_shape()].concat();
    let input = noise(&shape)?;
    let mut network = Network::new(graph, 1);
    network.set_precision(args.precision.parse()?);
    let rounds = args.count.div_ceil(args.batch);
    let (threads, seconds) = on_threads(args.threads, || {
        network.forward(&input, Pass::Eval)?;
        let start = Instant::now();
        for _ in 0..rounds {
            network.forward(&input, Pass::Eval)?;
        }
        Ok(start.elapsed().as_secs_f64())
    })?;
    let images = rounds * args.batch;
    let rate = f64::from(images) / seconds;
    if args.json {
        let value = serde_json::json!({
            "model": args.which.name(), "images": images, "batch": args.batch, "precision": args.precision,
            "threads": threads, "seconds": seconds, "images_per_second": rate, "peak_rss_bytes": peak_rss_bytes(),
        });
        println!("{value}");
    } else {
        println!("{}: {images} images in {seconds:.2} s, {rate:.1} a second ({threads} threads)", args.which.name());
    }
    Ok(())
}
