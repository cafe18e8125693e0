//! What a dream promises, on an untrained U-Net: it rises, keeps the detail, obeys its weights, and can be repeated.

use super::*;
use crate::model::{ModelOptions, build};

const SIDE: usize = 48;

fn network() -> Network {
    Network::new(build("unet-small", &ModelOptions::default().with_input(&[SIDE, SIDE, 1])).unwrap(), 3)
}

/// Grey values from 20 to 219.
fn image() -> Vec<f32> {
    (0..(SIDE * SIDE) as u64).map(|i| (20.0 + 200.0 * uniform(5, i)).floor() as f32).collect()
}

fn units() -> Units {
    Units { mean: vec![100.0], sd: vec![50.0] }
}

fn dream(spec: &str, options: Options) -> Dream {
    let network = network();
    let weights = layers::parse(spec, &layers::choices(network.folded().graph())).unwrap();
    Dream::new(&network, units(), &image(), &weights, options).unwrap()
}

fn run(dream: &mut Dream) -> Vec<Step> {
    let mut steps = Vec::new();
    while !dream.is_done() {
        steps.push(dream.step().unwrap());
    }
    steps
}

#[test]
fn without_a_step_the_image_comes_back() {
    let dream = dream("encoder", Options { steps: 0, octaves: 4, ..Options::default() });
    assert!(dream.is_done());
    let (now, size) = dream.image();
    let off = now.iter().zip(image()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(size == [SIDE; 2] && off < 1e-5 * 255.0, "{off}");
}

#[test]
fn detail_lost_by_reducing_is_put_back_when_a_dream_is_enlarged() {
    let options = Options { octaves: 2, octave_scale: 2.0, steps: 1, step_length: 0.01, ..Options::default() };
    let mut dream = dream("encoder-deep", options);
    let (size, full) = ([SIDE / 2; 2], [SIDE; 2]);
    assert_eq!(dream.image().1, size);
    // One step at the small size, by hand.
    let small = resample(&image(), full, size);
    let network = network().folded();
    let weights: Vec<_> = dream.weights().iter().filter(|(_, w)| *w != 0.0).cloned().collect();
    let mut objective = Objective::new(&network, &weights, &units(), size).unwrap();
    let (_, gradient) = objective.loss_and_gradient(&small).unwrap();
    let mean = gradient.iter().map(|g| g.abs()).sum::<f32>() / gradient.len() as f32;
    let stepped: Vec<f32> = small.iter().zip(&gradient).map(|(v, g)| (v + 2.55 * g / mean).clamp(0.0, 255.0)).collect();
    dream.step().unwrap();
    let lost: Vec<f32> = image().iter().zip(resample(&small, size, full)).map(|(i, s)| i - s).collect();
    let want: Vec<f32> = resample(&stepped, size, full).iter().zip(lost).map(|(e, l)| e + l).collect();
    let (now, at) = dream.image();
    let off = now.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(at == full && off < 1e-2, "{off}");
}

#[test]
fn every_group_of_layers_rises_in_every_octave() {
    for group in
        ["encoder-shallow", "encoder-deep", "bottleneck", "decoder-shallow", "decoder-deep", "encoder", "decoder"]
    {
        let mut dream = dream(group, Options { steps: 5, ..Options::default() });
        let steps = run(&mut dream);
        assert_eq!(steps.len(), 15, "{group}");
        for octave in steps.chunks(5) {
            assert!(octave[4].loss > octave[0].loss, "{group}: {octave:?}");
        }
        assert!(dream.image().0.iter().all(|v| (0.0..=255.0).contains(v)), "{group}");
    }
}

#[test]
fn a_negative_weight_makes_a_layer_answer_less() {
    let steps = run(&mut dream("bottleneck=-1", Options { steps: 5, octaves: 1, ..Options::default() }));
    // The loss counts with its sign: it rises to zero.
    assert!(steps[0].loss < steps[4].loss && steps[4].loss <= 0.0, "{steps:?}");
}

#[test]
fn weights_changed_on_the_way_count_from_the_next_step() {
    let options = Options { octaves: 1, steps: 4, ..Options::default() };
    let mut changing = dream("encoder.0", options.clone());
    changing.step().unwrap();
    let half = changing.image().0.to_vec();
    for (layer, weight) in [("encoder.0.relu1", 0.0), ("encoder.0.relu2", 0.0), ("decoder.1.relu2", 0.5)] {
        changing.set_weight(layer, weight).unwrap();
    }
    changing.step().unwrap();
    // The same step, begun by a dream of the other layers from the image half way.
    let network = network();
    let weights = [("decoder.1.relu2".to_owned(), 0.5)];
    let mut other = Dream::new(&network, units(), &half, &weights, options).unwrap();
    other.step().unwrap();
    assert_eq!(changing.image(), other.image());
    // Without any weight nothing happens.
    changing.set_weight("decoder.1.relu2", 0.0).unwrap();
    let before = changing.image().0.to_vec();
    assert_eq!(changing.step().unwrap().loss, 0.0);
    assert_eq!(changing.image().0, before);
    assert!(changing.set_weight("decoder.9", 1.0).is_err() && changing.set_weight("head", f64::NAN).is_err());
}

#[test]
fn a_dream_can_be_had_again_and_jitter_hangs_on_its_seed() {
    let options = |seed| Options { steps: 3, octaves: 2, jitter_px: 5, seed, ..Options::default() };
    let of = |seed| {
        let mut dream = dream("encoder", options(seed));
        run(&mut dream);
        dream
    };
    let mut first = of(1);
    assert_eq!(first.image(), of(1).image());
    assert_ne!(first.image(), of(2).image());
    let end = first.image().0.to_vec();
    first.restart();
    assert_eq!(first.image().1, first.sizes()[0]);
    run(&mut first);
    assert_eq!(first.image().0, end);
    // Shifted there and back is where it was.
    let image = image();
    assert_eq!(rolled(&rolled(&image, [SIDE; 2], [5, 43]), [SIDE; 2], [43, 5]), image);
}

#[test]
fn a_loss_above_the_limit_ends_its_octave() {
    let steps = run(&mut dream("encoder", Options { loss_limit: Some(0.0), ..Options::default() }));
    assert_eq!(steps.iter().map(|s| (s.octave, s.step)).collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0)]);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let network = network();
    let usual = Options::default();
    for options in [
        Options { octaves: 0, ..usual.clone() },
        Options { octaves: 17, ..usual.clone() },
        Options { octave_scale: 1.0, ..usual.clone() },
        Options { octave_scale: f64::NAN, ..usual.clone() },
        Options { step_length: 0.0, ..usual.clone() },
        Options { step_length: f64::INFINITY, ..usual.clone() },
        Options { jitter_px: SIDE, ..usual.clone() },
        Options { loss_limit: Some(f64::NAN), ..usual.clone() },
    ] {
        let refused = Dream::new(&network, units(), &image(), &[], options.clone());
        assert!(refused.is_err_and(|e| e.kind == crate::error::Kind::Usage), "{options:?}");
    }
    assert!(Dream::new(&network, units(), &image()[1..], &[], usual.clone()).is_err());
    let weights = [("nothing".to_owned(), 1.0)];
    assert!(Dream::new(&network, units(), &image(), &weights, usual).is_err());
}

#[test]
fn layers_before_a_flatten_dream_at_every_size() {
    let network = Network::new(build("cnn263k", &ModelOptions::default().with_input(&[64, 64, 1])).unwrap(), 1);
    let grey: Vec<f32> = (0..64 * 64).map(|i| (i % 64) as f32 * 4.0).collect();
    let weights = [("features.5".to_owned(), 1.0)];
    let options = Options { steps: 2, ..Options::default() };
    let mut dream = Dream::new(&network, units(), &grey, &weights, options).unwrap();
    let steps = run(&mut dream);
    assert!(steps.len() == 6 && steps[5].loss > steps[4].loss);
}
