//! `hcwb attribute` draws the maps that float64 references draw (`golden/explain_make.py`), for every analyzer.

mod common;

use common::Sandbox;
use hcwb::nn::{Array, weights};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

type Arrays = BTreeMap<String, Array>;

const CNN: &str = "family = \"cnn\"\nconvs = [4, 6]\ndense = [8, 4]\ninput = [16, 20, 1]\nbatch_norm_eps = 1e-3\n";
const VGG: &str = "family = \"vgg\"\nwidths = [6, 6, \"pool\", 10, \"pool\", 12]\ninput = [16, 20, 3]\n";
const RESNET: &str = "family = \"resnet\"\nblocks = [1, 2]\nwidth = 4\nstride_in = \"3x3\"\ninput = [24, 24, 3]\n";

/// A network of the golden files, laid out as the command takes it.
struct Case {
    sandbox: Sandbox,
    golden: Arrays,
}

fn golden(name: &str) -> Arrays {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.safetensors"));
    weights::load(file).unwrap().0
}

impl Case {
    fn new(name: &str) -> Case {
        let (source, spec) = match name {
            "cnn" => ("cnn", CNN),
            "vgg" => ("vgg", VGG),
            _ => ("resnet-v1.5", RESNET),
        };
        let mut weights: Arrays = golden("attribute")
            .into_iter()
            .filter_map(|(k, v)| Some((k.strip_prefix(&format!("{source}.weights."))?.to_owned(), v)))
            .collect();
        if name == "cnn" {
            weights.get_mut("classifier.6.bias").unwrap().values[0] += 0.25;
        }
        let case = Case { sandbox: Sandbox::new(), golden: golden(&format!("explain_{name}")) };
        std::fs::write(case.path("net.toml"), spec).unwrap();
        case.write("w.safetensors", &weights);
        let beside = ["input", "smoothgrad_noise", "baseline"];
        case.write("x.safetensors", &beside.map(|k| (k.to_owned(), case.golden[k].clone())).into());
        case
    }

    fn path(&self, file: &str) -> PathBuf {
        self.sandbox.path().join(file)
    }

    fn write(&self, file: &str, arrays: &Arrays) {
        weights::save(self.path(file), arrays, &BTreeMap::new()).unwrap();
    }

    fn args(&self, analyzer: &str, settings: &[&str]) -> Vec<String> {
        let [spec, weights, input, output] =
            ["net.toml", "w.safetensors", "x.safetensors", "r.safetensors"].map(|f| self.path(f).display().to_string());
        let mut args = vec!["attribute", "--spec", &spec, "--weights", &weights, "--input", &input, "-o", &output];
        args.extend(["--analyzer", analyzer]);
        settings.iter().for_each(|s| args.extend(["--set", s]));
        args.into_iter().map(str::to_owned).collect()
    }

    fn map(&self, analyzer: &str, settings: &[&str]) -> Array {
        let args = self.args(analyzer, settings);
        self.sandbox.ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let mut found = weights::load(self.path("r.safetensors")).unwrap().0;
        assert!(distance(&found["output"], &self.golden["output"]) < 1e-5);
        found.remove("attribution").unwrap()
    }
}

/// |got - want| / |want|.
fn distance(got: &Array, want: &Array) -> f64 {
    assert_eq!(got.shape, want.shape);
    let square = |v: f32| f64::from(v) * f64::from(v);
    let off: f64 = got.values.iter().zip(&want.values).map(|(g, w)| square(g - w)).sum();
    (off / want.values.iter().map(|w| square(*w)).sum::<f64>()).sqrt()
}

/// Golden map, analyzer, settings.
const MAPS: &[(&str, &str, &[&str])] = &[
    ("gradient", "gradient", &[]),
    ("input-x-gradient", "input-x-gradient", &[]),
    ("smoothgrad", "smoothgrad", &[]),
    ("smoothgrad-relative", "smoothgrad", &["sigma=0.1", "relative=true", "n=4"]),
    ("ig-left64", "integrated-gradients", &[]),
    ("ig-linspace64", "integrated-gradients", &["grid=linspace64"]),
    ("ig-gauss50", "integrated-gradients", &["grid=gauss-legendre50", "baseline=file"]),
    ("ig-gauss50", "integrated-gradients", &["grid=gauss-legendre50", "baseline=black", "black=-0.75"]),
    ("deconvnet", "deconvnet", &[]),
    ("guided-backprop", "guided-backprop", &[]),
    ("deep-taylor", "deep-taylor", &[]),
    ("deep-taylor-innvestigate", "deep-taylor", &["reading=innvestigate"]),
    ("lrp-z", "lrp-z", &[]),
    ("lrp-epsilon", "lrp-epsilon", &[]),
    ("lrp-epsilon-large", "lrp-epsilon", &["epsilon=0.05"]),
    ("lrp-alpha1beta0", "lrp-alpha1beta0", &[]),
    ("lrp-alpha1beta0-split", "lrp-alpha1beta0", &["bias=split"]),
    ("lrp-alpha1beta0-none", "lrp-alpha1beta0", &["bias=none"]),
    ("lrp-alpha2beta1", "lrp-alpha2beta1", &["bias=full"]),
    ("lrp-alpha2beta1-split", "lrp-alpha2beta1", &["bias=split"]),
    ("lrp-preset-a", "lrp-preset-a", &[]),
    ("lrp-preset-b", "lrp-preset-b", &[]),
    ("lrp-w2", "lrp-w2", &[]),
    ("lrp-flat", "lrp-flat", &[]),
    ("lrp-zbox", "lrp-zbox", &["low=-3", "high=3"]),
];

fn check(name: &str) {
    let case = Case::new(name);
    let mut wrong = Vec::new();
    for (golden, analyzer, settings) in MAPS {
        let off = distance(&case.map(analyzer, settings), &case.golden[*golden]);
        if off.is_nan() || off > 1e-4 {
            wrong.push(format!("{golden} with {settings:?}: {off:.1e}"));
        }
    }
    assert!(wrong.is_empty(), "{name}: {}", wrong.join("; "));
}

#[test]
fn every_map_of_a_convolution_relu_batch_norm_network() {
    check("cnn");
}

#[test]
fn every_map_of_a_vgg() {
    check("vgg");
}

#[test]
fn every_map_of_a_bottleneck_resnet() {
    check("resnet");
}
