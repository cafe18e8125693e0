//! Deep Dream takes the steps that a float64 reference takes (`golden/dream.py`): loss, gradient, octaves, detail.

use hcwb::explain::dream::{Dream, Objective, Options, Units};
use hcwb::model::Spec;
use hcwb::nn::{Array, Network, weights};
use std::collections::BTreeMap;
use std::path::Path;

const SPEC: &str =
    "family = \"unet\"\ninput = [24, 32, 3]\nwidths = [4, 6, 8]\nupsampling = \"transposed\"\nbatch_norm = true\n";
const SIZE: [usize; 2] = [24, 32];

fn golden() -> (Network, BTreeMap<String, Array>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dream.safetensors");
    let arrays = weights::load(file).unwrap().0;
    let own = |(k, v): (&String, &Array)| Some((k.strip_prefix("weights.")?.to_owned(), v.clone()));
    let mut graph = Spec::parse(SPEC, "dream").unwrap().build().unwrap();
    graph.freeze();
    let mut network = Network::new(graph, 0);
    network.load_state(&arrays.iter().filter_map(own).collect()).unwrap();
    (network, arrays)
}

fn units() -> Units {
    Units { mean: vec![120.0, 110.0, 100.0], sd: vec![60.0, 55.0, 50.0] }
}

fn layers() -> Vec<(String, f64)> {
    let weights =
        [("encoder.0.relu2", 1.0), ("bottleneck.relu1", 0.5), ("decoder.0.conv2", 0.75), ("decoder.1.relu1", -0.25)];
    weights.map(|(layer, weight)| (layer.to_owned(), weight)).to_vec()
}

/// |got - want| / |want|.
fn distance(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let square = |v: f32| f64::from(v) * f64::from(v);
    let off: f64 = got.iter().zip(want).map(|(g, w)| square(g - w)).sum();
    (off / want.iter().map(|w| square(*w)).sum::<f64>()).sqrt()
}

#[test]
fn loss_and_gradient_of_inner_layers_are_those_of_the_reference() {
    let (network, golden) = golden();
    let mut objective = Objective::new(&network.folded(), &layers(), &units(), SIZE).unwrap();
    let (loss, gradient) = objective.loss_and_gradient(&golden["grey"].values).unwrap();
    assert!((loss / f64::from(golden["loss"].values[0]) - 1.0).abs() < 1e-5, "{loss}");
    let off = distance(&gradient, &golden["gradient"].values);
    assert!(off < 1e-4, "{off:.1e}");
    // A part of the weights alone, and then all of them: nothing is left from the pass before.
    objective.set_weights(vec![1.0, 0.0, 0.0, 0.0]);
    let (first, _) = objective.loss_and_gradient(&golden["grey"].values).unwrap();
    assert!(first < loss);
    objective.set_weights(layers().iter().map(|(_, weight)| *weight).collect());
    let (again, same) = objective.loss_and_gradient(&golden["grey"].values).unwrap();
    assert_eq!((again, same), (loss, gradient));
}

#[test]
fn a_whole_dream_of_two_octaves_is_that_of_the_reference() {
    let (network, golden) = golden();
    let options = Options { octaves: 2, octave_scale: 1.5, steps: 3, step_length: 0.01, ..Options::default() };
    let grey = &golden["grey"].values;
    let mut dream = Dream::new(&network, units(), grey, &layers(), options).unwrap();
    assert_eq!(dream.sizes(), [[16, 20], SIZE]);
    for want in &golden["losses"].values {
        assert!(!dream.is_done());
        let step = dream.step().unwrap();
        assert!((step.loss / f64::from(*want) - 1.0).abs() < 1e-3, "{step:?} {want}");
    }
    assert!(dream.is_done());
    let (image, size) = dream.image();
    let want = &golden["dream"].values;
    let worst = image.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
    let moved = grey.iter().zip(want).map(|(g, w)| (g - w).abs()).sum::<f32>() / want.len() as f32;
    assert!(size == SIZE && worst < 0.05 && moved > 5.0, "{worst} grey values off, where the dream moved {moved}");
}
