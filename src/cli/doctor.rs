//! `hcwb doctor`: what this machine offers, what is missing and how to get it.

use super::output;
use crate::error::Result;
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
    check: &'static str,
    ok: bool,
    detail: String,
    cure: String,
}

impl Check {
    fn good(check: &'static str, detail: impl Into<String>) -> Check {
        Check { check, ok: true, detail: detail.into(), cure: String::new() }
    }
    fn bad(check: &'static str, detail: impl Into<String>, cure: impl Into<String>) -> Check {
        Check { check, ok: false, detail: detail.into(), cure: cure.into() }
    }
}

pub fn run(doctor: &Doctor, ws: &Workspace) -> Result<()> {
    let checks = [cpu(), workspace(ws), terminal(), colours(), lingering()];
    if doctor.json {
        return output::json(&checks);
    }
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|c| vec![if c.ok { "✔" } else { "✘" }.into(), c.check.into(), c.detail.clone(), c.cure.clone()])
        .collect();
    output::print(&output::table(&["", "check", "found", "what to do"], &rows))
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
        Err(e) => Check::bad("workspace", e.chain(), e.cure.unwrap_or_default()),
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
