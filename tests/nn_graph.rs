//! Graphs: what does not fit is refused by name, and a plan that fuses computes what its layers do.

use hcwb::nn::kernel::cpu::Isa;
use hcwb::nn::layer::{
    Add, AvgPool, BatchNorm, Concat, Conv, Flatten, GlobalAvgPool, Layer, Linear, MaxPool, Relu, TransposedConv,
    Upsample, Window,
};
use hcwb::nn::program::{Emitter, Site, Value};
use hcwb::nn::{Graph, GraphBuilder, Network, NodeId, Pass, Tensor};

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

/// The words with which a layer named `odd` is refused behind inputs of these shapes.
fn refusal(layer: impl Layer + 'static, shapes: &[&[usize]]) -> String {
    let mut builder = GraphBuilder::new(&[1]).unwrap();
    let inputs: Vec<NodeId> = shapes
        .iter()
        .enumerate()
        .map(|(i, shape)| builder.add(format!("in{i}"), Given(shape.to_vec()), &[builder.input()]).unwrap())
        .collect();
    let error = builder.add("odd", layer, &inputs).unwrap_err();
    assert_eq!(error.kind, hcwb::error::Kind::Usage);
    assert!(error.what.starts_with("layer odd ("), "{error}");
    error.what
}

/// A layer that is only asked for its shape.
#[derive(Debug)]
struct Given(Vec<usize>);

impl Layer for Given {
    fn kind(&self) -> &'static str {
        "given"
    }
    fn output_shape(&self, _: &[&[usize]]) -> hcwb::Result<Vec<usize>> {
        Ok(self.0.clone())
    }
    fn forward(&self, _: hcwb::nn::layer::Forward, _: &[&Tensor]) -> Tensor {
        unreachable!("only its shape is asked for")
    }
    fn backward(&self, _: hcwb::nn::layer::Backward, _: Tensor) -> Vec<Option<Tensor>> {
        unreachable!("only its shape is asked for")
    }
    fn emit_forward(&self, _: &mut Emitter, _: &mut Site) -> Value {
        unreachable!("only its shape is asked for")
    }
    fn emit_backward(&self, _: &mut Emitter, _: &mut Site, _: Value) -> Vec<Option<Value>> {
        unreachable!("only its shape is asked for")
    }
}

