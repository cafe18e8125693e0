//! Every convolution, under every instruction set and precision, against plain loops in f64.

use super::*;
use crate::nn::kernel::cpu::Isa;
use crate::nn::kernel::cpu::tests::{guarded, products, values};

/// A convolution of images, depth 1.
fn image(
    batch: usize,
    input: [usize; 2],
    channels: [usize; 2],
    kernel: [usize; 2],
    stride: usize,
    padding: usize,
) -> ConvShape {
    ConvShape {
        batch,
        input: [1, input[0], input[1]],
        in_channels: channels[0],
        out_channels: channels[1],
        kernel: [1, kernel[0], kernel[1]],
        stride: [1, stride, stride],
        padding: [0, padding, padding],
    }
}

/// A convolution of volumes, 3x3 in plane, stride 1.
fn volume(batch: usize, input: [usize; 3], channels: [usize; 2], depth_taps: usize, padding: [usize; 3]) -> ConvShape {
    ConvShape {
        batch,
        input,
        in_channels: channels[0],
        out_channels: channels[1],
        kernel: [depth_taps, 3, 3],
        stride: [1; 3],
        padding,
    }
}

/// Relative L2 distance.
fn distance(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let off: f64 = got.iter().zip(want).map(|(g, w)| (*g as f64 - w).powi(2)).sum();
    let all: f64 = want.iter().map(|w| w * w).sum();
    (off / all.max(1e-30)).sqrt()
}

/// All passes of a shape, with and without epilogue and accumulation, in f32 and f32-strict.
fn check(s: &ConvShape) {
    let (x, w) = (values(s.input_len(), 1), values(s.weight_len(), 2));
    let (g, bias) = (values(s.output_len(), 3), values(s.out_channels, 4));
    let (scale, add) = (values(s.out_channels, 6), values(s.output_len(), 7));
    let start = values(s.weight_len(), 5);
    let (mut y, mut dx) = (vec![0f64; s.output_len()], vec![0f64; s.input_len()]);
    let mut dw = vec![0f64; s.weight_len()];
    products(s, |i, j, o| {
        y[o] += x[i] as f64 * w[j] as f64;
        dx[i] += g[o] as f64 * w[j] as f64;
        dw[j] += g[o] as f64 * x[i] as f64;
    });
    let (in_scale, in_bias) = (values(s.in_channels, 8), values(s.in_channels, 9));
    let in_add = values(s.input_len(), 10);
    let dx_finished: Vec<f64> = (0..dx.len())
        .map(|i| (i, i % s.in_channels))
        .map(|(i, c)| (dx[i] * in_scale[c] as f64 + in_bias[c] as f64 + in_add[i] as f64).max(0.0))
        .collect();
    let with =
        |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> { (0..y.len()).map(|o| f(o, o % s.out_channels)).collect() };
    let biased = with(&|o, k| y[o] + bias[k] as f64);
    let finished = with(&|o, k| (y[o] * scale[k] as f64 + bias[k] as f64 + add[o] as f64).max(0.0));
    let added: Vec<f64> = dw.iter().zip(&start).map(|(d, s)| d + *s as f64).collect();
    for isa in Isa::available() {
        for (precision, most) in [(Precision::F32, 5e-6), (Precision::F32Strict, 2e-6)] {
            let compute = Compute { isa, precision };
            let close = |what: &str, got: Vec<f32>, want: &[f64]| {
                let off = distance(&got, want);
                assert!(off < most, "{what} of {s:?} under {}, {}: {off:.2e}", isa.name(), precision.name());
            };
            let some = Epilogue { bias: &bias, ..Epilogue::default() };
            close("forward", guarded(y.len(), |out| forward(compute, s, &x, &w, some, out)), &biased);
            let all = Epilogue { scale: &scale, bias: &bias, add: Some(&add), relu: true };
            let got = guarded(y.len(), |out| forward(compute, s, &x, &w, all, out));
            close("forward with an epilogue", got, &finished);
            let none = Epilogue::default();
            close("input gradient", guarded(dx.len(), |out| backward_data(compute, s, &g, &w, none, out)), &dx);
            let all = Epilogue { scale: &in_scale, bias: &in_bias, add: Some(&in_add), relu: true };
            let got = guarded(dx.len(), |out| backward_data(compute, s, &g, &w, all, out));
            close("input gradient with an epilogue", got, &dx_finished);
            let weights = |accumulate, out: &mut [f32]| {
                out.copy_from_slice(&start);
                backward_weight(compute, s, &x, &g, accumulate, out)
            };
            close("weight gradient", guarded(dw.len(), |out| weights(false, out)), &dw);
            close("added weight gradient", guarded(dw.len(), |out| weights(true, out)), &added);
        }
    }
}

