//! Every layer's gradients against central differences, in random directions.
//!
//! The loss is a fixed linear form of the output, summed in f64, so that a layer which is linear in
//! its input or weights has an exact difference; curvature is taken out by Richardson's step.

use hcwb::nn::layer::{
    Add, AvgPool, BatchNorm, Concat, Conv, Dropout, Flatten, GlobalAvgPool, Layer, Linear, MaxPool, Relu, Sigmoid,
    TransposedConv, Upsample, Window,
};
use hcwb::nn::{Array, Graph, GraphBuilder, Network, Pass, Tensor};
use std::collections::BTreeMap;

/// Repeatable values in [-1, 1).
fn values(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

struct Point {
    input: Vec<f32>,
    state: BTreeMap<String, Array>,
}

/// Moves input and trainable parameters by `h` along fixed directions.
fn moved(at: &Point, along: &Point, h: f32) -> Point {
    let step = |a: &[f32], d: &[f32]| a.iter().zip(d).map(|(a, d)| a + h * d).collect::<Vec<_>>();
    let mut state = at.state.clone();
    for (name, direction) in &along.state {
        let array = state.get_mut(name).unwrap();
        array.values = step(&array.values, &direction.values);
    }
    Point { input: step(&at.input, &along.input), state }
}

/// Checks the slope along random directions; `h` must keep every input on its side of every kink.
fn check(name: &str, graph: Graph, batch: usize, pass: Pass, h: f32, tolerance: f64) {
    let shape = [&[batch], graph.input_shape()].concat();
    let mut network = Network::new(graph, 3);
    let mut state = network.state();
    for (i, (key, array)) in state.iter_mut().enumerate() {
        array.values = values(array.values.len(), 50 + i as u64);
        if key.ends_with("running_var") || key.ends_with("norm.weight") {
            array.values.iter_mut().for_each(|v| *v = v.abs() + 0.5);
        }
    }
    // Far from one another on a grid, so that no maximum changes hands within `h`.
    let mut input = values(shape.iter().product(), 7);
    let mut order: Vec<usize> = (0..input.len()).collect();
    order.sort_by(|a, b| input[*a].total_cmp(&input[*b]));
    let count = input.len() as f32;
    order.iter().enumerate().for_each(|(rank, i)| input[*i] = (rank as f32 + 0.5) / count * 4.0 - 2.0);
    let at = Point { input, state };

    let mut weight = Vec::new();
    let mut loss = |point: &Point, network: &mut Network| -> f64 {
        network.load_state(&point.state).unwrap();
        let y = network.forward_taped(&Tensor::from_vec(&shape, point.input.clone()).unwrap(), pass).unwrap();
        if weight.is_empty() {
            weight = values(y.data().len(), 11);
        }
        y.data().iter().zip(&weight).map(|(y, w)| *y as f64 * *w as f64).sum()
    };
    network.zero_grad();
    loss(&at, &mut network);
    let y_shape = [&[batch], network.graph().output_shape()].concat();
    let grad = Tensor::from_vec(&y_shape, values(y_shape.iter().product(), 11)).unwrap();
    let dx = network.backward_to_input(&grad);
    let gradients = network.gradients();

    for trial in 0..3u64 {
        let state = gradients
            .iter()
            .enumerate()
            .map(|(i, (name, g))| {
                let values = values(g.values.len(), 100 * (trial + 1) + i as u64);
                (name.clone(), Array { shape: g.shape.clone(), values })
            })
            .collect();
        let along = Point { input: values(at.input.len(), 1000 + trial), state };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum::<f64>();
        let mut slope = dot(dx.data(), &along.input);
        let mut scale = dx.data().iter().map(|v| (*v as f64).powi(2)).sum::<f64>();
        for (name, g) in &gradients {
            slope += dot(&g.values, &along.state[name].values);
            scale += g.values.iter().map(|v| (*v as f64).powi(2)).sum::<f64>();
        }
        let mut difference = |h: f32| {
            let (up, down) = (moved(&at, &along, h), moved(&at, &along, -h));
            (loss(&up, &mut network) - loss(&down, &mut network)) / (2.0 * h as f64)
        };
        let numeric = (4.0 * difference(h / 2.0) - difference(h)) / 3.0;
        let off = (numeric - slope).abs() / scale.sqrt();
        assert!(off < tolerance, "{name}, trial {trial}: slope {slope}, difference {numeric}, off {off:.1e}");
    }
}

fn single(input: &[usize], name: &str, layer: impl Layer + 'static) -> Graph {
    let mut builder = GraphBuilder::new(input).unwrap();
    let node = builder.add(name, layer, &[builder.input()]).unwrap();
    builder.finish(node)
}

const TRAIN: Pass = Pass::Train { seed: 5 };

#[test]
fn convolution() {
    let strided = Conv { outputs: 5, window: Window::image([3, 2], [2, 3], [1, 2]), bias: false };
    check("strided", single(&[7, 9, 3], "conv", strided), 2, TRAIN, 0.02, 1e-4);
    check("same", single(&[6, 5, 2], "conv", Conv::same(17, 3)), 2, TRAIN, 0.02, 1e-4);
}

#[test]
fn transposed_convolution() {
    let window = Window::image([3, 2], [2, 3], [1, 0]);
    let odd = TransposedConv { outputs: 5, window, bias: false };
    check("odd", single(&[4, 3, 3], "up", odd), 2, TRAIN, 0.02, 1e-4);
    check("volumes", single(&[2, 3, 2, 4], "up", TransposedConv::doubling3d(3)), 2, TRAIN, 0.02, 1e-4);
}

#[test]
fn means_and_copies() {
    let overlapping = AvgPool { window: Window::image([3, 2], [2, 1], [1, 1]) };
    check("overlapping", single(&[6, 5, 3], "pool", overlapping), 2, TRAIN, 0.02, 1e-4);
    check("global", single(&[3, 4, 2, 5], "mean", GlobalAvgPool), 2, TRAIN, 0.02, 1e-4);
    check("upsample", single(&[3, 4, 5], "up", Upsample::image([2, 3])), 2, TRAIN, 0.02, 1e-4);
}

#[test]
fn sigmoid_alone() {
    check("sigmoid", single(&[3, 4, 5], "sigmoid", Sigmoid), 2, TRAIN, 0.02, 1e-4);
}

#[test]
fn linear() {
    check("linear", single(&[33], "linear", Linear::new(5)), 3, TRAIN, 0.02, 1e-4);
}

#[test]
fn batch_norm_in_training_and_in_evaluation() {
    for pass in [TRAIN, Pass::Eval] {
        check("images", single(&[5, 4, 3], "norm", BatchNorm::default()), 2, pass, 0.02, 1e-4);
        check("rows", single(&[17], "norm", BatchNorm::default()), 6, pass, 0.02, 1e-4);
    }
}

#[test]
fn max_pooling() {
    let overlapping = MaxPool { window: Window::image([3, 3], [2, 1], [1, 1]) };
    check("overlapping", single(&[6, 5, 2], "pool", overlapping), 1, TRAIN, 1e-3, 1e-3);
    check("halving", single(&[7, 6, 5], "pool", MaxPool::halving(2)), 1, TRAIN, 1e-3, 1e-3);
}

#[test]
fn relu_alone() {
    check("relu", single(&[3, 4, 5], "relu", Relu), 2, TRAIN, 1e-3, 1e-3);
}

#[test]
fn dropout() {
    check("dropout", single(&[40], "dropout", Dropout { rate: 0.4 }), 3, TRAIN, 0.02, 1e-4);
    check("dropout", single(&[40], "dropout", Dropout { rate: 0.4 }), 3, Pass::Eval, 0.02, 1e-4);
}

/// A graph whose branches meet: gradients of a value that several layers read, or one reads twice, are added.
#[test]
fn a_value_read_several_times_gets_all_gradients() {
    let build = || -> hcwb::Result<Graph> {
        let mut b = GraphBuilder::new(&[6, 5, 3])?;
        let stem = b.add("stem", Conv::same(4, 3), &[b.input()])?;
        let norm = b.add("norm", BatchNorm::default(), &[stem])?;
        let left = b.add("left", Conv::same(4, 3), &[norm])?;
        let right = b.add("right", Conv::same(4, 1), &[norm])?;
        let sum = b.add("sum", Add, &[left, right])?;
        let all = b.add("all", Add, &[sum, norm, norm])?;
        let beside = b.add("beside", Concat, &[all, norm, sum])?;
        let flat = b.add("flat", Flatten, &[beside])?;
        let end = b.add("end", Linear::after_flatten(3, [6, 5, 12]), &[flat])?;
        Ok(b.finish(end))
    };
    check("branches", build().unwrap(), 2, TRAIN, 0.01, 1e-4);
}
