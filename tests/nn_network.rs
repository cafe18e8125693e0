//! The network as a whole: seeds, states, tapes, threads, and that it learns.

use hcwb::model::ModelOptions;
use hcwb::model::cnn::CnnSpec;
use hcwb::nn::{Array, Loss, Network, Optimizer, OptimizerKind, OptimizerSpec, Pass, Precision, Tensor, weights};
use std::collections::BTreeMap;

/// A small member of the family: 16x16 images, all kinds of layers.
fn spec() -> CnnSpec {
    CnnSpec::new([16, 16, 1], &[8, 16], &[12, 6])
}

fn network(seed: u64) -> Network {
    Network::new(spec().build().unwrap(), seed)
}

/// Images of a bright disc each, and its radius as the truth.
fn discs(count: usize, first: usize) -> (Tensor, Vec<f32>) {
    let radius = |i: usize| 2.0 + 5.0 * (((first + i) * 37 % 101) as f32 / 101.0);
    let mut images = Vec::with_capacity(count * 256);
    for i in 0..count {
        for p in 0..256 {
            let (y, x) = ((p / 16) as f32 - 7.5, (p % 16) as f32 - 7.5);
            images.push(if x * x + y * y < radius(i) * radius(i) { 1.0 } else { -0.5 });
        }
    }
    (Tensor::from_vec(&[count, 16, 16, 1], images).unwrap(), (0..count).map(|i| radius(i) / 7.0).collect())
}

fn train(network: &mut Network, optimizer: &mut Optimizer, steps: std::ops::Range<usize>) -> f64 {
    let mut last = 0.0;
    for step in steps {
        let (x, truth) = discs(8, step * 8);
        network.zero_grad();
        let y = network.forward(&x, Pass::Train { seed: step as u64 }).unwrap();
        let (loss, grad) = Loss::Mse.value_and_grad(&y, &truth);
        network.backward(&grad);
        optimizer.step(network, 3e-3);
        last = loss;
    }
    last
}

#[test]
fn it_learns() {
    // Half of twelve units dropped would make the end of so short a training a matter of luck.
    let mut network = Network::new(CnnSpec { dropout: 0.0, ..spec() }.build().unwrap(), 1);
    let mut adam = Optimizer::new(&OptimizerSpec::new(OptimizerKind::Adam), &network);
    train(&mut network, &mut adam, 0..300);
    let (x, truth) = discs(64, 5000);
    let y = network.forward(&x, Pass::Eval).unwrap();
    let (error, _) = Loss::Mae.value_and_grad(&y, &truth);
    let mean = truth.iter().sum::<f32>() / truth.len() as f32;
    let spread = truth.iter().map(|t| (t - mean).abs() as f64).sum::<f64>() / truth.len() as f64;
    assert!(error < 0.5 * spread, "mean error {error}, and guessing the mean has {spread}");
}

/// Wide enough for the fast convolutions, in every precision.
fn wide(seed: u64, precision: Precision) -> Network {
    let mut network = Network::new(CnnSpec::new([16, 16, 1], &[16, 16, 32], &[12, 6]).build().unwrap(), seed);
    network.set_precision(precision);
    network
}

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F32Strict, Precision::Bf16];

#[test]
fn n_steps_a_restart_and_n_more_are_2n_steps_bit_for_bit_with_every_optimizer_and_precision() {
    let kinds = [OptimizerKind::Adam, OptimizerKind::AdamW, OptimizerKind::Sgd];
    for (kind, precision) in kinds.into_iter().flat_map(|k| PRECISIONS.map(|p| (k, p))) {
        let optimizer = |n: &Network| Optimizer::new(&OptimizerSpec::new(kind), n);
        let mut whole = wide(1, precision);
        let mut rule = optimizer(&whole);
        train(&mut whole, &mut rule, 0..10);

        let mut half = wide(1, precision);
        let mut rule = optimizer(&half);
        train(&mut half, &mut rule, 0..5);
        let dir = tempfile::tempdir().unwrap();
        let (w, o) = (dir.path().join("w"), dir.path().join("o"));
        weights::save(&w, &half.state(), &BTreeMap::new()).unwrap();
        weights::save(&o, &rule.state(), &BTreeMap::new()).unwrap();

        let mut resumed = wide(2, precision);
        let mut rule = optimizer(&resumed);
        resumed.load_state(&weights::load(&w).unwrap().0).unwrap();
        rule.load_state(&weights::load(&o).unwrap().0).unwrap();
        assert_eq!(rule.steps(), 5);
        train(&mut resumed, &mut rule, 5..10);
        assert!(resumed.state() == whole.state(), "{kind:?} in {}", precision.name());
    }
}