#[test]
fn convolutions_are_right_on_odd_sizes_strides_tails_and_borders() {
    for c in [1, 3, 5, 8, 16, 17, 33] {
        check(&image(2, [7, 19], [c, 8], [3, 3], 1, 1));
        check(&image(1, [6, 5], [3, c], [3, 3], 1, 1));
        check(&image(2, [9, 8], [c, c], [3, 3], 2, 1));
    }
    check(&image(1, [9, 11], [3, 16], [7, 7], 2, 3));
    check(&image(2, [8, 9], [5, 3], [2, 2], 3, 0));
    check(&ConvShape { stride: [1, 2, 3], ..image(1, [5, 9], [1, 1], [5, 3], 1, 1) });
    // More padding than the kernel is wide: whole windows of zeros.
    check(&image(1, [3, 4], [2, 3], [2, 2], 1, 3));
    // One output, the kernel as large as the image.
    check(&image(3, [4, 5], [3, 7], [4, 5], 1, 0));
    // Larger than one job takes.
    check(&image(1, [150, 40], [3, 16], [3, 3], 1, 1));
}

#[test]
fn convolutions_of_one_tap_are_right_whatever_the_rows_the_strides_and_the_channels() {
    check(&image(1, [4, 3], [8, 64], [1, 1], 1, 0));
    check(&image(2, [7, 6], [17, 5], [1, 1], 2, 0));
    check(&image(1, [1, 1], [1, 1], [1, 1], 1, 0));
    check(&image(2, [9, 11], [33, 50], [1, 1], 3, 0));
    // Several pieces of depth, copied rows, several squares of weights.
    check(&image(1, [9, 14], [530, 67], [1, 1], 1, 0));
    check(&image(2, [9, 7], [70, 600], [1, 1], 2, 0));
    // Many rows: several jobs, and parts of the weight gradient.
    check(&image(2, [37, 41], [19, 40], [1, 1], 1, 0));
    // The last line of the last image has no tap in most phases of the stride.
    check(&image(1, [14, 14], [3, 16], [2, 2], 3, 0));
    check(&ConvShape { kernel: [1; 3], stride: [2, 1, 3], ..volume(2, [3, 5, 7], [20, 18], 1, [0; 3]) });
}

#[test]
fn volumes_are_convolved_right_in_depth_too() {
    check(&volume(2, [5, 6, 7], [3, 5], 3, [1, 1, 1]));
    check(&volume(2, [4, 9, 6], [17, 16], 3, [1, 1, 1]));
    check(&volume(1, [2, 5, 6], [16, 33], 3, [2, 0, 2]));
    check(&volume(1, [5, 8, 8], [16, 16], 2, [0, 1, 1]));
    check(&volume(1, [1, 8, 5], [18, 16], 3, [1, 1, 1]));
    let odd = ConvShape { kernel: [3, 3, 2], stride: [2, 1, 2], ..volume(1, [6, 5, 9], [17, 18], 3, [1, 0, 1]) };
    check(&odd);
    check(&ConvShape { kernel: [2, 2, 1], stride: [1, 2, 3], ..volume(1, [4, 3, 5], [2, 3], 2, [3, 0, 0]) });
    check(&ConvShape { kernel: [1; 3], stride: [2, 1, 1], ..volume(2, [3, 4, 4], [4, 16], 1, [0; 3]) });
}

