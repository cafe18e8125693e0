//! `hcwb predict` from outside: what is found, what is written, what is said of what cannot be read.

mod bright;
mod common;

use common::Sandbox;
use hcwb::geometry::{BitMask, Ellipse, Overlap, fill_bits};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn weights(sandbox: &Sandbox) -> String {
    let file = sandbox.path().join("bright.safetensors");
    bright::save_weights(&file, &bright::metadata());
    text(&file)
}

/// File, head, and size of the image.
type Truth = (String, Ellipse, (u32, u32));

/// Three heads in images of three sizes, one of them in colour.
fn images(sandbox: &Sandbox) -> (PathBuf, Vec<Truth>) {
    let folder = sandbox.path().join("images");
    fs::create_dir_all(&folder).unwrap();
    let mut truths = Vec::new();
    for (i, (width, height)) in [(400, 270), (271, 400), (97, 80)].into_iter().enumerate() {
        let (name, ellipse) = (format!("head{i}.png"), bright::head(i, width, height.min(width)));
        let picture = bright::picture(&ellipse, width, height);
        match i {
            0 => image::DynamicImage::from(picture).into_rgb8().save(folder.join(&name)).unwrap(),
            _ => picture.save(folder.join(&name)).unwrap(),
        }
        truths.push((name, ellipse, (width, height)));
    }
    (folder, truths)
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("{key} of {row}"))
}

#[test]
fn heads_are_found_in_images_of_any_size_grey_or_in_colour() {
    let sandbox = Sandbox::new();
    let (folder, truths) = images(&sandbox);
    let rows =
        sandbox.json(&["predict", "--weights", &weights(&sandbox), &text(&folder), "--pixel-size", "0.15", "--json"]);
    assert_eq!(rows.as_array().unwrap().len(), truths.len());
    for (row, (name, truth, _)) in rows.as_array().unwrap().iter().zip(&truths) {
        assert!(row["file"].as_str().unwrap().ends_with(name), "{row}");
        let hc_px = truth.circumference_exact_px();
        assert!((number(row, "hc_px") / hc_px - 1.0).abs() < 0.01, "{row} {hc_px}");
        assert!((number(row, "hc_mm") - 0.15 * number(row, "hc_px")).abs() < 1e-9);
        // A pixel of the network is up to 6.3 px wide.
        assert!((number(row, "center_x_px") - truth.center_x_px).abs() < 0.5, "{row} {truth:?}");
        assert!((number(row, "center_y_px") - truth.center_y_px).abs() < 0.5, "{row} {truth:?}");
        assert!((number(row, "semi_axis_a_px") / truth.semi_axis_a_px - 1.0).abs() < 0.02, "{row} {truth:?}");
        assert!((number(row, "semi_axis_b_px") / truth.semi_axis_b_px - 1.0).abs() < 0.02, "{row} {truth:?}");
        let turned = (number(row, "angle_rad") - truth.angle_rad).sin().abs();
        assert!(turned < 0.05, "{row} {truth:?}");
        assert!(row["reason"].is_null() && row["truth_hc_mm"].is_null() && row["hc_mm_interval"].is_null());
    }
}