#[test]
fn precisions_compute_differently_and_nearly_alike() {
    let (x, _) = discs(4, 0);
    let output = |precision| wide(1, precision).forward(&x, Pass::Eval).unwrap();
    let [fast, strict, rounded] = PRECISIONS.map(output);
    let off = |a: &Tensor, b: &Tensor| {
        let (a, b) = (a.data(), b.data());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max) / b.iter().fold(0f32, |m, v| m.max(v.abs()))
    };
    assert!(off(&fast, &strict) > 0.0 && off(&fast, &strict) < 1e-4, "{}", off(&fast, &strict));
    assert!(off(&rounded, &strict) > 1e-5 && off(&rounded, &strict) < 5e-2, "{}", off(&rounded, &strict));
}

#[test]
fn training_is_bit_equal_for_every_number_of_threads_in_every_precision() {
    for precision in PRECISIONS {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut network = wide(1, precision);
                let mut adam = Optimizer::new(&OptimizerSpec::new(OptimizerKind::Adam), &network);
                train(&mut network, &mut adam, 0..5);
                network.state()
            })
        };
        let one = run(1);
        assert!(run(2) == one && run(5) == one, "{}", precision.name());
    }
}

#[test]
fn first_weights_hang_on_seed_and_name_alone() {
    assert!(network(1).state() == network(1).state());
    assert!(network(1).state() != network(2).state());
    // Another network with layers of the same names and shapes starts from the same values.
    let longer = CnnSpec::new([16, 16, 1], &[8, 16, 4], &[12, 6]);
    let (a, b) = (network(1).state(), Network::new(longer.build().unwrap(), 1).state());
    assert_eq!(a["features.4.weight"], b["features.4.weight"]);
    assert_eq!(a["classifier.4.weight"], b["classifier.4.weight"]);
}

#[test]
fn first_weights_are_glorot_uniform_with_zero_biases() {
    let state = Network::new(hcwb::model::build("cnn263k", &ModelOptions::default()).unwrap(), 1).state();
    let weight = &state["classifier.0.weight"];
    assert_eq!(weight.shape, [16, 16384]);
    let limit = (6.0f64 / (16384.0 + 16.0)).sqrt();
    let largest = weight.values.iter().fold(0f32, |a, v| a.max(v.abs())) as f64;
    assert!(largest <= limit && largest > 0.999 * limit);
    let count = weight.values.len() as f64;
    let variance = weight.values.iter().map(|v| (*v as f64).powi(2)).sum::<f64>() / count;
    assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.01);
    assert!(state["classifier.0.bias"].values.iter().all(|v| *v == 0.0));
    assert!(state["features.2.running_var"].values.iter().all(|v| *v == 1.0));
}

#[test]
fn gradients_of_two_passes_add_up() {
    // Without batch norm's batch statistics the gradient of a batch is the sum over its parts.
    let (x, truth) = discs(8, 0);
    let part = |range: std::ops::Range<usize>| {
        let values = x.data()[range.start * 256..range.end * 256].to_vec();
        (Tensor::from_vec(&[range.len(), 16, 16, 1], values).unwrap(), truth[range].to_vec())
    };
    let mut network = network(1);
    let add = |x: &Tensor, truth: &[f32], network: &mut Network| {
        let y = network.forward_taped(x, Pass::Eval).unwrap();
        let (_, mut grad) = Loss::Mse.value_and_grad(&y, truth);
        grad.data_mut().iter_mut().for_each(|g| *g *= truth.len() as f32 / 8.0);
        network.backward(&grad);
    };
    network.zero_grad();
    add(&x, &truth, &mut network);
    let whole = network.gradients();
    network.zero_grad();
    for range in [0..3, 3..8] {
        let (x, truth) = part(range);
        add(&x, &truth, &mut network);
    }
    for (name, sum) in network.gradients() {
        let scale = whole[&name].values.iter().fold(1e-6f32, |a, v| a.max(v.abs()));
        let off = sum.values.iter().zip(&whole[&name].values).fold(0f32, |a, (s, w)| a.max((s - w).abs()));
        assert!(off < 1e-5 * scale, "{name}: {off} beside {scale}");
    }
}

