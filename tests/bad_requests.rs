//! Whatever is asked wrongly is answered with what is wrong and what to do; nothing panics or is overwritten.

mod common;

use common::Sandbox;

#[test]
fn a_wrong_word_names_the_right_one() {
    let sandbox = Sandbox::new();
    assert!(sandbox.fails(2, &["run", "start", "reg-cnn263"]).contains("did you mean reg-cnn263k?"));
    let said = sandbox.fails(2, &["run", "start", "reg-cnn263k", "--set", "train.btach=4"]);
    assert!(said.contains("did you mean train.batch?"), "{said}");
    let said = sandbox.fails(2, &["run", "start", "reg-cnn263k", "--set", "train.lr=fast"]);
    assert!(said.contains("train.lr wants a number"), "{said}");
    let said = sandbox.fails(2, &["run", "start", "reg-cnn263k", "--set", "train.loss=msee"]);
    assert!(said.contains("did you mean mse?"), "{said}");
    let said = sandbox.fails(2, &["run", "start", "reg-cnn263k", "--set", "model.name=cnn2m"]);
    assert!(said.contains("cnn1m"), "{said}");
    assert!(sandbox.fails(2, &["run", "show", "nothing"]).contains("hcwb run list"));
    assert!(!sandbox.workspace().join("runs").exists(), "nothing was made");
}

#[test]
fn a_recipe_for_a_data_set_that_is_not_there_says_how_to_add_it() {
    let sandbox = Sandbox::new();
    let said = sandbox.fails(2, &["run", "start", "reg-cnn263k"]);
    assert!(said.contains("hc18") && said.contains("data add"), "{said}");
}

#[test]
fn a_recipe_file_with_a_wrong_key_is_named() {
    let sandbox = Sandbox::new();
    let path = sandbox.path().join("mine.toml");
    std::fs::write(&path, "[train]\nepoch = 3\n").unwrap();
    let said = sandbox.fails(2, &["run", "start", path.to_str().unwrap()]);
    assert!(said.contains("mine.toml") && said.contains("did you mean train.epochs?"), "{said}");
    std::fs::write(&path, "[train\n").unwrap();
    assert!(sandbox.fails(2, &["run", "start", path.to_str().unwrap()]).contains("not valid TOML"));
}

#[test]
fn a_run_never_starts_on_defective_data_unless_told_to() {
    let sandbox = Sandbox::with_phantoms(24);
    let images = sandbox.raw().join("training_set");
    let lost = std::fs::read_dir(&images)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_string_lossy().ends_with("_Annotation.png"))
        .unwrap();
    std::fs::remove_file(&lost).unwrap();
    sandbox.ok(&["data", "add", "hc18", sandbox.raw().to_str().unwrap(), "--name", "torn"]);
    let args = sandbox.quick(&["--set", "data.dataset=torn", "--set", "train.epochs=1"]);
    let said = sandbox.fails(1, &args);
    assert!(said.contains("1 error") && said.contains("--allow-defects"), "{said}");
    let audit = sandbox.json(&["data", "audit", "torn", "--json"]);
    let finding = audit["findings"].as_array().unwrap().iter().find(|f| f["severity"] == "error").unwrap();
    assert_eq!(finding["file"], lost.file_name().unwrap().to_str().unwrap());
    let id = sandbox.start(&["--set", "data.dataset=torn", "--set", "train.epochs=1", "--allow-defects"]);
    sandbox.wait_for_status(&id, "finished");
}

#[test]
fn a_workspace_that_cannot_be_written_is_named_with_its_cure() {
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let ws = file.join("ws");
    let args = ["--workspace", ws.to_str().unwrap(), "demo", "--headless"];
    let said = sandbox.fails(1, &args);
    assert!(said.contains("a-file") && said.contains("--workspace"), "{said}");
}

#[test]
fn folds_are_checked_before_anything_is_made() {
    let sandbox = Sandbox::with_phantoms(24);
    let said = sandbox.fails(2, &sandbox.quick(&["--folds", "all"]));
    assert!(said.contains("k-fold"), "{said}");
    let said = sandbox.fails(2, &sandbox.quick(&["--set", "data.split=kfold", "--folds", "0,9"]));
    assert!(said.contains("from 0 to 4"), "{said}");
    assert!(!sandbox.workspace().join("runs").exists());
}

#[test]
fn a_run_that_cannot_be_read_is_named_and_hides_no_other() {
    let sandbox = Sandbox::with_phantoms(24);
    let id = sandbox.start(&["--set", "train.epochs=1"]);
    sandbox.wait_for_status(&id, "finished");
    let broken = sandbox.run_dir("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("recipe.toml"), "[train\n").unwrap();
    let listed = sandbox.output(&["run", "list", "--json"]);
    assert!(listed.status.success());
    let runs: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(runs.as_array().unwrap().len(), 1);
    assert!(String::from_utf8_lossy(&listed.stderr).contains("broken cannot be read"));
}

#[test]
fn the_cpu_variable_is_checked_before_any_work() {
    let sandbox = Sandbox::new();
    let output = sandbox.command(&["model", "list"]).env("HCWB_CPU", "sse9").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("portable"));
}
