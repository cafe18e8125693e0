//! Checkpoints: weights alone for anyone, and the whole state from which training goes on.
//!
//! `last.safetensors` and `best.safetensors` hold the weights, nothing of when or which run. `last.state`
//! and `best.state` (safetensors too) hold weights, optimizer and progress together, so that a kill
//! between two renames can never pair one epoch's weights with another's optimizer: resuming reads
//! the state alone.

use super::RunDir;
use crate::error::{Error, IoContext, Result};
use crate::nn::weights::{self, Array};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Named arrays in PyTorch's names and order.
pub type Arrays = BTreeMap<String, Array>;

const WEIGHTS: &str = "weights/";
const OPTIMIZER: &str = "optimizer/";
const PROGRESS: &str = "progress";

/// Which of the two checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Last,
    Best,
}

impl Which {
    pub fn name(self) -> &'static str {
        match self {
            Which::Last => "last",
            Which::Best => "best",
        }
    }
    pub fn weights(self, run: &RunDir) -> PathBuf {
        run.checkpoints().join(format!("{}.safetensors", self.name()))
    }
    pub fn state(self, run: &RunDir) -> PathBuf {
        run.checkpoints().join(format!("{}.state", self.name()))
    }
}

/// What a state file gives back.
pub struct State<P> {
    pub weights: Arrays,
    pub optimizer: Arrays,
    pub progress: P,
}

/// Writes `last`: the state first, since resuming needs it alone.
pub fn save<P: Serialize>(run: &RunDir, state: &State<P>, metadata: &BTreeMap<String, String>) -> Result<()> {
    let path = Which::Last.state(run);
    let progress = serde_json::to_string(&state.progress)
        .map_err(|e| Error::new("the training's state cannot be written").at(&path).because(e))?;
    let prefixed = |prefix: &'static str, arrays: &Arrays| -> Vec<(String, Array)> {
        arrays.iter().map(|(name, array)| (format!("{prefix}{name}"), array.clone())).collect()
    };
    let mut arrays: Arrays = prefixed(WEIGHTS, &state.weights).into_iter().collect();
    arrays.extend(prefixed(OPTIMIZER, &state.optimizer));
    weights::save(&path, &arrays, &BTreeMap::from([(PROGRESS.to_owned(), progress)]))?;
    weights::save(Which::Last.weights(run), &state.weights, metadata)
}

/// Makes what `last` is now the `best` too. `last` is only ever replaced, never written into, so a
/// hard link keeps it without a copy; where the file system has none, it is copied.
pub fn keep_as_best(run: &RunDir) -> Result<()> {
    link(&Which::Last.state(run), &Which::Best.state(run))?;
    link(&Which::Last.weights(run), &Which::Best.weights(run))
}

fn link(from: &Path, to: &Path) -> Result<()> {
    let mut aside = to.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    let _ = std::fs::remove_file(&aside);
    if std::fs::hard_link(from, &aside).is_err() {
        std::fs::copy(from, &aside).doing("keep the best checkpoint", &aside)?;
        let file = std::fs::File::open(&aside).doing("keep the best checkpoint", &aside)?;
        file.sync_all().doing("keep the best checkpoint", &aside)?;
    }
    std::fs::rename(&aside, to).doing("keep the best checkpoint", to)
}

/// Whether there is one to go back to.
pub fn exists(run: &RunDir, which: Which) -> bool {
    which.state(run).exists()
}

/// The state to go on from; `None` if the run was never saved.
pub fn load<P: DeserializeOwned>(run: &RunDir, which: Which) -> Result<Option<State<P>>> {
    let path = which.state(run);
    if !path.exists() {
        return Ok(None);
    }
    let (arrays, metadata) = weights::load(&path)?;
    let broken = || {
        Error::new("this is no state of a training")
            .at(&path)
            .cure("delete the file to start the run over, or start a new run")
    };
    let progress = metadata.get(PROGRESS).ok_or_else(broken)?;
    let progress = serde_json::from_str(progress).map_err(|e| broken().because(e))?;
    let (mut weights, mut optimizer) = (Arrays::new(), Arrays::new());
    for (name, array) in arrays {
        if let Some(name) = name.strip_prefix(WEIGHTS) {
            weights.insert(name.to_owned(), array);
        } else if let Some(name) = name.strip_prefix(OPTIMIZER) {
            optimizer.insert(name.to_owned(), array);
        }
    }
    Ok(Some(State { weights, optimizer, progress }))
}
