//! Every layer, and small graphs of them, compute what PyTorch computes in float64
//! (`golden/nn_layers.py`): under every instruction set of the machine, in f32 and strict f32.

use hcwb::nn::kernel::cpu::Isa;
use hcwb::nn::layer::{
    Add, AvgPool, BatchNorm, Concat, Conv, Dropout, Flatten, GlobalAvgPool, Layer, Linear, MaxPool, Relu, Sigmoid,
    TransposedConv, Upsample, Window,
};
use hcwb::nn::{Array, Graph, GraphBuilder, Network, NodeId, Pass, Precision, Tensor, weights};
use std::collections::BTreeMap;
use std::path::Path;

/// Relative L2 distances that are let through, layer by layer; a graph's errors add up.
const PRECISIONS: [(Precision, f64); 2] = [(Precision::F32, 1e-5), (Precision::F32Strict, 2e-6)];
const TRAIN: Pass = Pass::Train { seed: 0 };

struct Golden(BTreeMap<String, Array>);

impl Golden {
    fn load() -> Golden {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/nn_layers.safetensors");
        Golden(weights::load(path).unwrap().0)
    }

    fn of(&self, name: &str) -> &Array {
        self.0.get(name).unwrap_or_else(|| panic!("nn_layers.py has no {name}"))
    }
}

/// Values in [-1, 1) that hang on the name alone; `drawn` in the script.
fn drawn(name: &str, len: usize) -> Vec<f32> {
    let hash = |h: u64, b: u8| (h ^ b as u64).wrapping_mul(0x100_0000_01b3);
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    let value = |i: usize| {
        let mut z = seed.wrapping_add((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..len).map(value).collect()
}

fn drawn_tensor(name: &str, shape: &[usize]) -> Tensor {
    Tensor::from_vec(shape, drawn(name, shape.iter().product())).unwrap()
}

/// The network's state as the script's `fill` draws it.
fn drawn_state(case: &str, network: &Network) -> BTreeMap<String, Array> {
    let fill = |(key, mut array): (String, Array)| {
        array.values = drawn(&format!("{case}.{}", key.trim_start_matches("layer.")), array.values.len());
        if key.ends_with("running_var") || (key.ends_with("weight") && array.shape.len() == 1) {
            array.values.iter_mut().for_each(|v| *v = v.abs() + 0.5);
        }
        (key, array)
    };
    network.state().into_iter().map(fill).collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

fn size(array: &Array) -> f64 {
    norm(array.values.iter().map(|v| *v as f64))
}

/// Fails where `got` is further from `want` than `tolerance` times `scale`.
fn close(what: &str, got: &[f32], want: &Array, scale: f64, tolerance: f64) {
    assert_eq!(got.len(), want.values.len(), "{what}");
    let off = norm(got.iter().zip(&want.values).map(|(g, w)| *g as f64 - *w as f64));
    assert!(off <= tolerance * scale, "{what}: relative L2 {:.2e}", off / scale);
}

/// All that one pass forward and backward gives.
#[derive(PartialEq)]
struct Results {
    y: Tensor,
    dx: Tensor,
    gradients: BTreeMap<String, Array>,
    state: BTreeMap<String, Array>,
}

/// One case of the script: a graph, its input, and how far it may be off as a multiple of a layer's.
struct Case<'a> {
    golden: &'a Golden,
    name: &'a str,
    graph: Graph,
    x: Tensor,
    pass: Pass,
    slack: f64,
}

impl Case<'_> {
    fn network(&self, isa: Isa, precision: Precision) -> Network {
        let mut network = Network::new(self.graph.clone(), 1);
        network.load_state(&drawn_state(self.name, &network)).unwrap();
        network.set_isa(isa);
        network.set_precision(precision);
        network
    }

    fn run(&self, network: &mut Network, threads: usize) -> Results {
        let g = drawn_tensor(&format!("{}.g", self.name), &self.golden.of(&format!("{}.y", self.name)).shape);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            network.zero_grad();
            let y = network.forward_taped(&self.x, self.pass).unwrap();
            assert_eq!(y.shape(), g.shape(), "{}", self.name);
            let dx = network.backward_to_input(&g);
            Results { y, dx, gradients: network.gradients(), state: network.state() }
        })
    }

    /// Compares output, gradients and running statistics; every number of threads gives the same bits.
    fn check(&self) {
        let of = |part: &str| self.golden.of(&format!("{}.{part}", self.name));
        for isa in Isa::available() {
            for (precision, tolerance) in PRECISIONS {
                let tolerance = tolerance * self.slack;
                let what = |part: &str| format!("{} {part} ({}, {})", self.name, isa.name(), precision.name());
                let got = self.run(&mut self.network(isa, precision), 1);
                close(&what("output"), got.y.data(), of("y"), size(of("y")), tolerance);
                if !self.golden.0.contains_key(&format!("{}.dx", self.name)) {
                    continue;
                }
                close(&what("towards the input"), got.dx.data(), of("dx"), size(of("dx")), tolerance);
                let parts: Vec<_> = got.gradients.iter().map(|(k, g)| (k.trim_start_matches("layer."), g)).collect();
                let whole = norm(parts.iter().map(|(part, _)| size(of(&format!("d{part}")))));
                for (part, got) in parts {
                    let want = of(&format!("d{part}"));
                    assert_eq!(got.shape, want.shape, "{}", what(part));
                    // A bias before a batch norm has no gradient but rounding.
                    close(&what(part), &got.values, want, size(want).max(1e-2 * whole), tolerance);
                }
                for (key, got) in got.state.iter().filter(|(k, _)| k.contains("running") && self.pass == TRAIN) {
                    let want = of(&format!("after.{}", key.trim_start_matches("layer.")));
                    close(&what(key), &got.values, want, size(want), tolerance);
                }
                let threads = self.run(&mut self.network(isa, precision), 3);
                assert!(threads == got, "{}", what("with three threads"));
            }
        }
    }
}

