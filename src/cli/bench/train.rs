//! `hcwb bench train`: what a training step costs, data in memory.

use super::network::{Which, noise, on_threads, peak_rss_bytes};
use crate::error::{Error, Result};
#[cfg(feature = "cuda")]
use crate::nn::memory::card_bytes;
use crate::nn::memory::training_bytes;
use crate::nn::program::Arithmetic;
use crate::nn::trainer::Part;
use crate::nn::{Device, Graph, Loss, Network, OptimizerKind, OptimizerSpec, Precision, Trainer};
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
    /// On a card, only algorithms whose results are bit-equal every time
    #[arg(long)]
    pub deterministic: bool,
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
    /// What a card says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardFigures>,
    /// With `--layers`: kind of layer, and its part of a step in seconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerTime>,
}

/// A card's own figures.
#[derive(Clone, Debug, Serialize)]
pub struct CardFigures {
    /// Memory that the training holds.
    pub bytes: u64,
    /// Of a step, by the card's clock.
    pub busy_seconds: f64,
    /// Between two steps, by the card's clock.
    pub gap_seconds: f64,
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
    if let Some(card) = &times.card {
        let (gb, estimate) = (card.bytes as f64 / 1e9, times.estimated_bytes as f64 / 1e9);
        println!("  card         {:.2} ms busy, {:.3} ms between steps", ms(card.busy_seconds), ms(card.gap_seconds));
        println!("  its memory   {gb:.2} GB (estimated {estimate:.2}, driver and cuDNN included)");
    } else if let Some(bytes) = times.peak_rss_bytes {
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
    let device = Device::resolve(&args.device)?.device;
    if args.layers && device != Device::Cpu {
        return Err(Error::usage("--layers looks at the CPU only").cure("on a card, use NVIDIA's own: nsys profile"));
    }
    let mut graph = args.which.spec(&args.set)?.build()?;
    if args.frozen {
        graph.freeze_encoder()?;
    }
    let flops = graph.training_flops() * args.batch as u64;
    let micro = args.micro_batch.unwrap_or(args.batch).min(args.batch) as usize;
    let estimated_bytes = match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => card_bytes(&graph, micro, OptimizerKind::Adam, precision),
        _ => training_bytes(&graph, micro, OptimizerKind::Adam),
    };
    let (threads, mut measured) = on_threads(args.threads, || steps(graph, device, precision, micro, args))?;
    let seconds = &mut measured.seconds;
    seconds.sort_by(f64::total_cmp);
    let at = |q: f64| seconds[((seconds.len() - 1) as f64 * q).round() as usize];
    // A card's steps come back in bursts; only all of them together tell what one takes.
    let median = if device == Device::Cpu { at(0.5) } else { seconds.iter().sum::<f64>() / seconds.len() as f64 };
    let gflops = flops as f64 / median / 1e9;
    Ok(TrainTimes {
        model: args.which.name(),
        batch: args.batch,
        precision: precision.name(),
        device: device.describe(),
        threads,
        step_seconds: Quantiles { median, p10: at(0.1), p90: at(0.9) },
        images_per_second: args.batch as f64 / median,
        peak_rss_bytes: peak_rss_bytes(),
        gflops,
        peak_gflops: measured.peak_gflops,
        share_of_peak: gflops / measured.peak_gflops,
        estimated_bytes,
        card: measured.card,
        layers: measured.layers,
    })
}

/// What the timed steps showed.
struct Measured {
    seconds: Vec<f64>,
    layers: Vec<LayerTime>,
    peak_gflops: f64,
    card: Option<CardFigures>,
}

/// Each step after three that warm caches and buffers; and each kind of layer.
fn steps(graph: Graph, device: Device, precision: Precision, micro: usize, args: &BenchTrain) -> Result<Measured> {
    let loss = if graph.output_shape().len() > 1 { Loss::Dice } else { Loss::Mse };
    let shapes = (graph.input_shape().to_vec(), graph.output_shape().iter().product::<usize>());
    let arithmetic = Arithmetic { precision, deterministic: args.deterministic };
    let adam = OptimizerSpec::new(OptimizerKind::Adam);
    let mut trainer = Trainer::new(Network::new(graph, 1), device, arithmetic, loss, &adam)?;
    let peak_gflops = trainer.peak_gflops()?;
    let mut parts = Vec::new();
    for first in (0..args.batch as usize).step_by(micro) {
        let count = micro.min(args.batch as usize - first);
        let input = noise(&[&[count], &shapes.0[..]].concat())?;
        let outputs = count * shapes.1;
        let truth: Vec<f32> = (0..outputs).map(|i| 0.2 + 0.6 * i as f32 / outputs as f32).collect();
        parts.push(Part { input, truth, seed: 0 });
    }
    for step in 0..3 {
        one(&mut trainer, &mut parts, step)?;
    }
    while trainer.collect()?.is_some() {}
    if args.layers
        && let Some(network) = trainer.cpu_network()
    {
        network.start_profile();
    }
    let (mut seconds, mut on_card) = (Vec::new(), Vec::new());
    let mut start = Instant::now();
    for step in 0..args.steps {
        one(&mut trainer, &mut parts, step + 3)?;
        // A card has the next steps before it is asked for this one, as in a training.
        while trainer.in_flight() > if step + 1 == args.steps { 0 } else { trainer.ahead() } {
            on_card.extend(trainer.collect()?.and_then(|done| done.on_card));
            seconds.push(start.elapsed().as_secs_f64());
            start = Instant::now();
        }
    }
    let each = f64::from(args.steps);
    let row = |(layer, forward, backward): (&str, f64, f64)| LayerTime {
        layer: layer.to_owned(),
        forward_seconds: forward / each,
        backward_seconds: backward / each,
    };
    let rows = trainer.cpu_network().and_then(|n| n.profile().map(|p| p.rows().into_iter().map(row).collect()));
    let card = trainer.card_bytes().map(|bytes| {
        // The first gap is that to the steps before the clock ran.
        let gaps: f64 = on_card.iter().skip(1).map(|t| t.gap_seconds).sum();
        let busy: f64 = on_card.iter().map(|t| t.busy_seconds).sum();
        CardFigures { bytes, busy_seconds: busy / each, gap_seconds: gaps / (each - 1.0).max(1.0) }
    });
    Ok(Measured { seconds, layers: rows.unwrap_or_default(), peak_gflops, card })
}

fn one(trainer: &mut Trainer, parts: &mut [Part], step: u32) -> Result<()> {
    parts.iter_mut().for_each(|p| p.seed = u64::from(step));
    trainer.submit(parts, 1e-3)
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
            device: "cpu".into(),
            deterministic: false,
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
    fn what_does_not_exist_is_a_usage_error_that_says_so() {
        for wrong in [
            BenchTrain { precision: "f16".into(), ..args("cnn263k") },
            BenchTrain { device: "cuda:x".into(), ..args("cnn263k") },
            args("cnn263m"),
        ] {
            let error = measure(&wrong).unwrap_err();
            assert_eq!(error.kind, crate::error::Kind::Usage);
            assert!(error.cure.is_some(), "{error}");
        }
    }
}
