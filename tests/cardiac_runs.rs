//! Learning from hearts: whole runs on phantoms, from the data set to the predictions, and back from a stop.

mod common;

use common::Sandbox;
use serde_json::Value;
use std::collections::BTreeMap;

/// A sandbox with a data set `hearts` of that many made-up patients.
fn with_hearts(count: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    let raw = sandbox.raw();
    sandbox.ok(&["data", "phantom", "acdc", raw.to_str().unwrap(), "--count", &count.to_string(), "--seed", "7"]);
    sandbox.ok(&["data", "add", "acdc", raw.to_str().unwrap(), "--name", "hearts"]);
    sandbox
}

/// Arguments of a short training of one of the recipes.
fn start<'a>(recipe: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["run", "start", recipe, "--json"];
    for pair in ["data.dataset=hearts", "data.size=32x32", "train.threads=1", "train.epochs=2", "data.folds=4"] {
        args.extend(["--set", pair]);
    }
    if recipe.starts_with("cardiac-vgg") {
        for pair in ["model.outputs=multi-label", "augment.grow_to=0", "augment.flip=true", "augment.shift_px=2"] {
            args.extend(["--set", pair]);
        }
    }
    args.extend(more);
    args
}

fn finished(sandbox: &Sandbox, recipe: &str, more: &[&str]) -> String {
    let args = [start(recipe, more), vec!["--foreground"]].concat();
    let id = sandbox.json(&args)["id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.status(&id), "finished");
    id
}

fn last_epoch(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.events(id).into_iter().rfind(|e| e["kind"] == "epoch").unwrap()
}

/// Rows of predictions.csv by patient, phase and structure.
fn rows(sandbox: &Sandbox, id: &str) -> BTreeMap<[String; 3], BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(sandbox.run_dir(id).join("predictions.csv")).unwrap();
    let rows = reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap);
    rows.map(|row| (["patient", "phase", "structure"].map(|key| row[key].clone()), row)).collect()
}

fn number(row: &BTreeMap<String, String>, key: &str) -> f64 {
    row[key].parse().unwrap()
}

#[test]
fn volumes_are_learned_in_ml_with_patients_whole_and_told_by_structure_and_phase() {
    let sandbox = with_hearts(8);
    let id = finished(&sandbox, "cardiac-vgg2d", &[]);
    let epoch = last_epoch(&sandbox, &id);
    for name in ["train_mae_ml", "val_mae_ml", "val_rv_pmae", "val_myo_es_mae_ml", "val_lv_r", "val_lv_ef_missing"] {
        assert!(epoch[name].is_number(), "{name} is missing in {epoch}");
    }
    assert!(epoch.get("val_lv_ef_mae_points").is_some(), "{epoch}");
    let rows = rows(&sandbox, &id);
    assert_eq!(rows.len(), 2 * 2 * 3, "two of eight patients, both phases, three structures");
    let volumes = sandbox.json(&["data", "volumes", "hearts", "--json"]);
    for ([patient, phase, structure], row) in &rows {
        let counted = volumes.as_array().unwrap().iter().find(|v| v["patient"] == **patient && v["phase"] == **phase);
        let truth = counted.unwrap()[format!("{structure}_ml")].as_f64().unwrap();
        assert!((number(row, "truth_ml") / truth - 1.0).abs() < 1e-12);
        let error = number(row, "prediction_ml") - number(row, "truth_ml");
        assert!((number(row, "error_ml") - error).abs() < 1e-9 && row["set"] == "validation");
        assert!(!row.contains_key("dice"), "a regression has no masks");
    }
    assert!(sandbox.ok(&["run", "list"]).contains("MAE ml"));
    assert!(sandbox.ok(&["run", "show", &id]).contains("MYO"));
    let table = sandbox.json(&["run", "table", "--json"]);
    assert_eq!((&table[0]["hearts"], &table[0]["patients"]), (&Value::from(4), &Value::from(2)));
    let best = sandbox.json(&["run", "show", &id, "--json"])["best"]["val_mae_ml"].as_f64().unwrap();
    assert!((table[0]["figures"]["mae_ml"].as_f64().unwrap() - best).abs() < 1e-9);
    assert!(!sandbox.ok(&["run", "table"]).contains("S4, table 10"), "both phases are no table 10");
}