fn build(shape: &[usize], add: impl FnOnce(&mut GraphBuilder) -> hcwb::Result<NodeId>) -> Graph {
    let mut builder = GraphBuilder::new(&shape[1..]).unwrap();
    let output = add(&mut builder).unwrap();
    builder.finish(output)
}

/// One layer on a drawn input of this shape, samples first.
fn layer<'a>(golden: &'a Golden, name: &'a str, shape: &[usize], layer: impl Layer + 'static) -> Case<'a> {
    let graph = build(shape, |b| b.add("layer", layer, &[b.input()]));
    Case { golden, name, graph, x: drawn_tensor(&format!("{name}.x"), shape), pass: TRAIN, slack: 1.0 }
}

fn image(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Window {
    Window::image(kernel, stride, padding)
}

fn cube(kernel: usize, stride: usize, padding: usize) -> Window {
    Window::volume([kernel; 3], [stride; 3], [padding; 3])
}

fn square(kernel: usize, stride: usize, padding: usize) -> Window {
    image([kernel; 2], [stride; 2], [padding; 2])
}

#[test]
fn convolutions_of_every_shape_agree_with_pytorch() {
    let golden = Golden::load();
    let check = |name: &str, shape: &[usize], outputs, window| {
        layer(&golden, &format!("conv.{name}"), shape, Conv { outputs, window, bias: true }).check()
    };
    check("3x3-1-8", &[1, 9, 13, 1], 8, square(3, 1, 1));
    check("3x3-3-5", &[2, 9, 7, 3], 5, square(3, 1, 1));
    check("3x3-16-17-tails", &[1, 6, 7, 16], 17, square(3, 1, 1));
    check("3x3-17-16-p0", &[2, 5, 4, 17], 16, square(3, 1, 0));
    check("3x3-16-16-p2", &[1, 2, 6, 16], 16, square(3, 1, 2));
    check("3x3-5-17-s2", &[1, 10, 9, 5], 17, square(3, 2, 1));
    check("5x3-5-7-s2x3", &[1, 9, 11, 5], 7, image([5, 3], [2, 3], [2, 1]));
    check("7x7-3-5-s2", &[1, 13, 12, 3], 5, square(7, 2, 3));
    check("1x1-17-16", &[1, 5, 4, 17], 16, square(1, 1, 0));
    check("1x1-8-3-s2", &[2, 7, 8, 8], 3, square(1, 2, 0));
    check("2x2-5-1-s3", &[2, 8, 10, 5], 1, square(2, 3, 0));
    check("3x3-4-4-p2", &[1, 5, 6, 4], 4, square(3, 1, 2));
    check("3x3x3-2-5", &[2, 3, 4, 5, 2], 5, cube(3, 1, 1));
    check("3x3x3-16-16", &[1, 2, 3, 5, 16], 16, cube(3, 1, 1));
    check("1x3x3-4-5", &[1, 2, 5, 6, 4], 5, Window::volume([1, 3, 3], [1; 3], [0, 1, 1]));
    check("3x1x1-5-9", &[1, 5, 3, 2, 5], 9, Window::volume([3, 1, 1], [1; 3], [1, 0, 0]));
    check("3x5x2-3-4-s2x1x3", &[1, 4, 6, 8, 3], 4, Window::volume([3, 5, 2], [2, 1, 3], [1, 2, 1]));
    check("1x1x1-6-3-s2", &[2, 3, 4, 5, 6], 3, cube(1, 2, 0));
}

#[test]
fn transposed_convolutions_agree_with_pytorch() {
    let golden = Golden::load();
    let check = |name: &str, shape: &[usize], outputs, window, bias| {
        layer(&golden, &format!("transposed.{name}"), shape, TransposedConv { outputs, window, bias }).check()
    };
    layer(&golden, "transposed.2x2-16-8-s2", &[1, 4, 5, 16], TransposedConv::doubling(8)).check();
    check("3x3-5-17-s2", &[2, 3, 2, 5], 17, square(3, 2, 1), true);
    check("4x4-3-2-s2-p1", &[2, 4, 3, 3], 2, square(4, 2, 1), true);
    check("3x3-16-16", &[1, 3, 5, 16], 16, square(3, 1, 1), true);
    check("2x3-4-3-s3x1", &[1, 3, 4, 4], 3, image([2, 3], [3, 1], [0, 1]), false);
    layer(&golden, "transposed.2x2x2-5-4-s2", &[2, 2, 3, 2, 5], TransposedConv::doubling3d(4)).check();
    check("1x3x2-3-5-s1x2x3", &[1, 3, 3, 2, 3], 5, Window::volume([1, 3, 2], [1, 2, 3], [0, 1, 0]), true);
}

#[test]
fn batch_norm_agrees_with_pytorch_even_where_the_mean_dwarfs_the_spread() {
    let golden = Golden::load();
    let check = |name: &str, shape: &[usize], pass| {
        let name = format!("norm.{name}");
        // Twenty times the spread as a mean is four bits of x that the result cannot have.
        let mut case = Case { pass, slack: 2.0, ..layer(&golden, &name, shape, BatchNorm::default()) };
        let mean = drawn(&format!("{name}.mean"), shape[shape.len() - 1]);
        for (x, mean) in case.x.data_mut().iter_mut().zip(mean.iter().cycle()) {
            *x = (*x as f64 + 20.0 * *mean as f64) as f32;
        }
        case.check();
    };
    check("images-5", &[3, 6, 7, 5], TRAIN);
    check("images-17", &[1, 5, 7, 17], TRAIN);
    check("volumes-3", &[2, 3, 4, 5, 3], TRAIN);
    check("rows-16", &[8, 16], TRAIN);
    check("rows-3", &[5, 3], TRAIN);
    check("eval-8", &[2, 5, 4, 8], Pass::Eval);
}

#[test]
fn pools_agree_with_pytorch_and_a_shared_maximum_sends_its_gradient_to_the_first() {
    let golden = Golden::load();
    let check = |name: &str, shape: &[usize], window| {
        let max = format!("max.{name}");
        let mut case = layer(&golden, &max, shape, MaxPool { window });
        case.x.data_mut().iter_mut().for_each(|x| *x = (4.0 * *x).floor());
        case.check();
        layer(&golden, &format!("avg.{name}"), shape, AvgPool { window }).check();
    };
    check("2", &[1, 6, 4, 17], square(2, 2, 0));
    check("2-odd", &[1, 7, 9, 5], square(2, 2, 0));
    check("3-s2-p1", &[2, 9, 8, 3], square(3, 2, 1));
    check("3x2-s1x3-p1x0", &[1, 6, 11, 3], image([3, 2], [1, 3], [1, 0]));
    check("2-s3", &[1, 6, 8, 8], square(2, 3, 0));
    check("2x2x2", &[1, 4, 5, 4, 3], cube(2, 2, 0));
    check("3x2x3-s1x2x1-p1", &[1, 4, 5, 4, 2], Window::volume([3, 2, 3], [1, 2, 1], [1; 3]));
    check("1x2x2", &[1, 3, 4, 4, 9], Window::volume([1, 2, 2], [1, 2, 2], [0; 3]));
}

#[test]
fn upsampling_means_and_activations_agree_with_pytorch() {
    let golden = Golden::load();
    layer(&golden, "upsample.2", &[2, 3, 4, 5], Upsample::image([2, 2])).check();
    layer(&golden, "upsample.3x1", &[1, 3, 2, 17], Upsample::image([3, 1])).check();
    layer(&golden, "upsample.2x2x2", &[1, 2, 3, 2, 3], Upsample::volume([2; 3])).check();
    layer(&golden, "upsample.1x2x3", &[1, 2, 2, 3, 8], Upsample::volume([1, 2, 3])).check();
    layer(&golden, "mean.image", &[2, 3, 5, 9], GlobalAvgPool).check();
    layer(&golden, "mean.volume", &[2, 3, 4, 5, 3], GlobalAvgPool).check();
    layer(&golden, "relu", &[3, 4, 5, 3], Relu).check();
    let mut sigmoid = layer(&golden, "sigmoid", &[7, 33], Sigmoid);
    sigmoid.x.data_mut().iter_mut().for_each(|x| *x *= 12.0);
    sigmoid.check();
}

#[test]
fn linear_layers_agree_with_pytorch_behind_a_flatten_too() {
    let golden = Golden::load();
    layer(&golden, "linear.37-5", &[3, 37], Linear::new(5)).check();
    layer(&golden, "linear.300-3", &[2, 300], Linear::new(3)).check();
    layer(&golden, "linear.2100-6", &[5, 2100], Linear::new(6)).check();
    for (name, shape) in [("flatten.image", &[2, 3, 4, 5][..]), ("flatten.volume", &[2, 2, 3, 4, 5])] {
        let graph = build(shape, |b| {
            let flat = b.add("flatten", Flatten, &[b.input()])?;
            b.add("linear", Linear::after_flatten(3, &shape[1..]), &[flat])
        });
        let x = drawn_tensor(&format!("{name}.x"), shape);
        Case { golden: &golden, name, graph, x, pass: TRAIN, slack: 1.0 }.check();
    }
}

#[test]
fn dropout_outside_training_changes_nothing() {
    let graph = build(&[2, 40], |b| b.add("layer", Dropout { rate: 0.4 }, &[b.input()]));
    let (x, g) = (drawn_tensor("dropout.x", &[2, 40]), drawn_tensor("dropout.g", &[2, 40]));
    let mut network = Network::new(graph, 1);
    assert!(network.forward_taped(&x, Pass::Eval).unwrap() == x);
    assert!(network.backward_to_input(&g) == g);
}

/// The script's `Residual`.
fn residual(b: &mut GraphBuilder, c: usize) -> hcwb::Result<NodeId> {
    let deep = b.shape(b.input()).len() == 4;
    let conv = |outputs, kernel: usize, stride, bias| {
        let window = if deep { cube(kernel, stride, kernel / 2) } else { square(kernel, stride, kernel / 2) };
        Conv { outputs, window, bias }
    };
    let x = b.input();
    let mut y = b.add("conv1", conv(c, 3, 2, false), &[x])?;
    y = b.add("bn1", BatchNorm::default(), &[y])?;
    y = b.add("relu1", Relu, &[y])?;
    y = b.add("conv2", conv(c, 3, 1, false), &[y])?;
    y = b.add("bn2", BatchNorm::default(), &[y])?;
    let down = b.add("down", conv(c, 1, 2, false), &[x])?;
    let down = b.add("bnd", BatchNorm::default(), &[down])?;
    let sum = b.add("add1", Add, &[y, down])?;
    let first = b.add("relu2", Relu, &[sum])?;
    let mut second = b.add("conv3", conv(c, 3, 1, true), &[first])?;
    second = b.add("bn3", BatchNorm::default(), &[second])?;
    second = b.add("add2", Add, &[second, first])?;
    second = b.add("relu3", Relu, &[second])?;
    let all = b.add("add3", Add, &[first, second, y])?;
    let mean = b.add("mean", GlobalAvgPool, &[all])?;
    b.add("fc", Linear::new(3), &[mean])
}

/// The script's `UNet`.
fn unet(b: &mut GraphBuilder) -> hcwb::Result<NodeId> {
    let deep = b.shape(b.input()).len() == 4;
    let conv = |outputs, k| if deep { Conv::same3d(outputs, [k; 3]) } else { Conv::same(outputs, k) };
    let x = b.input();
    let mut encoded = b.add("enc", conv(4, 3), &[x])?;
    encoded = b.add("relu1", Relu, &[encoded])?;
    let window = if deep { cube(2, 2, 0) } else { square(2, 2, 0) };
    let mut middle = b.add("pool", MaxPool { window }, &[encoded])?;
    middle = b.add("mid", conv(6, 3), &[middle])?;
    middle = b.add("relu2", Relu, &[middle])?;
    let up = if deep { TransposedConv::doubling3d(5) } else { TransposedConv::doubling(5) };
    let mut up = b.add("up", up, &[middle])?;
    up = b.add("relu3", Relu, &[up])?;
    let repeat = if deep { Upsample::volume([2; 3]) } else { Upsample::image([2; 2]) };
    let repeated = b.add("repeat", repeat, &[middle])?;
    let joined = b.add("joined", Concat, &[up, encoded, repeated])?;
    let mut decoded = b.add("dec", conv(3, 3), &[joined])?;
    decoded = b.add("relu4", Relu, &[decoded])?;
    decoded = b.add("head", conv(1, 1), &[decoded])?;
    b.add("sigmoid", Sigmoid, &[decoded])
}

/// Graphs go through the plan, which fuses batch norms, sums and ReLUs in training and folds batch
/// norms into convolutions in evaluation.
#[test]
fn small_graphs_agree_with_pytorch_in_training_and_in_evaluation() {
    let golden = Golden::load();
    let graph = |name, shape: &[usize], add: &dyn Fn(&mut GraphBuilder) -> hcwb::Result<NodeId>| {
        let x = drawn_tensor(&format!("{name}.x"), shape);
        Case { golden: &golden, name, graph: build(shape, add), x, pass: TRAIN, slack: 5.0 }
    };
    for case in [
        graph("residual.images", &[3, 8, 7, 2], &|b| residual(b, 5)),
        graph("residual.volumes", &[2, 4, 5, 6, 2], &|b| residual(b, 4)),
        graph("unet.images", &[2, 6, 8, 2], &unet),
        graph("unet.volumes", &[1, 4, 4, 6, 2], &unet),
    ] {
        let name = case.name;
        case.check();
        for isa in Isa::available() {
            for (precision, tolerance) in PRECISIONS {
                let want = golden.of(&format!("{name}.eval"));
                let mut network = case.network(isa, precision);
                let folded = network.forward(&case.x, Pass::Eval).unwrap();
                close(&format!("{name} folded"), folded.data(), want, size(want), 5.0 * tolerance);
                let plain = network.forward_taped(&case.x, Pass::Eval).unwrap();
                close(&format!("{name} in evaluation"), plain.data(), want, size(want), 5.0 * tolerance);
            }
        }
    }
}

/// A case of the script that no test here reads would be dead weight.
#[test]
fn every_golden_case_is_compared() {
    let source = include_str!("nn_layers.rs");
    for key in Golden::load().0.keys().filter(|k| k.ends_with(".y")) {
        let case = key.trim_end_matches(".y");
        let (family, rest) = case.split_once('.').unwrap_or(("", case));
        assert!(source.contains(&format!("\"{case}\"")) || source.contains(&format!("\"{rest}\"")), "{family}.{rest}");
    }
}
