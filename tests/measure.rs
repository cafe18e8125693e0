//! `hcwb measure` from outside: rings and masks in, circumferences or reasons out.

mod common;

use common::Sandbox;
use hcwb::geometry::{Ellipse, Mask, fill, ring};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn save(path: &Path, mask: &Mask) {
    let image = image::GrayImage::from_raw(mask.width as u32, mask.height as u32, mask.values.clone()).unwrap();
    image.save(path).unwrap();
}

/// Draws into the sandbox and gives the file's name.
fn drawn(sandbox: &Sandbox, name: &str, mask: &Mask) -> String {
    let path = sandbox.path().join(name);
    save(&path, mask);
    path.to_str().unwrap().to_owned()
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("{key} of {row} is no number"))
}

fn head() -> Ellipse {
    Ellipse::new(400.3, 260.6, 210.0, 160.0, 0.4)
}

#[test]
fn phantoms_measure_as_their_table_says() {
    let sandbox = Sandbox::with_phantoms(12);
    let (raw, table) = (sandbox.raw(), sandbox.path().join("measured.csv"));
    let rows = sandbox.json(&["measure", raw.to_str().unwrap(), "--json", "--csv", table.to_str().unwrap()]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 12);
    for row in rows {
        assert!(row["file"].as_str().unwrap().ends_with("_Annotation.png"));
        assert!(number(row, "difference_mm").abs() <= 0.1, "{row}");
        assert!((number(row, "hc_px") * number(row, "pixel_size_mm") - number(row, "hc_mm")).abs() < 1e-9);
        assert_eq!((&row["drawn_as"], &row["reason"]), (&"ring".into(), &Value::Null));
    }
    let by_name = sandbox.json(&["measure", "phantom", "--json"]);
    assert_eq!(by_name.as_array().unwrap().len(), 12);
    let written: Vec<_> = csv::Reader::from_path(table).unwrap().into_records().map(Result::unwrap).collect();
    assert_eq!(written.len(), 12);
    let text = sandbox.ok(&["measure", raw.to_str().unwrap()]);
    assert!(text.contains("12 of 12 with a circumference in the table: MAE 0.0"), "{text}");
}

#[test]
fn masks_and_rings_of_one_head_measure_alike_whatever_the_way() {
    let sandbox = Sandbox::new();
    let truth = head().circumference_ramanujan_px();
    let files = [
        drawn(&sandbox, "ring.png", &ring(&head(), 800, 540, 2.54)),
        drawn(&sandbox, "thin.png", &ring(&head(), 800, 540, 1.1)),
        drawn(&sandbox, "thick.png", &ring(&head(), 800, 540, 9.0)),
        drawn(&sandbox, "filled.png", &fill(&head(), 800, 540)),
    ];
    let ways: [&[&str]; 4] = [&[], &["--method", "direct"], &["--contour", "canny"], &["--pixel-size", "0.1"]];
    for way in ways {
        let mut args = vec!["measure", "--json"];
        args.extend(files.iter().map(String::as_str));
        args.extend(way);
        for row in sandbox.json(&args).as_array().unwrap() {
            assert!((number(row, "hc_px") - truth).abs() < 0.5, "{way:?}: {row}");
            match way {
                ["--pixel-size", _] => assert!((number(row, "hc_mm") - 0.1 * truth).abs() < 0.05),
                _ => assert_eq!(row["hc_mm"], Value::Null),
            }
        }
    }
    let outer = drawn(&sandbox, "outer.png", &fill(&Ellipse::new(400.3, 260.6, 211.29, 161.29, 0.4), 800, 540));
    let row = &sandbox.json(&["measure", &outer, "--inset", "1.29", "--json"])[0];
    assert!((number(row, "hc_px") - truth).abs() < 0.5, "{row}");
    let literal = &sandbox.json(&["measure", &files[3], "--literal", "--json"])[0];
    let (half_width, half_height) = head().half_extent_px();
    assert!((number(literal, "semi_axis_a_px") - half_width).abs() < 1.0, "{literal}");
    assert!((number(literal, "semi_axis_b_px") - half_height).abs() < 1.0 && number(literal, "angle_rad") == 0.0);
}

#[test]
fn cut_broken_tiny_and_spotted_rings_still_measure() {
    let sandbox = Sandbox::new();
    let cut = Ellipse::new(190.0, 270.0, 240.0, 190.0, 0.2);
    let tiny = Ellipse::new(40.3, 30.7, 14.0, 11.0, 1.2);
    let mut broken = ring(&head(), 800, 540, 2.54);
    for (i, value) in broken.values.iter_mut().enumerate() {
        let (x, y) = (i % 800, i / 800);
        // A quarter of the ring is missing, and dust lies about.
        if x > 400 && y > 260 {
            *value = 0;
        }
        if (x * 31 + y * 17) % 1999 == 0 {
            *value = 255;
        }
    }
    for (name, mask, truth, tolerance_px) in [
        ("cut.png", ring(&cut, 800, 540, 2.54), cut, 0.5),
        ("tiny.png", ring(&tiny, 90, 70, 2.54), tiny, 0.8),
        ("broken.png", broken, head(), 0.5),
    ] {
        let row = &sandbox.json(&["measure", &drawn(&sandbox, name, &mask), "--json"])[0];
        let error = number(row, "hc_px") - truth.circumference_ramanujan_px();
        assert!(error.abs() < tolerance_px, "{name}: {error}");
    }
}

