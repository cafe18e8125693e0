//! `hcwb attribute` gives the gradients that PyTorch gives in float64 (`golden/attribute_make.py`).

mod common;

use common::Sandbox;
use hcwb::nn::{Array, weights};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

type Arrays = BTreeMap<String, Array>;

/// One network of the golden file, laid out as the command takes it.
struct Case {
    sandbox: Sandbox,
    golden: Arrays,
}

impl Case {
    /// `metadata` goes into the weights' file.
    fn new(name: &str, spec: &str, metadata: &[(&str, &str)]) -> Case {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/attribute.safetensors");
        let all = weights::load(file).unwrap().0;
        let golden = under(&all, &format!("{name}."));
        let case = Case { sandbox: Sandbox::new(), golden };
        std::fs::write(case.path("net.toml"), spec).unwrap();
        let metadata = metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        weights::save(case.path("w.safetensors"), &under(&case.golden, "weights."), &metadata).unwrap();
        case.write_input(case.golden["input"].clone());
        case
    }

    fn path(&self, file: &str) -> PathBuf {
        self.sandbox.path().join(file)
    }

    fn write_input(&self, input: Array) {
        // Other tensors do not matter.
        let noise = Array { shape: vec![2, 1], values: vec![1.0; 2] };
        let arrays = BTreeMap::from([("input".to_owned(), input), ("smoothgrad_noise".to_owned(), noise)]);
        weights::save(self.path("x.safetensors"), &arrays, &BTreeMap::new()).unwrap();
    }

    fn args<'a>(&'a self, paths: &'a [String; 4], more: &[&'a str]) -> Vec<&'a str> {
        let [spec, weights, input, output] = paths;
        let mut args = vec!["attribute", "--spec", spec, "--weights", weights, "--input", input, "-o", output];
        args.extend(["--analyzer", "gradient"]);
        args.extend(more);
        args
    }

    fn paths(&self) -> [String; 4] {
        ["net.toml", "w.safetensors", "x.safetensors", "r.safetensors"].map(|f| self.path(f).display().to_string())
    }

    fn run(&self, more: &[&str]) -> Arrays {
        let paths = self.paths();
        self.sandbox.ok(&self.args(&paths, more));
        weights::load(self.path("r.safetensors")).unwrap().0
    }

    fn fails(&self, code: i32, more: &[&str]) -> String {
        let paths = self.paths();
        let said = self.sandbox.fails(code, &self.args(&paths, more));
        assert!(!self.path("r.safetensors").exists(), "nothing is written: {said}");
        said
    }
}

fn under(arrays: &Arrays, prefix: &str) -> Arrays {
    arrays.iter().filter_map(|(k, v)| Some((k.strip_prefix(prefix)?.to_owned(), v.clone()))).collect()
}

/// |got - want| / |want| of image `i` of `count`.
fn distance(got: &Array, want: &Array, i: usize, scale: f32) -> f64 {
    let part = |a: &Array| {
        let one = a.values.len() / a.shape[0];
        a.values[i * one..(i + 1) * one].to_vec()
    };
    let square = |v: f32| f64::from(v) * f64::from(v);
    let (got, want) = (part(got), part(want));
    let off: f64 = got.iter().zip(&want).map(|(g, w)| square(g - scale * w)).sum();
    (off / want.iter().map(|w| square(scale * w)).sum::<f64>()).sqrt()
}

const CNN: &str = "family = \"cnn\"\nconvs = [4, 6]\ndense = [8, 4]\ninput = [16, 20, 1]\n";
const VGG: &str = "family = \"vgg\"\nwidths = [6, 6, \"pool\", 10, \"pool\", 12]\ninput = [16, 20, 3]\n";
const RESNET: &str = "family = \"resnet\"\nblocks = [1, 2]\nwidth = 4\nstride_in = \"3x3\"\ninput = [24, 24, 3]\n";
const EPS: &[(&str, &str)] = &[("bn_eps", "0.001")];

fn check(name: &str, spec: &str, metadata: &[(&str, &str)]) {
    let case = Case::new(name, spec, metadata);
    let found = case.run(&[]);
    assert_eq!(found["attribution"].shape, case.golden["input"].shape);
    assert_eq!(found["output"].shape, [2, 1]);
    let output = &found["output"];
    for i in 0..2 {
        let map = distance(&found["attribution"], &case.golden["attribution"], i, 1.0);
        let said = distance(output, &case.golden["output"], i, 1.0);
        assert!(map < 1e-5 && said < 1e-5, "{name}, image {i}: map {map:.1e}, output {said:.1e}");
    }
    let found = case.run(&["--set", "start=output"]);
    for i in 0..2 {
        let map = distance(&found["attribution"], &case.golden["attribution"], i, output.values[i]);
        assert!(map < 1e-5, "{name}, image {i}, from the output: {map:.1e}");
    }
}

#[test]
fn a_cnn_whose_weights_say_their_eps() {
    check("cnn", CNN, EPS);
    check("cnn", CNN, &[("batch_norm_eps", "1e-03")]);
    // With another eps it is another network: the check above would see it.
    let case = Case::new("cnn", CNN, EPS);
    let other = case.run(&["--set", "batch_norm_eps=1e-5"]);
    assert!(distance(&other["attribution"], &case.golden["attribution"], 0, 1.0) > 1e-4);
}

