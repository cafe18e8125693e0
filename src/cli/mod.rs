//! The command line: what can be typed, and how a command ends.

mod aopc;
mod attribute;
mod bench;
mod clinic;
mod data;
mod demo;
mod doctor;
mod dream;
mod explain;
mod measure;
mod model;
mod output;
mod pixel_sizes;
mod predict;
mod progress;
mod run;
mod sanity;
mod submit;
mod trained;
mod watch;
mod weights;

use crate::error::{Error, Kind, Result};
use crate::text;
use crate::tui::{self, Images};
use crate::workspace::Workspace;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// From raw medical images to the predictions that went wrong, in one terminal program.
#[derive(Parser)]
#[command(name = "hcwb", bin_name = "hcwb", version, about, disable_help_subcommand = true)]
#[command(after_help = "hcwb alone opens the workbench. Try it without data: hcwb demo")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes, and the workbench too.
#[derive(Args, Clone)]
struct Global {
    /// Where data sets, caches and runs lie [default: $XDG_DATA_HOME/hcwb]
    #[arg(long, global = true, value_name = "DIR", env = "HCWB_WORKSPACE", hide_env_values = true)]
    workspace: Option<PathBuf>,
    /// Colours of the workbench: default, dark, a file, or one of your own themes
    #[arg(long, global = true, value_name = "NAME")]
    theme: Option<String>,
    /// How pictures are drawn
    // A word, as `submit` has an --images of its own: clap hands one value to both, which must be of one type.
    #[arg(long, global = true, value_name = "HOW", value_parser = picture_words(), default_value = "auto")]
    images: String,
}

#[derive(Subcommand)]
enum Command {
    /// Open the workbench
    Tui,
    /// Phantom data, a small network, trained in about a minute, watched live
    Demo(demo::Demo),
    /// What this machine offers, what is missing and how to get it
    Doctor(doctor::Doctor),
    /// Data sets: fetch, add, audit, prepare
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Networks and their parameters
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Pre-trained weights: fetch, import, list
    #[command(subcommand)]
    Weights(weights::WeightsCommand),
    /// Circumferences of heads in ring annotations and masks
    Measure(measure::Measure),
    /// The bare engine: why a network says what it says, tensor in and tensor out
    Attribute(attribute::Attribute),
    /// Trainings: start, watch, stop, resume
    #[command(subcommand)]
    Run(run::RunCommand),
    /// Circumferences, masks and ellipses of images, by a trained network
    Predict(predict::Predict),
    /// Why a trained network said so: maps over images, by any analyzer
    Explain(explain::Explain),
    /// Deep Dream: an image changed so that layers of a network answer more strongly
    Dream(dream::Dream),
    /// What explanations are worth: errors as relevant regions go under noise (AOPC)
    Aopc(aopc::Aopc),
    /// Whether explanations depend on what was learned, and how much of them lies on the skull
    Sanity(sanity::Sanity),
    /// The file that a challenge asks for, checked before it is written
    Submit(submit::Submit),
    /// What a circumference says of a pregnancy's age: for research, not for diagnosis
    Clinic(clinic::Clinic),
    /// Measure the engine
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

/// Parses, runs, and turns the outcome into an exit code: 0, 1 (it failed) or 2 (wrongly asked).
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            match error.kind {
                Kind::Usage => ExitCode::from(2),
                Kind::Failure => ExitCode::from(1),
            }
        }
    }
}

fn dispatch(cli: Cli) -> Result<()> {
    let global = cli.global;
    crate::nn::kernel::check_env()?;
    let given = global.workspace.as_deref();
    let command = match cli.command {
        Some(Command::Demo(demo)) => return demo::run(&demo, &global, &Workspace::resolve_demo(given)?),
        Some(command) => command,
        None => Command::Tui,
    };
    let ws = Workspace::resolve(given)?;
    match command {
        Command::Tui => workbench(&global, ws, None),
        Command::Demo(_) => Ok(()),
        Command::Doctor(doctor) => doctor::run(&doctor, &ws),
        Command::Data(command) => data::run(command, &ws, &progress::Bars::new()),
        Command::Model(command) => model::run(command),
        Command::Weights(command) => weights::run(command, &ws, &progress::Bars::new()),
        Command::Measure(args) => measure::run(&args, &ws, &progress::Bars::new()),
        Command::Attribute(args) => attribute::run(&args),
        Command::Run(command) => run::run(command, &ws),
        Command::Predict(args) => predict::run(&args, &ws, &progress::Bars::new()),
        Command::Explain(args) => explain::run(&args, &ws, &progress::Bars::new()),
        Command::Dream(args) => dream::run(&args, &ws, &progress::Bars::new()),
        Command::Aopc(args) => aopc::run(&args, &ws, &progress::Bars::new()),
        Command::Sanity(args) => sanity::run(&args, &ws, &progress::Bars::new()),
        Command::Submit(args) => submit::run(&args, &ws, &progress::Bars::new()),
        Command::Clinic(args) => clinic::run(&args),
        Command::Bench(command) => bench::run(&command),
    }
}

fn picture_words() -> PossibleValuesParser {
    Images::value_variants().iter().filter_map(Images::to_possible_value).collect::<Vec<_>>().into()
}

fn workbench(global: &Global, workspace: Workspace, focus_run: Option<String>) -> Result<()> {
    // Checked when it was read.
    let images = Images::from_str(&global.images, false).unwrap_or_default();
    tui::run(tui::Options { workspace, theme: global.theme.clone(), images, focus_run })
}

/// Prints an error to standard error: what, where, why, and what to do.
fn complain(error: &Error) {
    eprintln!("hcwb: {}", text::line(&error.chain()));
    if let Some(cure) = &error.cure {
        eprintln!("      {}", text::line(cure));
    }
}
