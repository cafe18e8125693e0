//! `hcwb dream` from outside: layers and groups of a run's network, a dream as a picture, and what is refused.

mod common;

use common::Sandbox;
use std::path::PathBuf;

/// A short training of a small U-Net on phantoms, and one of their images.
fn trained() -> (Sandbox, String, String) {
    let sandbox = Sandbox::with_phantoms(12);
    let mut args = vec!["run", "start", "unet-small", "--foreground", "--json"];
    for pair in ["data.dataset=phantom", "data.size=64x48", "train.threads=1", "train.epochs=1", "train.batch=6"] {
        args.extend(["--set", pair]);
    }
    let id = sandbox.json(&args)["id"].as_str().unwrap().to_owned();
    let images = sandbox.raw().join("training_set");
    let mut files: Vec<PathBuf> = std::fs::read_dir(images).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.to_string_lossy().ends_with("HC.png"));
    files.sort();
    (sandbox, id, files[0].to_str().unwrap().to_owned())
}

#[test]
fn a_run_dreams_in_its_own_size_and_its_layers_rise() {
    let (sandbox, id, image) = trained();
    let out = sandbox.path().join("dreamt.png");
    let out = out.to_str().unwrap();
    let args = ["dream", "--run", &id, &image, "--layers", "encoder-deep,bottleneck=0.5", "--steps", "4", "-o", out];
    let dreamt = sandbox.json(&[&args[..], &["--json"]].concat());
    let layers = dreamt["layers"].as_object().unwrap();
    assert_eq!(layers.len(), 4);
    assert_eq!((&layers["encoder.1.relu2"], &layers["bottleneck.relu1"]), (&1.0.into(), &0.5.into()));
    // 64 / 1.4 = 45.7 and 64 / 1.96 = 32.7, in multiples of 4; 48 alike.
    let octaves = dreamt["octaves"].as_array().unwrap();
    let sizes: Vec<_> = octaves.iter().map(|o| (o["width"].as_u64().unwrap(), o["height"].as_u64().unwrap())).collect();
    assert_eq!(sizes, [(32, 24), (44, 36), (64, 48)]);
    for octave in octaves {
        let losses: Vec<f64> = octave["losses"].as_array().unwrap().iter().map(|l| l.as_f64().unwrap()).collect();
        assert!(losses.len() == 4 && losses[3] > losses[0], "{losses:?}");
    }
    let picture = std::fs::read(out).unwrap();
    let decoded = image::load_from_memory(&picture).unwrap();
    assert_eq!((decoded.width(), decoded.height(), decoded.color()), (64, 48, image::ColorType::L8));
    // The same again, and another of other layers.
    let said = sandbox.ok(&args);
    assert!(said.contains("64x48 px, 4 layers, 12 steps, loss "), "{said}");
    assert_eq!(std::fs::read(out).unwrap(), picture);
    sandbox.ok(&["dream", "--run", &id, &image, "--layers", "decoder", "--steps", "4", "-o", out]);
    assert_ne!(std::fs::read(out).unwrap(), picture);
}

#[test]
fn without_a_step_the_picture_is_the_image_as_the_network_sees_it() {
    let (sandbox, id, image) = trained();
    let out = sandbox.path().join("same.png");
    sandbox.ok(&["dream", "--run", &id, &image, "--layers", "encoder", "--steps", "0", "-o", out.to_str().unwrap()]);
    let seen = image::open(&out).unwrap().into_luma8();
    let mut want = vec![0; 64 * 48];
    let whole = hcwb::dataset::hc18::decode_gray(std::path::Path::new(&image)).unwrap();
    hcwb::dataset::resize::resize_into(&whole, 64, 48, &mut want);
    assert_eq!(seen.as_raw(), &want);
}

#[test]
fn layers_and_groups_are_listed_and_what_is_wrong_is_refused() {
    let (sandbox, id, image) = trained();
    let list = sandbox.json(&["dream", "--run", &id, "--json"]);
    let groups: Vec<_> = list["groups"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
    for name in
        ["encoder", "encoder-shallow", "encoder-deep", "decoder", "decoder-shallow", "decoder-deep", "bottleneck"]
    {
        assert!(groups.contains(&name), "{groups:?}");
    }
    let layer = list["layers"].as_array().unwrap().iter().find(|l| l["layer"] == "bottleneck.relu2").unwrap().clone();
    assert_eq!(
        layer,
        serde_json::json!({
            "layer": "bottleneck.relu2", "kind": "relu", "height": 12, "width": 16, "channels": 64
        })
    );
    assert!(sandbox.ok(&["dream", "--run", &id, "--layers", "list"]).contains("bottleneck.relu2  relu"));

    let out = sandbox.path().join("never.png");
    let out = out.to_str().unwrap();
    let refused = |args: &[&str], words: &str| {
        let said = sandbox.fails(2, &[&["dream", "--run", &id, "-o", out], args].concat());
        assert!(said.contains(words), "{args:?}: {said}");
        assert!(!std::path::Path::new(out).exists());
    };
    refused(&[&image, "--layers", "encodr-deep"], "did you mean encoder-deep?");
    refused(&[&image, "--layers", "encoder=much"], "the weight of encoder cannot be `much`");
    refused(&[&image, "--layers", "encoder=0"], "every weight is 0");
    refused(&["--layers", "encoder"], "no image was named");
    refused(&[&image, "--layers", "encoder", "--octaves", "0"], "0 octaves");
    refused(&[&image, "--layers", "encoder", "--octave-scale", "1"], "octaves cannot grow by 1");
    refused(&[&image, "--layers", "encoder", "--step-length", "0"], "a step cannot be 0 long");
    sandbox.fails(1, &["dream", "--run", &id, "no-such.png", "--layers", "encoder", "-o", out]);
    assert!(!std::path::Path::new(out).exists());
}
