//! `hcwb aopc` from outside: curves of held-out images, their areas, and a work that is taken up again.

mod common;

use common::Sandbox;
use hcwb::nn::{Array, weights};
use std::collections::BTreeMap;

fn trained() -> (Sandbox, String) {
    let sandbox = Sandbox::with_phantoms(12);
    let id = sandbox.start(&["--set", "data.dataset=phantom", "--foreground", "--set", "train.epochs=1"]);
    sandbox.wait_for_status(&id, "finished");
    (sandbox, id)
}

fn rows(path: &std::path::Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn the_areas_are_those_of_the_curves_and_the_curves_those_of_the_network() {
    let (sandbox, id) = trained();
    // 64x64 px in regions of 16: sixteen regions, all of them zero in the end.
    let args = ["aopc", "--run", &id, "--count", "2", "--steps", "16", "--region", "16", "--noise", "zero"];
    let analyzers = ["--analyzer", "gradient,lrp-z,random", "--json"];
    let lines = sandbox.json(&[&args[..], &analyzers].concat());
    let rows = rows(&sandbox.run_dir(&id).join("explain/aopc.csv"));
    assert_eq!(rows.len(), 3 * 2 * 17);
    let number = |row: &BTreeMap<String, String>, key: &str| row[key].parse::<f64>().unwrap();

    // Areas by hand: the mean over images of the sum of e(x_0) - e(x_k), by K + 1 and by K.
    for line in lines.as_array().unwrap() {
        let of: Vec<_> = rows.iter().filter(|row| row["analyzer"] == line["analyzer"].as_str().unwrap()).collect();
        let mut sums = Vec::new();
        for curve in of.chunks(17) {
            let errors: Vec<f64> = curve.iter().map(|row| number(row, "error_px")).collect();
            sums.push(errors.iter().map(|e| errors[0] - e).sum::<f64>());
        }
        let close = |key: &str, by: f64| {
            let (said, expected) = (line[key].as_f64().unwrap(), sums.iter().sum::<f64>() / by / 2.0);
            assert!((said - expected).abs() < 1e-9 * expected.abs().max(1.0), "{key}: {said} {expected}");
        };
        close("aopc_px", 17.0);
        close("aopc_px_printed", 16.0);
        // Equation 8: the same of what the network says.
        let of_output = of.chunks(17).map(|curve| {
            let said: Vec<f64> = curve.iter().map(|row| number(row, "hc_px")).collect();
            said.iter().map(|hc| said[0] - hc).sum::<f64>() / 17.0
        });
        let expected = of_output.sum::<f64>() / 2.0;
        let said = line["aopc_output_px"].as_f64().unwrap();
        assert!((said - expected).abs() < 1e-9 * expected.abs().max(1.0), "{said} {expected}");
    }

    // Step 0 is the image as it is explained; behind the last step every analyzer has made the same image: all zeros.
    let weights_file = sandbox.run_dir(&id).join("checkpoints/best.safetensors");
    let (w, out) = (weights_file.to_str().unwrap(), sandbox.path().join("why"));
    let image = sandbox.raw().join("training_set").join(&rows[0]["file"]);
    let explain = [
        "explain",
        "--run",
        &id,
        image.to_str().unwrap(),
        "--analyzer",
        "gradient",
        "-o",
        out.to_str().unwrap(),
        "--json",
    ];
    let explained = sandbox.json(&explain)[0]["hc_px"].as_f64().unwrap();
    let first = number(&rows[0], "hc_px");
    assert!((explained - first).abs() < 1e-3 * explained.abs().max(1.0), "{explained} {first}");
    let [input, map] =
        ["zeros.safetensors", "map.safetensors"].map(|n| sandbox.path().join(n).to_str().unwrap().to_owned());
    let zeros = Array { shape: vec![1, 64, 64, 1], values: vec![0.0; 64 * 64] };
    weights::save(std::path::Path::new(&input), &BTreeMap::from([("input".to_owned(), zeros)]), &BTreeMap::new())
        .unwrap();
    let model = weights::load(&weights_file).unwrap().1["model"].clone();
    sandbox.ok(&[
        "attribute",
        "--model",
        &model,
        "--weights",
        w,
        "--input",
        &input,
        "--analyzer",
        "gradient",
        "-o",
        &map,
    ]);
    let metadata = weights::load(&weights_file).unwrap().1;
    let unit: f64 = metadata["target_unit_px"].parse().unwrap();
    let of_zeros = f64::from(weights::load(&map).unwrap().0["output"].values[0]) * unit;
    for row in rows.iter().filter(|row| row["step"] == "16") {
        let said = number(row, "hc_px");
        assert!((said - of_zeros).abs() < 1e-3 * of_zeros.abs().max(1.0), "{said} {of_zeros}");
    }
}

#[test]
fn a_work_that_was_cut_short_goes_on_where_it_stood() {
    let (sandbox, id) = trained();
    let args = ["aopc", "--run", &id, "--count", "3", "--steps", "4", "--analyzer", "gradient,random", "--json"];
    let whole = sandbox.json(&args);
    let path = sandbox.run_dir(&id).join("explain/aopc.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() * 2 / 3]).unwrap();
    assert_eq!(sandbox.json(&args), whole, "the same noise, the same curves");
    let size = std::fs::metadata(&path).unwrap().len();
    assert_eq!(sandbox.json(&args), whole);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), size, "nothing is made a third time");
    // Another design is another curve beside it.
    let other = sandbox.json(&[&args[..], &["--order", "least", "--repeats", "2"]].concat());
    assert_ne!(other[0]["curve_px"], whole[0]["curve_px"]);
    assert_eq!(other[0]["error_px"], whole[0]["error_px"]);
    // Several orders at once are those orders one by one.
    let both = sandbox.json(&[&args[..], &["--order", "most,least"]].concat());
    assert_eq!(both.as_array().unwrap()[..2], whole.as_array().unwrap()[..]);
    let least = sandbox.json(&[&args[..], &["--order", "least"]].concat());
    assert_eq!(both.as_array().unwrap()[2..], least.as_array().unwrap()[..]);
}

#[test]
fn what_is_asked_wrongly_is_answered() {
    let (sandbox, id) = trained();
    let said = sandbox.fails(2, &["aopc", "--run", &id, "--steps", "4096", "--count", "1"]);
    assert!(said.contains("fewer steps"), "{said}");
    let said = sandbox.fails(2, &["aopc", "--run", &id, "--noise", "gaussian"]);
    assert!(said.contains("replace"), "{said}");
    sandbox.fails(2, &["aopc", "--run", &id, "--analyzer", "lrpz"]);
}
