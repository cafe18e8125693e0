//! Takes the terminal, and gives it back whatever happens.

use crate::error::{Error, Result};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::io::{IsTerminal, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Alternate screen, no cursor, clicks and wheel (not every motion of the mouse), pasted text in brackets.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?1006h\x1b[?2004h";
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[m\x1b[?2004l\x1b[?1006l\x1b[?1000l\x1b[?25h\x1b[?1049l";
/// Frees the pictures that a kitty terminal keeps.
const FORGET_PICTURES: &[u8] = b"\x1b_Ga=d,d=A,q=2\x1b\\";

static TAKEN: AtomicBool = AtomicBool::new(false);
static KITTY: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal is ours while this lives.
pub struct Guard;

impl Guard {
    /// # Errors
    /// A wrong request when standard input or output is no terminal.
    pub fn take(kitty: bool) -> Result<Guard> {
        if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return Err(Error::usage("the workbench needs a terminal on standard input and output").cure(
                "run `hcwb` in a terminal (with ssh: `ssh -t`), or use the commands, for instance `hcwb run list`",
            ));
        }
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                give_back();
                before(info);
            }));
        });
        KITTY.store(kitty, Ordering::Relaxed);
        take().map_err(|e| Error::new("cannot take over the terminal").because(e))?;
        Ok(Guard)
    }

    /// Stops the program as ctrl-z does elsewhere; returns when it goes on.
    pub fn suspend(&self) -> std::io::Result<()> {
        give_back();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> std::io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = std::io::stdout().lock();
    out.write_all(ENTER)?;
    out.flush()
}

/// Safe to call twice and from any thread; a terminal that is gone is no reason to fail.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = std::io::stdout().lock();
        if KITTY.load(Ordering::Relaxed) {
            let _ = out.write_all(FORGET_PICTURES);
        }
        let _ = out.write_all(LEAVE);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}
