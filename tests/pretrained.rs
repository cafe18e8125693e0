//! Pre-trained weights: fetched, imported, recognised, and loaded into a network's encoder.

mod common;
#[path = "common/server.rs"]
mod server;

use common::Sandbox;
use hcwb::model::pretrained::{LoadReport, encoder_names, into_encoder, load_encoder, open, recognise::Architecture};
use hcwb::nn::layer::{BatchNorm, Conv, Flatten, Linear};
use hcwb::nn::{Array, Graph, GraphBuilder, Network, weights};
use serde_json::{Value, json};
use server::{Reply, Server};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A safetensors file of the architecture's encoder and a head, all zeros in f16; `change` edits its header.
fn made_up(architecture: Architecture, change: impl FnOnce(&mut BTreeMap<String, Vec<usize>>)) -> Vec<u8> {
    let mut shapes = architecture.tensors();
    let head = if architecture == Architecture::Vgg16 { "head.fc.weight" } else { "fc.weight" };
    shapes.insert(head.into(), vec![10, 4]);
    change(&mut shapes);
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for (name, shape) in &shapes {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({ "dtype": "F16", "shape": shape, "data_offsets": [start, end] }));
    }
    let header = Value::Object(header).to_string().into_bytes();
    let mut bytes = [&(header.len() as u64).to_le_bytes()[..], &header].concat();
    bytes.resize(bytes.len() + end, 0);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn write(sandbox: &Sandbox, name: &str, bytes: &[u8]) -> PathBuf {
    let path = sandbox.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The hub's manner: a redirect that tells size and sha256, then the file elsewhere.
fn hub(bytes: Vec<u8>, sha256: String) -> Server {
    Server::start(move |_, asked| match asked.path.as_str() {
        "/timm/resnet50.tv_in1k/resolve/main/model.safetensors" => {
            let size = bytes.len();
            let told = format!("X-Linked-Size: {size}\r\nX-Linked-Etag: \"{sha256}\"\r\nLocation: /storage\r\n");
            Reply::new("302 Found", &told, b"")
        }
        "/storage" => Reply::part(asked, &bytes),
        _ => Reply::new("404 Not Found", "", b""),
    })
}

#[test]
fn known_weights_are_fetched_checked_and_listed_with_where_they_come_from() {
    let sandbox = Sandbox::new();
    let bytes = made_up(Architecture::ResNet50, |_| {});
    let sha256 = hex(&bytes);
    let server = hub(bytes, sha256.clone());
    let url = server.url("");
    let fetch = ["weights", "fetch", "resnet50", "--url", &url, "--json"];
    let said = sandbox.json(&fetch);
    assert_eq!(
        (&said["architecture"], &said["variant"], &said["tensors"], &said["heads"]),
        (&"resnet50".into(), &"v1.5".into(), &265.into(), &json!(["fc.weight"]))
    );
    let kept = sandbox.workspace().join("weights/resnet50.safetensors");
    let (arrays, metadata) = weights::load(&kept).unwrap();
    assert_eq!((arrays.len(), metadata["source_sha256"].as_str()), (265, sha256.as_str()));
    assert_eq!((metadata["variant"].as_str(), metadata["licence"].as_str()), ("v1.5", "BSD-3-Clause"));
    assert_eq!(std::fs::read_dir(sandbox.workspace().join("weights")).unwrap().count(), 1, "nothing else is left");

    let asked = server.asked().len();
    let again = sandbox.json(&fetch);
    assert_eq!(again["sha256"], sha256.as_str());
    assert_eq!(server.asked().len(), asked, "what is there is not asked for");

    let listed = sandbox.json(&["weights", "list", "--json"]);
    let here = &listed["weights"][0];
    assert_eq!((&here["name"], &here["variant"], &here["tensors"]), (&"resnet50".into(), &"v1.5".into(), &265.into()));
    assert_eq!(here["sha256"], sha256.as_str());
    assert!(here["source"].as_str().unwrap().starts_with(&url));
    let text = sandbox.ok(&["weights", "list"]);
    assert!(text.contains("resnet50 v1.5") && text.contains("to be fetched") && text.contains("vgg16"), "{text}");
}

#[test]
fn weights_that_are_not_what_the_hub_promised_are_not_kept() {
    let sandbox = Sandbox::new();
    let server = hub(made_up(Architecture::ResNet50, |_| {}), hex(b"something else"));
    let said = sandbox.fails(1, &["weights", "fetch", "resnet50", "--url", &server.url("")]);
    assert!(said.contains("expected sha256") && said.contains(&hex(b"something else")), "{said}");
    assert_eq!(sandbox.json(&["weights", "list", "--json"])["weights"], json!([]));
    assert_eq!(std::fs::read_dir(sandbox.workspace().join("weights/downloads")).unwrap().count(), 0);
    let said = sandbox.fails(2, &["weights", "fetch", "resnet5", "--url", &server.url("")]);
    assert!(said.contains("did you mean resnet50?"), "{said}");
    let said = sandbox.fails(1, &["weights", "fetch", "vgg16", "--url", &server.url("")]);
    assert!(said.contains("404") && said.contains("check the address"), "{said}");
}

#[test]
fn an_imported_file_says_what_it_is_and_keeps_its_variant() {
    let sandbox = Sandbox::new();
    let plain = write(&sandbox, "plain.safetensors", &made_up(Architecture::ResNet50, |_| {}));
    let plain = plain.to_str().unwrap();
    let said = sandbox.json(&["weights", "import", plain, "--json"]);
    assert_eq!((&said["name"], &said["variant"]), (&"plain".into(), &"v1.5".into()));
    assert_eq!((&said["variant_assumed"], &said["already"]), (&true.into(), &false.into()));
    assert_eq!(sandbox.json(&["weights", "import", plain, "--json"])["already"], true);
    let told = sandbox.json(&["weights", "import", plain, "--name", "keras", "--variant", "v1", "--json"]);
    assert_eq!((&told["variant"], &told["variant_assumed"]), (&"v1".into(), &false.into()));
    let kept = sandbox.workspace().join("weights/keras.safetensors");
    let kept = kept.to_str().unwrap();
    let again = sandbox.json(&["weights", "import", kept, "--name", "copy", "--json"]);
    assert_eq!((&again["variant"], &again["variant_assumed"]), (&"v1".into(), &false.into()));
    let said = sandbox.fails(2, &["weights", "import", kept, "--name", "other", "--variant", "v1.5"]);
    assert!(said.contains("it is v1, not v1.5"), "{said}");
    let said = sandbox.fails(2, &["weights", "import", kept, "--name", "plain"]);
    assert!(said.contains("plain already") && said.contains("--name"), "{said}");
    let said = sandbox.fails(2, &["weights", "import", kept, "--name", "../x"]);
    assert!(said.contains("cannot be a name"), "{said}");
}

#[test]
fn files_that_are_no_weights_of_ours_are_refused_by_name() {
    let sandbox = Sandbox::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/nn_pth_zip.pth");
    let cases: [(PathBuf, &str); 4] = [
        (golden, "no network that is known here: a.weight"),
        (write(&sandbox, "text.pth", b"no weights at all"), "text.pth"),
        (
            write(
                &sandbox,
                "turned.safetensors",
                &made_up(Architecture::Vgg16, |shapes| {
                    shapes.insert("features.2.weight".into(), vec![3, 3, 64, 64]);
                }),
            ),
            "it is transposed",
        ),
        (
            write(
                &sandbox,
                "torn.safetensors",
                &made_up(Architecture::Vgg16, |shapes| {
                    shapes.remove("features.28.bias");
                }),
            ),
            "missing features.28.bias",
        ),
    ];
    for (path, says) in cases {
        let said = sandbox.fails(1, &["weights", "import", path.to_str().unwrap()]);
        assert!(said.contains(says) && said.lines().count() > 1, "{said}");
    }
    sandbox.fails(1, &["weights", "import", sandbox.path().join("none.pth").to_str().unwrap()]);
    sandbox.fails(1, &["weights", "import", sandbox.path().to_str().unwrap(), "--name", "folder"]);
    assert!(!sandbox.workspace().join("weights").exists());
}

#[test]
fn weights_that_are_not_there_are_answered_with_the_command_that_brings_them() {
    let sandbox = Sandbox::new();
    let ws = hcwb::workspace::Workspace::at(sandbox.workspace()).unwrap();
    assert!(open(&ws, "vgg16").unwrap_err().cure.unwrap().contains("hcwb weights fetch vgg16"));
    let file = write(&sandbox, "mine.safetensors", &made_up(Architecture::Vgg16, |_| {}));
    sandbox.ok(&["weights", "import", file.to_str().unwrap()]);
    assert!(open(&ws, "mime").unwrap_err().cure.unwrap().contains("did you mean mine?"));
    let (arrays, metadata) = open(&ws, "mine").unwrap();
    assert_eq!((arrays.len(), metadata["architecture"].as_str()), (26, "vgg16"));
}

#[test]
fn a_broken_file_in_the_folder_is_listed_with_its_fault_and_hides_no_other() {
    let sandbox = Sandbox::new();
    let good = write(&sandbox, "good.safetensors", &made_up(Architecture::ResNet50, |_| {}));
    sandbox.ok(&["weights", "import", good.to_str().unwrap()]);
    std::fs::write(sandbox.workspace().join("weights/bad.safetensors"), "x").unwrap();
    let listed = sandbox.json(&["weights", "list", "--json"]);
    assert_eq!((&listed["weights"][0]["name"], &listed["weights"][1]["name"]), (&"bad".into(), &"good".into()));
    assert!(listed["weights"][0]["fault"].is_string() && listed["weights"][1]["fault"].is_null());
    assert!(sandbox.ok(&["weights", "list"]).contains("cannot be used"));
}

#[test]
fn the_shared_weights_are_imported_with_what_they_say_of_themselves() {
    let shared = std::env::var_os("HCWB_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let (resnet, vgg) = (
        shared.join("weights/resnet50_v1_imagenet.safetensors"),
        shared.join("weights/vgg16_hed_from_imagenet.safetensors"),
    );
    if !resnet.is_file() || !vgg.is_file() {
        eprintln!("left out: no real weights in {}; set HCWB_SHARED", shared.display());
        return;
    }
    let sandbox = Sandbox::new();
    let said = sandbox.json(&["weights", "import", resnet.to_str().unwrap(), "--json"]);
    assert_eq!((&said["variant"], &said["variant_assumed"]), (&"v1".into(), &false.into()));
    sandbox.ok(&["weights", "import", vgg.to_str().unwrap(), "--name", "hed"]);
    let listed = sandbox.json(&["weights", "list", "--json"]);
    // It was fine-tuned, and must never pass for the ImageNet network.
    assert!(listed["weights"][0]["training"].as_str().unwrap().contains("NOT the pristine"), "{listed}");
}

/// conv1 (with a bias, as Keras has it, or without), bn1, flatten, fc; names behind `prefix`.
fn network(prefix: &str, channels: usize, bias: bool) -> Network {
    let graph = || -> hcwb::Result<Graph> {
        let mut b = GraphBuilder::new(&[4, 4, channels])?;
        let conv = Conv { bias, ..Conv::same(2, 3) };
        let conv = b.add(format!("{prefix}conv1"), conv, &[b.input()])?;
        let norm = b.add(format!("{prefix}bn1"), BatchNorm::default(), &[conv])?;
        let flat = b.add("flatten", Flatten, &[norm])?;
        let fc = b.add(format!("{prefix}fc"), Linear::new(1), &[flat])?;
        Ok(b.finish(fc))
    };
    Network::new(graph().unwrap(), 5)
}

/// What a file for [`network`] holds: 1, 2, 3 ... in every tensor, and a head of a thousand classes.
fn file() -> BTreeMap<String, Array> {
    let counted = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        Array { shape: shape.to_vec(), values: (1..=count).map(|i| i as f32).collect() }
    };
    let mut all = BTreeMap::from([
        ("conv1.weight".to_owned(), counted(&[2, 3, 3, 3])),
        ("fc.weight".into(), counted(&[1000, 32])),
        ("extra".into(), counted(&[1])),
    ]);
    all.extend(["weight", "bias", "running_mean", "running_var"].map(|n| (format!("bn1.{n}"), counted(&[2]))));
    all
}