#[test]
fn masks_without_a_head_get_a_reason_and_never_a_number() {
    let sandbox = Sandbox::new();
    let mut five = Mask::empty(800, 540);
    for (x, y) in [(100.0, 100.0), (300.0, 100.0), (600.0, 120.0), (200.0, 400.0), (600.0, 400.0)] {
        let part = fill(&Ellipse::new(x, y, 50.0, 40.0, 0.3), 800, 540);
        five.values.iter_mut().zip(part.values).for_each(|(v, p)| *v |= p);
    }
    let mut line = Mask::empty(800, 540);
    line.values[800 * 200 + 100..800 * 200 + 700].fill(255);
    let mut arc = ring(&head(), 800, 540, 2.54);
    arc.values[..800 * 370].fill(0);
    let files = [
        (drawn(&sandbox, "empty.png", &Mask::empty(800, 540)), "empty"),
        (drawn(&sandbox, "full.png", &Mask { values: vec![255; 800 * 540], ..Mask::empty(800, 540) }), "full"),
        (drawn(&sandbox, "five.png", &five), "5 parts"),
        (drawn(&sandbox, "line.png", &line), "line"),
        (drawn(&sandbox, "arc.png", &arc), "%"),
    ];
    let mut args = vec!["measure", "--json", "--pixel-size", "0.1"];
    args.extend(files.iter().map(|(file, _)| file.as_str()));
    let rows = sandbox.json(&args);
    for (row, (file, word)) in rows.as_array().unwrap().iter().zip(&files) {
        let reason = row["reason"].as_str().unwrap_or_else(|| panic!("{row}"));
        assert!(reason.starts_with("no head found: ") && reason.contains(word), "{file}: {reason}");
        for key in ["hc_px", "hc_mm", "center_x_px", "center_y_px", "semi_axis_a_px", "semi_axis_b_px", "angle_rad"] {
            assert_eq!(row[key], Value::Null, "{file}: {key}");
        }
    }
    // A head cut by the frame has a number, and says so.
    let cut = drawn(&sandbox, "cut.png", &fill(&Ellipse::new(150.0, 270.0, 240.0, 190.0, 0.2), 800, 540));
    let row = &sandbox.json(&["measure", &cut, "--json"])[0];
    assert_eq!(row["note"], "cut by the border: left; 72 % of the outline are there");
    let truth = Ellipse::new(0.0, 0.0, 240.0, 190.0, 0.2).circumference_ramanujan_px();
    assert!((number(row, "hc_px") / truth - 1.0).abs() < 0.005, "{row}");
}

#[test]
fn files_that_are_no_masks_are_named_and_the_others_measured() {
    let sandbox = Sandbox::new();
    let good = drawn(&sandbox, "good.png", &fill(&head(), 800, 540));
    let picture = Mask { width: 80, height: 60, values: (0..80 * 60).map(|i| (i * 7 % 256) as u8).collect() };
    let picture = drawn(&sandbox, "picture.png", &picture);
    let half = sandbox.path().join("half.png");
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let half = half.to_str().unwrap();
    assert!(sandbox.fails(1, &["measure", &picture]).contains("it is a picture, not a mask"));
    assert!(sandbox.fails(1, &["measure", half]).contains("half.png"));
    let output = sandbox.output(&["measure", "--json", &good, half, &picture]);
    assert_eq!(output.status.code(), Some(1));
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(rows[0]["hc_px"].is_f64() && rows[1]["reason"].is_string() && rows[2]["hc_px"].is_null(), "{rows}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("2 of 3 files"));
    for (args, code, says) in [
        (vec!["measure", "nowhere.png"], 2, "nowhere.png"),
        (vec!["measure", &good, "--pixel-size", "0"], 2, "0"),
        (vec!["measure", &good, "--pixel-sizes", "nowhere.csv"], 2, "nowhere.csv"),
        (vec!["measure", sandbox.path().join("empty").to_str().unwrap()], 2, "no such"),
    ] {
        let errors = sandbox.fails(code, &args);
        assert!(errors.contains(says), "{args:?}: {errors}");
    }
}

#[test]
fn pixel_sizes_come_from_the_table_beside_above_or_named() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path().join("masks");
    std::fs::create_dir(&folder).unwrap();
    save(&folder.join("010_HC.png"), &fill(&head(), 800, 540));
    save(&folder.join("010_2HC_Annotation.png"), &ring(&head(), 800, 540, 2.54));
    let table = |path: PathBuf, size: f64| {
        std::fs::write(path, format!("filename,pixel size(mm)\n010_HC.png,{size}\n010_2HC.png,{size}\n")).unwrap();
    };
    let size = |more: &[&str]| {
        let file = folder.join("010_HC.png");
        let args = [&["measure", "--json", file.to_str().unwrap()], more].concat();
        sandbox.json(&args)[0]["pixel_size_mm"].as_f64()
    };
    assert_eq!(size(&[]), None);
    table(sandbox.path().join("test_set_pixel_size.csv"), 0.2);
    assert_eq!(size(&[]), Some(0.2));
    table(folder.join("test_set_pixel_size.csv"), 0.3);
    assert_eq!(size(&[]), Some(0.3));
    let named = sandbox.path().join("named.csv");
    table(named.clone(), 0.4);
    assert_eq!(size(&["--pixel-sizes", named.to_str().unwrap()]), Some(0.4));
    assert_eq!(size(&["--pixel-size", "0.5"]), Some(0.5));
    let rows = sandbox.json(&["measure", "--json", folder.to_str().unwrap()]);
    // Of a folder with annotations only those are measured.
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["pixel_size_mm"]), (1, &0.3.into()));
}
