//! The engine computes what PyTorch computes in float64 (`golden/nn_make.py`).

use hcwb::model::cnn::CnnSpec;
use hcwb::nn::layer::{BatchNorm, Conv, Layer, Linear, MaxPool};
use hcwb::nn::{Array, GraphBuilder, Loss, Network, Optimizer, OptimizerKind, OptimizerSpec, Pass, Tensor, weights};
use std::collections::BTreeMap;
use std::path::Path;

type Arrays = BTreeMap<String, Array>;

fn golden(name: &str) -> Arrays {
    weights::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)).unwrap().0
}

fn tensor(array: &Array) -> Tensor {
    Tensor::from_vec(&array.shape, array.values.clone()).unwrap()
}

/// |got - want| / |want|, both as vectors.
fn distance(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let square = |v: f64| v * v;
    let off: f64 = got.iter().zip(want).map(|(g, w)| square(*g as f64 - *w as f64)).sum();
    let all: f64 = want.iter().map(|w| square(*w as f64)).sum();
    (off / all.max(1e-30)).sqrt()
}

fn close(what: &str, got: &[f32], want: &Array, tolerance: f64) {
    let d = distance(got, &want.values);
    assert!(d <= tolerance, "{what}: relative L2 {d:.2e}");
}

/// Runs one layer forward and backward and compares all that PyTorch said of it.
fn check(golden: &Arrays, name: &str, layer: impl Layer + 'static, pass: Pass) {
    let of = |part: &str| &golden[&format!("{name}.{part}")];
    let x = tensor(of("x"));
    let mut builder = GraphBuilder::new(&x.shape()[1..]).unwrap();
    let node = builder.add("layer", layer, &[builder.input()]).unwrap();
    let mut network = Network::new(builder.finish(node), 1);
    let state: Arrays = network
        .state()
        .into_keys()
        .map(|key| {
            let part = key.trim_start_matches("layer.").to_owned();
            (key, of(&part).clone())
        })
        .collect();
    network.load_state(&state).unwrap();
    network.zero_grad();
    let y = network.forward_taped(&x, pass).unwrap();
    assert_eq!(y.shape(), of("y").shape, "{name}");
    close(&format!("{name} forward"), y.data(), of("y"), 3e-6);
    let dx = network.backward_to_input(&tensor(of("g")));
    close(&format!("{name} towards the input"), dx.data(), of("dx"), 3e-6);
    for (key, grad) in network.gradients() {
        let part = key.trim_start_matches("layer.");
        close(&format!("{name} towards {part}"), &grad.values, of(&format!("d{part}")), 3e-6);
    }
    if let (Pass::Train { .. }, Some(mean)) = (pass, golden.get(&format!("{name}.mean_after"))) {
        close(&format!("{name} running mean"), &network.state()["layer.running_mean"].values, mean, 1e-6);
        close(&format!("{name} running var"), &network.state()["layer.running_var"].values, of("var_after"), 1e-6);
    }
}

const TRAIN: Pass = Pass::Train { seed: 0 };

#[test]
fn convolutions_of_every_shape_agree_with_pytorch() {
    let golden = golden("nn_layers.safetensors");
    let conv = |outputs, kernel, stride, padding| Conv { outputs, kernel, stride, padding, bias: true };
    check(&golden, "conv.3x3-1-8", Conv::same(8, 3), TRAIN);
    check(&golden, "conv.3x3-3-5", Conv::same(5, 3), TRAIN);
    check(&golden, "conv.3x3-16-17-s2", conv(17, [3, 3], [2, 2], [1, 1]), TRAIN);
    check(&golden, "conv.5x3-5-33-s2x3", conv(33, [5, 3], [2, 3], [2, 1]), TRAIN);
    check(&golden, "conv.7x7-3-8-s2", conv(8, [7, 7], [2, 2], [3, 3]), TRAIN);
    check(&golden, "conv.1x1-17-16", conv(16, [1, 1], [1, 1], [0, 0]), TRAIN);
    check(&golden, "conv.1x1-8-3-s2", conv(3, [1, 1], [2, 2], [0, 0]), TRAIN);
    check(&golden, "conv.2x2-5-1-s3", conv(1, [2, 2], [3, 3], [0, 0]), TRAIN);
    check(&golden, "conv.3x3-4-4-p2", conv(4, [3, 3], [1, 1], [2, 2]), TRAIN);
}

#[test]
fn batch_norm_agrees_with_pytorch_even_where_the_mean_dwarfs_the_spread() {
    let golden = golden("nn_layers.safetensors");
    for name in ["norm.images-5", "norm.images-17", "norm.rows-16", "norm.rows-3"] {
        check(&golden, name, BatchNorm::default(), TRAIN);
    }
    check(&golden, "norm.eval-8", BatchNorm::default(), Pass::Eval);
}

