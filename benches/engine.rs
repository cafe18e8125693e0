//! What the kernels and whole training steps cost: `cargo bench --bench engine`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hcwb::nn::kernel::cpu::conv::{self, Epilogue};
use hcwb::nn::kernel::cpu::norm::{self, Gate};
use hcwb::nn::kernel::cpu::{ConvShape, Isa, pool};
use hcwb::nn::{Compute, Loss, Network, Optimizer, OptimizerKind, OptimizerSpec, Pass, Precision, Tensor};
use std::hint::black_box;
use std::time::Duration;

/// The convolutions of `cnn1m` and the first of `cnn263k`, and those of ResNet50, batch 8; throughput counts products
/// twice.
fn convolutions(c: &mut Criterion) {
    let small = [(1, 8, 128), (1, 16, 128), (16, 32, 64), (32, 64, 32)];
    of_kernel(c, "conv3x3", Precision::F32, [1, 3, 3], &small);
    let (wide, deep) = ([(64, 64, 56), (128, 128, 28)], [(256, 256, 14), (512, 512, 7)]);
    of_kernel(c, "conv3x3 of ResNet50, f32-strict", Precision::F32Strict, [1, 3, 3], &[wide, deep].concat());
    let (wide, deep) =
        ([(64, 256, 56), (256, 64, 56), (512, 128, 28)], [(256, 1024, 14), (1024, 256, 14), (512, 2048, 7)]);
    of_kernel(c, "conv1x1 of ResNet50", Precision::F32Strict, [1; 3], &[wide, deep].concat());
}

/// Kernels of one size, on (channels in, channels out, side).
fn of_kernel(c: &mut Criterion, name: &str, precision: Precision, kernel: [usize; 3], sizes: &[(usize, usize, usize)]) {
    let compute = Compute::current(precision);
    let mut group = c.benchmark_group(name);
    for &(inputs, outputs, side) in sizes {
        let shape = ConvShape {
            batch: 8,
            input: [1, side, side],
            in_channels: inputs,
            out_channels: outputs,
            kernel,
            stride: [1; 3],
            padding: kernel.map(|k| k / 2),
        };
        let (input, weight, bias) = (vec![0.5; shape.input_len()], vec![0.1; shape.weight_len()], vec![0.1; outputs]);
        let (mut output, mut grad_input) = (vec![0.2; shape.output_len()], vec![0.0; shape.input_len()]);
        let mut grad_weight = weight.clone();
        let epilogue = Epilogue { bias: &bias, relu: true, ..Epilogue::default() };
        group.throughput(Throughput::Elements((2 * shape.output_len() * shape.taps() * inputs) as u64));
        let name = format!("{inputs}-{outputs} at {side}");
        group.bench_function(BenchmarkId::new("forward", &name), |b| {
            b.iter(|| conv::forward(compute, &shape, &input, &weight, epilogue, black_box(&mut output)))
        });
        group.bench_function(BenchmarkId::new("input gradient", &name), |b| {
            b.iter(|| {
                conv::backward_data(compute, &shape, &output, &weight, Epilogue::default(), black_box(&mut grad_input))
            })
        });
        group.bench_function(BenchmarkId::new("weight gradient", &name), |b| {
            b.iter(|| conv::backward_weight(compute, &shape, &input, &output, false, black_box(&mut grad_weight)))
        });
    }
}

/// What is not convolution, on the first activation of `cnn1m`; throughput counts its bytes once.
fn elementwise(c: &mut Criterion) {
    let isa = Isa::current();
    let mut group = c.benchmark_group("8x128x128x16");
    let shape = ConvShape {
        batch: 8,
        input: [1, 128, 128],
        in_channels: 16,
        out_channels: 16,
        kernel: [1, 2, 2],
        stride: [1, 2, 2],
        padding: [0; 3],
    };
    let (x, row) = (vec![0.5; shape.input_len()], vec![0.5; 16]);
    let mut y = x.clone();
    let (mut pooled, mut first) = (vec![0.0; shape.output_len()], vec![0; shape.output_len()]);
    group.throughput(Throughput::Bytes(4 * x.len() as u64));
    group.bench_function("moments", |b| b.iter(|| norm::moments(isa, black_box(&x), 16)));
    group.bench_function("scale and shift", |b| {
        b.iter(|| norm::scale_shift(isa, &x, &row, &row, None, false, black_box(&mut y)))
    });
    group.bench_function("sums of the gradient", |b| {
        b.iter(|| norm::grad_sums(isa, &y, black_box(&x), &row, Gate::Open))
    });
    group.bench_function("ReLU mask and sum", |b| b.iter(|| norm::mask_and_sum(isa, black_box(&mut y), Some(&x), 16)));
    group.bench_function("max pool", |b| {
        b.iter(|| pool::max_forward(isa, &shape, &x, black_box(&mut pooled), &mut first))
    });
    group.bench_function("max pool backward", |b| {
        b.iter(|| pool::max_backward(isa, &shape, &pooled, &first, black_box(&mut y)))
    });
}

/// Forward, mean squared error, backward and Adam; throughput counts images.
fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("training step, batch 8");
    for model in hcwb::model::list().iter().filter(|m| m.name.starts_with("cnn")) {
        let graph = model.spec().build().expect("a listed model builds for its own input");
        let input = Tensor::zeros(&[&[8], graph.input_shape()].concat());
        let mut network = Network::new(graph, 1);
        let mut adam = Optimizer::new(&OptimizerSpec::new(OptimizerKind::Adam), &network);
        group.throughput(Throughput::Elements(8));
        group.bench_function(model.name, |b| {
            b.iter(|| {
                network.zero_grad();
                let y = network.forward(&input, Pass::Train { seed: 1 }).expect("the input is the model's own");
                let (_, grad) = Loss::Mse.value_and_grad(&y, &[0.5; 8]);
                network.backward(&grad);
                adam.step(&mut network, 1e-3);
            })
        });
    }
}

criterion_group! {
    name = engine;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = convolutions, elementwise, steps
}
criterion_main!(engine);
