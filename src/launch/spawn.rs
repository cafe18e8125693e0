//! Starts a worker process that outlives whoever started it.

use crate::error::{Error, IoContext, Result};
use crate::run::history::{History, Life};
use crate::run::{RunDir, lock, log};
use crate::workspace::Workspace;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Spawns the worker of `run` and returns once it holds the lock and says so (or has already ended well).
///
/// The worker makes itself leader of a session of its own (`setsid`) first thing, so that no terminal's
/// hang-up reaches it; what it prints goes to `console.log`.
pub fn spawn(ws: &Workspace, run: &RunDir) -> Result<()> {
    if lock::held(run) {
        return Err(Error::usage(format!("{} is already at work", run.id())));
    }
    let begun = history(run)?;
    let program = std::env::current_exe().doing("find hcwb's own program file", "hcwb")?;
    let path = run.console_log();
    let console = File::options().create(true).append(true).open(&path).doing("open the console log", &path)?;
    let errors = console.try_clone().doing("open the console log", &path)?;
    let mut child = Command::new(&program)
        .arg("--workspace")
        .arg(ws.root())
        .args(["run", "worker", run.id()])
        .stdin(Stdio::null())
        .stdout(console)
        .stderr(errors)
        .spawn()
        .doing("start the worker", &program)?;
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        if lock::held(run) && (begun.last == Some(Life::Queued) || history(run)?.last_time != begun.last_time) {
            // Waited for in the background, so that a workbench that stays open leaves no zombies.
            std::thread::spawn(move || child.wait());
            return Ok(());
        }
        if let Ok(Some(ended)) = child.try_wait() {
            return judge(run, &begun, ended);
        }
        if Instant::now() > patience {
            return Err(Error::new("the worker did not take up its run within 30 seconds")
                .at(run.console_log())
                .cure("see what it printed"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A worker that is gone before its lock was seen: a very short run, or a failure.
fn judge(run: &RunDir, begun: &History, ended: std::process::ExitStatus) -> Result<()> {
    let now = history(run)?;
    match now.last {
        Some(Life::Finished | Life::Stopped) if now.last_time != begun.last_time => Ok(()),
        _ => {
            let why = now.failure.unwrap_or_else(|| format!("the worker ended with {ended}"));
            Err(Error::new(crate::text::line(&why).into_owned()).at(run.console_log()))
        }
    }
}

fn history(run: &RunDir) -> Result<History> {
    let mut history = History::default();
    log::Tail::without_steps(run.events()).poll()?.iter().for_each(|event| history.apply(event));
    Ok(history)
}
