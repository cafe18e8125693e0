//! `hcwb data prepare` brings hearts into both forms, says what it did, and refuses what has no meaning.

mod common;

use common::Sandbox;
use serde_json::Value;

fn with_hearts() -> Sandbox {
    let sandbox = Sandbox::new();
    let raw = sandbox.raw();
    let raw = raw.to_str().unwrap();
    sandbox.ok(&["data", "phantom", "acdc", raw, "--count", "3", "--seed", "2"]);
    sandbox.ok(&["data", "add", "acdc", raw, "--name", "hearts"]);
    sandbox
}

fn json(sandbox: &Sandbox, args: &[&str]) -> Value {
    serde_json::from_str(&sandbox.ok(args)).unwrap()
}

#[test]
fn hearts_are_prepared_in_both_forms_and_listed_so() {
    let sandbox = with_hearts();
    let volume = json(&sandbox, &["data", "prepare", "hearts", "--json"]);
    assert_eq!(
        (&volume["form"], &volume["images"], &volume["made"]),
        (&"volume-9x224x224".into(), &6.into(), &true.into())
    );
    assert!(volume["crop"]["width_px"].as_u64().unwrap() > 10);
    let again = json(&sandbox, &["data", "prepare", "hearts", "--form", "volume", "--size", "224x224", "--json"]);
    assert_eq!((&again["made"], &again["path"]), (&false.into(), &volume["path"]));
    let slices = ["data", "prepare", "hearts", "--form", "slices", "--spacing-mm", "1.25", "--size", "96x80"];
    let text = sandbox.ok(&slices);
    assert!(text.contains("hearts: 6 hearts as slices-1.25mm-80x96 prepared"), "{text}");
    let shown = json(&sandbox, &["data", "show", "hearts", "--json"]);
    assert_eq!(shown["prepared"], serde_json::json!(["slices-1.25mm-80x96", "volume-9x224x224"]));
}

#[test]
fn a_damaged_patient_is_named_and_the_others_are_prepared() {
    let sandbox = with_hearts();
    let mut patients: Vec<_> = walk(&sandbox.raw()).into_iter().filter(|p| p.ends_with("Info.cfg")).collect();
    patients.sort();
    std::fs::write(&patients[1], "ED: 1\n").unwrap();
    let text = sandbox.ok(&["data", "prepare", "hearts", "--size", "64x64"]);
    assert!(text.contains("4 hearts") && text.contains("skipped patient002: Info.cfg: ES is missing"), "{text}");
}

#[test]
fn what_has_no_meaning_is_refused_with_a_cure() {
    let sandbox = with_hearts();
    for (wrong, word) in [
        (&["--form", "slices", "--slices", "9"][..], "--slices"),
        (&["--spacing-mm", "1.5"], "--form slices"),
        (&["--form", "slices", "--spacing-mm", "0"], "spacing"),
        (&["--slices", "0"], "slices"),
        (&["--size", "4x4"], "size"),
    ] {
        let errors = sandbox.fails(2, &[&["data", "prepare", "hearts"], wrong].concat());
        assert!(errors.contains(word), "{wrong:?}: {errors}");
    }
    let heads = Sandbox::with_phantoms(4);
    assert!(heads.fails(2, &["data", "prepare", "phantom", "--form", "volume"]).contains("hc18"));
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