#[test]
fn ages_come_with_millimetres_alone_and_say_what_they_are_for() {
    let sandbox = Sandbox::new();
    let (folder, _) = images(&sandbox);
    let (weights, folder) = (weights(&sandbox), text(&folder));
    let in_px = sandbox.json(&["predict", "--weights", &weights, &folder, "--json"]);
    for row in in_px.as_array().unwrap() {
        assert!(row["hc_mm"].is_null() && row["ga_hadlock_weeks"].is_null() && number(row, "hc_px") > 0.0);
    }
    let args = ["predict", "--weights", &weights, &folder, "--pixel-size", "0.3", "--sd-mm", "4", "--json"];
    let in_mm = sandbox.json(&args);
    let row = &in_mm[0];
    let cm = number(row, "hc_mm") / 10.0;
    assert!((number(row, "ga_hadlock_weeks") - (8.96 + 0.54 * cm + 0.0003 * cm.powi(3))).abs() < 1e-9);
    assert!((number(row, "ga_hadlock_sd_weeks") - 0.4 * (0.54 + 0.0009 * cm * cm)).abs() < 1e-9);
    assert_eq!(row["ga_notice"], "for research, not for diagnosis");
    // The smallest head has 46 mm: no number, and the reason.
    assert!(in_mm[2]["ga_hadlock_weeks"].is_null(), "{}", in_mm[2]);
    assert!(in_mm[2]["ga_reason"].as_str().unwrap().contains("outside"));
    assert!(sandbox.ok(&args[..args.len() - 1]).contains("for research, not for diagnosis"));
}

#[test]
fn a_folder_of_results_holds_table_masks_and_overlays_at_the_images_sizes() {
    let sandbox = Sandbox::new();
    let (folder, truths) = images(&sandbox);
    let (weights, out) = (weights(&sandbox), sandbox.path().join("deep/results"));
    let args = ["predict", "--weights", &weights, &text(&folder), "--pixel-size", "0.15", "--out", &text(&out)];
    sandbox.ok(&args);
    let mut table = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    for (row, (name, truth, (width, height))) in rows.iter().zip(&truths) {
        assert_eq!(
            (&row[column("mask")], &row[column("overlay")]),
            (&*format!("masks/{name}"), &*format!("overlays/{name}"))
        );
        let mask = image::open(out.join("masks").join(name)).unwrap().into_luma8();
        assert_eq!(mask.dimensions(), (*width, *height));
        assert!(mask.as_raw().iter().all(|v| *v == 0 || *v == 255));
        let (w, h) = (*width as usize, *height as usize);
        let overlap = Overlap::of(&fill_bits(truth, w, h), &BitMask::from_bytes(mask.as_raw(), w, h, 128).unwrap());
        assert!(overlap.unwrap().dice().unwrap() > 0.98, "{name}");
        let overlay = image::open(out.join("overlays").join(name)).unwrap();
        assert_eq!((overlay.color(), overlay.width(), overlay.height()), (image::ColorType::Rgb8, *width, *height));
        let hc: f64 = row[column("hc_px")].parse().unwrap();
        assert!((hc / truth.circumference_exact_px() - 1.0).abs() < 0.01);
    }
    let beside: Vec<_> = fs::read_dir(out.parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 1, "nothing is left beside the results");
}

#[test]
fn former_results_are_replaced_only_when_told_and_strangers_never() {
    let sandbox = Sandbox::new();
    let (folder, _) = images(&sandbox);
    let (weights, out) = (weights(&sandbox), sandbox.path().join("results"));
    let (image, out_text) = (text(&folder.join("head1.png")), text(&out));
    let args = ["predict", "--weights", &weights, &image, "--out", &out_text];
    sandbox.ok(&args);
    let before = fs::read(out.join("predictions.csv")).unwrap();
    let error = sandbox.fails(2, &["predict", "--weights", &weights, &text(&folder), "--out", &out_text]);
    assert!(error.contains("--force"), "{error}");
    assert_eq!(fs::read(out.join("predictions.csv")).unwrap(), before);
    sandbox.ok(&["predict", "--weights", &weights, &text(&folder.join("head2.png")), "--out", &out_text, "--force"]);
    assert!(out.join("masks/head2.png").is_file() && !out.join("masks/head1.png").exists());
    fs::write(out.join("thesis.txt"), "mine").unwrap();
    let error = sandbox.fails(2, &["predict", "--weights", &weights, &image, "--out", &out_text, "--force"]);
    assert!(error.contains("thesis.txt"), "{error}");
    assert_eq!(fs::read_to_string(out.join("thesis.txt")).unwrap(), "mine");
    assert!(
        fs::read_dir(sandbox.path()).unwrap().flatten().all(|e| !e.file_name().to_string_lossy().ends_with(".aside"))
    );
}

