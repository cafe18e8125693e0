//! The verbs of `hcwb data` on phantom hearts: volumes known by formula, tables, CSV, statistics, the diagnosis.

mod common;

use common::Sandbox;
use serde_json::Value;
use std::fs;

/// Ten phantom patients registered as `hearts`.
fn hearts(count: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let raw = sandbox.raw();
    let raw = raw.to_str().unwrap();
    let drawn = sandbox.json(&["data", "phantom", "acdc", raw, "--count", count, "--seed", "3", "--json"]);
    assert_eq!(drawn["count"].to_string(), count);
    sandbox.ok(&["data", "add", "acdc", raw, "--name", "hearts"]);
    sandbox
}

#[test]
fn phantom_hearts_have_the_volumes_of_their_formulas_and_a_clean_audit() {
    let sandbox = hearts("10");
    let audit = sandbox.json(&["data", "audit", "hearts", "--json"]);
    assert_eq!(audit, serde_json::json!({ "images": 20, "findings": [] }));
    let rows = sandbox.json(&["data", "volumes", "hearts", "--json"]);
    let rows = rows.as_array().unwrap();
    let mut truth = csv::Reader::from_path(sandbox.raw().join("analytic_volumes.csv")).unwrap();
    let truth: Vec<csv::StringRecord> = truth.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), truth.len()), (20, 20));
    for (row, truth) in rows.iter().zip(&truth) {
        assert_eq!((row["patient"].as_str(), row["phase"].as_str()), (Some(&truth[0]), Some(&truth[1])));
        for (key, column) in [("rv_ml", 2), ("myo_ml", 3), ("lv_ml", 4)] {
            let (counted, ml) = (row[key].as_f64().unwrap(), truth[column].parse::<f64>().unwrap());
            assert!((counted - ml).abs() < (0.02 * ml).max(1.5), "{truth:?} {key} {counted}");
        }
    }
}

#[test]
fn function_mass_and_indices_follow_from_the_volumes_of_both_phases() {
    let sandbox = hearts("5");
    let rows = sandbox.json(&["data", "volumes", "hearts", "--json"]);
    for pair in rows.as_array().unwrap().chunks(2) {
        let v = |i: usize, key: &str| pair[i][key].as_f64().unwrap_or_else(|| panic!("{key}: {}", pair[i]));
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        for i in [0, 1] {
            assert!(close(v(i, "lv_ef"), 1.0 - v(1, "lv_ml") / v(0, "lv_ml")));
            assert!(close(v(i, "rv_ef"), 1.0 - v(1, "rv_ml") / v(0, "rv_ml")));
            assert!(close(v(i, "lv_sv_ml"), v(0, "lv_ml") - v(1, "lv_ml")));
            assert!(close(v(i, "rv_sv_ml"), v(0, "rv_ml") - v(1, "rv_ml")));
            assert!(close(v(i, "myo_mass_g"), 1.05 * v(i, "myo_ml")));
            assert!(close(v(i, "lv_ml_per_m2"), v(i, "lv_ml") / v(i, "bsa_m2")));
            assert!(close(v(i, "myo_mass_g_per_m2"), v(i, "myo_mass_g") / v(i, "bsa_m2")));
        }
        let info = fs::read_to_string(
            sandbox.raw().join("training").join(pair[0]["patient"].as_str().unwrap()).join("Info.cfg"),
        );
        let info = info.unwrap();
        let of = |key: &str| info.lines().find_map(|l| l.strip_prefix(key)).unwrap().trim().parse::<f64>().unwrap();
        assert!(close(v(0, "bsa_m2"), (of("Height:") * of("Weight:") / 3600.0).sqrt()));
    }
}

#[test]
fn the_csv_holds_what_the_json_holds() {
    let sandbox = hearts("3");
    let file = sandbox.path().join("volumes.csv");
    let json = sandbox.json(&["data", "volumes", "hearts", "--json", "--csv", file.to_str().unwrap()]);
    let mut reader = csv::Reader::from_path(&file).unwrap();
    let header = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 6);
    for (record, row) in records.iter().zip(json.as_array().unwrap()) {
        for (name, value) in header.iter().zip(record) {
            let expected = match name {
                "rv_voxels" => &row["voxels"][0],
                "myo_voxels" => &row["voxels"][1],
                "lv_voxels" => &row["voxels"][2],
                "spacing_x_mm" => &row["spacing_mm"][0],
                "spacing_y_mm" => &row["spacing_mm"][1],
                "spacing_z_mm" => &row["spacing_mm"][2],
                "size_x" => &row["shape"][0],
                "size_y" => &row["shape"][1],
                "size_z" => &row["shape"][2],
                name => &row[name],
            };
            match expected {
                Value::Null => assert_eq!(value, "", "{name}"),
                Value::String(word) => assert_eq!(value, word, "{name}"),
                number => assert_eq!(value.parse::<f64>().ok(), number.as_f64(), "{name}"),
            }
        }
    }
}

