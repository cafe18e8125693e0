//! Runs outlive whatever happens to them: stop, pause, kill -9, copies; and end in the same weights.

mod common;

use common::{Sandbox, kill_9, wait};
use std::time::{Duration, Instant};

/// Enough epochs, and long enough ones, that a request surely meets the middle of one.
const LONG: [&str; 4] = ["--set", "train.epochs=40", "--set", "data.size=128x128"];

fn weights(sandbox: &Sandbox, id: &str, which: &str) -> Vec<u8> {
    std::fs::read(sandbox.run_dir(id).join("checkpoints").join(which)).unwrap()
}

fn assert_same_outcome(sandbox: &Sandbox, a: &str, b: &str) {
    for which in ["last.safetensors", "best.safetensors"] {
        assert!(weights(sandbox, a, which) == weights(sandbox, b, which), "{which} differs");
    }
    let predictions = |id| std::fs::read_to_string(sandbox.run_dir(id).join("predictions.csv")).unwrap();
    assert_eq!(predictions(a), predictions(b));
    let curve = |id: &str| -> Vec<(u64, String)> {
        let shown = sandbox.json(&["run", "show", id, "--json"]);
        let epochs = shown["metrics"].as_array().unwrap().clone();
        epochs.iter().map(|e| (e["epoch"].as_u64().unwrap(), e["val_loss"].to_string())).collect()
    };
    assert_eq!(curve(a), curve(b), "the curves have a gap or a double");
}

#[test]
fn a_started_run_goes_on_by_itself_and_leaves_all_its_files() {
    let sandbox = Sandbox::with_phantoms(24);
    let id = sandbox.start(&[]);
    sandbox.wait_for_status(&id, "finished");
    let shown = sandbox.json(&["run", "show", &id, "--json"]);
    assert_eq!(shown["metrics"].as_array().unwrap().len(), 4);
    assert!(shown["best"]["val_mae_px"].as_f64().unwrap() > 0.0);
    let files: Vec<&str> = shown["files"].as_array().unwrap().iter().filter_map(|f| f.as_str()).collect();
    for file in ["recipe.toml", "events.jsonl", "console.log", "predictions.csv", "split.csv", "lock"] {
        assert!(files.contains(&file), "{file} is missing from {files:?}");
    }
    let predictions = std::fs::read_to_string(sandbox.run_dir(&id).join("predictions.csv")).unwrap();
    let split = std::fs::read_to_string(sandbox.run_dir(&id).join("split.csv")).unwrap();
    let validation = split.lines().filter(|l| l.ends_with("validation")).count();
    assert_eq!(predictions.lines().count(), validation + 1);
    let events = sandbox.events(&id);
    let seqs: Vec<u64> = events.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (0..events.len() as u64).collect::<Vec<_>>());
    assert!(sandbox.fails(2, &["run", "resume", &id]).contains("is finished"));
    // The id stands nowhere inside: a copy under another name is a run, and so is a renamed one.
    let copy = sandbox.run_dir("my-copy");
    let copied = std::process::Command::new("cp").arg("-r").arg(sandbox.run_dir(&id)).arg(&copy).status().unwrap();
    assert!(copied.success());
    assert_eq!(sandbox.status("my-copy"), "finished");
    sandbox.ok(&["run", "delete", "my-copy"]);
    assert!(!copy.exists() && sandbox.run_dir(&id).exists());
}

#[test]
fn killed_in_mid_epoch_it_is_crashed_and_resumes_to_the_same_weights() {
    let sandbox = Sandbox::with_phantoms(64);
    let whole = sandbox.start(&LONG);
    sandbox.wait_for_status(&whole, "finished");
    let killed = sandbox.start(&LONG);
    sandbox.wait_for_mid_epoch(&killed);
    let started = sandbox.events(&killed).into_iter().find(|e| e["kind"] == "started").unwrap();
    kill_9(started["pid"].as_u64().unwrap());
    let begun = Instant::now();
    sandbox.wait_for_status(&killed, "crashed");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(sandbox.fails(2, &["run", "stop", &killed]).contains("no worker could answer"));
    sandbox.ok(&["run", "resume", &killed]);
    sandbox.wait_for_status(&killed, "finished");
    assert!(sandbox.events(&killed).iter().any(|e| e["kind"] == "resumed"));
    assert_same_outcome(&sandbox, &whole, &killed);
}