#[test]
fn max_pooling_sends_the_gradient_to_the_first_maximum_as_pytorch_does() {
    let golden = golden("nn_layers.safetensors");
    let pool = |kernel, stride, padding| MaxPool { kernel, stride, padding };
    check(&golden, "pool.2", MaxPool::halving(2), TRAIN);
    check(&golden, "pool.2-odd", MaxPool::halving(2), TRAIN);
    check(&golden, "pool.3-s2-p1", pool([3, 3], [2, 2], [1, 1]), TRAIN);
    check(&golden, "pool.3x2-s1x3", pool([3, 2], [1, 3], [1, 0]), TRAIN);
    check(&golden, "pool.2-s3", pool([2, 2], [3, 3], [0, 0]), TRAIN);
}

#[test]
fn linear_layers_agree_with_pytorch() {
    let golden = golden("nn_layers.safetensors");
    check(&golden, "linear.37-5", Linear::new(5), TRAIN);
    check(&golden, "linear.16-1", Linear::new(1), TRAIN);
    check(&golden, "linear.2100-6", Linear::new(6), TRAIN);
}

#[test]
fn a_whole_network_and_three_steps_of_adam_agree_with_pytorch() {
    let golden = golden("nn_network.safetensors");
    let under = |prefix: &str| -> Arrays {
        golden.iter().filter_map(|(k, v)| Some((k.strip_prefix(prefix)?.to_owned(), v.clone()))).collect()
    };
    let spec = CnnSpec { dropout: 0.0, ..CnnSpec::new([12, 10, 2], &[5, 6], &[7, 4]) };
    let mut network = Network::new(spec.build().unwrap(), 1);
    network.load_state(&under("start.")).unwrap();
    let (x, truth) = (tensor(&golden["x"]), &golden["truth"].values);
    let mut adam = Optimizer::new(&OptimizerSpec { eps: 1e-3, ..OptimizerSpec::new(OptimizerKind::Adam) }, &network);
    for step in 0..3 {
        network.zero_grad();
        let y = network.forward(&x, TRAIN).unwrap();
        let (loss, grad) = Loss::Mse.value_and_grad(&y, truth);
        network.backward(&grad);
        close(&format!("loss of step {step}"), &[loss as f32], &golden[&format!("loss.{step}")], 1e-5);
        if step == 0 {
            close("output", y.data(), &golden["y"], 1e-5);
            let all: f64 = under("grad.").values().flat_map(|a| &a.values).map(|v| (*v as f64).powi(2)).sum();
            for (name, want) in under("grad.") {
                let got = &network.gradients()[&name];
                assert_eq!(got.shape, want.shape);
                // Biases before a batch norm have no gradient but rounding: measured against the whole.
                let off: f64 = got.values.iter().zip(&want.values).map(|(g, w)| ((g - w) as f64).powi(2)).sum();
                assert!((off / all).sqrt() < 1e-5, "gradient of {name}: {:.2e}", (off / all).sqrt());
            }
        }
        adam.step(&mut network, 1e-2);
    }
    for (name, want) in under("end.") {
        close(&format!("{name} after three steps"), &network.state()[&name].values, &want, 1e-5);
    }
    let y = network.forward(&x, Pass::Eval).unwrap();
    close("output in evaluation", y.data(), &golden["y_eval"], 1e-5);
}

/// A network whose only parameter the optimizer sees is a row of weights with chosen gradients.
#[test]
fn every_optimizer_walks_as_pytorchs_does() {
    let golden = golden("nn_network.safetensors");
    let (start, grads) = (&golden["optim.start"].values, &golden["optim.grads"]);
    let (steps, len) = (grads.shape[0], grads.shape[1]);
    for (name, kind, weight_decay) in
        [("adam", OptimizerKind::Adam, 0.03), ("adamw", OptimizerKind::AdamW, 0.1), ("sgd", OptimizerKind::Sgd, 0.02)]
    {
        let mut builder = GraphBuilder::new(&[len]).unwrap();
        let node = builder.add("layer", Linear::new(1), &[builder.input()]).unwrap();
        let mut network = Network::new(builder.finish(node), 1);
        let mut state = network.state();
        state.get_mut("layer.weight").unwrap().values = start.clone();
        network.load_state(&state).unwrap();
        let mut optimizer = Optimizer::new(&OptimizerSpec { weight_decay, ..OptimizerSpec::new(kind) }, &network);
        for step in 0..steps {
            // The gradient of x·w towards w is x.
            let x = Tensor::from_vec(&[1, len], grads.values[step * len..][..len].to_vec()).unwrap();
            network.zero_grad();
            network.forward(&x, TRAIN).unwrap();
            network.backward(&Tensor::from_vec(&[1, 1], vec![1.0]).unwrap());
            optimizer.step(&mut network, 1e-2);
        }
        close(name, &network.state()["layer.weight"].values, &golden[&format!("optim.{name}")], 1e-6);
    }
}
