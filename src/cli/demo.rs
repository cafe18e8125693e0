//! `hcwb demo`: the main job on made-up data, from nothing to a live training in one command.

use super::progress::Bars;
use super::watch::follow;
use super::{Global, output, workbench};
use crate::dataset::{phantom, registry};
use crate::error::{Error, Result};
use crate::launch::{self, StartOptions};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::report;
use crate::run::{RunDir, Status};
use crate::workspace::Workspace;
use clap::Args;
use std::io::IsTerminal;

#[derive(Args)]
pub struct Demo {
    /// Progress bars and a table instead of the workbench
    #[arg(long)]
    headless: bool,
    /// Another value for one key of the demo's recipe; may repeat
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// How many phantoms are made, and from which seed.
const PHANTOMS: u64 = 320;
const SEED: u64 = 18;

pub fn run(demo: &Demo, global: &Global, ws: &Workspace) -> Result<()> {
    let mut recipe = Recipe::load("demo")?;
    demo.set.iter().try_for_each(|pair| recipe.set_pair(pair))?;
    let run = {
        let progress = Bars::new();
        if recipe.data.dataset == "phantom" {
            data(ws, &progress)?;
        }
        launch::start(ws, &recipe, &StartOptions::default(), &progress)?
    };
    if demo.headless || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return headless(&run);
    }
    workbench(global, ws.clone(), Some(run.id().to_owned()))?;
    println!("The demo's workspace: hcwb --workspace {}", ws.root().display());
    Ok(())
}

/// Makes and registers the phantoms, unless an earlier demo has.
fn data(ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    if registry::load(ws, "phantom").is_ok() {
        return Ok(());
    }
    let folder = ws.root().join("phantoms");
    // Left by a demo that was interrupted while making them: ours, and half made.
    let marker = ws.root().join("phantoms.unfinished");
    if marker.exists() && folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| Error::io("clear half-made phantoms", &folder, e))?;
    }
    ws.make(ws.root())?;
    std::fs::write(&marker, "").map_err(|e| Error::io("write to the workspace", &marker, e))?;
    phantom::write(&folder, PHANTOMS, SEED, progress)?;
    std::fs::remove_file(&marker).map_err(|e| Error::io("write to the workspace", &marker, e))?;
    registry::add(ws, registry::DatasetKind::Hc18, &folder, "phantom", progress)?;
    Ok(())
}

fn headless(run: &RunDir) -> Result<()> {
    match follow(run)? {
        Status::Finished => {
            output::print(&format!("\n{}", report::text(&report::pooled(std::slice::from_ref(run), None)?)))
        }
        Status::Stopped => output::print(&format!("{} was stopped\n", run.id())),
        ended => {
            Err(Error::new(format!("{} {}", run.id(), ended.word())).at(run.console_log()).cure("see what it printed"))
        }
    }
}
