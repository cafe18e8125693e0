//! Held-out images of a run, spread over the file names: in HC18 these follow the age, and with it the error's sign.

use crate::error::{Error, Result};
use crate::run::RunDir;
use crate::run::predictions::{self, Prediction};

/// At most `count` of them, each with its place among all that the run held out, by file name.
///
/// Fails where there are no predictions yet, or where they cannot be read.
pub fn held_out(run: &RunDir, count: usize) -> Result<Vec<(usize, Prediction)>> {
    let mut all = predictions::read(run)?;
    if all.is_empty() {
        return Err(Error::new(format!("{} has no predictions yet", run.id())).cure("wait for its first best epoch"));
    }
    all.sort_by(|a, b| a.file.cmp(&b.file));
    let count = all.len().min(count);
    Ok((0..count).map(|i| i * all.len() / count).map(|place| (place, all[place].clone())).collect())
}
