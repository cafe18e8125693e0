//! Where everything lies: one folder with data sets, caches, weights and runs.

use crate::error::{Error, IoContext, Result};
use std::path::{Path, PathBuf};

/// The workspace folder. Its sub-folders are made when first written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// `root` as given; relative paths are taken from the current folder, and need not exist yet.
    pub fn at(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        if root.as_os_str().is_empty() {
            return Err(Error::usage("the workspace's path is empty").cure("give a folder to --workspace"));
        }
        let root = std::path::absolute(root).doing("resolve the workspace's path", root)?;
        Ok(Workspace { root })
    }

    /// `--workspace` or HCWB_WORKSPACE where given, else `$XDG_DATA_HOME/hcwb` (`~/.local/share/hcwb`).
    pub fn resolve(given: Option<&Path>) -> Result<Self> {
        match given {
            Some(path) => Workspace::at(path),
            None => Workspace::at(Self::default_root()?),
        }
    }

    /// The demo's own workspace: the one given, else `hcwb-demo` beside the default one.
    pub fn resolve_demo(given: Option<&Path>) -> Result<Self> {
        match given {
            Some(path) => Workspace::at(path),
            None => Workspace::at(Self::default_root()?.with_file_name("hcwb-demo")),
        }
    }

    fn default_root() -> Result<PathBuf> {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let data = set("XDG_DATA_HOME").filter(|p| p.is_absolute());
        data.or_else(|| set("HOME").map(|home| home.join(".local/share"))).map(|data| data.join("hcwb")).ok_or_else(
            || {
                Error::new("there is no home folder to keep the workspace in")
                    .cure("name one with --workspace DIR or HCWB_WORKSPACE")
            },
        )
    }

    pub fn root(&self) -> &Path {
        &self.root
    }
    /// `datasets/<name>.toml`, one file a data set.
    pub fn datasets(&self) -> PathBuf {
        self.root.join("datasets")
    }
    /// Prepared arrays; safe to delete.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }
    /// Fetched or imported weights, one safetensors file a name.
    pub fn weights(&self) -> PathBuf {
        self.root.join("weights")
    }
    /// One directory a run.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Makes `folder` (one of the above) and checks that it can be written to.
    pub fn make(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|e| {
            Error::io("create a folder in the workspace", folder, e)
                .cure("choose a workspace that can be written with --workspace DIR or HCWB_WORKSPACE")
        })
    }
}