fn load(network: &mut Network, prefix: &str, file: &BTreeMap<String, Array>) -> hcwb::Result<LoadReport> {
    load_encoder(network, file, encoder_names(prefix), None, None)
}

#[test]
fn an_encoder_is_loaded_and_the_head_stays_the_networks_own() {
    for prefix in ["", "encoder."] {
        let mut network = network(prefix, 3, false);
        let before = network.state();
        let report = load(&mut network, prefix, &file()).unwrap();
        let after = network.state();
        assert_eq!(after[&format!("{prefix}conv1.weight")], file()["conv1.weight"]);
        assert_eq!(after[&format!("{prefix}bn1.running_var")], file()["bn1.running_var"]);
        for own in ["fc.weight", "fc.bias"] {
            assert_eq!(after[&format!("{prefix}{own}")], before[&format!("{prefix}{own}")]);
        }
        assert_eq!(report.loaded.len(), 5);
        let skipped: Vec<_> = report.skipped.iter().map(|(name, why)| (name.as_str(), why.contains("head"))).collect();
        assert_eq!(skipped, [("extra", false), ("fc.weight", true)]);
        assert!(report.missing.is_empty() && report.mismatched.is_empty());
    }
}

#[test]
fn one_channel_takes_the_sum_over_the_files_three() {
    let mut network = network("", 1, false);
    let report = load(&mut network, "", &file()).unwrap();
    assert_eq!(report.mismatched.len(), 1);
    assert_eq!(report.mismatched[0].0, "conv1.weight");
    // Kernel 0 has 1..27, kernel 1 has 28..54, in the order (channel, tap): i + (i + 9) + (i + 18).
    let expected: Vec<f32> =
        (1..=9).map(|i| (3 * i + 27) as f32).chain((28..=36).map(|i| (3 * i + 27) as f32)).collect();
    assert_eq!(network.state()["conv1.weight"].values, expected);
}