#[test]
fn a_vgg() {
    check("vgg", VGG, &[]);
}

#[test]
fn resnets_of_every_kind_of_block() {
    check("resnet-v1.5", RESNET, &[]);
    let v1 = RESNET.replace("[1, 2]", "[1, 1]").replace("3x3", "1x1");
    check("resnet-v1", &v1, &[]);
    let basic = v1.replace("width = 4", "width = 6\nbottleneck = false");
    check("resnet-basic", &basic, &[]);
    // The place of the stride matters.
    let case = Case::new("resnet-v1.5", &RESNET.replace("3x3", "1x1"), &[]);
    assert!(distance(&case.run(&[])["attribution"], &case.golden["attribution"], 0, 1.0) > 1e-2);
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_written() {
    let case = Case::new("vgg", VGG, &[]);
    let input = case.golden["input"].clone();
    let said = case.fails(2, &["--set", "strat=output"]);
    assert!(said.contains("did you mean start?"), "{said}");
    assert!(case.fails(2, &["--set", "start=half"]).contains("one or output"));
    assert!(case.fails(2, &["--set", "classes=2"]).contains("classes"));

    case.write_input(Array { shape: vec![2, 3, 16, 20], values: input.values.clone() });
    let said = case.fails(1, &[]);
    assert!(said.contains("x.safetensors") && said.contains("(N, 16, 20, 3)"), "{said}");
    case.write_input(Array { shape: vec![0, 16, 20, 3], values: Vec::new() });
    case.fails(1, &[]);
    let mut spoilt = input.clone();
    spoilt.values[7] = f32::NAN;
    case.write_input(spoilt);
    let said = case.fails(1, &[]);
    assert!(said.contains("value 7 is NaN") && said.contains("normalise"), "{said}");
    let arrays = BTreeMap::from([("image".to_owned(), input.clone())]);
    weights::save(case.path("x.safetensors"), &arrays, &BTreeMap::new()).unwrap();
    assert!(case.fails(1, &[]).contains("no tensor `input`"));
    case.write_input(input);

    let mut torn = under(&case.golden, "weights.");
    torn.remove("fc.bias");
    weights::save(case.path("w.safetensors"), &torn, &BTreeMap::new()).unwrap();
    let said = case.fails(1, &[]);
    assert!(said.contains("missing fc.bias") && said.contains("w.safetensors"), "{said}");
    std::fs::write(case.path("w.safetensors"), b"no weights").unwrap();
    assert!(case.fails(1, &[]).contains("w.safetensors"));

    let case = Case::new("cnn", CNN, &[("bn_eps", "often")]);
    assert!(case.fails(1, &[]).contains("often"));
    let paths = case.paths();
    let mut args = case.args(&paths, &[]);
    let at = args.iter().position(|a| *a == "gradient").unwrap();
    args[at] = "gradiant";
    assert!(case.sandbox.fails(2, &args).contains("this version has: gradient"));
}

#[test]
fn only_a_network_of_one_output_can_be_explained() {
    let case = Case::new("vgg", &format!("{VGG}outputs = \"multi-label\"\n"), &[]);
    let mut weights = under(&case.golden, "weights.");
    for (name, len) in [("fc.weight", 12), ("fc.bias", 1)] {
        let array = weights.get_mut(name).unwrap();
        array.shape[0] = 3;
        array.values = vec![0.1; 3 * len];
    }
    weights::save(case.path("w.safetensors"), &weights, &BTreeMap::new()).unwrap();
    assert!(case.fails(2, &[]).contains("single output"));
}

#[test]
fn a_named_model_takes_the_input_size_that_its_weights_were_trained_at() {
    // cnn263k at 8x8: its tensors, and an input, all of ones.
    let sandbox = Sandbox::new();
    let described = sandbox.json(&["model", "show", "cnn263k", "--set", "input=[8, 8, 1]", "--json"]);
    let ones = |shape: Vec<usize>| Array { values: vec![1.0; shape.iter().product()], shape };
    let tensors: Arrays = described["tensors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| {
            let shape = t["shape"].as_array().unwrap().iter().map(|s| s.as_u64().unwrap() as usize).collect();
            (t["name"].as_str().unwrap().to_owned(), ones(shape))
        })
        .collect();
    let [w, x, r] = ["w", "x", "r"].map(|f| sandbox.path().join(f).display().to_string());
    weights::save(&w, &tensors, &BTreeMap::from([("input".to_owned(), "8,8,1".to_owned())])).unwrap();
    weights::save(&x, &BTreeMap::from([("input".to_owned(), ones(vec![3, 8, 8, 1]))]), &BTreeMap::new()).unwrap();
    let args = ["attribute", "--model", "cnn263k", "--weights", &w, "--input", &x, "-o", &r, "--analyzer", "gradient"];
    sandbox.ok(&args);
    assert_eq!(weights::load(&r).unwrap().0["attribution"].shape, [3, 8, 8, 1]);
}
