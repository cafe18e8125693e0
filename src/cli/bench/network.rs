//! Which network a bench command works on, with which threads and data.

use crate::error::{Error, Result};
use crate::model::{self, ModelOptions, Spec};
use crate::nn::weights::{self, Array};
use crate::nn::{Graph, Tensor};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A model by name or by spec.
#[derive(Args, Clone, Debug, Default)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Model, as `hcwb model list` names it
    #[arg(long)]
    pub model: Option<String>,
    /// A TOML file that describes a network
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
}

impl Which {
    pub fn spec(&self, set: &[String]) -> Result<Spec> {
        let mut options = ModelOptions::default();
        for pair in set {
            options.set_pair(pair)?;
        }
        let spec = match (&self.model, &self.spec) {
            (Some(name), _) => model::find(name)?.spec(),
            (None, Some(file)) => Spec::load(file)?,
            (None, None) => return Err(Error::usage("no network was named").cure("give --model or --spec")),
        };
        Ok(spec.with(&options))
    }

    pub fn name(&self) -> String {
        match (&self.model, &self.spec) {
            (Some(name), _) => name.clone(),
            (None, Some(file)) => file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            _ => String::new(),
        }
    }
}

/// Runs `job` on so many threads; without a number, on the cores allowed.
pub fn on_threads<T: Send>(threads: Option<u32>, job: impl FnOnce() -> Result<T> + Send) -> Result<(usize, T)> {
    let threads = match threads {
        Some(n) => n as usize,
        None => std::thread::available_parallelism().map_or(1, |n| n.get()),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::new(format!("cannot start {threads} threads")).because(e))?;
    Ok((threads, pool.install(job)?))
}

/// Any numbers of about unit size, repeatable: no kernel looks at values to save work.
pub fn noise(shape: &[usize]) -> Result<Tensor> {
    let wave = |i: usize| ((i * 7919 % 10_007) as f32 / 10_007.0 - 0.5) * 3.4;
    Tensor::from_vec(shape, (0..shape.iter().product()).map(wave).collect())
}

/// The tensor called `input` of a file, as a batch for `graph`, and the file's other tensors.
pub fn input(file: &Path, graph: &Graph) -> Result<(Tensor, BTreeMap<String, Array>)> {
    let (mut arrays, _) = weights::load(file)?;
    let wanted = graph.input_shape();
    let Some(Array { shape, values }) = arrays.remove("input") else {
        return Err(Error::new("there is no tensor called `input`").at(file).cure("save the images under that name"));
    };
    if shape.len() != wanted.len() + 1 || shape[1..] != *wanted || shape[0] == 0 {
        return Err(Error::new(format!("`input` has shape {shape:?}, and the network takes N of {wanted:?}"))
            .at(file)
            .cure("channels come last: (N, height, width, channels)"));
    }
    Ok((Tensor::from_vec(&shape, values)?, arrays))
}

/// Highest resident memory of this process so far, where the system says it.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}
