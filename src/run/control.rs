//! Asking a worker for something: files that it looks for at every step.

use super::RunDir;
use crate::error::{Error, IoContext, Result};

/// What can be asked of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Make a checkpoint and exit.
    Stop,
    /// Wait, keeping process and lock, until the request is withdrawn.
    Pause,
    /// Make a checkpoint and go on.
    Checkpoint,
}

impl Control {
    fn file(self) -> &'static str {
        match self {
            Control::Stop => "stop",
            Control::Pause => "pause",
            Control::Checkpoint => "checkpoint",
        }
    }
}

/// Asks the worker of `run`. The request stands until the worker has answered it.
pub fn request(run: &RunDir, control: Control) -> Result<()> {
    let path = run.control().join(control.file());
    std::fs::create_dir_all(run.control()).doing("ask the worker", run.control())?;
    std::fs::write(&path, "").doing("ask the worker", path)
}

/// Withdraws a request; `unpause` is this with [`Control::Pause`].
pub fn withdraw(run: &RunDir, control: Control) -> Result<()> {
    let path = run.control().join(control.file());
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("withdraw a request", path, e)),
        _ => Ok(()),
    }
}

/// Lets a paused worker go on.
pub fn unpause(run: &RunDir) -> Result<()> {
    withdraw(run, Control::Pause)
}

/// Whether `control` is being asked for.
pub fn requested(run: &RunDir, control: Control) -> bool {
    run.control().join(control.file()).exists()
}

/// Withdraws everything: a worker begins without the wishes made of its predecessor.
pub fn clear(run: &RunDir) -> Result<()> {
    for control in [Control::Stop, Control::Pause, Control::Checkpoint] {
        withdraw(run, control)?;
    }
    Ok(())
}