#[test]
fn stopped_in_mid_epoch_it_resumes_to_the_same_weights() {
    let sandbox = Sandbox::with_phantoms(64);
    let whole = sandbox.start(&LONG);
    sandbox.wait_for_status(&whole, "finished");
    let stopped = sandbox.start(&LONG);
    sandbox.wait_for_mid_epoch(&stopped);
    sandbox.ok(&["run", "stop", &stopped]);
    sandbox.wait_for_status(&stopped, "stopped");
    sandbox.ok(&["run", "resume", &stopped]);
    sandbox.wait_for_status(&stopped, "finished");
    assert_same_outcome(&sandbox, &whole, &stopped);
}

#[test]
fn a_paused_run_keeps_its_process_and_goes_on_when_asked() {
    let sandbox = Sandbox::with_phantoms(64);
    let id = sandbox.start(&["--set", "train.epochs=500"]);
    sandbox.wait_for_mid_epoch(&id);
    sandbox.ok(&["run", "pause", &id]);
    sandbox.wait_for_status(&id, "paused");
    let steps = sandbox.events(&id).len();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(sandbox.events(&id).len(), steps, "a paused run does nothing");
    assert!(sandbox.fails(1, &["run", "delete", &id]).contains("still at work"));
    // Another run may use the processor meanwhile.
    let other = sandbox.start(&["--set", "train.epochs=1"]);
    sandbox.wait_for_status(&other, "finished");
    sandbox.ok(&["run", "resume", &id]);
    wait("more steps", || sandbox.events(&id).len() > steps + 2);
    sandbox.ok(&["run", "stop", &id]);
    sandbox.wait_for_status(&id, "stopped");
}

#[test]
fn folds_run_one_after_the_other_and_a_waiting_one_can_be_stopped() {
    let sandbox = Sandbox::with_phantoms(40);
    let mut args = sandbox.quick(&["--set", "data.split=kfold", "--set", "data.folds=4", "--set", "train.epochs=3"]);
    args.extend(["--folds", "all", "--json"]);
    let ids = sandbox.json(&args);
    let ids: Vec<&str> = ids["ids"].as_array().unwrap().iter().filter_map(|id| id.as_str()).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(sandbox.status(ids[3]), "queued");
    sandbox.ok(&["run", "stop", ids[3]]);
    sandbox.wait_for_status(ids[3], "stopped");
    for id in &ids[..3] {
        sandbox.wait_for_status(id, "finished");
    }
    let began = |id: &str| sandbox.events(id).into_iter().find(|e| e["kind"] == "started").unwrap()["time"].to_string();
    let ended =
        |id: &str| sandbox.events(id).into_iter().find(|e| e["kind"] == "finished").unwrap()["time"].to_string();
    for pair in ids[..3].windows(2) {
        assert!(ended(pair[0]) <= began(pair[1]), "two folds at once");
    }
    // Each image is held out exactly once over all folds.
    let table = sandbox.json(&["run", "table", "--json"]);
    assert_eq!(table[0]["folds"], 3);
    sandbox.ok(&["run", "resume", ids[3]]);
    assert_ne!(sandbox.status(ids[3]), "stopped", "taken up again, it waits or runs");
    sandbox.wait_for_status(ids[3], "finished");
    assert_eq!(sandbox.json(&["run", "table", "--json"])[0]["images"], 40);
}

#[test]
fn a_loss_that_is_no_number_fails_the_run_and_names_the_step() {
    let sandbox = Sandbox::with_phantoms(24);
    let id = sandbox.start(&["--set", "train.lr=10", "--set", "train.optimizer=sgd", "--set", "train.epochs=50"]);
    sandbox.wait_for_status(&id, "failed");
    let failure = sandbox.json(&["run", "show", &id, "--json"])["failure"].to_string();
    assert!(failure.contains("not a number at step"), "{failure}");
}
