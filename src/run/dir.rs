//! The run directory: made whole or not at all, listed, found, deleted.

use super::event::{Body, Queued};
use super::{id, lock, log};
use crate::error::{Error, IoContext, Result};
use crate::recipe::Recipe;
use crate::text;
use crate::workspace::Workspace;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One run's directory. Its name is its id; the id stands nowhere inside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunDir {
    path: PathBuf,
}

/// Where a run came from; frozen beside its recipe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    pub hcwb_version: String,
    pub git_revision: String,
    pub dataset_fingerprint: String,
    /// The audit found errors and the user said `--allow-defects`.
    pub allow_defects: bool,
}

impl Provenance {
    pub fn now(dataset_fingerprint: &str, allow_defects: bool) -> Self {
        Provenance {
            hcwb_version: env!("CARGO_PKG_VERSION").into(),
            git_revision: option_env!("HCWB_GIT_REVISION").unwrap_or("unknown").into(),
            dataset_fingerprint: dataset_fingerprint.into(),
            allow_defects,
        }
    }
}

impl RunDir {
    /// The run directory at `path`.
    pub fn open(path: impl AsRef<Path>) -> Result<RunDir> {
        let path = path.as_ref();
        if !path.join("recipe.toml").is_file() {
            return Err(Error::usage("this is no run directory: it holds no recipe.toml").at(path));
        }
        Ok(RunDir { path: path.to_path_buf() })
    }

    /// A new run: made aside, whole, with the event `queued`, then renamed into place.
    pub fn create(ws: &Workspace, recipe: &Recipe, provenance: &Provenance) -> Result<RunDir> {
        let runs = ws.runs();
        ws.make(&runs)?;
        let id = id::new(jiff::Timestamp::now(), &recipe.name, &recipe.train.loss, recipe.data.fold);
        let aside = runs.join(format!(".new-{id}"));
        let made = fill(&aside, recipe, provenance)
            .and_then(|()| std::fs::rename(&aside, runs.join(&id)).doing("name the run directory", &aside));
        if let Err(error) = made {
            // What is half made is of no use to anyone.
            let _ = std::fs::remove_dir_all(&aside);
            return Err(error);
        }
        Ok(RunDir { path: runs.join(id) })
    }

    pub fn id(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or("?")
    }
    pub fn path(&self) -> &Path {
        &self.path
    }
    pub fn recipe_toml(&self) -> PathBuf {
        self.path.join("recipe.toml")
    }
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }
    pub fn console_log(&self) -> PathBuf {
        self.path.join("console.log")
    }
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
    pub fn predictions_csv(&self) -> PathBuf {
        self.path.join("predictions.csv")
    }
    /// Which image is in which part: `file,exam,set`.
    pub fn split_csv(&self) -> PathBuf {
        self.path.join("split.csv")
    }
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }
    pub fn control(&self) -> PathBuf {
        self.path.join("control")
    }

    /// The frozen recipe.
    pub fn recipe(&self) -> Result<Recipe> {
        Ok(self.frozen()?.0)
    }

    /// The frozen recipe and where the run came from.
    pub fn frozen(&self) -> Result<(Recipe, Provenance)> {
        let path = self.recipe_toml();
        let wrong = |e: toml::de::Error| {
            Error::new(format!("the frozen recipe cannot be read: {}", text::line(e.message()))).at(&path)
        };
        let text = std::fs::read_to_string(&path).doing("read the frozen recipe", &path)?;
        let mut table: toml::Table = toml::from_str(&text).map_err(wrong)?;
        let provenance = match table.remove("provenance") {
            Some(value) => value.try_into().map_err(wrong)?,
            None => Provenance::default(),
        };
        Ok((Recipe::parse(&table.to_string(), &path.to_string_lossy())?, provenance))
    }

    /// Every file of the run, relative, sorted, with its size in bytes.
    pub fn files(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        collect(&self.path, &self.path, &mut found);
        found.sort();
        found
    }

    /// Deletes the run, unless a worker holds it.
    pub fn delete(&self) -> Result<()> {
        if lock::held(self) {
            return Err(Error::new(format!("{} is still at work", self.id()))
                .cure(format!("stop it first: hcwb run stop {}", self.id())));
        }
        // Renamed first, so that a half-deleted run is never listed as a run.
        let gone = self.path.with_file_name(format!(".gone-{}", self.id()));
        std::fs::rename(&self.path, &gone).doing("delete the run", &self.path)?;
        std::fs::remove_dir_all(&gone).doing("delete the run", &gone)
    }
}

fn fill(aside: &Path, recipe: &Recipe, provenance: &Provenance) -> Result<()> {
    std::fs::create_dir_all(aside.join("checkpoints")).doing("make the run directory", aside)?;
    std::fs::create_dir_all(aside.join("control")).doing("make the run directory", aside)?;
    let run = RunDir { path: aside.to_path_buf() };
    let table = toml::Table::from_iter([(
        "provenance".to_owned(),
        toml::Value::try_from(provenance).expect("words and a flag are valid TOML"),
    )]);
    let path = run.recipe_toml();
    std::fs::write(&path, format!("{}\n{table}", recipe.to_toml())).doing("write the frozen recipe", &path)?;
    std::fs::write(run.console_log(), "").doing("make the console log", run.console_log())?;
    std::fs::write(run.lock(), "").doing("make the lock", run.lock())?;
    log::Writer::open(&run.events())?.write(Body::Queued(Queued {}))
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, u64)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(data) if data.is_dir() => collect(root, &entry.path(), found),
            Ok(data) => {
                let path = entry.path();
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                found.push((name, data.len()));
            }
            Err(_) => {}
        }
    }
}

/// Every run of the workspace, oldest first. A directory without a recipe is not a run.
pub fn list(ws: &Workspace) -> Result<Vec<RunDir>> {
    let runs = ws.runs();
    let entries = match std::fs::read_dir(&runs) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list the runs", &runs, e)),
    };
    let mut found: Vec<RunDir> = entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .filter_map(|entry| RunDir::open(entry.path()).ok())
        .collect();
    found.sort();
    Ok(found)
}

/// The run with that id, or the only one whose id begins or ends so, or whose path it is.
pub fn find(ws: &Workspace, id: &str) -> Result<RunDir> {
    let runs = list(ws)?;
    if let Some(run) = runs.iter().find(|run| run.id() == id) {
        return Ok(run.clone());
    }
    let near: Vec<&RunDir> =
        runs.iter().filter(|r| !id.is_empty() && (r.id().starts_with(id) || r.id().ends_with(id))).collect();
    match near[..] {
        [run] => Ok(run.clone()),
        [] if id.contains('/') => RunDir::open(id),
        [] => {
            let error = Error::usage(format!("no run is called {}", text::line(id)));
            Err(match text::nearest(id, runs.iter().map(RunDir::id)) {
                Some(near) => error.cure(format!("did you mean {near}?")),
                None => error.cure("`hcwb run list` shows them all"),
            })
        }
        _ => Err(Error::usage(format!("{} runs fit {}", near.len(), text::line(id)))
            .cure(format!("give more of the id, for instance {}", near[near.len() - 1].id()))),
    }
}
