//! Every body of the bf16 product, and the passes on each, against plain loops in f64 on rounded operands.

use super::round::{round, rounded, widen};
use super::tile::{PANEL, Product, SIDE, STEP};
use super::*;
use crate::nn::kernel::cpu::linear::LinearShape;
use crate::nn::kernel::cpu::tests::{guarded, products, values};

#[test]
fn rounding_is_to_nearest_with_ties_to_even_for_every_upper_half() {
    for upper in 0..=u16::MAX {
        for lower in [0u32, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
            let x = f32::from_bits((upper as u32) << 16 | lower);
            let got = widen(round(x));
            if x.is_nan() {
                assert!(got.is_nan(), "{upper:04x} {lower:04x}");
                continue;
            }
            // The two neighbours by magnitude; beyond the largest, where the next one would be.
            let value = |half: u16| match widen(half) {
                v if v.is_infinite() => 2f64.powi(128).copysign(v as f64),
                v => v as f64,
            };
            let (below, x64) = (value(upper), if x.is_infinite() { value(upper) } else { x as f64 });
            let above = if x.is_infinite() { below } else { value(upper + 1) };
            let (down, up) = ((x64 - below).abs(), (above - x64).abs());
            let nearest =
                if down < up || (down == up && (upper % 2 == 0 || x.is_infinite())) { upper } else { upper + 1 };
            assert_eq!(got.to_bits(), widen(nearest).to_bits(), "{upper:04x} {lower:04x}");
        }
    }
}

#[test]
fn rounded_copies_are_rounded_under_every_instruction_set_whatever_their_length() {
    for len in [0, 1, 17, 70_001] {
        let x = values(len, 1);
        let want: Vec<f32> = x.iter().map(|x| widen(round(*x))).collect();
        for isa in Isa::available() {
            assert_eq!(rounded(isa, &x), want, "{len} under {}", isa.name());
        }
    }
}

/// Every body with the instruction set that packs for it.
fn bodies() -> Vec<Body> {
    let model = Isa::available().map(|isa| Body { isa, unit: Bf16Unit::Portable });
    let units = Bf16Unit::available().filter(|unit| *unit != Bf16Unit::Portable);
    let bodies: Vec<Body> = model.chain(units.map(|unit| Body { isa: Isa::Avx512, unit })).collect();
    if !bodies.iter().any(|body| body.unit == Bf16Unit::Amx) {
        eprintln!("left out: this machine has no AMX, so its tiles were not compared");
    }
    bodies
}

