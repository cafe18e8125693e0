//! Losses: values and gradients beside PyTorch's, beside numeric derivatives, and on a card beside the CPU's.

#[cfg(feature = "cuda")]
mod card;

use hcwb::nn::Loss;
use hcwb::nn::loss::{Settings, WORDS};
use serde_json::Value;

/// The loss of a golden case, and its name.
fn loss(case: &Value) -> Loss {
    let mut settings = Settings::default();
    for (key, setting) in [
        ("alpha", &mut settings.focal_alpha),
        ("gamma", &mut settings.focal_gamma),
        ("share", &mut settings.kappa_share),
        ("delta", &mut settings.huber_delta),
    ] {
        *setting = case[key].as_f64().unwrap_or(*setting);
    }
    Loss::parse(case["word"].as_str().unwrap(), &settings).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("golden/losses.json")).unwrap()
}

#[test]
fn values_and_gradients_are_those_of_pytorch_in_float64() {
    let cases = cases();
    assert!(WORDS.iter().all(|word| cases.iter().any(|case| case["word"] == *word)));
    for case in cases {
        let (p, t) = (numbers(&case["prediction"]), numbers(&case["truth"]));
        let mut grad = vec![f64::NAN; p.len()];
        let channels = case["channels"].as_u64().unwrap() as usize;
        let value = loss(&case).value_and_grad_of(&p, &t, channels, &mut grad);
        // Where nothing is left to divide by, PyTorch divides by 1e-12 as f32 has it.
        let share = |b: f64| if b.abs() > 1e9 { 1e-8 } else { 1e-12 };
        let close = |a: f64, b: f64| (a - b).abs() <= share(b) * b.abs().max(1.0);
        assert!(close(value, case["value"].as_f64().unwrap()), "{}: {value} {}", case["word"], case["value"]);
        for (a, b) in grad.iter().zip(numbers(&case["grad"])) {
            assert!(close(*a, b), "{}, {channels} channels: {a} {b}", case["word"]);
        }
    }
}

#[test]
fn gradients_are_the_slopes_of_the_values_in_float64() {
    let h = 1e-6;
    for case in cases() {
        let (p, t) = (numbers(&case["prediction"]), numbers(&case["truth"]));
        let (loss, channels) = (loss(&case), case["channels"].as_u64().unwrap() as usize);
        let mut grad = vec![0.0; p.len()];
        let mut unused = grad.clone();
        loss.value_and_grad_of(&p, &t, channels, &mut grad);
        // Logarithms have no slope at 0, nor Mae's and Huber's losses at their kinks.
        for i in (0..p.len()).filter(|i| !loss.takes_masks() || (0.01..0.99).contains(&p[*i])) {
            let mut at = |v: f64| {
                let mut moved = p.clone();
                moved[i] = v;
                loss.value_and_grad_of(&moved, &t, channels, &mut unused)
            };
            let numeric = (at(p[i] + h) - at(p[i] - h)) / (2.0 * h);
            assert!((numeric - grad[i]).abs() < 1e-6 * grad[i].abs().max(0.1), "{loss:?}: {numeric} {}", grad[i]);
        }
    }
}

/// A 1 x 1 image of 1 behind a convolution whose window reaches from edge to edge: each weight is an output of its
/// own, and its gradient the loss's towards that output. So every loss is seen whole, in more than one block.
#[cfg(feature = "cuda")]
mod on_card {
    use super::*;
    use hcwb::nn::layer::{Conv, Window};
    use hcwb::nn::program::Arithmetic;
    use hcwb::nn::trainer::Part;
    use hcwb::nn::{Array, Device, GraphBuilder, Network, OptimizerKind, OptimizerSpec, Precision, Tensor, Trainer};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeMap;
    use std::process::Command;

    /// Two samples, so that 2 * 33 * 33 positions take two blocks.
    const SIDE: usize = 33;
    const BATCH: usize = 2;

