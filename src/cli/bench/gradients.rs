//! `hcwb bench gradients`: the gradients of all parameters after one training pass.

use super::network::{Which, input, on_threads};
use crate::error::{Error, Result};
use crate::nn::{Loss, Network, Pass, weights};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Weights and images in, gradients out: for checking the engine against other tools.
///
/// Batch norm takes the batch's statistics, dropout is on; the loss is the mean squared error, for masks Dice.
#[derive(Args)]
pub struct BenchGradients {
    #[command(flatten)]
    which: Which,
    /// Change a setting of the model, as `hcwb model show` takes it
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Every parameter, under the names that `hcwb model show NAME --json` lists
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// Two tensors: `input` (N, height, width, channels), already normalised, and `truth`, as long as the output
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// f32, f32-strict, bf16 or tf32
    #[arg(long, default_value = "f32")]
    precision: String,
    #[arg(long)]
    threads: Option<u32>,
    /// Where the gradients go
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(args: &BenchGradients) -> Result<()> {
    let graph = args.which.spec(&args.set)?.build()?;
    let (images, others) = input(&args.input, &graph)?;
    let wanted = images.batch() * graph.output_shape().iter().product::<usize>();
    let truth = others.get("truth").map(|t| t.values.as_slice()).filter(|t| t.len() == wanted);
    let Some(truth) = truth else {
        return Err(Error::new(format!("there is no tensor called `truth` with {wanted} values")).at(&args.input));
    };
    let loss = if graph.output_shape().len() > 1 { Loss::Dice } else { Loss::Mse };
    let mut network = Network::new(graph, 0);
    network.set_precision(args.precision.parse()?);
    network.load_state(&weights::load(&args.weights)?.0).map_err(|e| e.at(&args.weights))?;
    let (_, value) = on_threads(args.threads, || {
        network.zero_grad();
        let output = network.forward(&images, Pass::Train { seed: 0 })?;
        let (value, grad) = loss.value_and_grad(&output, truth);
        network.backward(&grad);
        Ok(value)
    })?;
    let about = BTreeMap::from([("loss".to_owned(), value.to_string()), ("model".to_owned(), args.which.name())]);
    weights::save(&args.output, &network.gradients(), &about)?;
    println!("loss {value:.6}; {} gradients in {}", network.gradients().len(), args.output.display());
    Ok(())
}
