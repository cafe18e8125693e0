//! `hcwb submit hc18` from outside: a whole and right file, or none and the list of what is wrong.

mod bright;
mod common;

use common::Sandbox;
use hcwb::geometry::Ellipse;
use std::fs;
use std::path::{Path, PathBuf};

const SIZE: (u32, u32) = (160, 108);
const PIXEL_SIZE_MM: f64 = 0.4;

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A test part of so many images; its table's rows run backwards, so that no sorting hides behind its order.
fn test_part(sandbox: &Sandbox, count: usize) -> Vec<(String, Ellipse)> {
    let folder = sandbox.raw().join("test_set");
    fs::create_dir_all(&folder).unwrap();
    let mut table = String::from("filename,pixel size(mm)\n");
    let mut rows = Vec::new();
    for i in (0..count).rev() {
        let (name, ellipse) = (format!("{i:03}_HC.png"), bright::head(i, SIZE.0, SIZE.1));
        bright::picture(&ellipse, SIZE.0, SIZE.1).save(folder.join(&name)).unwrap();
        table += &format!("{name},{PIXEL_SIZE_MM}\n");
        rows.push((name, ellipse));
    }
    fs::write(sandbox.raw().join("test_set_pixel_size.csv"), table).unwrap();
    rows
}

fn weights(sandbox: &Sandbox) -> String {
    let file = sandbox.path().join("bright.safetensors");
    bright::save_weights(&file, &bright::metadata());
    text(&file)
}

fn out(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join("submission.csv")
}

fn submit<'a>(weights: &'a str, raw: &'a str, out: &'a str) -> Vec<&'a str> {
    vec!["submit", "hc18", "--weights", weights, "--data", raw, "--out", out]
}

#[test]
fn the_file_has_335_rows_in_the_table_s_order_with_the_ellipses_in_mm() {
    let sandbox = Sandbox::new();
    let truths = test_part(&sandbox, 335);
    let (weights, raw, file) = (weights(&sandbox), text(&sandbox.raw()), text(&out(&sandbox)));
    let said = sandbox.json(&[&submit(&weights, &raw, &file)[..], &["--batch", "32", "--json"]].concat());
    assert_eq!(said["rows"], 335);
    assert_eq!((&said["fallback"], &said["notes"]), (&serde_json::json!([]), &serde_json::json!([])));
    let mut table = csv::Reader::from_path(out(&sandbox)).unwrap();
    let header = "filename,center_x_mm,center_y_mm,semi_axes_a_mm,semi_axes_b_mm,angle_rad";
    assert_eq!(table.headers().unwrap().iter().collect::<Vec<_>>().join(","), header);
    let records: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 335);
    for (record, (name, truth)) in records.iter().zip(&truths) {
        let number = |k: usize| record[k].parse::<f64>().unwrap();
        assert_eq!(&record[0], name);
        // Half a px of the image is 0.2 mm; of the network one is 2.5 px.
        assert!((number(1) - truth.center_x_px * PIXEL_SIZE_MM).abs() < 0.2, "{record:?} {truth:?}");
        assert!((number(2) - truth.center_y_px * PIXEL_SIZE_MM).abs() < 0.2, "{record:?} {truth:?}");
        assert!((number(3) / (truth.semi_axis_a_px * PIXEL_SIZE_MM) - 1.0).abs() < 0.02, "{record:?} {truth:?}");
        assert!((number(4) / (truth.semi_axis_b_px * PIXEL_SIZE_MM) - 1.0).abs() < 0.02, "{record:?} {truth:?}");
        assert!(number(3) >= number(4) && (0.0..std::f64::consts::PI).contains(&number(5)));
        assert!((number(5) - truth.angle_rad).sin().abs() < 0.1, "{record:?} {truth:?}");
    }
}

