//! What hcwb says of graphics cards: where there is none, where something is missing, and where there is one.

#![cfg(feature = "cuda")]

mod card;
mod common;

use common::{Sandbox, wait};
use serde_json::Value;
use std::process::{Command, Output};

/// The row of that name.
fn row<'a>(doctor: &'a Value, name: &str) -> &'a Value {
    let found = doctor.as_array().unwrap().iter().find(|c| c["check"] == name);
    found.unwrap_or_else(|| panic!("no row {name}: {doctor:#}"))
}

fn doctor(mut command: Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with some of the simulated libraries, as a machine where the others are missing.
fn only(sandbox: &Sandbox, libraries: &[&str]) -> std::path::PathBuf {
    let folder = sandbox.path().join("some");
    std::fs::create_dir(&folder).unwrap();
    for library in libraries {
        std::fs::copy(card::folder().join(library), folder.join(library)).unwrap();
    }
    folder
}

#[test]
fn without_a_driver_a_named_card_is_refused_before_a_run_is_made() {
    let sandbox = Sandbox::with_phantoms(24);
    for device in ["cuda", "cuda:0", "cuda:3"] {
        let said = sandbox.fails(2, &sandbox.quick(&["--set", &format!("train.device={device}")]));
        let sentence = said.lines().next().unwrap();
        assert!(sentence.contains("cannot be used") && sentence.contains("switched off (HCWB_CUDA=off)"), "{said}");
        assert_eq!(said.lines().count(), 2, "a sentence and its cure: {said}");
    }
    let said = sandbox.fails(2, &sandbox.quick(&["--device", "gpu"]));
    assert!(said.contains("no device called gpu") && said.contains("cuda:0"), "{said}");
    assert!(!sandbox.workspace().join("runs").exists(), "a refused run left a directory");
}

#[test]
fn without_a_driver_auto_trains_on_the_cpu_and_nobody_is_warned() {
    let sandbox = Sandbox::with_phantoms(24);
    let id = sandbox.start(&["--set", "train.epochs=1"]);
    sandbox.wait_for_status(&id, "finished");
    let events = sandbox.events(&id);
    assert_eq!(events.iter().find(|e| e["kind"] == "started").unwrap()["device"], "cpu");
    assert!(events.iter().all(|e| e["kind"] != "warning" && e.get("gpu").is_none()), "{events:?}");
    let frozen = std::fs::read_to_string(sandbox.run_dir(&id).join("recipe.toml")).unwrap();
    assert!(frozen.contains("device = \"auto\"") && frozen.contains("deterministic = false"), "{frozen}");
}

#[test]
fn doctor_wants_nothing_of_a_machine_without_a_driver() {
    let sandbox = Sandbox::new();
    let report = doctor(sandbox.command(&["doctor", "--json"]));
    for name in ["NVIDIA driver", "cards", "cuDNN", "NVML"] {
        assert!(row(&report, name)["ok"].is_null(), "{report:#}");
    }
    assert_eq!(row(&report, "train.device")["detail"], "auto is cpu");
    let text = sandbox.ok(&["doctor"]);
    assert!(text.contains("– NVIDIA driver  cards are switched off"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80 || line.contains('/')), "{text}");
}

#[test]
fn a_run_on_a_card_that_is_gone_fails_with_what_is_missing_when_it_is_taken_up_again() {
    let sandbox = Sandbox::with_phantoms(24);
    let id = sandbox.start(&["--set", "train.epochs=1"]);
    sandbox.wait_for_status(&id, "finished");
    // As frozen on a machine with a card, and stopped there.
    let moved = sandbox.run_dir("moved");
    std::fs::create_dir(&moved).unwrap();
    let frozen = std::fs::read_to_string(sandbox.run_dir(&id).join("recipe.toml")).unwrap();
    std::fs::write(moved.join("recipe.toml"), frozen.replace("device = \"auto\"", "device = \"cuda:0\"")).unwrap();
    let stopped = r#"{"seq":0,"time":"2026-11-21T03:15:09.120Z","kind":"stopped","epoch":0,"step":0}"#;
    std::fs::write(moved.join("events.jsonl"), format!("{stopped}\n")).unwrap();
    assert_eq!(sandbox.status("moved"), "stopped");
    sandbox.output(&["run", "resume", "moved"]);
    sandbox.wait_for_status("moved", "failed");
    let failure = sandbox.json(&["run", "show", "moved", "--json"])["failure"].to_string();
    assert!(failure.contains("cuda:0 cannot be used") && failure.contains("use the CPU"), "{failure}");
}

#[test]
fn a_wrong_switch_is_named() {
    let sandbox = Sandbox::new();
    let output = sandbox.command(&["model", "list"]).env("HCWB_CUDA", "of").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("HCWB_CUDA=off"), "{}", said(&output));
}

