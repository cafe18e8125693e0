//! Every kind of layer, alone in a network, on odd sizes: output, gradients and running statistics.

use super::{Checked, Row, greatest, pass, row};
use crate::error::Result;
use crate::nn::layer::*;
use crate::nn::weights::Array;
use crate::nn::{Graph, GraphBuilder, Network, NodeId, Precision, Tensor};
use std::collections::BTreeMap;

/// Differences allowed: f32 sums in another order; one rounding of bf16 at each value and gradient.
const LIMITS: [(Precision, f64); 2] = [(Precision::F32, 1e-4), (Precision::Bf16, 1e-2)];

pub(super) fn check(on: Checked) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (what, batch, graph) in cases()? {
        let weights = on_a_grid(Network::new(graph.clone(), 3).state());
        let input = grid(&[&[batch], graph.input_shape()].concat(), 1)?;
        let grad = grid(&[&[batch], graph.output_shape()].concat(), 2)?;
        let expected = pass(&graph, &weights, (Checked::CPU, Precision::F32Strict), &input, &grad)?;
        for (precision, limit) in LIMITS {
            let found = pass(&graph, &weights, (on, precision), &input, &grad)?;
            rows.push(row("layers", &what, precision, limit, greatest(&found, &expected)));
        }
    }
    Ok(rows)
}

/// Multiples of 1/4 between -2 and 2: bf16 holds them, so what differs is the layer's own arithmetic, and no sum
/// crosses ReLU's kink by a rounding.
fn grid(shape: &[usize], seed: usize) -> Result<Tensor> {
    let value = |i: usize| ((i * 7919 + seed * 104_729 + i / 97) % 17) as f32 / 4.0 - 2.0;
    Tensor::from_vec(shape, (0..shape.iter().product()).map(value).collect())
}

/// Weights likewise, in eighths; variances stay positive. Biases lie between what products make, so that no sum is zero:
/// there the least difference in the order of sums would open or shut ReLU.
fn on_a_grid(weights: BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    let value = |name: &str, i: usize| {
        let step = ((i * 31 + i / 13 + name.len()) % 9) as f32;
        match name.rsplit('.').next() {
            Some("running_var") => 0.5 + step / 8.0,
            Some("bias") => step / 8.0 - 0.5 + 1.0 / 64.0,
            _ => step / 8.0 - 0.5,
        }
    };
    let redrawn = |(name, array): (String, Array)| {
        let values = (0..array.values.len()).map(|i| value(&name, i)).collect();
        (name, Array { values, ..array })
    };
    weights.into_iter().map(redrawn).collect()
}

type Case = (String, usize, Graph);

fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let mut add =
        |what: &str, batch: usize, input: &[usize], make: &dyn Fn(&mut GraphBuilder, NodeId) -> Result<NodeId>| {
            let mut builder = GraphBuilder::new(input)?;
            let begin = builder.input();
            let end = make(&mut builder, begin)?;
            cases.push((what.to_owned(), batch, builder.finish(end)));
            Ok::<(), crate::Error>(())
        };
    let window = |k: [usize; 2], s: [usize; 2], p: [usize; 2]| Window::image(k, s, p);
    for (what, input, outputs, window) in [
        ("conv 3x3", [13, 11, 16], 24, window([3, 3], [1, 1], [1, 1])),
        ("conv 3x3 stride 2", [15, 10, 5], 7, window([3, 3], [2, 2], [1, 1])),
        ("conv 7x7 of one channel", [29, 31, 1], 12, window([7, 7], [2, 2], [3, 3])),
        ("conv 1x1", [9, 7, 64], 16, window([1, 1], [1, 1], [0, 0])),
        ("conv 1x1 stride 2", [9, 12, 20], 33, window([1, 1], [2, 2], [0, 0])),
        ("conv 1x1 to one channel", [17, 5, 16], 1, window([1, 1], [1, 1], [0, 0])),
        ("conv 5x2, stride 1x3", [11, 14, 3], 6, window([5, 2], [1, 3], [2, 0])),
    ] {
        add(what, 3, &input, &|b, x| b.add("c", Conv { outputs, window, bias: true }, &[x]))?;
        add(&format!("{what} + relu"), 2, &input, &|b, x| {
            let c = b.add("c", Conv { outputs, window, bias: true }, &[x])?;
            b.add("r", Relu, &[c])
        })?;
    }
    let volume = |k, s, p| Window::volume(k, s, p);
    for (what, window) in [
        ("conv3d 3x3x3", volume([3; 3], [1; 3], [1; 3])),
        ("conv3d 3x3x2, stride 2", volume([2, 3, 3], [1, 2, 2], [1, 1, 1])),
    ] {
        add(what, 2, &[5, 9, 8, 6], &|b, x| b.add("c", Conv { outputs: 10, window, bias: true }, &[x]))?;
    }
    add("transposed conv 2x2", 3, &[7, 5, 12], &|b, x| b.add("t", TransposedConv::doubling(9), &[x]))?;
    add("transposed conv 2x2x2 + relu", 2, &[3, 4, 5, 8], &|b, x| {
        let t = b.add("t", TransposedConv::doubling3d(4), &[x])?;
        b.add("r", Relu, &[t])
    })?;
    for (what, window) in [
        ("max pool 2x2", window([2, 2], [2, 2], [0, 0])),
        ("max pool 3x3 stride 2", window([3, 3], [2, 2], [1, 1])),
        ("max pool 3x2 stride 1", window([3, 2], [1, 1], [1, 0])),
    ] {
        add(what, 3, &[13, 10, 9], &|b, x| b.add("p", MaxPool { window }, &[x]))?;
        add(&what.replace("max", "average"), 3, &[13, 10, 9], &|b, x| b.add("p", AvgPool { window }, &[x]))?;
    }
    let deep = volume([2, 2, 2], [2, 2, 2], [0; 3]);
    add("max pool 2x2x2", 2, &[5, 6, 7, 3], &|b, x| b.add("p", MaxPool { window: deep }, &[x]))?;
    add("average pool 2x2x2", 2, &[5, 6, 7, 3], &|b, x| b.add("p", AvgPool { window: deep }, &[x]))?;
    add("upsample 2x3", 2, &[5, 7, 6], &|b, x| b.add("u", Upsample::image([2, 3]), &[x]))?;
    add("upsample 1x2x2", 2, &[3, 5, 7, 6], &|b, x| b.add("u", Upsample::volume([1, 2, 2]), &[x]))?;
    for (what, input) in [("images", &[9, 7, 20][..]), ("volumes", &[3, 5, 7, 6]), ("rows", &[37])] {
        add(&format!("batch norm of {what}"), 6, input, &|b, x| b.add("n", BatchNorm::default(), &[x]))?;
    }
    add("batch norm + relu", 4, &[9, 7, 33], &|b, x| {
        let n = b.add("n", BatchNorm::default(), &[x])?;
        b.add("r", Relu, &[n])
    })?;
    add("batch norm + add + relu", 4, &[9, 7, 16], &|b, x| {
        let n = b.add("n", BatchNorm::default(), &[x])?;
        let sum = b.add("s", Add, &[n, x])?;
        b.add("r", Relu, &[sum])
    })?;
    add("add of three + relu", 3, &[5, 7, 6], &|b, x| {
        let r = b.add("a", Sigmoid, &[x])?;
        let sum = b.add("s", Add, &[x, r, x])?;
        b.add("r", Relu, &[sum])
    })?;
    add("concat of three", 3, &[5, 7, 6], &|b, x| {
        let narrow = b.add("c", Conv { outputs: 3, window: window([1, 1], [1, 1], [0, 0]), bias: false }, &[x])?;
        b.add("j", Concat, &[x, narrow, x])
    })?;
    add("global average pool", 3, &[15, 13, 40], &|b, x| b.add("g", GlobalAvgPool, &[x]))?;
    add("global average pool of volumes", 3, &[3, 5, 7, 10], &|b, x| b.add("g", GlobalAvgPool, &[x]))?;
    add("linear", 5, &[65], &|b, x| b.add("l", Linear::new(17), &[x]))?;
    add("linear + relu + linear to one", 7, &[40], &|b, x| {
        let l = b.add("l", Linear::new(24), &[x])?;
        let r = b.add("r", Relu, &[l])?;
        b.add("m", Linear::new(1), &[r])
    })?;
    add("flatten + linear", 4, &[5, 3, 6], &|b, x| {
        let f = b.add("f", Flatten, &[x])?;
        b.add("l", Linear::after_flatten(11, [5, 3, 6]), &[f])
    })?;
    add("relu", 3, &[5, 7, 3], &|b, x| b.add("r", Relu, &[x]))?;
    add("sigmoid", 3, &[5, 7, 3], &|b, x| b.add("s", Sigmoid, &[x]))?;
    add("dropout", 3, &[15, 7, 3], &|b, x| b.add("d", Dropout { rate: 0.4 }, &[x]))?;
    Ok(cases)
}
