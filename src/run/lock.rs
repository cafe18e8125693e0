//! The run's lock: held by its worker for the worker's whole life, released by the kernel at its death.

use super::RunDir;
use crate::error::{Error, IoContext, Result};
use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

/// Held until dropped, or until the process ends in whatever way. Close-on-exec, as every file here.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

fn open(run: &RunDir) -> std::io::Result<File> {
    File::options().create(true).truncate(false).read(true).write(true).open(run.lock())
}

/// Takes the run's lock. Waits a moment, since a reader that asks [`held`] takes it for an instant.
pub fn take(run: &RunDir) -> Result<Lock> {
    let path = run.lock();
    let file = open(run).doing("open the run's lock", &path)?;
    let patience = Instant::now() + Duration::from_secs(2);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(format!("{} is already at work in another process", run.id())).at(path));
            }
            Err(TryLockError::Error(e)) => return Err(Error::io("lock the run", path, e)),
        }
    }
}

/// Whether a worker holds the run. A run whose lock cannot be opened counts as not held.
pub fn held(run: &RunDir) -> bool {
    match File::open(run.lock()) {
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(_) => false,
    }
}