#[test]
fn gradients_are_zero_after_zero_grad_and_an_optimizer_then_stands_still() {
    let mut network = network(1);
    let (x, truth) = discs(4, 0);
    let y = network.forward(&x, Pass::Train { seed: 1 }).unwrap();
    network.backward(&Loss::Mse.value_and_grad(&y, &truth).1);
    network.zero_grad();
    assert!(network.gradients().values().all(|g| g.values.iter().all(|v| *v == 0.0)));
    let before = network.state();
    let mut sgd = Optimizer::new(&OptimizerSpec::new(OptimizerKind::Sgd), &network);
    sgd.step(&mut network, 0.1);
    assert!(network.state() == before);
}

#[test]
fn evaluation_does_not_hang_on_what_else_is_in_the_batch_nor_moves_the_statistics() {
    let mut network = network(1);
    let mut adam = Optimizer::new(&OptimizerSpec::new(OptimizerKind::Adam), &network);
    train(&mut network, &mut adam, 0..3);
    let before = network.state();
    let (x, _) = discs(7, 0);
    let all = network.forward(&x, Pass::Eval).unwrap();
    for i in 0..7 {
        let alone = Tensor::from_vec(&[1, 16, 16, 1], x.data()[i * 256..][..256].to_vec()).unwrap();
        assert_eq!(network.forward(&alone, Pass::Eval).unwrap().data()[0], all.data()[i]);
    }
    assert!(network.state() == before);
}

#[test]
fn an_input_of_another_shape_is_refused() {
    let mut network = network(1);
    for shape in [&[2, 16, 16, 3][..], &[2, 15, 16, 1], &[0, 16, 16, 1], &[2, 256]] {
        assert!(network.forward(&Tensor::zeros(shape), Pass::Eval).is_err(), "{shape:?}");
    }
}

#[test]
fn an_input_that_is_not_a_number_is_refused_and_placed() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![0.5; 20 * 256];
        values[18 * 256 + 77] = value;
        let input = Tensor::from_vec(&[20, 16, 16, 1], values).unwrap();
        let error = network(1).forward(&input, Pass::Eval).unwrap_err();
        assert!(error.what.contains("value 77 of sample 18"), "{error}");
    }
    let greatest = Tensor::from_vec(&[1, 16, 16, 1], vec![f32::MAX; 256]).unwrap();
    assert!(network(1).forward(&greatest, Pass::Eval).is_ok());
}

#[test]
fn a_state_of_another_network_is_refused_and_changes_nothing() {
    let mut network = network(1);
    let before = network.state();
    let mut wrong = Vec::new();
    let mut edit = |f: &dyn Fn(&mut BTreeMap<String, Array>)| {
        let mut state = before.clone();
        f(&mut state);
        wrong.push(state);
    };
    edit(&|s| drop(s.remove("features.0.weight")));
    edit(&|s| drop(s.insert("features.9.weight".into(), Array { shape: vec![1], values: vec![0.0] })));
    edit(&|s| s.get_mut("features.0.weight").unwrap().shape = vec![8, 3, 3, 1]);
    edit(&|s| s.get_mut("features.0.bias").unwrap().values[3] = f32::NAN);
    for (state, word) in wrong.iter().zip(["features.0.weight", "features.9.weight", "features.0.weight", "value 3"]) {
        let error = network.load_state(state).unwrap_err();
        assert!(error.what.contains(word), "{error}");
        assert!(network.state() == before);
    }
    // PyTorch's counters are welcome.
    let mut state = before.clone();
    state.insert("features.2.num_batches_tracked".into(), Array { shape: vec![], values: vec![5.0] });
    network.load_state(&state).unwrap();
}

#[test]
fn an_optimizers_state_of_another_network_is_refused() {
    let network = network(1);
    let spec = OptimizerSpec::new(OptimizerKind::Adam);
    let mut adam = Optimizer::new(&spec, &network);
    let other =
        Network::new(hcwb::model::build("cnn263k", &ModelOptions::default().with_input(&[32, 32, 1])).unwrap(), 1);
    assert!(adam.load_state(&Optimizer::new(&spec, &other).state()).is_err());
    let sgd = Optimizer::new(&OptimizerSpec::new(OptimizerKind::Sgd), &network);
    assert!(adam.load_state(&sgd.state()).unwrap_err().what.contains("second."));
}
