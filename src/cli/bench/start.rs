//! `hcwb bench start`: the weights that a network starts from.

use super::network::Which;
use crate::error::Result;
use crate::nn::{Network, weights};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The first weights of a seed, so that another tool can start from the same.
#[derive(Args)]
pub struct BenchStart {
    #[command(flatten)]
    which: Which,
    /// Change a setting of the model, as `hcwb model show` takes it
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// As `seed` in a recipe
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the weights go
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(args: &BenchStart) -> Result<()> {
    let network = Network::new(args.which.spec(&args.set)?.build()?, args.seed);
    let about = BTreeMap::from([("model".to_owned(), args.which.name()), ("seed".to_owned(), args.seed.to_string())]);
    weights::save(&args.output, &network.state(), &about)?;
    println!("{} parameters in {}", network.trainable(), args.output.display());
    Ok(())
}
