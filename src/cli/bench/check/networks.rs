//! Whole networks: output and all gradients of one pass.

use super::{Checked, Row, greatest, pass, row};
use crate::cli::bench::network::noise;
use crate::error::Result;
use crate::model::{self, ModelOptions};
use crate::nn::{Graph, Network, Precision};

/// The CPU's own precision that a card's is held against: TF32 keeps three bits more than bf16.
const LIKE: [(Precision, Precision); 3] =
    [(Precision::F32, Precision::F32), (Precision::Tf32, Precision::Bf16), (Precision::Bf16, Precision::Bf16)];
/// How many times the CPU's own difference is allowed. Many layers amplify what one rounds, and signs at ReLU's kink
/// fall the other way, by another pattern on each device; a wrong layer is off by all of it.
const TIMES: f64 = 3.0;
/// Where the CPU's own difference is next to nothing.
const LEAST: f64 = 1e-3;
/// Where the CPU's own rounding changes gradients by more than this, nothing can be said of another device: fresh
/// ResNets in bf16 are such.
const MOST: f64 = 0.2;

pub(super) fn check(on: Checked, quick: bool) -> Result<Vec<Row>> {
    // A side of 0 is the network's own. None with a head of a few units: there a single sign at ReLU's kink is a good
    // part of every gradient, and says nothing of the device.
    let sizes: &[(&str, usize, usize)] = match quick {
        true => &[("reg-resnet50", 32, 8), ("unet-small", 32, 2)],
        false => &[("reg-vgg16", 64, 8), ("reg-resnet50", 64, 16), ("unet", 64, 4), ("cardiac-vgg3d", 0, 4)],
    };
    let mut rows = Vec::new();
    for (name, side, batch) in sizes {
        let graph = at_size(name, *side)?;
        let weights = Network::new(graph.clone(), 1).state();
        let input = noise(&[&[*batch], graph.input_shape()].concat())?;
        let grad = noise(&[&[*batch], graph.output_shape()].concat())?;
        let expected = pass(&graph, &weights, (Checked::CPU, Precision::F32Strict), &input, &grad)?;
        for (precision, like) in LIKE {
            let (own, _) = greatest(&pass(&graph, &weights, (Checked::CPU, like), &input, &grad)?, &expected);
            if own > MOST {
                continue;
            }
            let found = pass(&graph, &weights, (on, precision), &input, &grad)?;
            let (difference, tensor) = greatest(&found, &expected);
            let where_ = format!("{tensor}; the CPU's own {}: {own:.1e}", like.name());
            rows.push(row("networks", name, precision, (TIMES * own).max(LEAST), (difference, where_)));
        }
    }
    Ok(rows)
}

/// A model for square images of that side, or of its own where that is 0.
pub(super) fn at_size(name: &str, side: usize) -> Result<Graph> {
    let own = model::find(name)?.spec().build()?;
    match *own.input_shape() {
        [_, _, channels] if side > 0 => {
            model::find(name)?.spec().with(&ModelOptions::default().with_input(&[side, side, channels])).build()
        }
        _ => Ok(own),
    }
}