#[test]
fn layers_that_do_not_fit_their_inputs_are_refused_by_name_with_what_does_not_fit() {
    let image: &[usize] = &[4, 5, 3];
    let volume: &[usize] = &[4, 5, 6, 3];
    let row: &[usize] = &[7];
    let window = |kernel: usize, stride: usize, padding: usize| Window::image([kernel; 2], [stride; 2], [padding; 2]);
    let conv = |window| Conv { outputs: 2, window, bias: true };
    let up = |window| TransposedConv { outputs: 2, window, bias: true };
    for (said, words) in [
        (refusal(conv(window(7, 1, 1)), &[image]), ["7x7 window", "[4, 5, 3]"]),
        (refusal(conv(window(3, 0, 0)), &[image]), ["stride", "at least 1"]),
        (refusal(Conv::same(0, 3), &[image]), ["channels", "at least 1"]),
        (refusal(Conv::same(2, 3), &[volume]), ["takes images", "[4, 5, 6, 3]"]),
        (refusal(Conv::same3d(2, [3; 3]), &[image]), ["takes volumes", "[4, 5, 3]"]),
        (refusal(Conv::same(2, 3), &[image, image]), ["one input", "2"]),
        (refusal(Conv::same(2, 3), &[]), ["one input", "0"]),
        (refusal(up(window(2, 0, 0)), &[image]), ["stride", "at least 1"]),
        (refusal(up(window(2, 1, 3)), &[image]), ["padding", "[4, 5, 3]"]),
        (refusal(TransposedConv::doubling(0), &[image]), ["channels", "at least 1"]),
        (refusal(TransposedConv::doubling3d(2), &[image]), ["takes volumes", "[4, 5, 3]"]),
        (refusal(MaxPool { window: window(5, 1, 0) }, &[image]), ["5x5 window", "[4, 5, 3]"]),
        (refusal(MaxPool { window: window(2, 1, 2) }, &[image]), ["padding", "half the window"]),
        (refusal(MaxPool { window: window(17, 1, 8) }, &[image]), ["at most", "256"]),
        (refusal(AvgPool { window: window(3, 1, 2) }, &[image]), ["padding", "half the window"]),
        (refusal(AvgPool { window: window(0, 1, 0) }, &[image]), ["kernel", "at least 1"]),
        (refusal(Upsample::image([2, 0]), &[image]), ["at least 1", "kernel"]),
        (refusal(Upsample::volume([2; 3]), &[image]), ["takes volumes", "[4, 5, 3]"]),
        (refusal(Upsample::image([2; 2]), &[row]), ["takes images", "[7]"]),
        (refusal(Add, &[image, &[4, 5, 2]]), ["[4, 5, 3]", "[4, 5, 2]"]),
        (refusal(Add, &[image, image, row]), ["[4, 5, 3]", "[7]"]),
        (refusal(Add, &[image]), ["two or more", "1"]),
        (refusal(Concat, &[image, &[4, 4, 3]]), ["[4, 5, 3]", "[4, 4, 3]"]),
        (refusal(Concat, &[image, row]), ["[4, 5, 3]", "[7]"]),
        (refusal(Concat, &[]), ["two or more", "0"]),
        (refusal(GlobalAvgPool, &[row]), ["images or volumes", "[7]"]),
        (refusal(Linear::new(3), &[image]), ["flatten first", "[4, 5, 3]"]),
        (refusal(Linear::after_flatten(3, [2, 2, 2]), &[row]), ["7 features", "[2, 2, 2]"]),
        (refusal(Linear::new(0), &[row]), ["odd", "nothing is left"]),
    ] {
        assert!(words.iter().all(|w| said.contains(w)), "{said:?} lacks one of {words:?}");
    }
}

#[test]
fn a_name_is_taken_once() {
    let mut builder = GraphBuilder::new(&[4]).unwrap();
    builder.add("twice", Relu, &[builder.input()]).unwrap();
    assert!(builder.add("twice", Relu, &[builder.input()]).unwrap_err().what.contains("taken"));
    assert!(GraphBuilder::new(&[4, 0, 1]).is_err() && GraphBuilder::new(&[]).is_err());
}

/// A layer that gives its input on and that no plan fuses with anything.
#[derive(Debug)]
struct Wall;

impl Layer for Wall {
    fn kind(&self) -> &'static str {
        "wall"
    }
    fn output_shape(&self, inputs: &[&[usize]]) -> hcwb::Result<Vec<usize>> {
        Ok(inputs[0].to_vec())
    }
    fn forward(&self, _: hcwb::nn::layer::Forward, inputs: &[&Tensor]) -> Tensor {
        inputs[0].clone()
    }
    fn backward(&self, _: hcwb::nn::layer::Backward, grad: Tensor) -> Vec<Option<Tensor>> {
        vec![Some(grad)]
    }
    fn emit_forward(&self, _: &mut Emitter, site: &mut Site) -> Value {
        site.inputs[0].clone()
    }
    fn emit_backward(&self, _: &mut Emitter, _: &mut Site, grad: Value) -> Vec<Option<Value>> {
        vec![Some(grad)]
    }
}

/// Adds layers one behind another, each followed by a wall if asked for.
struct Chain<'a> {
    builder: &'a mut GraphBuilder,
    walls: bool,
}

impl Chain<'_> {
    fn add(&mut self, name: &str, layer: impl Layer + 'static, inputs: &[NodeId]) -> NodeId {
        let node = self.builder.add(name, layer, inputs).unwrap();
        if self.walls { self.builder.add(format!("{name}-wall"), Wall, &[node]).unwrap() } else { node }
    }
}

