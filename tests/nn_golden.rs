//! A small network, its training and the optimizers are PyTorch's in float64 (`golden/nn_network.py`).

use hcwb::model::cnn::CnnSpec;
use hcwb::nn::layer::Linear;
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

const TRAIN: Pass = Pass::Train { seed: 0 };

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
