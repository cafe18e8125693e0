//! `hcwb bench explain`: what maps cost, data in memory.

use super::network::{Which, noise, on_threads, peak_rss_bytes};
use crate::error::Result;
use crate::explain::inputs::Given;
use crate::explain::{Analyzer, Explainer, Settings};
use crate::nn::Network;
use clap::Args;
use std::time::Instant;

/// Time analyzers on images in memory, each after one image that is not timed.
#[derive(Args)]
pub struct BenchExplain {
    #[command(flatten)]
    which: Which,
    /// Change a setting of the model, as `hcwb model show` takes it
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Analyzers, between commas [default: the preprint's eight]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    analyzer: Vec<String>,
    /// Images
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    count: u32,
    /// Images at once, at most [default: as many as fit into half a GiB]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Those of the preprint's Table 8; its LRP is the z rule.
const PREPRINT: [&str; 8] = [
    "gradient",
    "smoothgrad",
    "deconvnet",
    "deep-taylor",
    "guided-backprop",
    "input-x-gradient",
    "integrated-gradients",
    "lrp-z",
];

pub fn run(args: &BenchExplain) -> Result<()> {
    let names: Vec<&str> = match args.analyzer.is_empty() {
        true => PREPRINT.to_vec(),
        false => args.analyzer.iter().map(String::as_str).collect(),
    };
    let analyzers: Vec<_> = names.into_iter().map(Analyzer::find).collect::<Result<_>>()?;
    let mut graph = args.which.spec(&args.set)?.build()?;
    graph.freeze();
    let shape = |count: usize| [&[count], graph.input_shape()].concat();
    let (input, one) = (noise(&shape(args.count as usize))?, noise(&shape(1))?);
    let mut explainer = Explainer::new(&Network::new(graph, 1))?;
    if let Some(batch) = args.batch {
        explainer.set_at_once(batch as usize);
    }
    let (threads, times) = on_threads(args.threads, || {
        let time = |analyzer: &&Analyzer| {
            let method = analyzer.with(&Settings::default())?;
            explainer.explain(&method, &one, &Given::default())?;
            let start = Instant::now();
            explainer.explain(&method, &input, &Given::default())?;
            Ok((analyzer.name, start.elapsed().as_secs_f64()))
        };
        analyzers.iter().map(time).collect::<Result<Vec<_>>>()
    })?;
    let peak = peak_rss_bytes();
    if args.json {
        let seconds: serde_json::Map<_, _> = times.iter().map(|(n, s)| ((*n).to_owned(), (*s).into())).collect();
        let value = serde_json::json!({
            "model": args.which.name(), "images": args.count, "precision": "f32-strict", "threads": threads,
            "seconds": seconds, "peak_rss_bytes": peak,
        });
        println!("{value}");
    } else {
        println!("{}: {} images, f32-strict, {threads} threads", args.which.name(), args.count);
        times.iter().for_each(|(name, seconds)| println!("{name:<22} {seconds:>9.2} s"));
        peak.iter().for_each(|bytes| println!("{:<22} {:>9} MiB", "peak memory", bytes >> 20));
    }
    Ok(())
}