#[test]
fn every_body_multiplies_as_the_model_does() {
    let a: Vec<u16> = values(8192, 1).iter().map(|v| round(*v)).collect();
    let b: Vec<u16> = values(3 * PANEL, 2).iter().map(|v| round(*v)).collect();
    let start = values(SIDE * 40, 3);
    for (rows, columns) in [1, 5, 12, 16, 17, 31, 32].into_iter().flat_map(|r| [1, 16, 17, 32].map(|c| (r, c))) {
        // Steps may lie anywhere, at odd places too, and follow in any order.
        for steps in [&[][..], &[0], &[64, 7, 31]] {
            for accumulate in [false, true] {
                let run = |body: Body| {
                    guarded(start.len(), |c| {
                        c.copy_from_slice(&start);
                        let product = Product {
                            a: a.as_ptr(),
                            a_row: 5 * STEP,
                            steps,
                            b: b.as_ptr(),
                            rows,
                            columns,
                            c: c.as_mut_ptr(),
                            c_row: 40,
                            accumulate,
                        };
                        // Safety: the operands hold 32 rows and three steps, C 32 rows of 40.
                        body.unit.enter(|| unsafe { body.unit.multiply(product) })
                    })
                };
                let want = run(Body { isa: Isa::Portable, unit: Bf16Unit::Portable });
                for body in bodies() {
                    let got = run(body);
                    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                        let (got, want) = (got[i * 40 + j], want[i * 40 + j]);
                        let name = format!("{rows}x{columns} {steps:?} {accumulate} on {}", body.unit.name());
                        assert!((got - want).abs() < 4e-6, "{name}: {got} {want}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_body_treats_what_is_not_finite_or_not_normal_alike() {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-39, -1e-39, f32::MAX, 1e-20, 0.0, 1.0];
    for (x, y) in odd.into_iter().flat_map(|x| odd.map(|y| (x, y))) {
        let (mut a, mut b) = (vec![0; SIDE * STEP], vec![0; PANEL]);
        (a[0], b[0]) = (round(x), round(y));
        let run = |body: Body| {
            let mut c = vec![0f32; SIDE * SIDE];
            let product = Product {
                a: a.as_ptr(),
                a_row: STEP,
                steps: &[0],
                b: b.as_ptr(),
                rows: SIDE,
                columns: SIDE,
                c: c.as_mut_ptr(),
                c_row: SIDE,
                accumulate: false,
            };
            // Safety: one step of 32 rows and 32 columns.
            body.unit.enter(|| unsafe { body.unit.multiply(product) });
            c[0]
        };
        let want = run(Body { isa: Isa::Portable, unit: Bf16Unit::Portable });
        for body in bodies() {
            let got = run(body);
            assert!(got == want || (got.is_nan() && want.is_nan()), "{x} * {y} on {}: {got} {want}", body.unit.name());
        }
    }
}

fn close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    let off: f64 = got.iter().zip(want).map(|(g, w)| (*g as f64 - w).powi(2)).sum();
    let all: f64 = want.iter().map(|w| w * w).sum();
    let off = (off / all.max(1e-30)).sqrt();
    assert!(off < tolerance, "{what}: {off:.2e}");
}

/// Odd sizes, tails, strides, paddings and depths; whole steps of channels, many taps of few, many blocks.
fn shapes() -> Vec<ConvShape> {
    let mut shapes = Vec::new();
    let mut add = |batch, input, in_channels, out_channels, kernel, stride, padding| {
        shapes.push(ConvShape { batch, input, in_channels, out_channels, kernel, stride, padding })
    };
    for channels in [1, 3, 5, 8, 16, 17, 33] {
        add(2, [1, 7, 19], channels, 8, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
        add(1, [1, 6, 5], 3, channels, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
        add(2, [1, 9, 8], channels, channels, [1, 3, 3], [1, 2, 2], [0, 1, 1]);
    }
    add(2, [5, 6, 7], 3, 5, [3, 3, 3], [1, 1, 1], [1, 1, 1]);
    add(1, [6, 5, 9], 17, 18, [3, 3, 2], [2, 1, 2], [1, 0, 1]);
    add(1, [4, 3, 5], 2, 3, [2, 2, 1], [1, 2, 3], [3, 0, 0]);
    add(2, [3, 4, 4], 4, 16, [1, 1, 1], [2, 1, 1], [0, 0, 0]);
    add(1, [1, 9, 11], 3, 16, [1, 7, 7], [1, 2, 2], [0, 3, 3]);
    add(2, [1, 8, 9], 5, 3, [1, 2, 2], [1, 3, 3], [0, 0, 0]);
    add(2, [1, 8, 9], 65, 3, [1, 2, 2], [1, 3, 3], [0, 0, 0]);
    add(1, [1, 4, 3], 8, 64, [1, 1, 1], [1, 1, 1], [0, 0, 0]);
    add(2, [1, 7, 6], 17, 5, [1, 1, 1], [1, 2, 2], [0, 0, 0]);
    add(1, [1, 5, 9], 1, 1, [1, 5, 3], [1, 2, 3], [0, 2, 1]);
    // More padding than the kernel is wide: whole windows of zeros.
    add(1, [1, 3, 4], 2, 3, [1, 2, 2], [1, 1, 1], [0, 3, 3]);
    add(1, [2, 3, 4], 40, 3, [2, 2, 2], [1, 1, 1], [2, 3, 3]);
    // One output, the kernel as large as the image.
    add(3, [1, 4, 5], 3, 7, [1, 4, 5], [1, 1, 1], [0, 0, 0]);
    add(2, [1, 9, 10], 32, 33, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
    add(3, [1, 7, 7], 64, 40, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
    add(2, [1, 11, 10], 64, 32, [1, 3, 3], [1, 2, 2], [0, 1, 1]);
    add(1, [3, 8, 9], 64, 48, [3, 3, 3], [2, 2, 1], [1, 1, 0]);
    add(2, [1, 9, 7], 96, 65, [1, 1, 1], [1, 2, 2], [0, 0, 0]);
    // The inner dimension in several pieces, and several slices in a job.
    add(9, [1, 4, 5], 576, 34, [1, 1, 1], [1, 1, 1], [0, 0, 0]);
    add(1, [1, 90, 70], 33, 16, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
    add(1, [1, 150, 40], 3, 16, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
    add(1, [1, 60, 70], 3, 64, [1, 7, 7], [1, 2, 2], [0, 3, 3]);
    // More packed numbers than are held at a time.
    add(1, [1, 260, 260], 48, 48, [1, 1, 1], [1, 1, 1], [0, 0, 0]);
    shapes
}

/// Operands, and the results in f64: output, gradient of the input, gradient of the weights.
struct Case {
    x: Vec<f32>,
    w: Vec<f32>,
    g: Vec<f32>,
    y: Vec<f64>,
    dx: Vec<f64>,
    dw: Vec<f64>,
}

impl Case {
    fn of(s: &ConvShape) -> Case {
        let (x, w, g) = (values(s.input_len(), 1), values(s.weight_len(), 2), values(s.output_len(), 3));
        let narrow = |v: &[f32]| v.iter().map(|v| widen(round(*v)) as f64).collect::<Vec<f64>>();
        let (nx, nw, ng) = (narrow(&x), narrow(&w), narrow(&g));
        let (mut y, mut dx, mut dw) = (vec![0f64; g.len()], vec![0f64; x.len()], vec![0f64; w.len()]);
        products(s, |i, j, o| {
            y[o] += nx[i] * nw[j];
            dx[i] += ng[o] * nw[j];
            dw[j] += ng[o] * nx[i];
        });
        Case { x, w, g, y, dx, dw }
    }
}

#[test]
fn convolutions_are_right_on_every_body_whatever_the_shape() {
    for s in shapes() {
        let case = Case::of(&s);
        let (scale, bias) = (values(s.out_channels, 4), values(s.out_channels, 5));
        let (add, start) = (values(s.output_len(), 6), values(s.weight_len(), 7));
        let finished: Vec<f64> = (0..case.y.len())
            .map(|o| (o, o % s.out_channels))
            .map(|(o, k)| (case.y[o] * scale[k] as f64 + bias[k] as f64 + add[o] as f64).max(0.0))
            .collect();
        let added: Vec<f64> = case.dw.iter().zip(&start).map(|(d, s)| d + *s as f64).collect();
        // The model is slow: it takes the small shapes.
        let small = s.taps() * s.in_channels * s.output_len() < 3_000_000;
        for body in bodies().into_iter().filter(|body| small || body.unit != Bf16Unit::Portable) {
            let name = format!("{s:?} on {} with {}", body.unit.name(), body.isa.name());
            let close = |what: &str, got: &[f32], want: &[f64]| close(&format!("{what} of {name}"), got, want, 2e-6);
            let got = guarded(case.y.len(), |out| body.forward(&s, &case.x, &case.w, Epilogue::default(), out));
            close("forward", &got, &case.y);
            let all = Epilogue { scale: &scale, bias: &bias, add: Some(&add), relu: true };
            let got = guarded(case.y.len(), |out| body.forward(&s, &case.x, &case.w, all, out));
            close("forward with an epilogue", &got, &finished);
            let got = guarded(case.x.len(), |out| body.backward_data(&s, &case.g, &case.w, Epilogue::default(), out));
            close("input gradient", &got, &case.dx);
            let got = guarded(case.w.len(), |out| body.backward_weight(&s, &case.x, &case.g, false, out));
            close("weight gradient", &got, &case.dw);
            let got = guarded(case.w.len(), |out| {
                out.copy_from_slice(&start);
                body.backward_weight(&s, &case.x, &case.g, true, out)
            });
            close("weight gradient added", &got, &added);
        }
    }
}

#[test]
fn the_precision_reaches_the_kernels_under_every_instruction_set() {
    let s = ConvShape {
        batch: 2,
        input: [1, 9, 8],
        in_channels: 33,
        out_channels: 17,
        kernel: [1, 3, 3],
        stride: [1; 3],
        padding: [0, 1, 1],
    };
    let case = Case::of(&s);
    for isa in Isa::available() {
        let compute = Compute { isa, precision: Precision::Bf16 };
        // The f32 kernels may take F(4x4, 3x3), which loses a little more than a direct sum.
        let close = |got: &[f32], want: &[f64]| close(isa.name(), got, want, 1e-5);
        let none = Epilogue::default();
        close(&guarded(case.y.len(), |out| conv::forward(compute, &s, &case.x, &case.w, none, out)), &case.y);
        close(&guarded(case.x.len(), |out| conv::backward_data(compute, &s, &case.g, &case.w, none, out)), &case.dx);
        let got = guarded(case.w.len(), |out| conv::backward_weight(compute, &s, &case.x, &case.g, false, out));
        close(&got, &case.dw);
    }
}

#[test]
fn linear_products_are_right_on_every_body_and_under_every_instruction_set() {
    use crate::nn::kernel::cpu::linear as plain;
    for (batch, inputs, outputs) in [(1, 1, 1), (3, 17, 5), (8, 64, 1), (33, 33, 8), (2, 2049, 3), (9, 300, 70)] {
        let l = LinearShape { batch, inputs, outputs };
        let (x, w) = (values(batch * inputs, 1), values(outputs * inputs, 2));
        let (g, bias) = (values(batch * outputs, 3), values(outputs, 4));
        let narrow = |v: &[f32]| v.iter().map(|v| widen(round(*v)) as f64).collect::<Vec<f64>>();
        let (nx, nw, ng) = (narrow(&x), narrow(&w), narrow(&g));
        let mut y: Vec<f64> = (0..g.len()).map(|i| bias[i % outputs] as f64).collect();
        let (mut dx, mut dw) = (vec![0f64; x.len()], vec![0f64; w.len()]);
        for (n, o, i) in (0..batch).flat_map(|n| (0..outputs).flat_map(move |o| (0..inputs).map(move |i| (n, o, i)))) {
            y[n * outputs + o] += nx[n * inputs + i] * nw[o * inputs + i];
            dx[n * inputs + i] += ng[n * outputs + o] * nw[o * inputs + i];
            dw[o * inputs + i] += ng[n * outputs + o] * nx[n * inputs + i];
        }
        y.iter_mut().for_each(|y| *y = y.max(0.0));
        for body in bodies() {
            let name = format!("{l:?} on {} with {}", body.unit.name(), body.isa.name());
            let epilogue = Epilogue { bias: &bias, relu: true, ..Epilogue::default() };
            close(&name, &guarded(y.len(), |out| body.linear_forward(&l, &x, &w, epilogue, out)), &y, 2e-6);
            close(&name, &guarded(dx.len(), |out| body.linear_backward_data(&l, &g, &w, out)), &dx, 2e-6);
            close(&name, &guarded(dw.len(), |out| body.linear_backward_weight(&l, &x, &g, false, out)), &dw, 2e-6);
        }
        for isa in Isa::available() {
            let name = format!("{l:?} under {}", isa.name());
            let compute = Compute { isa, precision: Precision::Bf16 };
            close(&name, &guarded(y.len(), |out| plain::forward(compute, &l, &x, &w, &bias, true, out)), &y, 2e-6);
            close(&name, &guarded(dx.len(), |out| plain::backward_data(compute, &l, &g, &w, out)), &dx, 2e-6);
            let got = guarded(dw.len(), |out| plain::backward_weight(compute, &l, &x, &g, false, out));
            close(&name, &got, &dw, 2e-6);
        }
    }
}

#[test]
fn results_are_bit_equal_for_every_number_of_threads_on_every_body() {
    let shape = |input, in_channels, out_channels, kernel: usize| ConvShape {
        batch: 3,
        input,
        in_channels,
        out_channels,
        kernel: [1, kernel, kernel],
        stride: [1; 3],
        padding: [0, kernel / 2, kernel / 2],
    };
    for s in [shape([2, 37, 29], 5, 17, 3), shape([1, 20, 24], 40, 70, 3), shape([1, 7, 7], 64, 64, 1)] {
        let (x, w, g) = (values(s.input_len(), 1), values(s.weight_len(), 2), values(s.output_len(), 3));
        let last = bodies().len() - 1;
        // The best body of this machine, and the model on a shape that it does in time.
        for body in bodies().into_iter().enumerate().filter(|(i, _)| *i == last || s.in_channels == 5).map(|(_, b)| b) {
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let (mut y, mut dx) = (vec![0.0; s.output_len()], vec![0.0; s.input_len()]);
                    let mut dw = vec![0.0; s.weight_len()];
                    body.forward(&s, &x, &w, Epilogue::default(), &mut y);
                    body.backward_data(&s, &g, &w, Epilogue::default(), &mut dx);
                    body.backward_weight(&s, &x, &g, false, &mut dw);
                    (y, dx, dw)
                })
            };
            let one = run(1);
            for threads in [2, 3, 7] {
                assert!(run(threads) == one, "{threads} threads, {s:?} on {}", body.unit.name());
            }
        }
    }
}