#[test]
fn a_stack_of_slices_goes_through_three_dimensions_and_three_branches() {
    let sandbox = with_hearts(4);
    let more = ["model.outputs=multi-output", "data.phases=ed", "data.target=voxels", "train.batch=2"];
    let more: Vec<&str> = more.iter().flat_map(|pair| ["--set", pair]).collect();
    let id = finished(&sandbox, "cardiac-vgg3d", &more);
    assert!(rows(&sandbox, &id).keys().all(|[_, phase, _]| phase == "ED"));
    let epoch = last_epoch(&sandbox, &id);
    assert!(epoch["val_lv_mae_ml"].is_number() && epoch.get("val_lv_ef_mae_points").is_none());
    assert!(sandbox.ok(&["run", "table"]).contains("S4, table 10"));
}

#[test]
fn stopped_in_mid_epoch_a_run_on_hearts_resumes_to_the_same_weights_and_rows() {
    let sandbox = with_hearts(16);
    let long = ["--set", "train.epochs=40", "--set", "data.size=64x64", "--set", "train.batch=3"];
    let begin = || sandbox.json(&start("cardiac-vgg2d", &long))["id"].as_str().unwrap().to_owned();
    let whole = begin();
    sandbox.wait_for_status(&whole, "finished");
    let stopped = begin();
    sandbox.wait_for_mid_epoch(&stopped);
    sandbox.ok(&["run", "stop", &stopped]);
    sandbox.wait_for_status(&stopped, "stopped");
    sandbox.ok(&["run", "resume", &stopped]);
    sandbox.wait_for_status(&stopped, "finished");
    for file in ["checkpoints/last.safetensors", "checkpoints/best.safetensors", "predictions.csv", "split.csv"] {
        let bytes = |id: &str| std::fs::read(sandbox.run_dir(id).join(file)).unwrap();
        assert!(bytes(&whole) == bytes(&stopped), "{file} differs");
    }
}

