//! Learning masks: whole runs of a small U-Net on phantoms, and what is refused.

mod common;

use common::Sandbox;
use serde_json::Value;

/// Arguments of a short training on the phantoms.
fn unet<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["run", "start", "unet-small", "--set", "data.dataset=phantom", "--set", "data.size=64x64"];
    for pair in ["train.threads=1", "train.epochs=2", "train.batch=6", "train.lr=0.01"] {
        args.extend(["--set", pair]);
    }
    args.extend(more);
    args
}

fn finished(sandbox: &Sandbox, more: &[&str]) -> String {
    let args = [unet(more), vec!["--foreground", "--json"]].concat();
    let id = sandbox.json(&args)["id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.status(&id), "finished");
    id
}

fn epochs(sandbox: &Sandbox, id: &str) -> Vec<Value> {
    sandbox.events(id).into_iter().filter(|e| e["kind"] == "epoch").collect()
}

#[test]
fn a_run_learns_masks_and_says_how_they_agree() {
    let sandbox = Sandbox::with_phantoms(30);
    let id =
        finished(&sandbox, &["--set", "train.epochs=12", "--set", "train.loss=dice-bce", "--set", "train.patience=0"]);
    let epochs = epochs(&sandbox, &id);
    let last = epochs.last().unwrap();
    for name in ["dice", "iou", "hausdorff_mm", "assd_px", "raw_dice", "mask_dice", "mae_mm", "df_mm", "no_head"] {
        assert!(last.get(format!("val_{name}")).is_some(), "{name} is missing in {last}");
    }
    assert!(last.get("train_mae_px").is_none(), "a mask has no error in px in passing");
    let dice = |e: &Value| e["val_raw_dice"].as_f64().unwrap();
    let best = epochs.iter().map(dice).fold(0.0, f64::max);
    assert!(best > 0.6, "raw Dice {best} after {} epochs", epochs.len());
    let rows = std::fs::read_to_string(sandbox.run_dir(&id).join("predictions.csv")).unwrap();
    let head = rows.lines().next().unwrap();
    assert!(head.contains("ellipse_dice") && head.contains("prediction_semi_axis_a_px"), "{head}");
    for row in rows.lines().skip(1) {
        let stem = row.split('.').next().unwrap();
        let picture = image::open(sandbox.run_dir(&id).join(format!("predictions/{stem}.png"))).unwrap();
        assert_eq!((picture.width(), picture.height()), (64, 64));
    }
}

#[test]
fn a_regression_keeps_its_narrow_table() {
    let sandbox = Sandbox::with_phantoms(24);
    let id = sandbox.start(&["--set", "train.epochs=1"]);
    sandbox.wait_for_status(&id, "finished");
    let rows = std::fs::read_to_string(sandbox.run_dir(&id).join("predictions.csv")).unwrap();
    assert!(rows.lines().next().unwrap().ends_with("truth_angle_rad"), "{rows}");
    assert!(!sandbox.run_dir(&id).join("predictions").exists());
}

#[test]
fn masks_are_learned_alike_in_one_go_and_after_a_resume_under_every_schedule() {
    let sandbox = Sandbox::with_phantoms(24);
    for schedule in ["plateau", "one-cycle"] {
        let schedule = format!("train.schedule={schedule}");
        let settings = ["--set", &schedule, "--set", "train.schedule_epochs=0", "--set", "train.patience=0"];
        let whole = finished(&sandbox, &[&settings[..], &["--set", "train.epochs=4"]].concat());
        let args = [unet(&[&settings[..], &["--set", "train.epochs=4"]].concat()), vec!["--json"]].concat();
        let id = sandbox.json(&args)["id"].as_str().unwrap().to_owned();
        common::wait("a first epoch", || !epochs(&sandbox, &id).is_empty());
        sandbox.output(&["run", "stop", &id]);
        common::wait("the run to rest", || ["stopped", "finished"].contains(&sandbox.status(&id).as_str()));
        sandbox.output(&["run", "resume", &id]);
        sandbox.wait_for_status(&id, "finished");
        let bytes = |id: &str| std::fs::read(sandbox.run_dir(id).join("checkpoints/last.safetensors")).unwrap();
        assert!(bytes(&whole) == bytes(&id), "{schedule}: a resumed run differs");
        let rates: Vec<f64> = epochs(&sandbox, &whole).iter().map(|e| e["lr"].as_f64().unwrap()).collect();
        assert!(rates.windows(2).any(|w| w[0] != w[1]), "{schedule} kept the rate: {rates:?}");
    }
}

#[test]
fn a_training_part_grows_by_copies_that_are_listed() {
    let sandbox = Sandbox::with_phantoms(24);
    let more = ["--set", "augment.grow_to=30", "--set", "augment.scale=0.1", "--set", "augment.contrast=0.2"];
    let id = finished(&sandbox, &[&more[..], &["--set", "train.epochs=1"]].concat());
    let started = sandbox.events(&id).into_iter().find(|e| e["kind"] == "started").unwrap();
    let listed = std::fs::read_to_string(sandbox.run_dir(&id).join("copies.csv")).unwrap();
    let chosen = listed.lines().filter(|l| l.contains(",chosen,")).count() as u64;
    let split = std::fs::read_to_string(sandbox.run_dir(&id).join("split.csv")).unwrap();
    let own = split.lines().filter(|l| l.contains("train")).count() as u64;
    assert!(chosen > 0, "{listed}");
    assert_eq!(started["train_images"].as_u64().unwrap(), own + chosen);
    let said = sandbox.fails(2, &sandbox.quick(&["--set", "augment.scale=0.1"]));
    assert!(said.contains("change the circumference"), "{said}");
}

#[test]
fn the_best_epoch_may_be_that_of_the_best_dice() {
    let sandbox = Sandbox::with_phantoms(24);
    let id = finished(&sandbox, &["--set", "evaluate.monitor=val_dice", "--set", "train.epochs=3"]);
    let epochs = epochs(&sandbox, &id);
    let dice: Vec<f64> = epochs.iter().map(|e| e["val_dice"].as_f64().unwrap()).collect();
    let best = dice.iter().copied().fold(f64::MIN, f64::max);
    let chosen = epochs.iter().rposition(|e| e["best"] == true).unwrap();
    assert_eq!(dice[chosen], best, "{dice:?}");
}

#[test]
fn what_does_not_go_together_is_refused_before_a_run_is_made() {
    let sandbox = Sandbox::with_phantoms(24);
    for (wrong, says) in [
        (&["--set", "train.loss=mse"][..], "not for hc-segmentation"),
        (&["--set", "model.name=cnn263k"], "gives numbers"),
        (&["--set", "task=hc-regression"], "gives masks"),
        (&["--set", "train.loss=focal-kappa", "--set", "train.kappa_share=1.5"], "lambda"),
        (&["--set", "train.schedule=step", "--set", "train.schedule_factor=3"], "factor"),
    ] {
        let said = sandbox.fails(2, &unet(wrong));
        assert!(said.contains(says), "{wrong:?}: {said}");
    }
    let said = sandbox.fails(2, &sandbox.quick(&["--set", "evaluate.monitor=val_dice"]));
    assert!(said.contains("no val_dice"), "{said}");
    let said = sandbox.fails(2, &sandbox.quick(&["--set", "train.loss=dice"]));
    assert!(said.contains("not for hc-regression"), "{said}");
    assert!(!sandbox.workspace().join("runs").exists(), "a refused run left a directory");
}