/// A residual block with a projection, one whose sum has the skip first, and what ends a network.
fn residual(c: &mut Chain) -> NodeId {
    let x = c.builder.input();
    let mut y = c.add("conv1", Conv::unbiased(20, 3, 2, 1), &[x]);
    y = c.add("bn1", BatchNorm::default(), &[y]);
    y = c.add("relu1", Relu, &[y]);
    y = c.add("conv2", Conv::same(20, 3), &[y]);
    y = c.add("bn2", BatchNorm::default(), &[y]);
    let mut skip = c.add("down", Conv::unbiased(20, 1, 2, 0), &[x]);
    skip = c.add("bnd", BatchNorm::default(), &[skip]);
    y = c.add("add1", Add, &[y, skip]);
    let first = c.add("relu2", Relu, &[y]);
    y = c.add("conv3", Conv::unbiased(20, 3, 1, 1), &[first]);
    y = c.add("bn3", BatchNorm::default(), &[y]);
    y = c.add("add2", Add, &[first, y]);
    y = c.add("relu3", Relu, &[y]);
    y = c.add("mean", GlobalAvgPool, &[y]);
    c.add("fc", Linear::new(3), &[y])
}

/// Convolution, ReLU, batch norm, as the small CNNs have them; and sums that hold a value twice.
fn chain(c: &mut Chain) -> NodeId {
    let x = c.builder.input();
    let mut y = c.add("conv1", Conv::same(9, 3), &[x]);
    y = c.add("relu1", Relu, &[y]);
    y = c.add("bn1", BatchNorm::default(), &[y]);
    y = c.add("twice", Add, &[y, y]);
    let mut z = c.add("up", TransposedConv::doubling(9), &[y]);
    z = c.add("bn2", BatchNorm::default(), &[z]);
    z = c.add("relu2", Relu, &[z]);
    z = c.add("pool", AvgPool::halving(2), &[z]);
    y = c.add("sum", Add, &[z, y]);
    y = c.add("relu3", Relu, &[y]);
    y = c.add("flat", Flatten, &[y]);
    c.add("fc", Linear::after_flatten(3, [6, 7, 9]), &[y])
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |v: f64| v * v;
    let off: f64 = a.iter().zip(b).map(|(a, b)| square(*a as f64 - *b as f64)).sum();
    (off / b.iter().map(|b| square(*b as f64)).sum::<f64>()).sqrt()
}

/// With statistics that training has moved, the folded network is the unfolded one; and in training
/// the fused layers give what the same layers give with walls between them.
#[test]
fn what_a_plan_fuses_computes_the_same_as_layer_after_layer() {
    let graph = |add: fn(&mut Chain) -> NodeId, walls| -> Graph {
        let mut builder = GraphBuilder::new(&[6, 7, 3]).unwrap();
        let output = add(&mut Chain { builder: &mut builder, walls });
        builder.finish(output)
    };
    let x = Tensor::from_vec(&[4, 6, 7, 3], values(4 * 6 * 7 * 3, 1)).unwrap();
    let g = Tensor::from_vec(&[4, 3], values(12, 2)).unwrap();
    for (name, add) in [("residual", residual as fn(&mut Chain) -> NodeId), ("chain", chain)] {
        let mut fused = Network::new(graph(add, false), 1);
        let mut plain = Network::new(graph(add, true), 1);
        let mut state = fused.state();
        for (i, (key, array)) in state.iter_mut().enumerate() {
            array.values = values(array.values.len(), 10 + i as u64);
            if key.ends_with("running_var") || (key.contains("bn") && key.ends_with("weight")) {
                array.values.iter_mut().for_each(|v| *v = v.abs() + 0.5);
            }
        }
        for isa in Isa::available() {
            let what = |part: &str| format!("{name} {part} under {}", isa.name());
            let near = |part: &str, a: &[f32], b: &[f32]| {
                assert!(distance(a, b) < 1e-5, "{}: {:.1e}", what(part), distance(a, b));
            };
            for network in [&mut fused, &mut plain] {
                network.load_state(&state).unwrap();
                network.set_isa(isa);
                network.zero_grad();
            }
            for pass in [Pass::Train { seed: 1 }, Pass::Eval] {
                let (a, b) = (fused.forward_taped(&x, pass).unwrap(), plain.forward_taped(&x, pass).unwrap());
                near("forward", a.data(), b.data());
                near("towards the input", fused.backward_to_input(&g).data(), plain.backward_to_input(&g).data());
                let folded = fused.forward(&x, Pass::Eval).unwrap();
                near("folded", folded.data(), plain.forward(&x, Pass::Eval).unwrap().data());
                near("folded beside taped", folded.data(), fused.forward_taped(&x, Pass::Eval).unwrap().data());
            }
            let (a, b) = (fused.gradients(), plain.gradients());
            let whole: f64 = b.values().flat_map(|g| &g.values).map(|v| (*v as f64).powi(2)).sum();
            for (key, b) in &b {
                let off: f64 = a[key].values.iter().zip(&b.values).map(|(a, b)| ((a - b) as f64).powi(2)).sum();
                assert!((off / whole).sqrt() < 1e-5, "{}: {:.1e}", what(key), (off / whole).sqrt());
            }
        }
    }
}

