//! `hcwb data` from outside: what is printed, and how it exits.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn hcwb(ws: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hcwb"));
    command.arg("--workspace").arg(ws).args(args).env_remove("HCWB_WORKSPACE").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// One JSON value and nothing else.
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_verbs_of_data_work_from_phantoms_to_figures() {
    let scratch = tempfile::tempdir().unwrap();
    let (ws, raw) = (scratch.path().join("ws"), scratch.path().join("raw"));
    let raw_text = raw.to_str().unwrap();
    let drawn = json(&hcwb(&ws, &["data", "phantom", "hc18", raw_text, "--count", "8", "--seed", "3", "--json"]));
    assert_eq!(drawn["count"], 8);
    assert_eq!(json(&hcwb(&ws, &["data", "list", "--json"])), serde_json::json!([]));
    let added = json(&hcwb(&ws, &["data", "add", "hc18", raw_text, "--name", "ph", "--json"]));
    assert_eq!((&added["name"], &added["images"]), (&"ph".into(), &8.into()));

    fs::remove_file(raw.join("training_set/003_HC_Annotation.png")).unwrap();
    // Findings are an audit's result, not its failure.
    let audit = json(&hcwb(&ws, &["data", "audit", "ph", "--json"]));
    assert_eq!(audit["images"], 8);
    let expected = serde_json::json!([{
        "kind": "missing-partner", "file": "003_HC_Annotation.png",
        "detail": "the annotation of 003_HC.png", "severity": "error",
    }]);
    assert_eq!(audit["findings"], expected);
    assert_eq!(audit.as_object().unwrap().len(), 2);

    let first = json(&hcwb(&ws, &["data", "prepare", "ph", "--size", "64x48", "--json"]));
    assert_eq!((&first["width"], &first["height"], &first["made"]), (&64.into(), &48.into(), &true.into()));
    let again = json(&hcwb(&ws, &["data", "prepare", "ph", "--size", "64x48", "--json"]));
    assert_eq!(again["made"], false);
    let stats = json(&hcwb(&ws, &["data", "stats", "ph", "--json"]));
    assert_eq!((&stats["images"], &stats["exams"], &stats["without_ring"]), (&8.into(), &7.into(), &1.into()));
    let shown = json(&hcwb(&ws, &["data", "show", "ph", "--json"]));
    assert_eq!(shown["audit"]["errors"], 1);
    assert_eq!(shown["prepared"], serde_json::json!(["128x128", "64x48"]));

    let table = hcwb(&ws, &["data", "list"]);
    assert!(text(&table.stdout).lines().nth(1).unwrap().contains("1 error, 0 warnings"), "{}", text(&table.stdout));
    for verb in ["show", "audit", "stats"] {
        let output = hcwb(&ws, &["data", verb, "ph"]);
        assert!(output.status.success() && !output.stdout.is_empty(), "{verb}: {}", text(&output.stderr));
    }
}

#[test]
fn wrong_requests_exit_with_2_and_failures_with_1_and_both_name_the_cure() {
    let scratch = tempfile::tempdir().unwrap();
    let ws = scratch.path().join("ws");
    let nowhere = scratch.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    for (args, code, says) in [
        (vec!["data", "add", "hc18", nowhere, "--name", "x"], 1, nowhere),
        (vec!["data", "add", "hc18", "/", "--name", "x/y"], 2, "x/y"),
        (vec!["data", "add", "acdc", nowhere, "--name", "x"], 1, nowhere),
        (vec!["data", "add", "brats", nowhere, "--name", "x"], 2, "hc18, acdc"),
        (vec!["data", "audit", "missing"], 2, "missing"),
        (vec!["data", "prepare", "missing", "--size", "0x0"], 2, "0x0"),
        (vec!["data", "phantom", "hc18", nowhere, "--count", "0"], 2, "0 phantoms"),
    ] {
        let output = hcwb(&ws, &args);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(says), "{args:?}: {errors}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}
