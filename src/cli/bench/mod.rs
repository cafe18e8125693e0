//! `hcwb bench`: what this machine makes of the engine, and its bare numbers for comparison with other tools.

mod check;
mod explain;
mod features;
mod gradients;
mod infer;
mod measure;
mod network;
mod start;
mod train;

use crate::error::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Time training steps of a model on data in memory: forward, backward, Adam
    Train(train::BenchTrain),
    /// Compare a device with the CPU: every layer, whole networks, short trainings
    Check(check::BenchCheck),
    /// Time a model's inference on images in memory
    Infer(infer::BenchInfer),
    /// Time analyzers on images in memory
    Explain(explain::BenchExplain),
    /// Time the measuring of masks in memory: ellipse, HC, Dice index, distances
    Measure(measure::BenchMeasure),
    /// The weights that a network starts from, as safetensors
    Start(start::BenchStart),
    /// One training pass: the gradients of all parameters, as safetensors
    Gradients(gradients::BenchGradients),
    /// The activations behind one layer, as safetensors
    Features(features::BenchFeatures),
}

pub fn run(command: &BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Train(args) => train::bench_train(args),
        BenchCommand::Check(args) => check::run(args),
        BenchCommand::Infer(args) => infer::run(args),
        BenchCommand::Explain(args) => explain::run(args),
        BenchCommand::Measure(args) => measure::run(args),
        BenchCommand::Start(args) => start::run(args),
        BenchCommand::Gradients(args) => gradients::run(args),
        BenchCommand::Features(args) => features::run(args),
    }
}
