//! `hcwb bench train`: what a training step costs, data in memory.

use crate::error::{Error, Result};
use crate::model;
use crate::nn::kernel::cpu::Isa;
use crate::nn::{Loss, Network, Optimizer, OptimizerKind, OptimizerSpec, Pass, Tensor};
use clap::Args;
use serde::Serialize;
use std::time::Instant;

/// Time training steps of a model on data in memory: forward, backward, Adam.
#[derive(Args, Clone, Debug)]
pub struct BenchTrain {
    /// Model to train, as `hcwb model list` names it
    #[arg(long)]
    pub model: String,
    /// Images a step
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,
    /// Number format of the computation
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
    pub device: &'static str,
    pub threads: usize,
    pub step_seconds: Quantiles,
    pub images_per_second: f64,
    /// Highest resident memory of this process; null where the system does not say.
    pub peak_rss_bytes: Option<u64>,
    /// Of the network's products alone, in 10^9 operations a second, at the median step.
    pub gflops: f64,
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
    println!("  products     {:.1} GFLOP/s", times.gflops);
    if let Some(bytes) = times.peak_rss_bytes {
        println!("  peak memory  {:.0} MB", bytes as f64 / 1e6);
    }
    Ok(())
}

/// Times `args.steps` training steps: random images of the model's own input, MSE, Adam.
pub fn measure(args: &BenchTrain) -> Result<TrainTimes> {
    if args.precision != "f32" {
        return Err(Error::usage(format!("precision {} is not there yet", crate::text::line(&args.precision)))
            .cure("use --precision f32"));
    }
    if !matches!(args.device.as_str(), "cpu" | "auto") {
        return Err(Error::usage(format!("device {} is not there yet", crate::text::line(&args.device)))
            .cure("use --device cpu"));
    }
    let info = model::find(&args.model)?;
    let threads = match args.threads {
        Some(n) => n as usize,
        None => std::thread::available_parallelism().map_or(1, |n| n.get()),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::new(format!("cannot start {threads} threads")).because(e))?;
    let graph = info.spec().build()?;
    let flops = graph.training_flops() * args.batch as u64;
    let mut seconds = pool.install(|| steps(graph, args.batch as usize, args.steps as usize))?;
    seconds.sort_by(f64::total_cmp);
    let at = |q: f64| seconds[((seconds.len() - 1) as f64 * q).round() as usize];
    let median = at(0.5);
    Ok(TrainTimes {
        model: info.name.to_owned(),
        batch: args.batch,
        precision: "f32",
        device: "cpu",
        threads,
        step_seconds: Quantiles { median, p10: at(0.1), p90: at(0.9) },
        images_per_second: args.batch as f64 / median,
        peak_rss_bytes: peak_rss_bytes(),
        gflops: flops as f64 / median / 1e9,
    })
}

/// Seconds of each step, after three steps that warm caches and buffers.
fn steps(graph: crate::nn::Graph, batch: usize, count: usize) -> Result<Vec<f64>> {
    let shape = [&[batch], graph.input_shape()].concat();
    let mut network = Network::new(graph, 1);
    let mut adam = Optimizer::new(&OptimizerSpec::new(OptimizerKind::Adam), &network);
    // Any numbers of about unit size do: no kernel here looks at values to save work.
    let wave = |i: usize| ((i * 7919 % 10_007) as f32 / 10_007.0 - 0.5) * 3.4;
    let input = Tensor::from_vec(&shape, (0..shape.iter().product()).map(wave).collect())?;
    let outputs = batch * network.graph().output_shape().iter().product::<usize>();
    let truth: Vec<f32> = (0..outputs).map(|i| 0.2 + 0.6 * i as f32 / outputs as f32).collect();
    let mut seconds = Vec::with_capacity(count);
    for step in 0..count + 3 {
        let start = Instant::now();
        network.zero_grad();
        let prediction = network.forward(&input, Pass::Train { seed: step as u64 })?;
        let (_, grad) = Loss::Mse.value_and_grad(&prediction, &truth);
        network.backward(&grad);
        adam.step(&mut network, 1e-3);
        if step >= 3 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    // The instruction set is part of the result; a person who set HCWB_CPU wants to see it was heard.
    tracing::debug!(isa = Isa::current().name(), "timed training steps");
    Ok(seconds)
}

/// `VmHWM` of this process, where the system says it.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(model: &str) -> BenchTrain {
        BenchTrain {
            model: model.into(),
            batch: 2,
            precision: "f32".into(),
            device: "auto".into(),
            threads: Some(1),
            steps: 3,
            json: true,
        }
    }

    #[test]
    fn the_json_has_exactly_the_promised_keys() {
        let json = serde_json::to_value(measure(&args("cnn263k")).unwrap()).unwrap();
        let mut keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort();
        let promised = "batch device gflops images_per_second model peak_rss_bytes precision step_seconds threads";
        assert_eq!(keys.join(" "), promised);
        assert!(json["step_seconds"]["p10"].as_f64() <= json["step_seconds"]["p90"].as_f64());
    }

    #[test]
    fn what_does_not_exist_yet_is_a_usage_error_that_says_so() {
        for wrong in [
            BenchTrain { precision: "bf16".into(), ..args("cnn263k") },
            BenchTrain { device: "cuda:0".into(), ..args("cnn263k") },
            args("cnn263m"),
        ] {
            let error = measure(&wrong).unwrap_err();
            assert_eq!(error.kind, crate::error::Kind::Usage);
            assert!(error.cure.is_some(), "{error}");
        }
    }
}
