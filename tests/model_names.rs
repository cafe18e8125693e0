//! Tensors are called as torchvision's are, so that weight files can be exchanged (`golden/model_names.py`).

use hcwb::model::{self, ModelOptions, Spec};
use hcwb::nn::Graph;
use std::collections::BTreeMap;

/// Name to shape, of every tensor.
fn tensors(graph: &Graph) -> BTreeMap<String, Vec<usize>> {
    graph.parameter_shapes().into_iter().collect()
}

/// What torchvision's state dict holds under `title`: a line a tensor, `name 64,3,7,7`.
fn torchvision(title: &str) -> BTreeMap<String, Vec<usize>> {
    let file = include_str!("golden/model_names.txt");
    let part = file.split("== ").find(|p| p.lines().next() == Some(title)).expect("the file has this network");
    let tensor = |line: &str| {
        let (name, shape) = line.split_once(' ').unwrap();
        (name.to_owned(), shape.split(',').map(|s| s.parse().unwrap()).collect())
    };
    part.lines().skip(1).filter(|l| !l.is_empty()).map(tensor).collect()
}

fn of_spec(text: &str) -> BTreeMap<String, Vec<usize>> {
    tensors(&Spec::parse(text, "mine.toml").unwrap().build().unwrap())
}

const VGG16: &str = r#"widths = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool",
    512, 512, 512, "pool", 512, 512, 512, "pool"]"#;

#[test]
fn resnets_with_and_without_bottlenecks() {
    let named = tensors(&model::build("reg-resnet50", &ModelOptions::default()).unwrap());
    assert_eq!(named, torchvision("resnet50"));
    let spec = "family = \"resnet\"\nblocks = [2, 2, 2, 2]\nwidth = 64\nbottleneck = false\ninput = [64, 64, 3]\n";
    assert_eq!(of_spec(spec), torchvision("resnet18"));
}

#[test]
fn vggs_with_and_without_batch_norm() {
    let named = tensors(&model::build("reg-vgg16", &ModelOptions::default()).unwrap());
    assert_eq!(named, torchvision("vgg16"));
    let spec = format!("family = \"vgg\"\nbatch_norm = true\ninput = [64, 64, 3]\n{VGG16}\n");
    assert_eq!(of_spec(&spec), torchvision("vgg16_bn"));
    // Inside the U-Net the encoder has the same names, one floor deeper.
    let inside = tensors(&model::build("unet-vgg16", &ModelOptions::default()).unwrap());
    for (name, shape) in torchvision("vgg16").iter().filter(|(name, _)| name.starts_with("features.")) {
        assert_eq!(inside.get(&format!("encoder.{name}")), Some(shape), "{name}");
    }
}

#[test]
fn a_head_of_several_layers_is_numbered_as_a_sequential() {
    let mut options = ModelOptions::default();
    options.set("head", "[512, 256]").unwrap();
    let named = tensors(&model::build("reg-resnet50", &options).unwrap());
    let head: Vec<_> = named.iter().filter(|(name, _)| name.starts_with("fc.")).collect();
    let names: Vec<&str> = head.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["fc.0.bias", "fc.0.weight", "fc.3.bias", "fc.3.weight", "fc.6.bias", "fc.6.weight"]);
    assert_eq!(named["fc.6.weight"], [1, 256]);
}

#[test]
fn a_network_of_three_branches_has_each_under_its_structures_name() {
    let mut options = ModelOptions::default();
    options.set("outputs", "multi-output").unwrap();
    let graph = model::build("cardiac-vgg3d", &options).unwrap();
    assert_eq!(graph.output_shape(), [3]);
    let names = tensors(&graph);
    for structure in ["rv", "myo", "lv"] {
        assert_eq!(names[&format!("{structure}.features.0.weight")], [8, 1, 3, 3, 3]);
        assert_eq!(names[&format!("{structure}.fc.weight")], [1, 64]);
    }
}