#[test]
fn doctor_lists_the_card_its_libraries_and_what_auto_takes() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["doctor", "--json"]);
    card::given(&mut command).env("HCWB_CARD_COUNT", "2");
    let report = doctor(command);
    for (name, words) in [
        ("NVIDIA driver", &["driver 999.01.02", "CUDA 1", "libcuda.so.1"][..]),
        ("card cuda:0", &["Simulated card", "4 GiB", "compute capability 9.0", "132 multiprocessors", "0000:01:00.0"]),
        ("card cuda:1", &["Simulated card", "0000:02:00.0"]),
        ("cuDNN", &["9.", "libcudnn.so.9"]),
        ("NVML", &["libnvidia-ml.so.1"]),
        ("train.device", &["auto is cuda:0 (Simulated card)"]),
    ] {
        let row = row(&report, name);
        assert_eq!(row["ok"], true, "{row}");
        let detail = row["detail"].as_str().unwrap();
        assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
    }
}

#[test]
fn a_driver_without_cudnn_is_half_a_card_and_auto_says_so_and_takes_the_cpu() {
    let sandbox = Sandbox::with_phantoms(24);
    let folder = only(&sandbox, &["libcuda.so.1"]);
    let command = |args: &[&str]| {
        let mut command = sandbox.command(args);
        // Nor may this machine's own cuDNN be found.
        for place in ["VIRTUAL_ENV", "CONDA_PREFIX", "CUDNN_PATH", "LD_LIBRARY_PATH"] {
            command.env_remove(place);
        }
        command.env_remove("HCWB_CUDA").env("HCWB_CUDA_PATH", &folder).env("HOME", sandbox.path()).env("PATH", "/bin");
        command
    };
    let report = doctor(command(&["doctor", "--json"]));
    if row(&report, "cuDNN")["ok"] == true {
        let detail = &row(&report, "cuDNN")["detail"];
        eprintln!("left out: this machine has a cuDNN of its own for everybody ({detail})");
        return;
    }
    assert!(row(&report, "cuDNN")["cure"].as_str().unwrap().contains("nvidia-cudnn-cu12"), "{report:#}");
    assert!(row(&report, "cuDNN")["detail"].as_str().unwrap().contains("libcudnn.so.9 is neither"), "{report:#}");
    assert!(row(&report, "NVML")["ok"].is_null(), "{report:#}");
    let auto = row(&report, "train.device");
    assert!(auto["ok"] == false && auto["detail"].as_str().unwrap().starts_with("auto is cpu"), "{auto}");
    let named = command(&sandbox.quick(&["--set", "train.device=cuda:0"])).output().unwrap();
    assert_eq!(named.status.code(), Some(2));
    assert!(said(&named).contains("cuda:0 cannot be used: there is no cuDNN 9"), "{}", said(&named));
    let ran = command(&sandbox.quick(&["--set", "train.epochs=1", "--foreground", "--json"])).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    let id = serde_json::from_slice::<Value>(&ran.stdout).unwrap()["id"].as_str().unwrap().to_owned();
    let events = sandbox.events(&id);
    let warned = events.iter().find(|e| e["kind"] == "warning").unwrap()["message"].as_str().unwrap();
    assert!(warned.contains("cuDNN") && warned.contains("pip install"), "{warned}");
    assert_eq!(events.iter().find(|e| e["kind"] == "started").unwrap()["device"], "cpu");
}

