//! The batches of an epoch, in order: made when they are asked for, or ahead of it on threads of their own.

use super::task::Task;
use crate::error::{Error, Result};
use crate::nn::trainer::Part;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

/// The images of a batch, and the batch in parts.
pub type Batch = (Vec<usize>, Vec<Part>);

/// What is left of one epoch.
pub struct Loader {
    source: Source,
}

enum Source {
    /// Every core is the network's until a step is done.
    Inline { task: Arc<dyn Task>, left: VecDeque<Vec<usize>>, micro: usize, epoch: u64 },
    /// Where a card computes, the cores make what it takes next.
    Ahead { made: Option<Receiver<Result<Batch>>>, maker: Option<JoinHandle<()>> },
}

impl Loader {
    /// Batches of these images of the training part, cut into parts of `micro`, augmented as epoch `epoch` has it; up
    /// to `ahead` of them before they are asked for. Runs on the current rayon pool or, ahead, on one like it.
    pub fn new(
        task: Arc<dyn Task>,
        left: VecDeque<Vec<usize>>,
        micro: usize,
        epoch: u64,
        ahead: usize,
    ) -> Result<Loader> {
        if ahead == 0 {
            return Ok(Loader { source: Source::Inline { task, left, micro, epoch } });
        }
        let (send, made) = sync_channel(ahead);
        let fails = |e: &dyn std::fmt::Display| {
            Error::new(format!("cannot start the threads that prepare batches: {e}")).cure("lower train.threads")
        };
        let threads = rayon::ThreadPoolBuilder::new().num_threads(rayon::current_num_threads());
        let pool = threads.build().map_err(|e| fails(&e))?;
        let work = move || {
            for images in left {
                let made = pool.install(|| make(&*task, &images, micro, epoch)).map(|parts| (images, parts));
                let failed = made.is_err();
                if send.send(made).is_err() || failed {
                    // Nobody wants any more: the run was stopped.
                    return;
                }
            }
        };
        let maker = std::thread::Builder::new().name("batches".to_owned()).spawn(work).map_err(|e| fails(&e))?;
        Ok(Loader { source: Source::Ahead { made: Some(made), maker: Some(maker) } })
    }

    /// The next batch; nothing at the end of the epoch.
    pub fn next(&mut self) -> Result<Option<Batch>> {
        match &mut self.source {
            Source::Inline { task, left, micro, epoch } => {
                let Some(images) = left.pop_front() else { return Ok(None) };
                let parts = make(&**task, &images, *micro, *epoch)?;
                Ok(Some((images, parts)))
            }
            Source::Ahead { made, maker } => match made.as_ref().and_then(|m| m.recv().ok()) {
                Some(batch) => batch.map(Some),
                None => match maker.take().map(JoinHandle::join) {
                    Some(Err(_)) => Err(Error::new("preparing a batch failed; the console log says why")),
                    _ => Ok(None),
                },
            },
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        if let Source::Ahead { made, maker } = &mut self.source {
            // Without a receiver the maker ends after the batch it is at.
            drop(made.take());
            if let Some(maker) = maker.take() {
                let _ = maker.join();
            }
        }
    }
}

fn make(task: &dyn Task, images: &[usize], micro: usize, epoch: u64) -> Result<Vec<Part>> {
    let part = |numbers: &[usize]| {
        let (input, truth) = task.training_batch(numbers, epoch)?;
        Ok(Part { input, truth, seed: 0 })
    };
    images.chunks(micro).map(part).collect()
}
