//! What must hold of every analyzer's map on any network: conservation, completeness, identities between analyzers.

use hcwb::explain::inputs::Given;
use hcwb::explain::{Analyzer, Attribution, Explainer, Settings};
use hcwb::model::Spec;
use hcwb::nn::layer::{Conv, GlobalAvgPool, Linear, Relu, Sigmoid, TransposedConv};
use hcwb::nn::network::AuditRow;
use hcwb::nn::{Array, GraphBuilder, Network, Pass, Precision, Tensor};

const CNN: &str = "family = \"cnn\"\nconvs = [6, 10]\ndense = [12, 6]\ninput = [24, 20, 2]\n";
const VGG: &str = "family = \"vgg\"\nwidths = [16, 16, \"pool\", 24, \"pool\", 20]\ninput = [20, 24, 3]\n";
/// As deep as ResNet50.
const RESNET: &str = "family = \"resnet\"\nblocks = [3, 4, 6, 3]\nwidth = 8\ninput = [64, 64, 3]\n";
const VOLUMES: &str = "family = \"vgg\"\nwidths = [4, \"pool\", 6]\nbatch_norm = true\ninput = [6, 10, 8, 1]\n";

/// Numbers of about unit size with mean 0, from a generator written down here.
fn numbers(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 3.4
    }
}

/// A network with He-like weights; its biases and shifts are of size `bias`.
fn network(spec: &str, bias: f32) -> Network {
    let graph = Spec::parse(spec, "test").unwrap().build().unwrap();
    random(Network::new(graph, 0), bias)
}

fn random(mut network: Network, bias: f32) -> Network {
    let mut next = numbers(5);
    let mut state = network.state();
    for (name, Array { shape, values }) in &mut state {
        let fan_in = shape[1..].iter().product::<usize>() as f32;
        let size = (2.0 / fan_in).sqrt();
        for v in values.iter_mut() {
            *v = match name.rsplit('.').next().unwrap() {
                "weight" if shape.len() == 1 => 1.0 + 0.2 * next(),
                "weight" => size * next(),
                "running_var" => 1.0 + 0.25 * next(),
                _ => bias * next(),
            };
        }
    }
    network.load_state(&state).unwrap();
    network.set_precision(Precision::F32Strict);
    network
}

fn input(network: &Network, count: usize) -> Tensor {
    let shape = [&[count], network.graph().input_shape()].concat();
    let mut next = numbers(11);
    Tensor::from_vec(&shape, (0..shape.iter().product()).map(|_| next()).collect()).unwrap()
}

fn explain(network: &Network, analyzer: &str, pairs: &[(&str, &str)], input: &Tensor) -> Attribution {
    let mut settings = Settings::default();
    pairs.iter().for_each(|(k, v)| settings.set(k, v));
    let method = Analyzer::find(analyzer).unwrap().with(&settings).unwrap();
    Explainer::new(network).unwrap().explain(&method, input, &Given::default()).unwrap()
}

fn sums(map: &Tensor) -> Vec<f64> {
    let sample = map.data().len() / map.batch();
    map.data().chunks(sample).map(|m| m.iter().map(|v| f64::from(*v)).sum()).collect()
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let square = |v: f32| f64::from(v) * f64::from(v);
    let off: f64 = a.data().iter().zip(b.data()).map(|(a, b)| square(a - b)).sum();
    (off / b.data().iter().map(|b| square(*b)).sum::<f64>()).sqrt()
}

#[test]
fn without_biases_relevance_is_conserved_through_residual_blocks_too() {
    let z: &[(&str, &[(&str, &str)])] = &[("lrp-z", &[]), ("lrp-epsilon", &[("epsilon", "1e-9")])];
    let all = [z, &[("lrp-alpha1beta0", &[]), ("lrp-flat", &[]), ("lrp-w2", &[])]].concat();
    // x / 0 is 0: nobody takes the share of a mean over a channel of zeros, which the flat rule gives it (so the
    // VGG's head takes no mean), nor that of a summand all of whose products are negative (so the ResNet is
    // asked for the z rule alone).
    let flat = format!("{VGG}head = \"flatten\"\n");
    for (spec, analyzers) in [(CNN, &all[..]), (&flat, &all), (VGG, z), (RESNET, z), (VOLUMES, &all)] {
        let network = network(spec, 0.0);
        let input = input(&network, 2);
        for (analyzer, settings) in analyzers {
            let found = explain(&network, analyzer, settings, &input);
            for (sum, f) in sums(&found.map).iter().zip(found.output.data()) {
                let off = (sum / f64::from(*f) - 1.0).abs();
                assert!(off < 1e-4, "{analyzer} of {spec}: {sum} of {f}, off by {off:.1e}");
            }
        }
    }
}