    #[test]
    fn a_card_gives_the_values_and_gradients_of_the_cpu() {
        // The driver is looked for once a process, so that one is started in which it is found.
        if std::env::var_os("HCWB_LOSSES_ON_CARD").is_none() {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let name = "on_card::a_card_gives_the_values_and_gradients_of_the_cpu";
            card::given(&mut command).env("HCWB_LOSSES_ON_CARD", "yes").args(["--exact", name, "--nocapture"]);
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
            assert!(said.contains("compared 22 losses"), "{said}");
            return;
        }
        let mut compared = 0;
        for channels in [1, 3] {
            for word in WORDS {
                compare(Loss::parse(word, &Settings::default()).unwrap(), channels);
                compared += 1;
            }
            let odd = Settings { focal_gamma: 0.5, ..Settings::default() };
            compare(Loss::parse("focal", &odd).unwrap(), channels);
            compared += 1;
        }
        println!("compared {compared} losses");
    }

    fn compare(loss: Loss, channels: usize) {
        let (one, truth) = drawn(channels);
        let both = Tensor::from_vec(&[BATCH, SIDE, SIDE, channels], one.repeat(BATCH)).unwrap();
        let (expected, expected_grad) = loss.value_and_grad(&both, &truth);
        let (found, found_grad) = on_card(loss, channels, &one, &truth);
        assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{loss:?}: {found} {expected}");
        let halves = expected_grad.data().split_at(one.len());
        let sums: Vec<f64> = halves.0.iter().zip(halves.1).map(|(a, b)| f64::from(*a) + f64::from(*b)).collect();
        for (a, b) in found_grad.iter().zip(&sums) {
            assert!((f64::from(*a) - b).abs() <= 1e-6 * b.abs().max(1e-6), "{loss:?} x {channels}: {a} {b}");
        }
    }

    /// Probabilities, some of them certain, and masks with soft edges.
    fn drawn(channels: usize) -> (Vec<f32>, Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(channels as u64);
        let count = SIDE * SIDE * channels;
        let soft = |v: f32| ((v - 0.5) * 4.0 + 0.5).clamp(0.0, 1.0);
        let mut one: Vec<f32> = (0..count).map(|_| rng.random()).collect();
        (one[5], one[77]) = (0.0, 1.0);
        (one, (0..BATCH * count).map(|_| soft(rng.random())).collect())
    }

    /// The loss over samples that are all `prediction`, and the sum of its gradients towards them.
    fn on_card(loss: Loss, channels: usize, prediction: &[f32], truth: &[f32]) -> (f64, Vec<f32>) {
        let mut builder = GraphBuilder::new(&[1, 1, 1]).unwrap();
        let input = builder.input();
        let window = Window::image([SIDE; 2], [1; 2], [SIDE - 1; 2]);
        let output = builder.add("c", Conv { outputs: channels, window, bias: false }, &[input]).unwrap();
        let graph = builder.finish(output);
        let arithmetic = Arithmetic { precision: Precision::F32Strict, deterministic: true };
        let sgd = OptimizerSpec::new(OptimizerKind::Sgd);
        let mut trainer = Trainer::new(Network::new(graph, 1), Device::Cuda(0), arithmetic, loss, &sgd).unwrap();
        let pixels = SIDE * SIDE;
        // PyTorch's order is channels first; a window's last tap meets the first output.
        let at = |c: usize, pixel: usize| (c * pixels + pixels - 1 - pixel, pixel * channels + c);
        let places = || (0..channels).flat_map(|c| (0..pixels).map(move |pixel| at(c, pixel)));
        let mut values = vec![0.0; prediction.len()];
        places().for_each(|(weight, output)| values[weight] = prediction[output]);
        let shape = vec![channels, 1, SIDE, SIDE];
        trainer.load_weights(&BTreeMap::from([("c.weight".to_owned(), Array { shape, values })])).unwrap();
        let input = Tensor::from_vec(&[BATCH, 1, 1, 1], vec![1.0; BATCH]).unwrap();
        trainer.submit(&[Part { input, truth: truth.to_vec(), seed: 1 }], 0.0).unwrap();
        let found = trainer.collect().unwrap().unwrap();
        assert_eq!(found.outputs[0].data()[..prediction.len()], *prediction, "each output is one weight");
        let gradients = trainer.gradients().unwrap();
        let mut grad = vec![0.0; prediction.len()];
        places().for_each(|(weight, output)| grad[output] = gradients["c.weight"].values[weight]);
        (found.loss, grad)
    }
}
