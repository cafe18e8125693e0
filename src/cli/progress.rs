//! Progress of long work: bars on a terminal, a plain line a stage elsewhere.

use crate::progress::Progress;
use crate::text;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;

/// Progress on standard error, so that standard output stays clean for `--json`.
pub struct Bars {
    terminal: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bars {
    pub fn new() -> Bars {
        Bars { terminal: std::io::stderr().is_terminal(), bar: Mutex::new(None) }
    }
}

impl Bars {
    fn show(&self, what: &str, total: u64, template: &str) {
        let bar = ProgressBar::new(total);
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(text::line(what).into_owned());
        if let Some(before) = self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).replace(bar) {
            before.finish_and_clear();
        }
    }
}

impl Progress for Bars {
    fn begin(&self, what: &str, total: u64) {
        match self.terminal {
            true => self.show(what, total, "{msg:<28} {bar:30} {pos}/{len} {eta}"),
            false => eprintln!("{} ({total})", text::line(what)),
        }
    }
    fn begin_bytes(&self, what: &str, total: u64) {
        match (self.terminal, total) {
            (true, 0) => self.show(what, total, "{msg:<28} {spinner} {bytes} {bytes_per_sec}"),
            (true, _) => self.show(what, total, "{msg:<28} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}"),
            (false, 0) => eprintln!("{}", text::line(what)),
            (false, _) => eprintln!("{} ({:.1} MB)", text::line(what), total as f64 / 1e6),
        }
    }
    fn advance(&self, units: u64) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            bar.inc(units);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            bar.finish_and_clear();
        }
    }
}
