//! From a recipe to a run: the data audited and prepared, the directory made, the worker spawned.

use super::spawn::spawn;
use crate::dataset::{audit, registry};
use crate::error::{Error, Result};
use crate::nn::Device;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::{Provenance, RunDir, Status, summary};
use crate::train::Data;
use crate::workspace::Workspace;

/// What a start may overlook.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartOptions {
    /// Train although the audit found errors.
    pub allow_defects: bool,
}

/// Makes the run and spawns its worker; returns once the worker holds the lock.
pub fn start(ws: &Workspace, recipe: &Recipe, options: &StartOptions, progress: &dyn Progress) -> Result<RunDir> {
    let run = create(ws, recipe, options, progress)?;
    spawn(ws, &run)?;
    Ok(run)
}

/// Audits and prepares what is missing, then makes the run directory. Nothing is made if the recipe,
/// the data or the network do not fit.
pub fn create(ws: &Workspace, recipe: &Recipe, options: &StartOptions, progress: &dyn Progress) -> Result<RunDir> {
    recipe.check()?;
    let device = Device::resolve(&recipe.train.device)?.device;
    let graph = recipe.graph()?;
    recipe.check_task(&graph)?;
    crate::train::memory::check_launch(recipe, &graph, device)?;
    crate::train::pretrained::check(ws, recipe)?;
    let mut dataset = registry::load(ws, &recipe.data.dataset)?;
    Data::check_kind(&dataset, recipe)?;
    dataset.refresh(ws, progress)?;
    let found = match audit::recorded(ws, &dataset) {
        Some(found) => found,
        None => audit::audit(ws, &dataset, progress)?,
    };
    let errors = found.summary().errors;
    if errors > 0 && !options.allow_defects {
        let cure = format!(
            "see `hcwb data audit {}`, mend the data, or train without the images concerned: --allow-defects",
            dataset.name
        );
        return Err(Error::new(format!("the audit of {} found {errors} error(s)", dataset.name))
            .at(&dataset.path)
            .cure(cure));
    }
    Data::prepare(ws, &dataset, recipe, progress)?;
    RunDir::create(ws, recipe, &Provenance::now(&dataset.fingerprint, options.allow_defects))
}

/// Takes up a paused, stopped, failed, crashed or abandoned queued run where it was left.
pub fn resume(ws: &Workspace, run: &RunDir) -> Result<()> {
    match summary(run, false)?.status {
        Status::Running => Err(Error::usage(format!("{} is running", run.id()))),
        Status::Finished => Err(Error::usage(format!("{} is finished", run.id()))
            .cure("start a new run, with more epochs if that is what you want")),
        Status::Paused => crate::run::control::unpause(run),
        Status::Queued if crate::run::lock::held(run) => {
            Err(Error::usage(format!("{} is waiting for its turn", run.id())))
        }
        Status::Queued | Status::Stopped | Status::Failed | Status::Crashed => spawn(ws, run),
    }
}