#[test]
fn the_audit_finds_what_biases_take_and_nothing_leaked() {
    for spec in [CNN, VGG, RESNET] {
        let network = network(spec, 0.2);
        let input = input(&network, 2);
        let mut explainer = Explainer::new(&network).unwrap();
        for (analyzer, leak) in [("lrp-z", 1e-3), ("lrp-alpha1beta0", 1e-3)] {
            let method = Analyzer::find(analyzer).unwrap().with(&Settings::default()).unwrap();
            let found = explainer.explain(&method, &input, &Given::default()).unwrap();
            let audits = explainer.audit(&method, &input).unwrap();
            for (i, rows) in audits.iter().enumerate() {
                let f = f64::from(found.output.data()[i]);
                assert!((rows[0].relevance_in - f).abs() < 1e-6 * f.abs(), "the last layer gets f(x)");
                let taken: f64 = rows.iter().map(|r| r.absorbed).sum();
                let largest = rows.iter().map(|r| r.relevance_in.abs()).fold(0.0, f64::max);
                let map = sums(&found.map)[i];
                assert!((map + taken - f).abs() < leak * largest, "{analyzer} of {spec}: {map} + {taken} of {f}");
                assert!(taken.abs() > 1e-2 * f.abs(), "these biases take something");
                for row in rows {
                    assert!(row.leaked().abs() < leak * largest, "{analyzer}: {row:?}");
                }
            }
        }
        // A large epsilon leaks, and the audit shows it.
        let mut settings = Settings::default();
        settings.set("epsilon", "0.5");
        let method = Analyzer::find("lrp-epsilon").unwrap().with(&settings).unwrap();
        let rows = &explainer.audit(&method, &input).unwrap()[0];
        assert!(rows.iter().map(AuditRow::leaked).map(f64::abs).sum::<f64>() > 1e-3 * rows[0].relevance_in.abs());
    }
}

#[test]
fn only_maps_of_relevance_are_audited() {
    let network = network(VGG, 0.1);
    let input = input(&network, 1);
    let mut explainer = Explainer::new(&network).unwrap();
    for name in ["gradient", "guided-backprop", "random", "grad-cam"] {
        let method = Analyzer::find(name).unwrap().with(&Settings::default()).unwrap();
        assert!(explainer.audit(&method, &input).unwrap_err().cure.unwrap().contains("lrp"), "{name}");
    }
}

#[test]
fn sixteen_residual_sums_double_nothing() {
    let network = network(RESNET, 0.0);
    let input = input(&network, 1);
    let mut explainer = Explainer::new(&network).unwrap();
    let method = Analyzer::find("lrp-z").unwrap().with(&Settings::default()).unwrap();
    let rows = &explainer.audit(&method, &input).unwrap()[0];
    let sums: Vec<_> = rows.iter().filter(|r| r.kind == "add").collect();
    assert_eq!(sums.len(), 16);
    for row in sums {
        assert!((row.relevance_out / row.relevance_in - 1.0).abs() < 1e-4, "{row:?}");
    }
}

#[test]
fn on_relu_networks_the_z_rule_is_input_times_gradient() {
    for (spec, bias) in [(VGG, 0.2), (RESNET, 0.2), (CNN, 0.2)] {
        let network = network(spec, bias);
        let input = input(&network, 2);
        let z = explain(&network, "lrp-z", &[], &input);
        let product = explain(&network, "input-x-gradient", &[("start", "output")], &input);
        // R begins with f(x), the gradient with 1: x df/dx is what the z rule makes of a start of f.
        let plain = explain(&network, "input-x-gradient", &[], &input);
        let off = distance(&z.map, &plain.map);
        assert!(off < 1e-4, "{spec}: {off:.1e}");
        let (f, sample) = (product.output.data()[1], input.data().len() / 2);
        let (a, b) = (product.map.data()[sample + 7], plain.map.data()[sample + 7]);
        assert!((a - f * b).abs() <= 1e-4 * a.abs().max(1e-6), "{a} is {f} times {b}");
    }
}

