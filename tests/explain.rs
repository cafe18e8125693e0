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

#[test]
fn an_output_below_zero_has_an_empty_deep_taylor_map_and_a_sentence_says_so() {
    let case = Case::new("cnn");
    let mut weights = weights::load(case.path("w.safetensors")).unwrap().0;
    weights.get_mut("classifier.6.bias").unwrap().values[0] -= 5.0;
    case.write("w.safetensors", &weights);
    for analyzer in ["deep-taylor", "lrp-zbox"] {
        let args = case.args(analyzer, &[]);
        let output = case.sandbox.output(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("f(x) <= 0") && said.contains("input 0"), "{said}");
        let found = weights::load(case.path("r.safetensors")).unwrap().0;
        assert!(found["attribution"].values.iter().all(|v| *v == 0.0) && found["output"].values[0] < 0.0);
    }
    // Other maps of relevance begin with the signed output, and nothing is said.
    let args = case.args("lrp-z", &[]);
    let output = case.sandbox.output(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn the_audit_balances_layer_by_layer() {
    let case = Case::new("resnet");
    let args = case.args("lrp-z", &[]);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.extend(["--audit", "--json"]);
    let audit = case.sandbox.json(&args);
    let rows = audit[0].as_array().unwrap();
    let number = |row: &serde_json::Value, key: &str| row[key].as_f64().unwrap();
    let f = f64::from(case.golden["output"].values[0]);
    assert_eq!(rows[0]["layer"], "fc");
    assert!((number(&rows[0], "relevance_in") - f).abs() < 1e-6);
    for row in rows {
        let left = number(row, "relevance_in") - number(row, "relevance_out") - number(row, "absorbed");
        assert!((left - number(row, "leaked")).abs() < 1e-12 && left.abs() < 1e-4, "{row}");
    }
    let map: f64 = case.golden["lrp-z"].values.iter().map(|v| f64::from(*v)).sum();
    assert!((number(rows.last().unwrap(), "relevance_out") - map).abs() < 1e-4);

    args.pop();
    let table = case.sandbox.ok(&args);
    assert!(table.contains("layer1.0.add") && table.contains("biases") && table.contains("leaked"), "{table}");
    // Without a place for the maps the audit is all that is asked for.
    let at = args.iter().position(|a| *a == "-o").unwrap();
    args.drain(at..at + 2);
    std::fs::remove_file(case.path("r.safetensors")).unwrap();
    assert_eq!(case.sandbox.ok(&args), table);
    assert!(!case.path("r.safetensors").exists());
    args.pop();
    case.sandbox.fails(2, &args);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let case = Case::new("vgg");
    let fails = |analyzer: &str, settings: &[&str]| {
        let args = case.args(analyzer, settings);
        let said = case.sandbox.fails(2, &args.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!case.path("r.safetensors").exists(), "nothing is written: {said}");
        said
    };
    assert!(fails("lrp-epsilon", &["epsilon=-1"]).contains("epsilon"));
    assert!(fails("lrp-epsilon", &["epsilom=1"]).contains("did you mean epsilon?"));
    assert!(fails("lrp-z", &["sigma=1"]).contains("smoothgrad"));
    assert!(fails("smoothgrad", &["n=0"]).contains("1 to"));
    assert!(fails("smoothgrad", &["n=7"]).contains("4 copies"));
    assert!(fails("integrated-gradients", &["grid=right64"]).contains("left64"));
    assert!(fails("integrated-gradients", &["baseline=black"]).contains("-mean / sd"));
    assert!(fails("integrated-gradients", &["baseline=black", "black=1,2"]).contains("3 channels"));
    assert!(fails("deep-taylor", &["reading=mine"]).contains("rules or innvestigate"));
    assert!(fails("lrp-zbox", &["low=3", "high=-3"]).contains("not below"));
    assert!(fails("grad-cam", &["layer=features.77"]).contains("features"));
    assert!(fails("lrp_z", &[]).contains("did you mean lrp-z?"));
}

#[test]
fn what_comes_with_the_input_has_to_fit_it() {
    let case = Case::new("vgg");
    let fails = |analyzer: &str, settings: &[&str]| {
        let args = case.args(analyzer, settings);
        case.sandbox.fails(1, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let input = case.golden["input"].clone();
    let turned = Array { shape: vec![1, 3, 16, 20], values: input.values.clone() };
    let beside = |name: &str, array: &Array| {
        case.write("x.safetensors", &[("input".to_owned(), input.clone()), (name.to_owned(), array.clone())].into());
    };
    beside("smoothgrad_noise", &turned);
    assert!(fails("smoothgrad", &[]).contains("smoothgrad_noise has shape"));
    beside("baseline", &turned);
    assert!(fails("integrated-gradients", &["baseline=file"]).contains("baseline has shape"));
    beside("other", &turned);
    assert!(fails("integrated-gradients", &["baseline=file"]).contains("no tensor `baseline`"));
    // Noise that nobody gives is drawn, the same each time.
    let (a, b) = (case.map("smoothgrad", &["n=3"]), case.map("smoothgrad", &["n=3"]));
    assert_eq!(a.values, b.values);
}
