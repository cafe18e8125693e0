//! Trainings from a pre-trained encoder: what is loaded, what is frozen, what is refused before hours are lost.

mod common;

use common::Sandbox;
use hcwb::nn::weights::{self, Array};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A file of VGG16's thirteen convolutions under torchvision's names, small made-up values.
fn vgg16(sandbox: &Sandbox) -> PathBuf {
    let widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512];
    let places = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
    let (mut arrays, mut inputs) = (BTreeMap::new(), 3);
    for (outputs, place) in widths.into_iter().zip(places) {
        let scale = (2.0 / (9.0 * inputs as f32)).sqrt();
        let values = (0..outputs * inputs * 9).map(|i| ((i * 7919 % 1009) as f32 / 504.5 - 1.0) * scale).collect();
        arrays.insert(format!("features.{place}.weight"), Array { shape: vec![outputs, inputs, 3, 3], values });
        arrays.insert(format!("features.{place}.bias"), Array { shape: vec![outputs], values: vec![0.01; outputs] });
        inputs = outputs;
    }
    let file = sandbox.path().join("vgg16.safetensors");
    weights::save(&file, &arrays, &BTreeMap::new()).unwrap();
    file
}

fn start(sandbox: &Sandbox, more: &[&str]) -> String {
    let mut args = vec!["run", "start", "reg-vgg16", "--foreground", "--json"];
    for set in [
        "data.dataset=phantom",
        "data.size=32x32",
        "train.epochs=1",
        "train.batch=4",
        "model.pretrained=made-up",
        "augment.rotation_deg=0",
    ] {
        args.extend(["--set", set]);
    }
    args.extend(more);
    sandbox.json(&args)["id"].as_str().unwrap().to_owned()
}

fn changed(sandbox: &Sandbox, id: &str, file: &PathBuf) -> (usize, usize) {
    let trained = weights::load(sandbox.run_dir(id).join("checkpoints/last.safetensors")).unwrap().0;
    let given = weights::load(file).unwrap().0;
    let differ = given.iter().filter(|(name, array)| trained[*name].values != array.values).count();
    (differ, given.len())
}

#[test]
fn a_frozen_encoder_keeps_the_weights_it_was_given_and_a_free_one_does_not() {
    let sandbox = Sandbox::with_phantoms(12);
    let file = vgg16(&sandbox);
    sandbox.ok(&["weights", "import", file.to_str().unwrap(), "--name", "made-up"]);
    let frozen = start(&sandbox, &["--set", "model.frozen=encoder"]);
    assert_eq!(changed(&sandbox, &frozen, &file), (0, 26));
    let events = sandbox.events(&frozen);
    let started = events.iter().find(|e| e["kind"] == "started").unwrap();
    assert_eq!(started["trainable"], 513);
    assert!(started["pretrained"].as_str().unwrap().starts_with("made-up: 26 tensors loaded"), "{started}");
    let free = start(&sandbox, &["--set", "train.micro_batch=2"]);
    assert_eq!(changed(&sandbox, &free, &file), (26, 26));
}

#[test]
fn what_cannot_be_trained_is_refused_before_a_run_is_made() {
    let sandbox = Sandbox::with_phantoms(12);
    for (sets, what, cure) in [
        (&["model.pretrained=made-up"][..], "no weights called made-up", "hcwb weights"),
        (&["model.pretrained=none", "model.frozen=encoder", "model.name=cnn1m"], "no encoder", "reg-vgg16"),
        (&["model.pretrained=vgg16", "model.name=cnn1m"], "no encoder", "model.pretrained=none"),
        (&["model.pretrained=none", "model.classes=3"], "classes", "head"),
        (&["model.pretrained=none", "train.device=tpu"], "no device called tpu", "auto or cpu"),
        (&["model.pretrained=none", "train.device=cuda:0"], "cuda:0 cannot be used", "use the CPU"),
        (&["model.pretrained=none", "train.precision=f16"], "f16", "bf16"),
        (&["model.pretrained=none", "train.batch=60000", "data.size=512x512"], "GB are free", "micro_batch"),
    ] {
        let mut args = vec!["run", "start", "reg-vgg16", "--set", "data.dataset=phantom"];
        sets.iter().for_each(|set| args.extend(["--set", set]));
        let output = sandbox.output(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !said.contains("panicked"), "{sets:?}: {said}");
        assert!(said.contains(what) && said.contains(cure), "{sets:?}: {said}");
    }
    let runs = sandbox.json(&["run", "list", "--json"]);
    assert_eq!(runs.as_array().unwrap().len(), 0, "a refused run left a directory");
}
