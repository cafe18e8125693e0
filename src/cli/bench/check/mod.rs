//! `hcwb bench check`: what a device computes beside the CPU: layers, whole networks, trainings.

mod layers;
mod networks;
mod training;

use super::network::on_threads;
use crate::cli::output;
use crate::error::{Error, Result};
use crate::nn::program::Arithmetic;
use crate::nn::weights::Array;
use crate::nn::{Device, Graph, Loss, Network, OptimizerKind, OptimizerSpec, Precision, Tensor, Trainer};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;

/// Compare a device with the CPU: every layer, whole networks, short trainings.
#[derive(Args, Clone, Debug)]
pub struct BenchCheck {
    /// The device to be checked
    #[arg(long, default_value = "cuda:0")]
    pub device: String,
    /// Only these parts: layers, networks, training
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Only algorithms whose results are bit-equal every time
    #[arg(long)]
    pub deterministic: bool,
    /// Smaller networks and shorter trainings
    #[arg(long)]
    pub quick: bool,
    /// Print one JSON array
    #[arg(long)]
    pub json: bool,
}

/// What is checked.
#[derive(Clone, Copy, Debug)]
struct Checked {
    device: Device,
    deterministic: bool,
}

impl Checked {
    /// What it is checked against.
    const CPU: Checked = Checked { device: Device::Cpu, deterministic: true };
}

/// One comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub part: &'static str,
    pub what: String,
    pub precision: &'static str,
    /// The greatest relative difference of output and gradients (in the L2 norm), or of final losses.
    pub difference: f64,
    pub limit: f64,
    pub ok: bool,
    /// In which tensor, or what the losses were.
    pub where_: String,
}

const PARTS: [&str; 3] = ["layers", "networks", "training"];

pub fn run(args: &BenchCheck) -> Result<()> {
    if let Some(other) = args.only.iter().find(|p| !PARTS.contains(&p.as_str())) {
        return Err(Error::usage(format!("there is no part called {}", crate::text::line(other)))
            .cure("use layers, networks and training"));
    }
    let device = Device::resolve(&args.device)?.device;
    let on = Checked { device, deterministic: args.deterministic };
    let wanted = |part: &str| args.only.is_empty() || args.only.iter().any(|p| p == part);
    let (_, rows) = on_threads(None, || {
        let mut rows = Vec::new();
        if wanted("layers") {
            rows.extend(layers::check(on)?);
        }
        if wanted("networks") {
            rows.extend(networks::check(on, args.quick)?);
        }
        if wanted("training") {
            rows.extend(training::check(on, args.quick)?);
        }
        Ok(rows)
    })?;
    let failed = rows.iter().filter(|r| !r.ok).count();
    if args.json {
        output::json(&rows)?;
    } else {
        let line = |r: &Row| {
            let mark = if r.ok { "✔" } else { "✘" };
            let numbers = [format!("{:.1e}", r.difference), format!("{:.0e}", r.limit)];
            vec![
                mark.into(),
                r.part.into(),
                r.what.clone(),
                r.precision.into(),
                numbers[0].clone(),
                numbers[1].clone(),
                r.where_.clone(),
            ]
        };
        let head = ["", "part", "what", "precision", "difference", "limit", "where"];
        output::print(&output::table(&head, &rows.iter().map(line).collect::<Vec<_>>()))?;
    }
    match failed {
        0 => Ok(()),
        n => Err(Error::new(format!("{n} of {} comparisons of {} with the CPU failed", rows.len(), device.describe()))
            .cure("use the CPU, and report the rows with a cross together with what `hcwb doctor` says")),
    }
}

/// What one pass with batch statistics gives: the output, the input's gradient, and those of all parameters.
type Pass = BTreeMap<String, Vec<f32>>;

fn pass(
    graph: &Graph,
    weights: &BTreeMap<String, Array>,
    on: (Checked, Precision),
    input: &Tensor,
    grad: &Tensor,
) -> Result<Pass> {
    let (Checked { device, deterministic }, precision) = on;
    let arithmetic = Arithmetic { precision, deterministic };
    let adam = OptimizerSpec::new(OptimizerKind::Adam);
    let mut trainer = Trainer::new(Network::new(graph.clone(), 1), device, arithmetic, Loss::Mse, &adam)?;
    trainer.load_weights(weights)?;
    let mut found = Pass::new();
    // Twice on a card: piece by piece, then replayed.
    for _ in 0..2 {
        let (output, input_grad) = trainer.analyse(input, 7, grad)?;
        found.insert("output".to_owned(), output.data().to_vec());
        found.insert("input's gradient".to_owned(), input_grad.data().to_vec());
    }
    found.extend(trainer.gradients()?.into_iter().map(|(name, array)| (name, array.values)));
    // Running statistics are moved by the passes.
    let moved = trainer.weights()?.into_iter().filter(|(name, _)| name.contains("running"));
    found.extend(moved.map(|(name, array)| (name, array.values)));
    Ok(found)
}

/// The greatest relative difference in the L2 norm, and in which tensor.
fn greatest(found: &Pass, expected: &Pass) -> (f64, String) {
    let mut worst = (0.0, String::new());
    for (name, expected) in expected {
        let difference = found.get(name).map_or(f64::INFINITY, |found| relative(found, expected));
        if difference > worst.0 || difference.is_nan() {
            worst = (difference, name.clone());
        }
    }
    worst
}

fn relative(found: &[f32], expected: &[f32]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let apart = square(&mut found.iter().zip(expected).map(|(f, e)| f64::from(*f) - f64::from(*e)));
    let size = square(&mut expected.iter().map(|e| f64::from(*e)));
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    if apart == 0.0 { 0.0 } else { (apart / size).sqrt() }
}

fn row(part: &'static str, what: &str, precision: Precision, limit: f64, (difference, where_): (f64, String)) -> Row {
    // A NaN is no agreement.
    let ok = difference <= limit;
    Row { part, what: what.to_owned(), precision: precision.name(), difference, limit, ok, where_ }
}