#[test]
fn the_images_and_their_table_can_be_named_apart() {
    let sandbox = Sandbox::new();
    test_part(&sandbox, 4);
    let (weights, file) = (weights(&sandbox), text(&out(&sandbox)));
    let (images, table) = (text(&sandbox.raw().join("test_set")), text(&sandbox.raw().join("test_set_pixel_size.csv")));
    let args = ["submit", "hc18", "--weights", &weights, "--images", &images, "--pixel-sizes", &table, "-o", &file];
    let said = sandbox.json(&[&args[..], &["--json"]].concat());
    assert_eq!(said["rows"], 4);
    assert!(said["notes"][0].as_str().unwrap().contains("335"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 5);
    let before = fs::read(&file).unwrap();
    let error = sandbox.fails(2, &args);
    assert!(error.contains("--force"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
    sandbox.ok(&[&args[..], &["--force"]].concat());
    assert_eq!(fs::read(&file).unwrap(), before, "the same weights and images give the same file");
}

#[test]
fn whatever_is_wrong_is_listed_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    test_part(&sandbox, 6);
    let folder = sandbox.raw().join("test_set");
    fs::remove_file(folder.join("001_HC.png")).unwrap();
    image::GrayImage::new(SIZE.0, SIZE.1).save(folder.join("002_HC.png")).unwrap();
    fs::write(folder.join("003_HC.png"), "no image").unwrap();
    let table = sandbox.raw().join("test_set_pixel_size.csv");
    let rows = fs::read_to_string(&table).unwrap().replace("004_HC.png,0.4", "004_HC.png,0.04");
    fs::write(&table, rows + "005_HC.png,0.4\n009_HC.png,x\n").unwrap();
    let (weights, raw, file) = (weights(&sandbox), text(&sandbox.raw()), text(&out(&sandbox)));
    let errors = sandbox.fails(1, &submit(&weights, &raw, &file));
    for says in [
        "001_HC.png: there is no such image",
        "002_HC.png: no head found",
        "003_HC.png: cannot decode",
        "004_HC.png: a circumference of",
        "005_HC.png has a row already",
        "\"x\" is not a number (009_HC.png)",
        "the 6 things above are wrong",
        "--fallback",
    ] {
        assert!(errors.contains(says), "{says}: {errors}");
    }
    assert!(!out(&sandbox).exists());
}

#[test]
fn where_no_head_is_found_the_fallback_gives_the_mean_of_those_trained_on_and_says_so() {
    let sandbox = Sandbox::with_phantoms(12);
    let phantoms = sandbox.raw();
    let data = sandbox.json(&["data", "show", "phantom", "--json"]);
    let run = bright::run(&sandbox.workspace(), "phantom", data["fingerprint"].as_str().unwrap());
    let test = sandbox.path().join("test");
    fs::create_dir_all(test.join("test_set")).unwrap();
    // As large as the phantoms, so that the mean head has their size.
    bright::picture(&bright::head(0, 800, 540), 800, 540).save(test.join("test_set/000_HC.png")).unwrap();
    image::GrayImage::new(800, 540).save(test.join("test_set/001_HC.png")).unwrap();
    let table = "filename,pixel size(mm)\n000_HC.png,0.15\n001_HC.png,0.15\n";
    fs::write(test.join("test_set_pixel_size.csv"), table).unwrap();
    let (test_text, file) = (text(&test), text(&out(&sandbox)));
    let args = ["submit", "hc18", "--run", run.id(), "--data", &test_text, "--out", &file];
    let errors = sandbox.fails(1, &args);
    assert!(errors.contains("001_HC.png: no head found"), "{errors}");
    let said = sandbox.json(&[&args[..], &["--fallback", "--json"]].concat());
    assert_eq!(said["fallback"], serde_json::json!(["001_HC.png"]));
    let content = fs::read_to_string(&file).unwrap();
    let last: Vec<f64> = content.lines().last().unwrap().split(',').skip(1).map(|n| n.parse().unwrap()).collect();
    // Phantoms lie about the middle, and the mean of so many is between the smallest and the largest.
    assert!((last[0] - 60.0).abs() < 12.0 && (last[1] - 40.5).abs() < 9.0, "{last:?}");
    assert!(last[2] >= last[3] && last[3] > 5.0 && last[2] < 60.0, "{last:?}");
    assert!(phantoms.join("training_set").is_dir());
    let weights = text(&run.checkpoints().join("best.safetensors"));
    let error = sandbox.fails(
        2,
        &["submit", "hc18", "--weights", &weights, "--data", &test_text, "--out", &file, "--fallback", "--force"],
    );
    assert!(error.contains("--run"), "{error}");
}

#[test]
fn a_regression_has_no_ellipses_to_submit_and_a_training_part_is_no_test_part() {
    let sandbox = Sandbox::with_phantoms(4);
    let weights = weights(&sandbox);
    let (raw, file) = (text(&sandbox.raw()), text(&out(&sandbox)));
    let error = sandbox.fails(2, &submit(&weights, &raw, &file));
    assert!(error.contains("no test part"), "{error}");
    test_part(&sandbox, 2);
    let about = [
        ("model", "cnn263k"),
        ("input", "64,64,1"),
        ("task", "hc-regression"),
        ("grey_mean", "40"),
        ("grey_sd", "50"),
        ("target_unit_px", "1500"),
    ];
    let network = hcwb::nn::Network::new(
        hcwb::model::build("cnn263k", &hcwb::model::ModelOptions::default().with_input(&[64, 64, 1])).unwrap(),
        0,
    );
    let regression = sandbox.path().join("regression.safetensors");
    let about = about.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    hcwb::nn::weights::save(&regression, &network.state(), &about).unwrap();
    let error = sandbox.fails(2, &submit(&text(&regression), &raw, &file));
    assert!(error.contains("circumferences alone"), "{error}");
    assert!(!out(&sandbox).exists());
}