#[test]
fn masks_are_learned_and_a_patient_predicted_again_has_the_volumes_of_the_run() {
    let sandbox = with_hearts(6);
    let id = finished(&sandbox, "cardiac-unet", &["--set", "data.spacing_mm=4", "--set", "data.folds=3"]);
    let epoch = last_epoch(&sandbox, &id);
    for name in ["val_dice", "val_lv_ed_dice", "val_myo_bias_ml", "val_rv_ef_mae_points"] {
        assert!(epoch.get(name).is_some(), "{name} is missing in {epoch}");
    }
    let kept = rows(&sandbox, &id);
    let patient = &kept.keys().next().unwrap()[0];
    for phase in ["ED", "ES"] {
        assert!(sandbox.run_dir(&id).join(format!("predictions/{patient}_{phase}.nii.gz")).is_file());
    }
    let (folder, out) = (patient_folder(&sandbox, patient), sandbox.path().join("out"));
    let args = ["predict", "--run", &id, folder.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"];
    for found in sandbox.json(&args).as_array().unwrap() {
        for structure in ["rv", "myo", "lv"] {
            let row = &kept[&[patient.clone(), found["phase"].as_str().unwrap().to_owned(), structure.to_owned()]];
            for (ours, theirs) in
                [(format!("{structure}_ml"), "prediction_ml"), (format!("truth_{structure}_ml"), "truth_ml")]
            {
                let (ours, theirs) = (found[&ours].as_f64().unwrap(), number(row, theirs));
                assert!((ours - theirs).abs() < 1e-9 * (1.0 + theirs), "{structure}: {ours} {theirs}");
            }
        }
        assert!(out.join(found["mask"].as_str().unwrap()).is_file());
    }
    assert!(out.join("predictions.csv").is_file());
}

#[test]
fn a_patient_without_ground_truth_is_predicted_all_the_same() {
    let sandbox = with_hearts(5);
    let id = finished(&sandbox, "cardiac-vgg2d", &["--set", "train.epochs=1"]);
    let new = sandbox.path().join("new").join("patient777");
    std::fs::create_dir_all(&new).unwrap();
    let known = patient_folder(&sandbox, "patient001");
    for entry in std::fs::read_dir(&known).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().replace("patient001", "patient777");
        if !name.contains("_gt") {
            std::fs::copy(entry.path(), new.join(name)).unwrap();
        }
    }
    let found = sandbox.json(&["predict", "--run", &id, new.to_str().unwrap(), "--json"]);
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert!(found[0]["lv_ml"].is_number() && found[0]["truth_lv_ml"].is_null() && found[0]["mask"].is_null());
    // The weights alone say all that is needed.
    let weights = sandbox.run_dir(&id).join("checkpoints/best.safetensors");
    let again = sandbox.json(&["predict", "--weights", weights.to_str().unwrap(), new.to_str().unwrap(), "--json"]);
    assert_eq!(again, found);
    let said = sandbox.fails(2, &["predict", "--run", &id, new.to_str().unwrap(), "--overlay", "x"]);
    assert!(said.contains("for hearts"), "{said}");
}

#[test]
fn a_damaged_patient_is_named_and_the_others_are_learned_from() {
    let sandbox = with_hearts(6);
    let file = patient_folder(&sandbox, "patient002");
    let image = std::fs::read_dir(&file).unwrap().flatten().map(|e| e.path());
    let image = image.filter(|p| p.to_string_lossy().contains("_frame") && !p.to_string_lossy().contains("_gt")).min();
    let image = image.unwrap();
    let bytes = std::fs::read(&image).unwrap();
    std::fs::write(&image, &bytes[..bytes.len() / 2]).unwrap();
    let said = sandbox.fails(1, &start("cardiac-vgg2d", &[]));
    assert!(said.contains("allow-defects"), "{said}");
    let id = finished(&sandbox, "cardiac-vgg2d", &["--allow-defects"]);
    let warned = sandbox.events(&id).into_iter().filter(|e| e["kind"] == "warning");
    assert!(warned.into_iter().any(|e| e["message"].as_str().unwrap().contains("patient002")));
    let split = std::fs::read_to_string(sandbox.run_dir(&id).join("split.csv")).unwrap();
    assert!(split.contains("patient001") && !split.contains("patient002"));
}

#[test]
fn heads_and_hearts_are_not_taken_for_one_another() {
    let sandbox = with_hearts(4);
    let heads = sandbox.path().join("heads");
    sandbox.ok(&["data", "phantom", "hc18", heads.to_str().unwrap(), "--count", "12"]);
    sandbox.ok(&["data", "add", "hc18", heads.to_str().unwrap(), "--name", "heads"]);
    for args in [
        start("cardiac-vgg2d", &["--set", "data.dataset=heads"]),
        start("demo", &[]),
        start("cardiac-unet", &["--set", "data.dataset=heads"]),
    ] {
        let said = sandbox.fails(2, &args);
        assert!(said.contains("kind"), "{args:?}: {said}");
    }
    assert_eq!(sandbox.json(&["run", "list", "--json"]), Value::from(Vec::<Value>::new()));
}

fn patient_folder(sandbox: &Sandbox, patient: &str) -> std::path::PathBuf {
    let raw = sandbox.raw();
    let found = ["training", "testing", "."].map(|part| raw.join(part).join(patient));
    found.into_iter().find(|path| path.is_dir()).unwrap()
}
