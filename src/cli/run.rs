//! `hcwb run`: start, list, show, watch, stop, pause, resume, delete.

use super::output::{self, duration, figure, figure_sd};
use super::progress::Bars;
use super::watch::{Watcher, follow};
use crate::error::{Error, Result};
use crate::launch::{self, StartOptions};
use crate::recipe::{self, Recipe};
use crate::report;
use crate::run::control::{self, Control};
use crate::run::{self as runs, RunDir, Status, Summary, find, status, summary};
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
        RunCommand::List { json } => list(ws, json),
        RunCommand::Show { id, json } => show(&find(ws, &id)?, json),
        RunCommand::Watch { id } => watch(&find(ws, &id)?),
        RunCommand::Stop { id } => ask(&find(ws, &id)?, Control::Stop),
        RunCommand::Pause { id } => ask(&find(ws, &id)?, Control::Pause),
        RunCommand::Checkpoint { id } => ask(&find(ws, &id)?, Control::Checkpoint),
        RunCommand::Resume { id } => launch::resume(ws, &find(ws, &id)?),
        RunCommand::Delete { ids } => {
            let found: Vec<RunDir> = ids.iter().map(|id| find(ws, id)).collect::<Result<_>>()?;
            found.iter().try_for_each(RunDir::delete)
        }
        RunCommand::Table { recipe, ids, json } => table(ws, recipe.as_deref(), &ids, json),
        RunCommand::Recipes { json } => recipes(json),
        RunCommand::Keys => keys(),
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

fn list(ws: &Workspace, as_json: bool) -> Result<()> {
    let mut found: Vec<Summary> = Vec::new();
    for run in runs::list(ws)? {
        match summary(&run, false) {
            Ok(summary) => found.push(summary),
            // One damaged run hides no other, and is not hidden itself.
            Err(error) => eprintln!("{} cannot be read: {}", run.id(), crate::text::line(&error.chain())),
        }
    }
    if as_json {
        return output::json(&found.iter().map(status::json).collect::<Vec<_>>());
    }
    if found.is_empty() {
        return output::print("No runs yet: hcwb run start reg-cnn263k, or hcwb demo to try without data\n");
    }
    // A column for what some run has; those of heads also where no run has anything yet.
    let best = |s: &Summary, name: &str| s.history.best().and_then(|e| e.metric(name));
    let any = |name: &str| found.iter().any(|s| best(s, name).is_some());
    let heads = any("val_mae_px") || !any("val_mae_ml");
    let columns: Vec<(&str, &str, f64)> = [
        (heads, (">MAE px", "val_mae_px", 1.0)),
        (heads, (">MAE mm", "val_mae_mm", 1.0)),
        (any("val_mae_ml"), (">MAE ml", "val_mae_ml", 1.0)),
        (any("val_dice"), (">DI %", "val_dice", 100.0)),
    ]
    .into_iter()
    .filter_map(|(shown, column)| shown.then_some(column))
    .collect();
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|s| {
            let mut row = vec![
                format!("{} {}", s.status.glyph(), s.status.word()),
                s.id.clone(),
                s.dataset.clone(),
                s.folds.map_or("–".into(), |folds| format!("{}/{folds}", s.fold)),
                format!("{}/{}", s.epoch, s.epochs),
            ];
            row.extend(columns.iter().map(|(_, name, unit)| figure(best(s, name).map(|v| v * unit))));
            row.push(duration(s.seconds));
            row
        })
        .collect();
    let mut header = vec!["status", "run", "data", ">fold", ">epoch"];
    header.extend(columns.iter().map(|c| c.0));
    header.push(">time");
    output::print(&output::table(&header, &rows))
}

fn show(run: &RunDir, as_json: bool) -> Result<()> {
    let summary = summary(run, false)?;
    let recipe = run.recipe()?;
    if as_json {
        let mut value = status::json(&summary);
        value["recipe"] = serde_json::to_value(&recipe).map_err(|e| Error::new("cannot write JSON").because(e))?;
        value["metrics"] = json!(summary.history.epochs);
        value["warnings"] = json!(summary.history.warnings);
        value["failure"] = json!(summary.history.failure);
        value["files"] = run.files().into_iter().map(|(name, _)| name).collect();
        return output::json(&value);
    }
    let mut text = format!(
        "{}  {} {}  epoch {}/{}  {}\n{}\n\n",
        summary.id,
        summary.status.glyph(),
        summary.status.word(),
        summary.epoch,
        summary.epochs,
        duration(summary.seconds),
        run.path().display()
    );
    if let Some(failure) = &summary.history.failure {
        text.push_str(&format!("failed: {}\n\n", crate::text::line(failure)));
    }
    let columns = columns(&recipe);
    let mut header = vec!["epoch", ">train loss", ">val loss"];
    header.extend(columns.iter().map(|c| c.0));
    header.push("");
    let rows: Vec<Vec<String>> =
        summary.history.epochs.iter().rev().take(10).rev().map(|e| epoch_row(e, columns)).collect();
    text.push_str(&output::table(&header, &rows));
    if let Some(best) = summary.history.best() {
        text.push_str("\nbest\n");
        text.push_str(&output::table(&header, &[epoch_row(best, columns)]));
    }
    text.push_str(&format!("\n{}", recipe.to_toml()));
    output::print(&text)
}