#[test]
fn what_cannot_be_read_is_named_and_skipped_and_the_others_are_done() {
    let sandbox = Sandbox::new();
    let (folder, _) = images(&sandbox);
    let whole = fs::read(folder.join("head1.png")).unwrap();
    fs::write(folder.join("cut.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.join("empty.png"), "").unwrap();
    fs::write(folder.join("head1_Annotation.png"), "never looked at").unwrap();
    let (weights, out) = (weights(&sandbox), sandbox.path().join("results"));
    let output = sandbox.output(&[
        "predict",
        "--weights",
        &weights,
        &text(&folder),
        "--out",
        &text(&out),
        "--batch",
        "2",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("cut.png") && errors.contains("empty.png") && errors.contains("2 of 5"), "{errors}");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let named: Vec<_> =
        rows.as_array().unwrap().iter().map(|r| (r["file"].as_str().unwrap(), r["hc_px"].is_null())).collect();
    assert_eq!(named.len(), 5);
    for (file, without) in named {
        assert_eq!(without, file.ends_with("cut.png") || file.ends_with("empty.png"), "{file}");
    }
    assert!(out.join("masks/head2.png").is_file());
    let alone = sandbox.fails(1, &["predict", "--weights", &weights, &text(&folder.join("empty.png"))]);
    assert!(alone.contains("the file is empty"), "{alone}");
}

#[test]
fn an_image_without_a_head_is_a_reason_and_no_number() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path().join("images");
    fs::create_dir(&folder).unwrap();
    for (name, grey) in [("black", 0), ("white", 255)] {
        image::GrayImage::from_pixel(120, 90, image::Luma([grey])).save(folder.join(format!("{name}.png"))).unwrap();
    }
    let (weights, out) = (weights(&sandbox), sandbox.path().join("results"));
    let args =
        ["predict", "--weights", &weights, &text(&folder), "--pixel-size", "0.2", "--out", &text(&out), "--json"];
    for row in sandbox.json(&args).as_array().unwrap() {
        assert!(row["reason"].as_str().unwrap().starts_with("no head found"), "{row}");
        for key in ["hc_px", "hc_mm", "center_x_px", "semi_axis_a_px", "angle_rad", "ga_hadlock_weeks", "mask"] {
            assert!(row[key].is_null(), "{key}: {row}");
        }
    }
    assert!(!out.join("masks").exists());
}

#[test]
fn pixel_sizes_and_truths_come_from_the_tables_of_both_parts() {
    let sandbox = Sandbox::new();
    let raw = sandbox.raw();
    for (part, table, rows) in [
        (
            "training_set",
            "training_set_pixel_size_and_HC.csv",
            "filename,pixel size(mm),head circumference (mm)\n000_HC.png,0.2,123.4\n",
        ),
        ("test_set", "test_set_pixel_size.csv", "filename,pixel size(mm)\n000_HC.png,0.25\n001_HC.png,abc\n"),
    ] {
        fs::create_dir_all(raw.join(part)).unwrap();
        fs::write(raw.join(table), rows).unwrap();
        bright::picture(&bright::head(0, 200, 135), 200, 135).save(raw.join(part).join("000_HC.png")).unwrap();
    }
    bright::picture(&bright::head(1, 200, 135), 200, 135).save(raw.join("test_set/001_HC.png")).unwrap();
    sandbox.ok(&["data", "add", "hc18", &text(&raw), "--name", "both"]);
    let weights = weights(&sandbox);
    let predict = |more: &[&str]| sandbox.json(&[&["predict", "--weights", &weights, "--json"], more].concat());
    for more in [vec!["--data", "both"], vec![&*text(&raw)], vec![&*text(&raw.join("training_set/000_HC.png"))]] {
        let rows = predict(&more);
        assert_eq!(rows.as_array().unwrap().len(), 1, "{more:?}");
        assert_eq!((number(&rows[0], "pixel_size_mm"), number(&rows[0], "truth_hc_mm")), (0.2, 123.4), "{more:?}");
    }
    for more in [vec!["--data", "both", "--test"], vec![&*text(&raw), "--test"], vec![&*text(&raw.join("test_set"))]] {
        let rows = predict(&more);
        assert_eq!(rows.as_array().unwrap().len(), 2, "{more:?}");
        assert_eq!((number(&rows[0], "pixel_size_mm"), rows[0]["truth_hc_mm"].is_null()), (0.25, true), "{more:?}");
        assert!(rows[1]["hc_mm"].is_null() && number(&rows[1], "hc_px") > 0.0, "its row is illegible: px only");
    }
    let given = predict(&["--data", "both", "--pixel-size", "0.5"]);
    assert_eq!(number(&given[0], "pixel_size_mm"), 0.5);
    let table = text(&raw.join("test_set_pixel_size.csv"));
    let named = predict(&["--data", "both", "--pixel-sizes", &table]);
    assert_eq!(number(&named[0], "pixel_size_mm"), 0.25);
}

#[test]
fn a_regression_s_predictions_are_those_of_its_own_evaluation() {
    let sandbox = Sandbox::with_phantoms(24);
    let more = ["--foreground", "--set", "data.dataset=phantom", "--set", "train.epochs=1"];
    let id = sandbox.ok(&sandbox.quick(&more)).lines().next().unwrap().to_owned();
    let mut evaluated = csv::Reader::from_path(sandbox.run_dir(&id).join("predictions.csv")).unwrap();
    let header = evaluated.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let rows = sandbox.json(&["predict", "--run", &id, "--data", "phantom", "--json"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 24);
    let mut compared = 0;
    for record in evaluated.records().map(Result::unwrap) {
        let row = rows.iter().find(|r| r["file"].as_str().unwrap().ends_with(&record[0])).unwrap();
        let wanted: f64 = record[column("prediction_hc_px")].parse().unwrap();
        if wanted > 0.0 {
            assert!((number(row, "hc_px") / wanted - 1.0).abs() < 1e-4, "{row} {wanted}");
            assert!(row["center_x_px"].is_null() && number(row, "truth_hc_mm") > 0.0);
            compared += 1;
        } else {
            assert!(row["hc_px"].is_null() && !row["reason"].is_null());
        }
    }
    assert!(compared > 0);
    let error = sandbox.fails(2, &["predict", "--run", &id, "--data", "phantom", "--overlay", "x"]);
    assert!(error.contains("no masks"), "{error}");
    // The same weights by their file.
    let file = text(&sandbox.run_dir(&id).join("checkpoints/best.safetensors"));
    let by_file = sandbox.json(&["predict", "--weights", &file, "--data", "phantom", "--json"]);
    for (one, other) in rows.iter().zip(by_file.as_array().unwrap()) {
        assert_eq!(one["hc_px"], other["hc_px"]);
    }
}

/// Row by row: the same circumference, or none for the same reason.
#[test]
fn a_segmentation_s_predictions_are_those_of_its_own_evaluation() {
    let sandbox = Sandbox::with_phantoms(30);
    let mut args = vec!["run", "start", "unet-small", "--foreground"];
    for pair in ["data.dataset=phantom", "data.size=64x64", "train.threads=1", "train.epochs=12", "train.batch=6"] {
        args.extend(["--set", pair]);
    }
    args.extend(["--set", "train.lr=0.01", "--set", "train.loss=dice-bce", "--set", "train.patience=0"]);
    let id = sandbox.ok(&args).lines().next().unwrap().to_owned();
    let mut evaluated = csv::Reader::from_path(sandbox.run_dir(&id).join("predictions.csv")).unwrap();
    let header = evaluated.headers().unwrap().clone();
    let rows = sandbox.json(&["predict", "--run", &id, "--data", "phantom", "--json"]);
    let (mut found, mut refused) = (0, 0);
    for record in evaluated.records().map(Result::unwrap) {
        // A column that is empty throughout is left out.
        let field = |name: &str| header.iter().position(|h| h == name).map_or("", |i| &record[i]);
        let row = rows.as_array().unwrap().iter().find(|r| r["file"].as_str().unwrap().ends_with(&record[0])).unwrap();
        if field("note").starts_with("no head found") {
            assert_eq!(row["reason"], field("note"));
            refused += 1;
        } else {
            for (name, key) in [("prediction_hc_px", "hc_px"), ("prediction_hc_mm", "hc_mm")] {
                let wanted: f64 = field(name).parse().unwrap();
                assert!((number(row, key) / wanted - 1.0).abs() < 1e-4, "{key}: {row} {wanted}");
            }
            assert!(number(row, "ga_hadlock_sd_weeks") > 0.0 || row["ga_hadlock_weeks"].is_null());
            found += 1;
        }
    }
    assert!(found > 0, "no head in any of {refused} images");
}

#[test]
fn a_run_s_best_weights_are_found_by_its_id() {
    let sandbox = Sandbox::new();
    let (folder, truths) = images(&sandbox);
    let run = bright::run(&sandbox.workspace(), "nowhere", "");
    let rows = sandbox.json(&["predict", "--run", run.id(), &text(&folder), "--json"]);
    let hc_px = truths[0].1.circumference_exact_px();
    assert!((number(&rows[0], "hc_px") / hc_px - 1.0).abs() < 0.01);
    fs::remove_file(run.checkpoints().join("best.safetensors")).unwrap();
    let error = sandbox.fails(1, &["predict", "--run", run.id(), &text(&folder)]);
    assert!(error.contains("no best weights yet"), "{error}");
}

#[test]
fn wrong_requests_are_answered_with_what_and_the_cure() {
    let sandbox = Sandbox::new();
    let (folder, _) = images(&sandbox);
    let (good, folder_text) = (weights(&sandbox), text(&folder));
    let bare = sandbox.path().join("bare.safetensors");
    let about = std::collections::BTreeMap::from([("model".to_owned(), "unet-small".to_owned())]);
    bright::save_weights(&bare, &about);
    let broken = sandbox.path().join("broken.safetensors");
    fs::write(&broken, &fs::read(&good).unwrap()[..1000]).unwrap();
    let other = sandbox.path().join("other/head0.png");
    fs::create_dir(other.parent().unwrap()).unwrap();
    fs::copy(folder.join("head0.png"), &other).unwrap();
    let (bare, broken, other, out) = (text(&bare), text(&broken), text(&other), text(&sandbox.path().join("out")));
    for (code, args, says) in [
        (2, vec!["predict", &folder_text], "--run"),
        (2, vec!["predict", "--weights", &good], "PATH"),
        (2, vec!["predict", "--weights", &good, "nowhere.png"], "no such file"),
        (2, vec!["predict", "--weights", &good, "--data", "nowhere"], "nowhere"),
        (2, vec!["predict", "--weights", &good, &folder_text, "--pixel-size", "0"], "positive"),
        (2, vec!["predict", "--weights", &good, &folder_text, "--device", "gpu"], "device"),
        (2, vec!["predict", "--run", "nowhere", &folder_text], "nowhere"),
        (2, vec!["predict", "--weights", &good, &folder_text, &other, "--out", &out], "two images"),
        (1, vec!["predict", "--weights", &bare, &folder_text], "metadata have no input"),
        (1, vec!["predict", "--weights", &broken, &folder_text], "broken.safetensors"),
    ] {
        let error = sandbox.fails(code, &args);
        assert!(error.contains(says), "{args:?}: {error}");
    }
    assert!(!Path::new(&out).exists());
}