#[test]
fn a_card_that_is_not_there_is_refused_with_the_ones_that_are() {
    let sandbox = Sandbox::with_phantoms(24);
    let start = |device: &str, cards: &str| {
        let device = format!("train.device={device}");
        let mut command = sandbox.command(&sandbox.quick(&["--set", &device]));
        let output = card::given(&mut command).env("HCWB_CARD_COUNT", cards).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        said(&output)
    };
    assert!(
        start("cuda:2", "2").contains("there are 2 cards") && start("cuda:2", "2").contains("use cuda:0 to cuda:1")
    );
    assert!(start("cuda:1", "1").contains("there is one card"));
    assert!(start("cuda:0", "0").contains("shows no card"));
}

/// Starts a run that goes on until it is stopped, on a machine with two simulated cards.
fn start_on(sandbox: &Sandbox, device: &str) -> String {
    let mut command = sandbox.command(&sandbox.quick(&["--device", device, "--set", "train.epochs=5000", "--json"]));
    let started = card::given(&mut command).env("HCWB_CARD_COUNT", "2").output().unwrap();
    assert!(started.status.success(), "{}", said(&started));
    serde_json::from_slice::<Value>(&started.stdout).unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_waits_for_its_own_card_and_for_no_other() {
    let sandbox = Sandbox::with_phantoms(24);
    let first = start_on(&sandbox, "auto");
    sandbox.wait_for_status(&first, "running");
    let second = start_on(&sandbox, "cuda:0");
    let other = start_on(&sandbox, "cuda:1");
    sandbox.wait_for_status(&other, "running");
    // Not on a card at all, and after two that are.
    let on_cpu = sandbox.start(&["--set", "train.epochs=1"]);
    sandbox.wait_for_status(&on_cpu, "finished");
    assert_eq!(sandbox.status(&second), "queued");
    sandbox.ok(&["run", "stop", &first]);
    sandbox.wait_for_status(&second, "running");
    for id in [&second, &other] {
        sandbox.ok(&["run", "stop", id]);
        sandbox.wait_for_status(id, "stopped");
    }
    let device = |id: &str| sandbox.events(id).into_iter().find(|e| e["kind"] == "started").unwrap()["device"].clone();
    let devices = [&first, &second, &other, &on_cpu].map(|id| device(id));
    assert_eq!(devices, ["cuda:0 (Simulated card)", "cuda:0 (Simulated card)", "cuda:1 (Simulated card)", "cpu"]);
}

#[test]
fn a_run_on_a_card_says_which_one_and_what_it_is_doing() {
    let sandbox = Sandbox::with_phantoms(24);
    let id = start_on(&sandbox, "cuda:0");
    let system = || sandbox.events(&id).into_iter().find(|e| e["kind"] == "system");
    wait("a system event", || system().is_some());
    sandbox.ok(&["run", "stop", &id]);
    sandbox.wait_for_status(&id, "stopped");
    let device = &sandbox.events(&id).into_iter().find(|e| e["kind"] == "started").unwrap()["device"];
    assert_eq!(device, "cuda:0 (Simulated card)");
    let system = system().unwrap();
    let figures = [
        ("gpu", 0.0),
        ("gpu_percent", 97.0),
        ("gpu_memory_bytes", 61.0 * (1u64 << 30) as f64),
        ("gpu_memory_total_bytes", 139.0 * (1u64 << 30) as f64),
        ("gpu_power_watts", 412.5),
        ("gpu_temperature_c", 62.0),
    ];
    for (name, figure) in figures {
        assert_eq!(system[name].as_f64(), Some(figure), "{name}: {system}");
    }
    assert!(sandbox.workspace().join("runs/.queue/cuda-0000:01:00.0-slot-0").exists());
}