#[test]
fn integrated_gradients_sum_to_what_the_output_gained_on_the_way() {
    for spec in [CNN, VGG] {
        let network = network(spec, 0.2);
        let input = input(&network, 2);
        let zero = Tensor::zeros(input.shape());
        let from = explain(&network, "gradient", &[], &zero).output;
        let found = explain(&network, "integrated-gradients", &[("grid", "gauss-legendre200")], &input);
        for (i, sum) in sums(&found.map).iter().enumerate() {
            let gained = f64::from(found.output.data()[i]) - f64::from(from.data()[i]);
            assert!((sum - gained).abs() < 0.02 * gained.abs().max(0.1), "{spec}: {sum} of {gained}");
        }
    }
}

#[test]
fn a_map_hangs_on_its_own_image_alone() {
    let network = network(RESNET, 0.1);
    let all = input(&network, 9);
    let sample = all.data().len() / 9;
    let fifth = Tensor::from_vec(&[1, 64, 64, 3], all.data()[5 * sample..6 * sample].to_vec()).unwrap();
    for name in ["gradient", "smoothgrad", "integrated-gradients", "lrp-alpha2beta1", "lrp-w2", "grad-cam", "occlusion"]
    {
        let settings: &[(&str, &str)] = match name {
            "smoothgrad" => &[("n", "3")],
            "integrated-gradients" => &[("grid", "left4")],
            "occlusion" => &[("size", "32")],
            _ => &[],
        };
        let among = explain(&network, name, settings, &all);
        let alone = explain(&network, name, settings, &fifth);
        let among = Tensor::from_vec(fifth.shape(), among.map.data()[5 * sample..6 * sample].to_vec()).unwrap();
        let off = distance(&among, &alone.map);
        assert!(off < 1e-6, "{name}: {off:.1e}");
    }
}

#[test]
fn folding_batch_norms_changes_no_output() {
    for spec in [CNN, VGG, RESNET, VOLUMES] {
        let mut network = network(spec, 0.3);
        let input = input(&network, 3);
        let mut folded = network.folded();
        let norms = |n: &Network| n.graph().layer_table().iter().filter(|r| r.kind == "batch-norm").count();
        // Conv-ReLU-BN keeps them.
        assert_eq!(norms(&folded), if spec == CNN { 3 } else { 0 });
        let before = network.forward(&input, Pass::Eval).unwrap();
        let off = distance(&folded.forward(&input, Pass::Eval).unwrap(), &before);
        assert!(off < 1e-5, "{spec}: {off:.1e}");
    }
    let mut graph = GraphBuilder::new(&[4, 4, 3]).unwrap();
    let at = graph.add("up", TransposedConv::doubling(5), &[graph.input()]).unwrap();
    let at = graph.add("norm", hcwb::nn::layer::BatchNorm::default(), &[at]).unwrap();
    let mut network = random(Network::new(graph.finish(at), 0), 0.3);
    let input = input(&network, 2);
    let before = network.forward(&input, Pass::Eval).unwrap();
    let off = distance(&network.folded().forward(&input, Pass::Eval).unwrap(), &before);
    assert!(off < 1e-6, "transposed: {off:.1e}");
}

#[test]
fn what_is_not_positive_has_no_deep_taylor_map() {
    let network = network(VGG, 0.2);
    let some = input(&network, 8);
    let said = explain(&network, "gradient", &[], &some).output;
    let shift = said.data().iter().sum::<f32>() / 8.0;
    let mut state = network.state();
    state.get_mut("fc.bias").unwrap().values[0] -= shift;
    let mut shifted = Network::new(network.graph().clone(), 0);
    shifted.load_state(&state).unwrap();
    for name in ["deep-taylor", "lrp-zbox"] {
        let found = explain(&shifted, name, &[], &some);
        let sample = some.data().len() / 8;
        for i in 0..8 {
            let zero = found.map.data()[i * sample..(i + 1) * sample].iter().all(|v| *v == 0.0);
            assert_eq!(zero, found.output.data()[i] <= 0.0, "{name} {i}");
            assert_eq!(zero, found.silent.contains(&i), "{name} {i}");
        }
        assert!((1..8).contains(&found.silent.len()));
    }
}

/// A convolution, ReLU, and what is to be tried, in front of pooling and one output.
fn with(layer: impl hcwb::nn::layer::Layer + 'static) -> Network {
    let mut graph = GraphBuilder::new(&[8, 8, 2]).unwrap();
    let at = graph.add("conv", Conv::same(4, 3), &[graph.input()]).unwrap();
    let at = graph.add("relu", Relu, &[at]).unwrap();
    let at = graph.add("tried", layer, &[at]).unwrap();
    let at = graph.add("pool", GlobalAvgPool, &[at]).unwrap();
    let at = graph.add("fc", Linear::new(1), &[at]).unwrap();
    random(Network::new(graph.finish(at), 0), 0.0)
}

