//! `hcwb bench train`: what a training step costs, data in memory.

use super::network::{Which, device, noise, on_threads, peak_rss_bytes};
use crate::error::Result;
use crate::nn::kernel::cpu::peak;
use crate::nn::memory::training_bytes;
use crate::nn::{Graph, Loss, Network, Optimizer, OptimizerKind, OptimizerSpec, Pass, Precision};
use clap::Args;
use serde::Serialize;
use std::time::Instant;

/// Time training steps of a model on data in memory: forward, backward, Adam.
#[derive(Args, Clone, Debug)]
pub struct BenchTrain {
    #[command(flatten)]
    pub which: Which,
    /// Change a setting of the model, as `hcwb model show` takes it
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Images a step
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,
    /// f32, f32-strict, bf16 or tf32
    #[arg(long, default_value = "f32")]
    pub precision: String,
    /// Where to compute
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Threads; without it, the cores allowed
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub threads: Option<u32>,
    /// Steps timed, after three that are not
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub steps: u32,
    /// Images that pass at once, gradients accumulated; without it, the batch
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub micro_batch: Option<u32>,
    /// Train the head alone
    #[arg(long)]
    pub frozen: bool,
    /// Say where the time goes, by kind of layer
    #[arg(long)]
    pub layers: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What was measured; the keys are those of `--json`.
#[derive(Clone, Debug, Serialize)]
pub struct TrainTimes {
    pub model: String,
    pub batch: u32,
    pub precision: &'static str,
    pub device: String,
    pub threads: usize,
    pub step_seconds: Quantiles,
    pub images_per_second: f64,
    /// Highest resident memory of this process; null where the system does not say.
    pub peak_rss_bytes: Option<u64>,
    /// Of the network's products alone, in 10^9 operations a second, at the median step.
    pub gflops: f64,
    /// What all threads reach together on products that stay in the nearest cache, in f32. An algorithm that
    /// saves products gets beyond it.
    pub peak_gflops: f64,
    /// `gflops` over `peak_gflops`.
    pub share_of_peak: f64,
    /// What the network was expected to take, before it was asked for.
    pub estimated_bytes: u64,
    /// With `--layers`: kind of layer, and its part of a step in seconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerTime>,
}

/// One kind of layer.
#[derive(Clone, Debug, Serialize)]
pub struct LayerTime {
    pub layer: String,
    pub forward_seconds: f64,
    pub backward_seconds: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Quantiles {
    pub median: f64,
    pub p10: f64,
    pub p90: f64,
}

/// Measures and prints, as text or as one JSON object.
pub fn bench_train(args: &BenchTrain) -> Result<()> {
    let times = measure(args)?;
    if args.json {
        println!("{}", serde_json::json!(times));
        return Ok(());
    }
    let ms = |s: f64| s * 1e3;
    let Quantiles { median, p10, p90 } = times.step_seconds;
    println!(
        "{}, batch {}, {} on {} ({} threads)",
        times.model, times.batch, times.precision, times.device, times.threads
    );
    println!("  a step       {:.2} ms  (p10 {:.2}, p90 {:.2})", ms(median), ms(p10), ms(p90));
    println!("  images       {:.0} a second", times.images_per_second);
    println!(
        "  products     {:.1} GFLOP/s, {:.0} % of the measured peak of {:.0}",
        times.gflops,
        100.0 * times.share_of_peak,
        times.peak_gflops
    );
    if let Some(bytes) = times.peak_rss_bytes {
        let (peak, estimate) = (bytes as f64 / 1e6, times.estimated_bytes as f64 / 1e6);
        println!("  peak memory  {peak:.0} MB (estimated {estimate:.0})");
    }
    for l in &times.layers {
        println!(
            "  {:<28} {:8.2} ms forward {:8.2} ms backward",
            l.layer,
            ms(l.forward_seconds),
            ms(l.backward_seconds)
        );
    }
    Ok(())
}

/// Times `args.steps` training steps: random images of the model's own input; mean squared error, or Dice for masks; Adam.
pub fn measure(args: &BenchTrain) -> Result<TrainTimes> {
    let precision: Precision = args.precision.parse()?;
    let device = device(&args.device)?;
    let mut graph = args.which.spec(&args.set)?.build()?;
    if args.frozen {
        graph.freeze_encoder()?;
    }
    let flops = graph.training_flops() * args.batch as u64;
    let (batch, micro) = (args.batch as usize, args.micro_batch.unwrap_or(args.batch).min(args.batch) as usize);
    let estimated_bytes = training_bytes(&graph, micro, OptimizerKind::Adam);
    let (threads, (mut seconds, layers, peak_gflops)) = on_threads(args.threads, || {
        let (seconds, layers) = steps(graph, precision, batch, micro, args)?;
        Ok((seconds, layers, peak::gflops(crate::nn::Compute::current(precision).isa)))
    })?;
    seconds.sort_by(f64::total_cmp);
    let at = |q: f64| seconds[((seconds.len() - 1) as f64 * q).round() as usize];
    let median = at(0.5);
    let gflops = flops as f64 / median / 1e9;
    Ok(TrainTimes {
        model: args.which.name(),
        batch: args.batch,
        precision: precision.name(),
        device,
        threads,
        step_seconds: Quantiles { median, p10: at(0.1), p90: at(0.9) },
        images_per_second: args.batch as f64 / median,
        peak_rss_bytes: peak_rss_bytes(),
        gflops,
        peak_gflops,
        share_of_peak: gflops / peak_gflops,
        estimated_bytes,
        layers,
    })
}

/// Seconds of each step, after three steps that warm caches and buffers; and of each kind of layer.
fn steps(
    graph: Graph,
    precision: Precision,
    batch: usize,
    micro: usize,
    args: &BenchTrain,
) -> Result<(Vec<f64>, Vec<LayerTime>)> {
    let loss = if graph.output_shape().len() > 1 { Loss::Dice } else { Loss::Mse };
    let mut network = Network::new(graph, 1);
    network.set_precision(precision);
    let mut adam = Optimizer::new(&OptimizerSpec::new(OptimizerKind::Adam), &network);
    let mut parts = Vec::new();
    for first in (0..batch).step_by(micro) {
        let count = micro.min(batch - first);
        let input = noise(&[&[count], network.graph().input_shape()].concat())?;
        let outputs = count * network.graph().output_shape().iter().product::<usize>();
        let truth: Vec<f32> = (0..outputs).map(|i| 0.2 + 0.6 * i as f32 / outputs as f32).collect();
        parts.push((input, truth));
    }
    let mut seconds = Vec::new();
    for step in 0..args.steps + 3 {
        if step == 3 && args.layers {
            network.start_profile();
        }
        let start = Instant::now();
        network.zero_grad();
        for (input, truth) in &parts {
            let prediction = network.forward(input, Pass::Train { seed: step as u64 })?;
            let (_, grad) = loss.value_and_grad(&prediction, truth);
            network.backward(&grad);
        }
        adam.step(&mut network, 1e-3);
        if step >= 3 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    let each = f64::from(args.steps);
    let row = |(layer, forward, backward): (&str, f64, f64)| LayerTime {
        layer: layer.to_owned(),
        forward_seconds: forward / each,
        backward_seconds: backward / each,
    };
    Ok((seconds, network.profile().map_or(Vec::new(), |p| p.rows().into_iter().map(row).collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(model: &str) -> BenchTrain {
        BenchTrain {
            which: Which { model: Some(model.into()), spec: None },
            set: Vec::new(),
            batch: 2,
            precision: "f32".into(),
            device: "auto".into(),
            threads: Some(1),
            steps: 3,
            micro_batch: None,
            frozen: false,
            layers: false,
            json: true,
        }
    }

    #[test]
    fn the_json_has_the_promised_keys() {
        let json = serde_json::to_value(measure(&args("cnn263k")).unwrap()).unwrap();
        let mut keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort();
        let promised = "batch device estimated_bytes gflops images_per_second model peak_gflops peak_rss_bytes precision \
            share_of_peak step_seconds threads";
        assert_eq!(keys.join(" "), promised);
        assert!(json["step_seconds"]["p10"].as_f64() <= json["step_seconds"]["p90"].as_f64());
    }

    #[test]
    fn what_does_not_exist_yet_is_a_usage_error_that_says_so() {
        for wrong in [
            BenchTrain { precision: "f16".into(), ..args("cnn263k") },
            BenchTrain { device: "cuda:0".into(), ..args("cnn263k") },
            args("cnn263m"),
        ] {
            let error = measure(&wrong).unwrap_err();
            assert_eq!(error.kind, crate::error::Kind::Usage);
            assert!(error.cure.is_some(), "{error}");
        }
    }
}