/// ReLU, the logistic function and dropout write over what nobody else reads, and over nothing else.
#[test]
fn layers_that_work_in_place_leave_values_alone_that_others_read() {
    let mut b = GraphBuilder::new(&[5]).unwrap();
    let x = b.input();
    let shared = b.add("shared", Linear::new(6), &[x]).unwrap();
    let gate = b.add("gate", hcwb::nn::layer::Sigmoid, &[shared]).unwrap();
    let positive = b.add("positive", Relu, &[shared]).unwrap();
    let seen = b.add("seen", Relu, &[x]).unwrap();
    let end = b.add("end", Concat, &[shared, gate, positive, seen, x]).unwrap();
    let mut network = Network::new(b.finish(end), 1);
    let input = Tensor::from_vec(&[2, 5], values(10, 3)).unwrap();
    let kept = input.data().to_vec();
    for pass in [Pass::Eval, Pass::Train { seed: 1 }] {
        let y = network.forward(&input, pass).unwrap();
        assert_eq!(input.data(), kept);
        for (row, x) in y.data().chunks_exact(28).zip(kept.chunks_exact(5)) {
            for i in 0..6 {
                assert!((row[6 + i] - 1.0 / (1.0 + (-row[i]).exp())).abs() < 1e-6);
                assert_eq!(row[12 + i], row[i].max(0.0));
            }
            for i in 0..5 {
                assert_eq!((row[18 + i], row[23 + i]), (x[i].max(0.0), x[i]));
            }
        }
    }
}

#[test]
fn a_graph_for_another_input_keeps_its_layers_and_refuses_where_weights_hang_on_the_size() {
    let mut builder = GraphBuilder::new(&[8, 12, 1]).unwrap();
    let conv = builder.add("conv", Conv::same(4, 3), &[builder.input()]).unwrap();
    let pool = builder.add("pool", MaxPool::halving(2), &[conv]).unwrap();
    let flat = builder.add("flat", Flatten, &[pool]).unwrap();
    let fc = builder.add("fc", Linear::new(2), &[flat]).unwrap();
    let graph = builder.finish(fc);
    assert_eq!(graph.for_input(&[8, 12, 1]).unwrap().layer_table(), graph.layer_table());
    let maps = graph.up_to("pool").unwrap().for_input(&[6, 4, 1]).unwrap();
    assert_eq!((maps.input_shape(), maps.output_shape()), (&[6, 4, 1][..], &[3, 2, 4][..]));
    for (input, words) in [
        (&[6, 4, 1][..], "layer fc for an input of [6, 4, 1]: its weights are for another size"),
        (&[8, 12, 3], "layer conv for an input of [8, 12, 3]: its weights are for another size"),
        (&[1, 12, 1], "layer pool for an input of [1, 12, 1]"),
    ] {
        let error = graph.for_input(input).unwrap_err();
        assert!(error.what.starts_with(words), "{error}");
    }
}