#[test]
fn a_layer_without_a_rule_is_named_and_gradients_pass_it() {
    let network = with(Sigmoid);
    let input = input(&network, 1);
    for analyzer in ["lrp-z", "lrp-flat", "deep-taylor", "lrp-preset-b"] {
        let method = Analyzer::find(analyzer).unwrap().with(&Settings::default()).unwrap();
        let error = Explainer::new(&network).unwrap().explain(&method, &input, &Given::default()).unwrap_err();
        assert!(error.what.contains("tried (sigmoid)"), "{error}");
    }
    for analyzer in ["gradient", "integrated-gradients", "deconvnet", "guided-backprop"] {
        assert!(explain(&network, analyzer, &[], &input).map.data().iter().any(|v| *v != 0.0));
    }
}

#[test]
fn upsampling_layers_conserve_relevance() {
    let layers: [Box<dyn Fn() -> Network>; 2] = [
        Box::new(|| with(TransposedConv { bias: false, ..TransposedConv::doubling(3) })),
        Box::new(|| with(hcwb::nn::layer::Upsample::image([2, 3]))),
    ];
    for network in layers.map(|build| build()) {
        let input = input(&network, 2);
        for analyzer in ["lrp-z", "lrp-flat", "lrp-w2"] {
            let found = explain(&network, analyzer, &[], &input);
            for (sum, f) in sums(&found.map).iter().zip(found.output.data()) {
                assert!((sum / f64::from(*f) - 1.0).abs() < 1e-4, "{analyzer}: {sum} of {f}");
            }
        }
    }
}

#[test]
fn occlusion_of_a_linear_function_is_the_mean_loss_of_its_windows() {
    // f(x) = mean over pixels of x: a covered window of 2x2 px takes its own sum / 16.
    let mut graph = GraphBuilder::new(&[4, 4, 1]).unwrap();
    let at = graph.add("pool", GlobalAvgPool, &[graph.input()]).unwrap();
    let at = graph.add("fc", Linear::new(1), &[at]).unwrap();
    let mut network = Network::new(graph.finish(at), 0);
    let mut state = network.state();
    state.get_mut("fc.weight").unwrap().values[0] = 1.0;
    state.get_mut("fc.bias").unwrap().values[0] = 0.0;
    network.load_state(&state).unwrap();
    let input = Tensor::from_vec(&[1, 4, 4, 1], (1..=16).map(|v| v as f32).collect()).unwrap();
    let found = explain(&network, "occlusion", &[("size", "2"), ("stride", "2")], &input);
    let sums = [1.0 + 2.0 + 5.0 + 6.0, 3.0 + 4.0 + 7.0 + 8.0, 9.0 + 10.0 + 13.0 + 14.0, 11.0 + 12.0 + 15.0 + 16.0];
    for (i, v) in found.map.data().iter().enumerate() {
        let want = sums[i / 8 * 2 + i % 4 / 2] / 16.0;
        assert!((v - want).abs() < 1e-5, "{i}: {v} instead of {want}");
    }
}

#[test]
fn grad_cam_shows_where_features_times_their_mean_gradient_are() {
    let network = with(Relu);
    let input = input(&network, 1);
    let found = explain(&network, "grad-cam", &[("layer", "tried"), ("relu", "false")], &input);
    // Behind the features come a mean and a product: their sum, weighted, is f(x) but for the weights' mean.
    let channels: Vec<_> = found.map.data().chunks(2).collect();
    assert!(channels.iter().all(|c| c[0] == c[1]), "the same in all channels");
    let sum: f64 = channels.iter().map(|c| f64::from(c[0])).sum();
    let f = f64::from(found.output.data()[0]);
    assert!((sum / f - 1.0).abs() < 1e-4, "{sum} of {f}");
}

#[test]
fn noise_is_a_function_of_its_seed() {
    let network = network(VGG, 0.1);
    let input = input(&network, 2);
    let of = |seed: &str| explain(&network, "random", &[("seed", seed)], &input).map;
    assert_eq!(of("3").data(), of("3").data());
    assert_ne!(of("3").data(), of("4").data());
    assert!(of("3").data().iter().all(|v| (-1.0..1.0).contains(v)));
    let smooth = |seed: &str| explain(&network, "smoothgrad", &[("seed", seed), ("n", "2")], &input).map;
    assert_eq!(smooth("1").data(), smooth("1").data());
    assert_ne!(smooth("1").data(), smooth("2").data());
}
