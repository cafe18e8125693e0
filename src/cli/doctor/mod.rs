//! `hcwb doctor`: what this machine offers, what is missing and how to get it.

mod cards;

use super::output;
use crate::error::{Error, Result};
use crate::nn::kernel::cpu::Isa;
use crate::nn::kernel::cpu::bf16::Bf16Unit;
use crate::workspace::Workspace;
use clap::Args;
use serde::Serialize;
use std::io::IsTerminal;

#[derive(Args)]
pub struct Doctor {
    #[arg(long)]
    json: bool,
}

/// One thing looked at.
#[derive(Serialize)]
struct Check {
    check: String,
    /// `null`: not there, and nothing wants it.
    ok: Option<bool>,
    detail: String,
    cure: String,
    /// Where a library was looked for in vain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tried: Vec<Tried>,
}

/// A place, and what the system's loader said of it.
#[derive(Serialize)]
struct Tried {
    place: String,
    said: String,
}

impl Check {
    fn good(check: impl Into<String>, detail: impl Into<String>) -> Check {
        Check::new(check, Some(true), detail, "")
    }
    fn bad(check: impl Into<String>, detail: impl Into<String>, cure: impl Into<String>) -> Check {
        Check::new(check, Some(false), detail, cure)
    }
    fn unwanted(check: impl Into<String>, detail: impl Into<String>) -> Check {
        Check::new(check, None, detail, "")
    }
    fn failed(check: impl Into<String>, error: Error) -> Check {
        Check::bad(check, error.chain(), error.cure.unwrap_or_default())
    }
    fn new(check: impl Into<String>, ok: Option<bool>, detail: impl Into<String>, cure: impl Into<String>) -> Check {
        Check { check: check.into(), ok, detail: detail.into(), cure: cure.into(), tried: Vec::new() }
    }

    /// A glyph, the name, and beside them, one under the other, what was found, the cure and the places.
    fn lines(&self, names: usize, width: usize) -> String {
        let glyph = match self.ok {
            Some(true) => "✔",
            Some(false) => "✘",
            None => "–",
        };
        let mut beside = output::wrap(&self.detail, width.saturating_sub(names + 4));
        let mut item = |mark: &str, words: &str| {
            let lines = output::wrap(words, width.saturating_sub(names + 6));
            beside
                .extend(lines.into_iter().enumerate().map(|(i, l)| format!("{} {l}", if i == 0 { mark } else { " " })));
        };
        item("→", &self.cure);
        self.tried.iter().for_each(|t| item("·", &format!("{}: {}", t.place, t.said)));
        let mut text = String::new();
        for (i, line) in beside.iter().enumerate() {
            let (glyph, name) = if i == 0 { (glyph, self.check.as_str()) } else { (" ", "") };
            text += &format!("{glyph} {name:<names$}  {line}");
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

pub fn run(doctor: &Doctor, ws: &Workspace) -> Result<()> {
    let mut checks = vec![cpu(), workspace(ws), terminal(), colours(), lingering()];
    checks.extend(cards::checks());
    if doctor.json {
        return output::json(&checks);
    }
    let names = checks.iter().map(|c| c.check.len()).max().unwrap_or(0);
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(80, |size| usize::from(size.ws_col));
    let width = size.clamp(60, 120);
    output::print(&checks.iter().map(|c| c.lines(names, width)).collect::<String>())
}

fn cpu() -> Check {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    Check::good(
        "cpu",
        format!(
            "{threads} threads allowed, {} kernels, bf16 by {} (HCWB_CPU holds them to less)",
            Isa::current().name(),
            Bf16Unit::of(Isa::current()).name()
        ),
    )
}

fn workspace(ws: &Workspace) -> Check {
    let probe = ws.root().join(".doctor");
    let tried = ws
        .make(ws.root())
        .and_then(|()| std::fs::write(&probe, "").map_err(|e| crate::Error::io("write to the workspace", &probe, e)));
    let _ = std::fs::remove_file(&probe);
    match tried {
        Ok(()) => Check::good("workspace", ws.root().display().to_string()),
        Err(e) => Check::failed("workspace", e),
    }
}

fn terminal() -> Check {
    if !std::io::stdout().is_terminal() {
        return Check::bad(
            "terminal",
            "standard output is no terminal",
            "run hcwb itself in a terminal for the workbench",
        );
    }
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col >= 80 && size.ws_row >= 24 => {
            Check::good("terminal", format!("{}x{}", size.ws_col, size.ws_row))
        }
        Ok(size) => Check::bad("terminal", format!("{}x{}", size.ws_col, size.ws_row), "enlarge it to 80x24 or more"),
        Err(e) => Check::bad("terminal", e.to_string(), "use a terminal that tells its size"),
    }
}

fn colours() -> Check {
    let term = std::env::var("TERM").unwrap_or_default();
    match term.as_str() {
        "" | "dumb" => Check::bad("colours", format!("TERM is `{term}`"), "set TERM, for instance to xterm-256color"),
        term => Check::good("colours", format!("TERM is {}", crate::text::line(term))),
    }
}

/// logind may kill what a user leaves running, setsid or not.
fn lingering() -> Check {
    let text = std::fs::read_to_string("/etc/systemd/logind.conf").unwrap_or_default();
    let kills = text.lines().any(|l| l.trim().replace(' ', "").eq_ignore_ascii_case("KillUserProcesses=yes"));
    match kills {
        true => Check::bad(
            "logging out",
            "KillUserProcesses=yes: a run ends when you log out",
            "loginctl enable-linger, or start hcwb with systemd-run --user --scope hcwb",
        ),
        false => Check::good("logging out", "runs go on (KillUserProcesses is not set in logind.conf)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_rows_are_wrapped_and_no_path_is_cut() {
        let mut check =
            Check::bad("cuDNN", "cuDNN 9 was not found, and training needs it for convolutions", "install it");
        let place = format!("/{}/libcudnn.so.9", "long".repeat(12));
        check.tried.push(Tried { place: place.clone(), said: "no such file".to_owned() });
        let text = check.lines(8, 50);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "✘ cuDNN     cuDNN 9 was not found, and training");
        assert_eq!(lines[1], "            needs it for convolutions");
        assert_eq!(lines[2], "            → install it");
        assert_eq!(lines[3], format!("            · {place}:"));
        assert_eq!(lines[4], "              no such file");
        assert!(lines.iter().all(|l| l.chars().count() <= 50 || l.contains(&place)));
    }
}
