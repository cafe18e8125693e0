//! `hcwb explain` from outside: a run's network, its images, and what is written of why.

mod common;

use common::Sandbox;
use hcwb::nn::weights;

/// A short training on phantoms, and one of its images.
fn trained() -> (Sandbox, String, String) {
    let sandbox = Sandbox::with_phantoms(12);
    let id = sandbox.start(&["--set", "data.dataset=phantom", "--foreground", "--set", "train.epochs=1"]);
    sandbox.wait_for_status(&id, "finished");
    let images = sandbox.raw().join("training_set");
    let mut files: Vec<_> = std::fs::read_dir(images).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.to_string_lossy().ends_with("HC.png"));
    files.sort();
    (sandbox, id, files[0].to_str().unwrap().to_owned())
}

#[test]
fn maps_of_a_run_are_written_as_tensors_and_as_pictures_of_the_image_s_size() {
    let (sandbox, id, image) = trained();
    let out = sandbox.path().join("why");
    let out = out.to_str().unwrap();
    let analyzers = "gradient,lrp-z,integrated-gradients";
    let args =
        ["explain", "--run", &id, &image, "--analyzer", analyzers, "--set", "baseline=black", "-o", out, "--json"];
    let rows = sandbox.json(&args);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 3);
    let predicted = sandbox.json(&["predict", "--run", &id, &image, "--json"]);
    let size = image::image_dimensions(&image).unwrap();
    let mut maps = Vec::new();
    for row in rows {
        let arrays = weights::load(row["map"].as_str().unwrap()).unwrap().0;
        assert_eq!(arrays["attribution"].shape, arrays["input"].shape);
        assert_eq!(arrays["attribution"].shape[..3], [1, 64, 64]);
        assert!(arrays["attribution"].values.iter().any(|v| *v != 0.0));
        // So short a training may end below zero, which is no circumference and not predicted.
        let said = row["hc_px"].as_f64().unwrap();
        let same = predicted[0]["hc_px"].as_f64().map_or(said <= 0.0, |hc_px| (said / hc_px - 1.0).abs() < 1e-3);
        assert!(same, "what is explained is what is predicted: {said} and {}", predicted[0]);
        let picture = image::open(row["picture"].as_str().unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), size);
        let coloured = picture.into_rgb8().pixels().any(|p| p.0[0] != p.0[1] || p.0[1] != p.0[2]);
        assert!(coloured, "{row}");
        maps.push(arrays["attribution"].clone());
    }
    assert_ne!(maps[0].values, maps[1].values);

    // What `explain` wrote, `attribute` gives for the same input and weights.
    let weights_file = sandbox.run_dir(&id).join("checkpoints/best.safetensors");
    let [w, r] = [weights_file, sandbox.path().join("r.safetensors")].map(|p| p.to_str().unwrap().to_owned());
    let model = weights::load(&w).unwrap().1["model"].clone();
    let input = rows[1]["map"].as_str().unwrap();
    let args = ["attribute", "--model", &model, "--weights", &w, "--input", input, "--analyzer", "lrp-z", "-o", &r];
    sandbox.ok(&args);
    assert_eq!(weights::load(&r).unwrap().0["attribution"].values, maps[1].values);
}

#[test]
fn what_is_asked_wrongly_is_answered() {
    let (sandbox, id, image) = trained();
    let said = sandbox.fails(2, &["explain", "--run", &id, &image, "--analyzer", "lrpz"]);
    assert!(said.contains("did you mean lrp-z?"), "{said}");
    let said = sandbox.fails(2, &["explain", "--run", &id, &image, "--analyzer", "lrp-z", "--set", "sigma=1"]);
    assert!(said.contains("sigma"), "{said}");
    let black = ["explain", "--run", &id, &image, "--analyzer", "integrated-gradients", "--set", "baseline=file"];
    assert!(sandbox.fails(2, &black).contains("attribute"));
    sandbox.fails(2, &["explain", "--run", &id, "missing.png", "--analyzer", "lrp-z"]);
}