#[test]
fn volumes_of_few_channels_are_right_whatever_their_depth_borders_and_tails() {
    for (c, depth) in [(1, 1), (3, 2), (5, 3), (8, 4), (9, 5), (16, 2), (17, 1)] {
        check(&volume(1, [depth, 6, 9], [c, 8], 3, [1, 1, 1]));
        check(&volume(2, [depth, 5, 7], [3, c], 3, [1, 1, 1]));
        check(&volume(1, [depth, 4, 13], [c, c], 2, [1, 1, 1]));
    }
    for padding in 0..3 {
        check(&volume(1, [3, 7, 8], [8, 5], 3, [padding; 3]));
        check(&volume(1, [2, 8, 10], [1, 8], 2, [padding.min(1), padding, 2 - padding]));
    }
    // Many tiles, in parts: blocks of pairs, of which the last of a row has one tile or hardly that.
    check(&volume(2, [5, 37, 33], [8, 8], 3, [1, 1, 1]));
    check(&volume(1, [9, 38, 41], [1, 8], 3, [1, 1, 1]));
    check(&volume(1, [4, 41, 36], [8, 16], 2, [0, 1, 1]));
    // Few tiles of many channels on one side: columns.
    check(&volume(1, [2, 6, 9], [70, 8], 3, [1, 1, 1]));
    check(&volume(1, [2, 6, 9], [3, 70], 3, [1, 1, 1]));
    // Strided and larger kernels take the direct kernel.
    check(&ConvShape { stride: [1, 2, 2], ..volume(1, [4, 7, 9], [8, 8], 3, [1, 1, 1]) });
    check(&ConvShape { kernel: [3, 5, 4], ..volume(1, [3, 8, 9], [8, 5], 3, [1, 2, 2]) });
}

#[test]
fn minimal_filtering_is_right_whatever_the_padding_the_tails_and_the_schedule() {
    for padding in 0..3 {
        check(&image(2, [5, 9], [16, 17], [3, 3], 1, padding));
        check(&image(1, [3, 4], [33, 16], [3, 3], 1, padding));
    }
    check(&image(1, [1, 1], [16, 16], [3, 3], 1, 1));
    check(&ConvShape { padding: [0, 2, 0], ..image(2, [6, 11], [40, 20], [3, 3], 1, 0) });
    // Enough tiles for blocks of their own, and for parts of the weight gradient.
    check(&image(2, [46, 41], [16, 18], [3, 3], 1, 1));
    check(&volume(1, [7, 30, 22], [20, 16], 3, [1, 1, 1]));
    // Too many weights for that: by output channels, in one group of tiles and in several.
    check(&image(2, [7, 7], [130, 150], [3, 3], 1, 1));
    check(&image(1, [35, 36], [1030, 18], [3, 3], 1, 1));
    check(&volume(2, [3, 6, 7], [80, 90], 3, [1, 1, 1]));
}

#[test]
fn convolutions_are_bit_equal_for_every_number_of_threads() {
    for s in [
        image(3, [37, 29], [5, 17], [3, 3], 1, 1),
        image(2, [75, 30], [3, 17], [7, 7], 2, 3),
        volume(1, [3, 37, 20], [2, 9], 3, [1, 1, 1]),
        image(3, [37, 29], [18, 17], [3, 3], 1, 1),
        image(2, [9, 12], [140, 150], [3, 3], 1, 1),
        image(3, [25, 29], [18, 37], [1, 1], 1, 0),
        image(2, [25, 29], [300, 37], [1, 1], 2, 0),
        volume(1, [4, 20, 22], [16, 17], 3, [1, 1, 1]),
        volume(2, [4, 36, 35], [3, 8], 3, [1, 1, 1]),
    ] {
        let (x, w, g) = (values(s.input_len(), 1), values(s.weight_len(), 2), values(s.output_len(), 3));
        let run = |threads, precision| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let compute = Compute { isa: Isa::detect(), precision };
                let mut out = [s.output_len(), s.input_len(), s.weight_len()].map(|len| vec![0.0; len]);
                let [y, dx, dw] = &mut out;
                forward(compute, &s, &x, &w, Epilogue { relu: true, ..Epilogue::default() }, y);
                backward_data(compute, &s, &g, &w, Epilogue::default(), dx);
                backward_weight(compute, &s, &x, &g, false, dw);
                out
            })
        };
        for precision in [Precision::F32, Precision::F32Strict] {
            let one = run(1, precision);
            for threads in [2, 3, 7] {
                assert!(run(threads, precision) == one, "{s:?}: {threads} threads");
            }
        }
    }
}
