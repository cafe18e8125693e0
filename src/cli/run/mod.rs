//! `hcwb run`: start, list, show, watch, stop, pause, resume, delete.

mod shown;

use super::output;
use super::progress::Bars;
use super::watch::{Watcher, follow};
use crate::error::{Error, Result};
use crate::launch::{self, StartOptions};
use crate::recipe::Recipe;
use crate::run::control::{self, Control};
use crate::run::{self as runs, RunDir, Status, find, summary};
use crate::train::Ended;
use crate::workspace::Workspace;
use clap::{Args, Subcommand};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[derive(Subcommand)]
pub enum RunCommand {
    /// Start a training in a process of its own
    Start(Start),
    /// Every run, oldest first
    List {
        #[arg(long)]
        json: bool,
    },
    /// One run: recipe, epochs, files
    Show {
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Follow a run until it ends; leaving it changes nothing
    Watch { id: String },
    /// Make a checkpoint and end; resume goes on from there
    Stop { id: String },
    /// Wait, keeping process and memory
    Pause { id: String },
    /// Go on with a paused, stopped, failed or crashed run
    Resume { id: String },
    /// Make a checkpoint now and go on
    Checkpoint { id: String },
    /// Delete runs that are not at work, with all their files
    Delete {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Folds pooled to one row a recipe and loss, beside the papers' figures
    Table {
        /// Only runs of this recipe
        #[arg(long)]
        recipe: Option<String>,
        /// Only these runs [default: every finished run]
        ids: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// The shipped recipes
    Recipes {
        #[arg(long)]
        json: bool,
    },
    /// Every key of a recipe, for --set and for files of your own
    Keys,
    /// The worker process itself; started by `start` and `resume`
    #[command(hide = true)]
    Worker { id: String },
}

#[derive(Args)]
pub struct Start {
    /// A shipped recipe (`hcwb run recipes`) or a file of your own
    recipe: String,
    /// Another value for one key, such as train.lr=1e-4; may repeat
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where it trains: auto, cpu or cuda:N; the same as --set train.device=…
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// A run a fold, one after the other: all, or numbers such as 0,2
    #[arg(long, value_name = "FOLDS")]
    folds: Option<String>,
    /// Where it runs
    #[arg(long, value_name = "WHERE", default_value = "local", value_parser = ["local"])]
    launcher: String,
    /// Train in this process, with progress; ctrl-c stops it with a checkpoint
    #[arg(long)]
    foreground: bool,
    /// Train although the audit found errors, without the images concerned
    #[arg(long)]
    allow_defects: bool,
    #[arg(long)]
    json: bool,
}

pub fn run(command: RunCommand, ws: &Workspace) -> Result<()> {
    match command {
        RunCommand::Start(start) => self::start(&start, ws),
        RunCommand::List { json } => shown::list(ws, json),
        RunCommand::Show { id, json } => shown::show(&find(ws, &id)?, json),
        RunCommand::Watch { id } => watch(&find(ws, &id)?),
        RunCommand::Stop { id } => ask(&find(ws, &id)?, Control::Stop),
        RunCommand::Pause { id } => ask(&find(ws, &id)?, Control::Pause),
        RunCommand::Checkpoint { id } => ask(&find(ws, &id)?, Control::Checkpoint),
        RunCommand::Resume { id } => launch::resume(ws, &find(ws, &id)?),
        RunCommand::Delete { ids } => {
            let found: Vec<RunDir> = ids.iter().map(|id| find(ws, id)).collect::<Result<_>>()?;
            found.iter().try_for_each(RunDir::delete)
        }
        RunCommand::Table { recipe, ids, json } => shown::table(ws, recipe.as_deref(), &ids, json),
        RunCommand::Recipes { json } => shown::recipes(json),
        RunCommand::Keys => shown::keys(),
        RunCommand::Worker { id } => worker(ws, &find(ws, &id)?),
    }
}

fn start(start: &Start, ws: &Workspace) -> Result<()> {
    let mut recipe = Recipe::load(&start.recipe)?;
    start.set.iter().try_for_each(|pair| recipe.set_pair(pair))?;
    start.device.iter().try_for_each(|word| recipe.set("train.device", word))?;
    let folds = match &start.folds {
        Some(text) => folds(text, &recipe)?,
        None => vec![recipe.data.fold],
    };
    let options = StartOptions { allow_defects: start.allow_defects };
    let mut made = Vec::new();
    {
        // Made before any is started: what is wrong with one fold is wrong with none half begun.
        let progress = Bars::new();
        for fold in folds {
            recipe.data.fold = fold;
            made.push(launch::create(ws, &recipe, &options, &progress)?);
        }
    }
    let ids: Vec<&str> = made.iter().map(RunDir::id).collect();
    if start.foreground {
        for run in &made {
            if foreground(ws, run)? == Ended::Stopped {
                break;
            }
        }
    } else {
        made.iter().try_for_each(|run| launch::spawn(ws, run))?;
    }
    match (start.json, start.folds.is_some()) {
        (true, false) => output::json(&json!({"id": ids[0]})),
        (true, true) => output::json(&json!({"id": ids[0], "ids": ids})),
        (false, _) => {
            ids.iter().try_for_each(|id| output::print(&format!("{id}\n")))?;
            if !start.foreground {
                eprintln!("watch it: hcwb, or hcwb run watch {}", ids[0]);
            }
            Ok(())
        }
    }
}

fn folds(text: &str, recipe: &Recipe) -> Result<Vec<usize>> {
    if recipe.data.split != "kfold" {
        return Err(Error::usage(format!("--folds needs a k-fold split, and this recipe's is {}", recipe.data.split))
            .cure("leave --folds out, or add --set data.split=kfold"));
    }
    if text == "all" {
        return Ok((0..recipe.data.folds).collect());
    }
    let wrong = || {
        Error::usage(format!("--folds cannot be `{}`", crate::text::line(text)))
            .cure(format!("write all, or numbers from 0 to {} such as 0,2", recipe.data.folds - 1))
    };
    let mut found: Vec<usize> =
        text.split(',').map(|n| n.trim().parse().map_err(|_| wrong())).collect::<Result<_>>()?;
    found.sort_unstable();
    found.dedup();
    match found.iter().all(|fold| *fold < recipe.data.folds) {
        true => Ok(found),
        false => Err(wrong()),
    }
}

/// Trains in this process; ctrl-c and SIGTERM stop with a checkpoint.
fn foreground(ws: &Workspace, run: &RunDir) -> Result<Ended> {
    let interrupted = interruptible()?;
    let mut watcher = Watcher::new(run.id());
    launch::work(ws, run, &interrupted, &mut |body| watcher.see(body))
}

fn worker(ws: &Workspace, run: &RunDir) -> Result<()> {
    // Leader of a session of its own: no terminal's hang-up reaches it. Fails only if it is one already.
    let _ = rustix::process::setsid();
    foreground(ws, run).map(|_| ())
}

fn interruptible() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // A second signal ends the process at once: somebody means it.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|e| Error::new("cannot listen to signals").because(e))?;
    }
    Ok(flag)
}

fn ask(run: &RunDir, control: Control) -> Result<()> {
    let summary = summary(run, false)?;
    if !summary.status.is_live() || (summary.status == Status::Queued && !runs::lock::held(run)) {
        return Err(Error::usage(format!("{} is {}: no worker could answer", run.id(), summary.status.word()))
            .cure("`hcwb run list` shows what every run is doing"));
    }
    control::request(run, control)
}

fn watch(run: &RunDir) -> Result<()> {
    match follow(run)? {
        Status::Failed | Status::Crashed => Err(Error::new(format!("{} did not finish", run.id()))),
        _ => Ok(()),
    }
}
