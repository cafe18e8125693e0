//! Which trained network a command uses, on which device, and image files going through it.

use crate::dataset::hc18::decode_gray;
use crate::error::{Error, Result};
use crate::nn::Device;
use crate::progress::Progress;
use crate::run::{RunDir, find};
use crate::text;
use crate::train::Predictor;
use crate::train::predictor::{Found, HeartPredictor};
use crate::workspace::Workspace;
use clap::Args;
use image::GrayImage;
use rayon::prelude::*;
use std::path::PathBuf;

/// A network by its run or by its weights.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The run whose best weights are used, as `hcwb run list` has it
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// A weights file that a run has written (safetensors)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// How it computes.
#[derive(Args)]
pub struct How {
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Images at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    batch: u32,
    /// Threads [default: every core allowed]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Option<u32>,
}

/// A network ready to predict, and the run that it comes from.
pub struct Trained {
    pub predictor: Predictor,
    pub run: Option<RunDir>,
    /// As the command named it.
    pub name: String,
}

impl Which {
    pub fn open(&self, ws: &Workspace, how: &How) -> Result<Trained> {
        let resolved = Device::resolve(&how.device)?;
        resolved.note.iter().for_each(|note| eprintln!("hcwb: {}", text::line(note)));
        match (&self.run, &self.weights) {
            (Some(id), _) => {
                let run = find(ws, id)?;
                let name = run.id().to_owned();
                Ok(Trained { predictor: Predictor::of_run(&run, resolved.device)?, run: Some(run), name })
            }
            (None, Some(file)) => {
                let name = file.display().to_string();
                Ok(Trained { predictor: Predictor::of_file(file, resolved.device)?, run: None, name })
            }
            (None, None) => Err(Error::usage("no network was named").cure("give --run or --weights")),
        }
    }
}

impl Which {
    /// Whether the network is for hearts rather than heads.
    pub fn is_for_hearts(&self, ws: &Workspace) -> Result<bool> {
        match (&self.run, &self.weights) {
            (Some(id), _) => Ok(find(ws, id)?.recipe()?.on_hearts()),
            (None, Some(file)) => HeartPredictor::is_file_for_hearts(file),
            (None, None) => Ok(false),
        }
    }

    /// A network for hearts.
    pub fn hearts(&self, ws: &Workspace, how: &How) -> Result<HeartPredictor> {
        let resolved = Device::resolve(&how.device)?;
        resolved.note.iter().for_each(|note| eprintln!("hcwb: {}", text::line(note)));
        match (&self.run, &self.weights) {
            (Some(id), _) => HeartPredictor::of_run(&find(ws, id)?, resolved.device),
            (None, Some(file)) => HeartPredictor::of_file(file, resolved.device),
            (None, None) => Err(Error::usage("no network was named").cure("give --run or --weights")),
        }
    }
}

impl How {
    /// Runs `job` on as many threads as were asked for.
    pub fn on_threads<T: Send>(&self, job: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        match self.threads {
            None => job(),
            Some(threads) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads as usize).build();
                pool.map_err(|e| Error::new(format!("cannot start {threads} threads")).because(e))?.install(job)
            }
        }
    }
}

impl Trained {
    /// Sends every file through the network, a batch at a time, and hands each on: `take(i, …)` gets the image and what
    /// was found in file `i`, or why it could not be read. Files are handed on from several threads.
    ///
    /// Fails where the network does, or with the first error of `take`.
    pub fn each(
        &mut self,
        files: &[PathBuf],
        how: &How,
        progress: &dyn Progress,
        take: impl Fn(usize, Result<(&GrayImage, &Found)>) -> Result<()> + Sync,
    ) -> Result<()> {
        progress.begin("predicting", files.len() as u64);
        let batch = how.batch as usize;
        for (nth, files) in files.chunks(batch).enumerate() {
            let decoded: Vec<Result<GrayImage>> = files.par_iter().map(|file| decode_gray(file)).collect();
            let (mut places, mut images) = (Vec::new(), Vec::new());
            for (i, image) in decoded.into_iter().enumerate() {
                match image {
                    Ok(image) => {
                        places.push(nth * batch + i);
                        images.push(image);
                    }
                    Err(error) => take(nth * batch + i, Err(error))?,
                }
            }
            let found = self.predictor.predict(&images)?;
            let each = places.par_iter().zip(&images).zip(&found);
            each.try_for_each(|((i, image), found)| take(*i, Ok((image, found))))?;
            progress.advance(files.len() as u64);
        }
        Ok(())
    }
}
