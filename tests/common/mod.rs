//! A workspace of its own for each test, and the program run in it.
#![allow(dead_code)] // Each test file uses what it needs.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

pub struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        Sandbox { folder: tempfile::tempdir().unwrap() }
    }

    /// With a registered data set `phantom` of that many made-up images.
    pub fn with_phantoms(count: usize) -> Sandbox {
        let sandbox = Sandbox::new();
        let raw = sandbox.raw();
        sandbox.ok(&["data", "phantom", "hc18", raw.to_str().unwrap(), "--count", &count.to_string(), "--seed", "7"]);
        sandbox.ok(&["data", "add", "hc18", raw.to_str().unwrap(), "--name", "phantom"]);
        sandbox
    }

    pub fn workspace(&self) -> PathBuf {
        self.folder.path().join("ws")
    }
    pub fn raw(&self) -> PathBuf {
        self.folder.path().join("raw")
    }
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hcwb"));
        command.env("HCWB_WORKSPACE", self.workspace()).env_remove("HCWB_CPU").args(args);
        // What is said of the CPU is to be true on machines with cards too.
        command.env("HCWB_CUDA", "off").env_remove("HCWB_CUDA_PATH");
        command
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that succeeds.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "hcwb {args:?} failed: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that ends with `code`.
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.output(args);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "hcwb {args:?}: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
        errors
    }

    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// Arguments of a quick training on the phantoms, one thread, 64x64.
    pub fn quick<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["run", "start", "demo"];
        for pair in ["data.size=64x64", "train.threads=1", "train.epochs=4"] {
            args.extend(["--set", pair]);
        }
        args.extend(more);
        args
    }

    pub fn start(&self, more: &[&str]) -> String {
        let mut args = self.quick(more);
        args.push("--json");
        self.json(&args)["id"].as_str().unwrap().to_owned()
    }

    pub fn run_dir(&self, id: &str) -> PathBuf {
        self.workspace().join("runs").join(id)
    }

    pub fn status(&self, id: &str) -> String {
        let list = self.json(&["run", "list", "--json"]);
        let run = list.as_array().unwrap().iter().find(|r| r["id"] == id);
        run.unwrap_or_else(|| panic!("{id} is not listed"))["status"].as_str().unwrap().to_owned()
    }

    pub fn wait_for_status(&self, id: &str, wanted: &str) {
        wait(&format!("{id} to be {wanted}"), || self.status(id) == wanted);
    }

    /// Every event of a run so far.
    pub fn events(&self, id: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.run_dir(id).join("events.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until the run is in the middle of an epoch after its second.
    pub fn wait_for_mid_epoch(&self, id: &str) {
        wait(&format!("{id} to be in mid-epoch"), || {
            let events = self.events(id);
            let last = events.iter().rev().find(|e| e["kind"] == "step" || e["kind"] == "epoch");
            last.is_some_and(|e| e["kind"] == "step" && e["epoch"].as_u64() > Some(2))
        });
    }
}

/// Waits for a condition, generously: machines that test are slow and shared.
pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited two minutes for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends a process as nothing else does.
pub fn kill_9(pid: u64) {
    let done = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(done.success());
}
