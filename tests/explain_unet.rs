//! Masks explained: maps of two U-Nets beside PyTorch's in float64 (`golden/explain_unet_make.py`), and of whole runs.

mod common;

use common::Sandbox;
use hcwb::explain::inputs::Given;
use hcwb::explain::{Analyzer, Attribution, Explainer, Settings};
use hcwb::model::Spec;
use hcwb::nn::{Array, Network, Tensor, weights};
use std::collections::BTreeMap;
use std::path::Path;

const SMALL: &str = "family = \"unet\"\ninput = [8, 12, 1]\nwidths = [3, 4, 5]\nupsampling = \"upsample\"\n";
const UNET: &str = "family = \"unet\"\ninput = [12, 8, 2]\nwidths = [3, 4, 5]\nupsampling = \"transposed\"\n\
    batch_norm = true\nclasses = 2\n";

type Arrays = BTreeMap<String, Array>;

/// What stands under `name` in the golden file, a network of those weights, and its input.
fn golden(name: &str, spec: &str) -> (Arrays, Network, Tensor) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/explain_unet.safetensors");
    let under = |prefix: &str, arrays: Arrays| -> Arrays {
        arrays.into_iter().filter_map(|(k, v)| Some((k.strip_prefix(prefix)?.to_owned(), v))).collect()
    };
    let golden = under(&format!("{name}."), weights::load(file).unwrap().0);
    let mut network = Network::new(Spec::parse(spec, "test").unwrap().build().unwrap(), 0);
    network.load_state(&under("weights.", golden.clone())).unwrap();
    let Array { shape, values } = &golden["input"];
    let input = Tensor::from_vec(&[&[1], &shape[..]].concat(), values.clone()).unwrap();
    (golden, network, input)
}

fn explain(network: &Network, analyzer: &str, settings: &[(&str, &str)], input: &Tensor) -> Attribution {
    let mut set = Settings::default();
    settings.iter().for_each(|(k, v)| set.set(k, v));
    let method = Analyzer::find(analyzer).unwrap().with(&set).unwrap();
    Explainer::new(network).unwrap().explain(&method, input, &Given::default()).unwrap()
}

#[test]
fn maps_of_masks_are_those_of_float64_references() {
    for (name, spec) in [("small", SMALL), ("unet", UNET)] {
        let (golden, network, input) = golden(name, spec);
        for analyzer in
            ["gradient", "input-x-gradient", "lrp-z", "lrp-epsilon", "lrp-alpha2beta1", "deep-taylor", "lrp-w2"]
        {
            let settings: &[_] = match analyzer {
                "lrp-epsilon" => &[("epsilon", "0.05")],
                "lrp-alpha2beta1" => &[("bias", "none")],
                _ => &[],
            };
            let found = explain(&network, analyzer, settings, &input);
            let square = |v: f32| f64::from(v) * f64::from(v);
            let want = &golden[analyzer].values;
            let off: f64 = found.map.data().iter().zip(want).map(|(g, w)| square(g - w)).sum();
            let off = (off / want.iter().map(|w| square(*w)).sum::<f64>()).sqrt();
            assert!(off < 1e-4, "{name} {analyzer}: {off:.1e}");
            let f = golden["output"].values[0];
            assert!((found.output.data()[0] - f).abs() < 1e-5 * f.abs().max(1.0), "{name} {analyzer}");
        }
    }
}

#[test]
fn the_audit_of_masks_begins_with_their_mean_and_leaks_nothing() {
    for (name, spec) in [("small", SMALL), ("unet", UNET)] {
        let (golden, network, input) = golden(name, spec);
        let method = Analyzer::find("lrp-z").unwrap().with(&Settings::default()).unwrap();
        let rows = Explainer::new(&network).unwrap().audit(&method, &input).unwrap().remove(0);
        let f = f64::from(golden["output"].values[0]);
        assert!((rows[0].relevance_in - f).abs() < 1e-5 * f.abs().max(1.0), "{name}: {}", rows[0].relevance_in);
        for row in &rows {
            assert!(row.leaked().abs() < 1e-4 * row.relevance_in.abs().max(1.0), "{name}: {row:?}");
        }
    }
}

#[test]
fn masks_without_a_positive_pixel_have_nothing_that_deep_taylor_explains() {
    let (_, mut network, input) = golden("small", SMALL);
    let mut state = network.state();
    state.get_mut("head.bias").unwrap().values[0] = -1e3;
    network.load_state(&state).unwrap();
    let found = explain(&network, "deep-taylor", &[], &input);
    assert_eq!(found.silent, [0]);
    assert!(found.map.data().iter().all(|v| *v == 0.0));
    assert!(explain(&network, "gradient", &[], &input).silent.is_empty());
}

#[test]
fn every_analyzer_explains_masks() {
    let (_, network, input) = golden("unet", UNET);
    for analyzer in hcwb::explain::ANALYZERS {
        let found = explain(&network, analyzer.name, &[], &input);
        assert_eq!(found.map.shape(), input.shape());
        assert!(found.map.data().iter().all(|v| v.is_finite()), "{}", analyzer.name);
        assert!(found.map.data().iter().any(|v| *v != 0.0), "{}", analyzer.name);
        assert_eq!(found.output.shape(), [1, 1]);
    }
}

#[test]
fn the_run_of_a_segmentation_is_explained_and_checked_and_aopc_says_why_not() {
    let sandbox = Sandbox::with_phantoms(12);
    let mut args = vec!["run", "start", "unet-small", "--foreground", "--json"];
    let pairs = [
        "data.dataset=phantom",
        "data.size=64x64",
        "train.threads=1",
        "train.epochs=1",
        "train.batch=6",
        "train.lr=0.01",
    ];
    pairs.iter().for_each(|pair| args.extend(["--set", pair]));
    let id = sandbox.json(&args)["id"].as_str().unwrap().to_owned();
    let image = first_image(&sandbox);
    let out = sandbox.path().join("why");
    let (image, out) = (image.to_str().unwrap(), out.to_str().unwrap());
    let rows = sandbox.json(&["explain", "--run", &id, image, "--analyzer", "gradient,lrp-z", "-o", out, "--json"]);
    assert_eq!(rows.as_array().unwrap().len(), 2);
    for row in rows.as_array().unwrap() {
        let map = &weights::load(row["map"].as_str().unwrap()).unwrap().0["attribution"];
        assert_eq!(map.shape[..3], [1, 64, 64]);
        assert!(map.values.iter().any(|v| *v != 0.0));
        assert!(row["hc_px"].is_null() && row["output"].is_number());
    }
    let found = sandbox.json(&["sanity", "--run", &id, "--count", "2", "--analyzer", "gradient", "--json"]);
    let layers: Vec<_> = found["similarity"].as_array().unwrap().iter().map(|row| row["layer"].clone()).collect();
    assert_eq!((&layers[0], &layers[layers.len() - 1]), (&"head".into(), &"encoder.0.conv1".into()));
    let said = sandbox.fails(2, &["aopc", "--run", &id, "--count", "1"]);
    assert!(said.contains("masks") && said.contains("regression"), "{said}");
}

fn first_image(sandbox: &Sandbox) -> std::path::PathBuf {
    let entries = std::fs::read_dir(sandbox.raw().join("training_set")).unwrap();
    let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.to_string_lossy().ends_with("HC.png"));
    files.sort();
    files.remove(0)
}