#[test]
fn the_rules_find_the_group_of_every_phantom_and_the_text_says_so() {
    let sandbox = hearts("10");
    let rows = sandbox.json(&["data", "volumes", "hearts", "--diagnosis", "--json"]);
    assert!(
        rows.as_array().unwrap().iter().all(|r| r["group"] == r["diagnosis"] && r["reasons"][0].is_string()),
        "{rows}"
    );
    let text = sandbox.ok(&["data", "volumes", "hearts", "--diagnosis"]);
    assert!(text.contains("agreement 10 of 10 (100 %)") && text.contains("not for diagnosis"), "{text}");
    let stats = sandbox.json(&["data", "stats", "hearts", "--json"]);
    assert_eq!((&stats["patients"], &stats["phases"]), (&10.into(), &20.into()));
    let groups: Vec<&str> = stats["groups"].as_array().unwrap().iter().map(|g| g["group"].as_str().unwrap()).collect();
    assert_eq!(groups, ["NOR", "MINF", "DCM", "HCM", "RV"]);
    for verb in ["list", "show", "stats", "volumes", "audit"] {
        let args: Vec<&str> = ["data", verb].into_iter().chain((verb != "list").then_some("hearts")).collect();
        assert!(!sandbox.ok(&args).is_empty());
    }
    sandbox.ok(&["data", "remove", "hearts"]);
    assert!(sandbox.raw().join("training/patient001/Info.cfg").is_file());
}

#[test]
fn an_offered_volume_is_judged_at_one_ml_and_its_spacing_named() {
    let sandbox = hearts("4");
    let rows = sandbox.json(&["data", "volumes", "hearts", "--json"]);
    let row = &rows[2]; // patient002 at ED
    let heart_ml: f64 = ["rv_ml", "myo_ml", "lv_ml"].iter().map(|key| row[key].as_f64().unwrap()).sum();
    let dz = row["spacing_mm"][2].as_f64().unwrap();
    let table = sandbox.path().join("offered.csv");
    let lv_ml = row["lv_ml"].as_f64().unwrap();
    let text = format!(
        "patient,phase,structure,volume_ml\n1,ED,lv,{:.4}\npatient002,ED,heart,{:.4}\npatient002,ED,lv,{:.4}\n\
         patient003,ES,rv,1\npatient099,ED,lv,1\n",
        rows[0]["lv_ml"].as_f64().unwrap() + 0.99,
        heart_ml * 20.0 / dz,
        lv_ml - 1.01,
    );
    fs::write(&table, text).unwrap();
    let table = table.to_str().unwrap();
    let compared = sandbox.json(&["data", "volumes", "hearts", "--offered", table, "--json"]);
    assert_eq!((&compared[0]["abnormal"], &compared[0]["explanation"]), (&false.into(), &Value::Null));
    assert_eq!(compared[1]["explanation"]["words"], format!("dz 20 mm instead of {dz} mm"));
    assert_eq!(compared[2]["abnormal"], true);
    assert_eq!(compared[4]["reason"], "there is no such patient in these data");
    let audit = sandbox.json(&["data", "audit", "hearts", "--offered", table, "--json"]);
    let findings = audit["findings"].as_array().unwrap();
    let named: Vec<&str> = findings.iter().map(|f| f["file"].as_str().unwrap()).collect();
    assert_eq!(named, ["patient002", "patient002", "patient003"]);
    assert!(findings.iter().all(|f| f["kind"] == "abnormal-volume" && f["severity"] == "warning"));
    assert!(findings[0]["detail"].as_str().unwrap().contains("dz 20 mm"), "{}", findings[0]);
}

#[test]
fn what_only_hearts_have_is_refused_for_heads_and_the_reverse() {
    let sandbox = Sandbox::with_phantoms(2);
    let e = sandbox.fails(2, &["data", "volumes", "phantom"]);
    assert!(e.contains("of kind hc18") && e.contains("acdc"), "{e}");
    let raw = sandbox.path().join("hearts");
    sandbox.ok(&["data", "phantom", "acdc", raw.to_str().unwrap(), "--count", "1"]);
    sandbox.fails(2, &["data", "phantom", "acdc", raw.to_str().unwrap(), "--count", "1"]);
    let e = sandbox.fails(1, &["data", "add", "hc18", raw.to_str().unwrap(), "--name", "wrong"]);
    assert!(e.contains("no HC18 images"), "{e}");
    let raw = sandbox.raw();
    let e = sandbox.fails(1, &["data", "add", "acdc", raw.to_str().unwrap(), "--name", "wrong"]);
    assert!(e.contains("no ACDC patient"), "{e}");
}
