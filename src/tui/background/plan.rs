//! What starting a recipe would mean: parameters, parts, the state of the data.

use super::data;
use crate::dataset::acdc::Frame;
use crate::dataset::raw::Raw;
use crate::dataset::registry::{self, Dataset};
use crate::dataset::split;
use crate::error::Result;
use crate::nn::device::{Device, Resolved};
use crate::recipe::Recipe;
use crate::train::memory;
use crate::train::{Data, takes_heart};
use crate::tui::model::{Part, Plan};
use crate::workspace::Workspace;
use std::collections::BTreeSet;

pub fn plan(ws: &Workspace, recipe: &Recipe) -> Result<Plan> {
    let graph = recipe.graph()?;
    let (trainable, non_trainable) = graph.parameter_count();
    let mut plan = Plan { trainable: trainable as u64, non_trainable: non_trainable as u64, ..Plan::default() };
    match Device::resolve(&recipe.train.device) {
        Ok(Resolved { device, note }) => {
            plan.device = Some((device.describe(), memory::step_bytes(recipe, &graph, device)?));
            plan.note = note;
            plan.obstacle = memory::check_launch(recipe, &graph, device).err().map(|e| super::words(&e));
        }
        Err(error) => plan.obstacle = Some(super::words(&error)),
    }
    let dataset = match registry::load(ws, &recipe.data.dataset) {
        Ok(dataset) => dataset,
        Err(error) => {
            plan.obstacle = Some(super::words(&error));
            return Ok(plan);
        }
    };
    let row = data::row(ws, &dataset);
    if let Some((errors @ 1.., _)) = row.audit {
        plan.obstacle = Some(format!(
            "the audit found {errors} errors: see screen 1, or `hcwb run start {} --allow-defects`",
            recipe.name
        ));
    }
    plan.data = Some(row);
    plan.prepared = Data::is_prepared(ws, &dataset, recipe);
    if let Err(error) = Data::check_kind(&dataset, recipe) {
        plan.obstacle = Some(super::words(&error));
        return Ok(plan);
    }
    if let Err(error) = crate::train::pretrained::check(ws, recipe) {
        plan.obstacle.get_or_insert(super::words(&error));
    }
    match parts(&dataset, recipe) {
        Ok(parts) => plan.parts = Some(parts),
        Err(error) => plan.obstacle = Some(super::words(&error)),
    }
    Ok(plan)
}

/// Images and exams of each part, or hearts and patients, from the names of the files.
fn parts(dataset: &Dataset, recipe: &Recipe) -> Result<[Part; 3]> {
    let mut exams = Vec::new();
    match Raw::find(dataset.kind, &dataset.path)? {
        Raw::Hc18(folder) => {
            for part in &folder.parts {
                let listing = part.read()?;
                // Only images with a truth can be learned from.
                let table = listing.table.by_file();
                let known = |name: &str| table.get(name).is_some_and(|row| row.hc_mm.is_some());
                exams.extend(listing.images.iter().filter(|i| known(&i.name)).map(|i| i.exam));
            }
        }
        Raw::Acdc(hearts) => {
            for patient in &hearts.patients {
                let frames = patient.frames().unwrap_or_default();
                let taken = |f: &&Frame| f.labels.is_some() && takes_heart(recipe, &patient.name, f.phase);
                exams.extend(frames.iter().filter(taken).map(|_| patient.number));
            }
        }
    }
    let rule = recipe.data.split.parse()?;
    let split = split::split(&exams, &rule, recipe.data.folds, recipe.data.fold, recipe.seed)?;
    let part = |indices: &[usize]| Part {
        images: indices.len(),
        exams: indices.iter().map(|&i| exams[i]).collect::<BTreeSet<_>>().len(),
    };
    Ok([part(&split.train), part(&split.validation), part(&split.test)])
}