#[test]
fn biases_before_a_norm_that_the_file_has_not_are_zero_and_reported() {
    let mut network = network("", 3, true);
    let report = load(&mut network, "", &file()).unwrap();
    assert_eq!(report.missing, ["conv1.bias"]);
    assert_eq!(network.state()["conv1.bias"].values, [0.0, 0.0]);
    // A file that has biases must have this one.
    let mut biased = file();
    biased.insert("conv2.weight".into(), Array { shape: vec![1, 1, 1, 1], values: vec![1.0] });
    biased.insert("conv2.bias".into(), Array { shape: vec![1], values: vec![1.0] });
    let error = load(&mut network, "", &biased).unwrap_err();
    assert!(error.what.contains("lacks conv1.bias"), "{error}");
}

#[test]
fn a_tensor_that_is_missing_or_of_another_shape_is_named_and_nothing_is_loaded() {
    let mut network = network("", 3, false);
    let before = network.state();
    let mut bad = file();
    bad.remove("bn1.bias");
    bad.insert("conv1.weight".into(), Array { shape: vec![3, 3, 3, 2], values: vec![0.0; 54] });
    let error = load(&mut network, "", &bad).unwrap_err();
    assert!(error.what.contains("lacks bn1.bias"), "{error}");
    assert!(error.what.contains("conv1.weight has shape [3, 3, 3, 2]") && error.what.contains("transposed"), "{error}");
    let error = load(&mut network, "backbone.", &file()).unwrap_err();
    assert!(error.what.contains("nothing in the network"), "{error}");
    assert_eq!(network.state(), before);
}