/// Title, name and unit of the figures that a task is judged by.
type Columns = &'static [(&'static str, &'static str, f64)];

fn columns(recipe: &Recipe) -> Columns {
    const HC: [(&str, &str, f64); 5] = [
        (">MAE px", "val_mae_px", 1.0),
        (">MAE mm", "val_mae_mm", 1.0),
        (">PMAE %", "val_pmae", 1.0),
        (">DI %", "val_dice", 100.0),
        (">HD mm", "val_hausdorff_mm", 1.0),
    ];
    const HEARTS: [(&str, &str, f64); 6] = [
        (">MAE ml", "val_mae_ml", 1.0),
        (">RV", "val_rv_mae_ml", 1.0),
        (">MYO", "val_myo_mae_ml", 1.0),
        (">LV", "val_lv_mae_ml", 1.0),
        (">DI %", "val_dice", 100.0),
        (">HD mm", "val_hausdorff_mm", 1.0),
    ];
    match (recipe.task.as_str(), recipe.data.structures.as_str()) {
        ("hc-segmentation", _) => &HC,
        ("cardiac-segmentation", _) => &HEARTS,
        ("cardiac-volume", "all") => &HEARTS[..4],
        ("cardiac-volume", _) => &HEARTS[..1],
        _ => &HC[..3],
    }
}

fn epoch_row(e: &crate::run::event::Epoch, columns: Columns) -> Vec<String> {
    let loss = |l: Option<f64>| l.map_or("–".into(), |l| format!("{l:.5}"));
    let mut row = vec![e.epoch.to_string(), loss(e.train_loss), loss(e.val_loss)];
    row.extend(columns.iter().map(|(_, name, unit)| {
        let metric = |name: &str| e.metric(name).map(|v| v * unit);
        figure_sd(metric(name), metric(&format!("{name}_sd")))
    }));
    row.push(if e.best { "best".into() } else { String::new() });
    row
}

fn table(ws: &Workspace, recipe: Option<&str>, ids: &[String], as_json: bool) -> Result<()> {
    let chosen: Vec<RunDir> = match ids {
        [] => runs::list(ws)?,
        ids => ids.iter().map(|id| find(ws, id)).collect::<Result<_>>()?,
    };
    let (heads, hearts) = (report::pooled(&chosen, recipe)?, report::hearts(&chosen, recipe)?);
    if as_json {
        let wrong = |e| Error::new("cannot write JSON").because(e);
        let heads = heads.iter().map(serde_json::to_value);
        let all = heads.chain(hearts.iter().map(serde_json::to_value));
        return output::json(&all.collect::<Result<Vec<_>, serde_json::Error>>().map_err(wrong)?);
    }
    let texts = [report::text(&heads), report::text_hearts(&hearts)];
    let said: Vec<String> = texts.into_iter().filter(|t| !t.is_empty()).collect();
    output::print(&match said.is_empty() {
        true => "No finished run to tabulate: hcwb run list shows what there is\n".to_owned(),
        false => said.join("\n"),
    })
}

fn recipes(as_json: bool) -> Result<()> {
    let found = recipe::shipped();
    if as_json {
        return output::json(&found);
    }
    let rows: Vec<Vec<String>> =
        found.into_iter().map(|s| vec![s.name, s.purpose, s.paper.unwrap_or_default()]).collect();
    output::print(&output::table(&["recipe", "what it is for", "the paper's figure"], &rows))
}

fn keys() -> Result<()> {
    let rows: Vec<Vec<String>> = recipe::keys()
        .iter()
        .map(|key| {
            let default = Recipe::default().get(key.name).unwrap_or_default();
            vec![key.name.into(), default, key.help.into(), key.choices.join(" | ")]
        })
        .collect();
    output::print(&output::table(&["key", "default", "what it decides", "words"], &rows))
}