#[test]
fn a_resnet_of_the_other_variant_is_refused_with_the_key_to_set() {
    let mut network = network("", 3, false);
    let mut load = |graph, file_says| {
        load_encoder(&mut network, &file(), encoder_names(""), graph, file_says).map_err(|e| e.cure.unwrap())
    };
    assert!(load(Some("v1.5"), Some("v1 (stride 2 in the first 1x1)")).unwrap_err().contains("model.stride_in=1x1"));
    assert!(load(Some("v1"), Some("v1.5")).unwrap_err().contains("model.stride_in=3x3"));
    for (graph, file_says) in [(Some("v1"), Some("v1 (stride 2)")), (None, Some("v1")), (Some("v1.5"), None)] {
        assert!(load(graph, file_says).is_ok());
    }
}

#[test]
fn every_network_with_an_encoder_takes_the_weights_made_for_it() {
    let sandbox = Sandbox::new();
    for (model, architecture, layers, kept) in [
        ("reg-vgg16", Architecture::Vgg16, 26, "fc.weight"),
        ("unet-vgg16", Architecture::Vgg16, 26, "head.weight"),
        ("reg-resnet50", Architecture::ResNet50, 265, "fc.weight"),
    ] {
        let file = write(&sandbox, "encoder.safetensors", &made_up(architecture, |_| {}));
        let (arrays, metadata) = weights::load(&file).unwrap();
        let graph = hcwb::model::build(model, &Default::default()).unwrap();
        let mut network = Network::new(graph, 1);
        let first = network.state();
        let report = into_encoder(&mut network, &arrays, &metadata).unwrap();
        assert_eq!((report.loaded.len(), report.missing.len(), report.mismatched.len()), (layers, 0, 0), "{model}");
        assert_eq!(report.skipped.len(), 1, "{model}: the file's head is left out");
        let state = network.state();
        assert!(report.loaded.iter().all(|name| state[name].values.iter().all(|v| *v == 0.0)), "{model}");
        assert!(state[kept] == first[kept], "{model}: its own head stays");
        let error = into_encoder(&mut network, &BTreeMap::new(), &metadata).unwrap_err();
        assert!(error.what.contains("the file lacks"), "{error}");
    }
}

#[test]
fn weights_of_the_other_resnet_are_refused_with_the_setting_that_takes_them() {
    let sandbox = Sandbox::new();
    let file = write(&sandbox, "encoder.safetensors", &made_up(Architecture::ResNet50, |_| {}));
    let (arrays, _) = weights::load(&file).unwrap();
    for (built, file_is, cure) in [("1x1", "v1.5", "stride_in=3x3"), ("3x3", "v1", "stride_in=1x1")] {
        let mut options = hcwb::model::ModelOptions::default();
        options.set("stride_in", built).unwrap();
        let graph = hcwb::model::build("reg-resnet50", &options.with_input(&[64, 64, 3])).unwrap();
        let about = |variant: &str| BTreeMap::from([("variant".to_owned(), variant.to_owned())]);
        let mut network = Network::new(graph, 1);
        let error = into_encoder(&mut network, &arrays, &about(file_is)).unwrap_err();
        assert!(error.cure.as_ref().unwrap().contains(cure), "{error}");
        let own = if built == "1x1" { "v1" } else { "v1.5" };
        assert_eq!(into_encoder(&mut network, &arrays, &about(own)).unwrap().loaded.len(), 265);
    }
}
