//! Whole networks: output and all gradients of one pass.

use super::{Row, greatest, pass, row};
use crate::cli::bench::network::noise;
use crate::error::Result;
use crate::model::{self, ModelOptions};
use crate::nn::{Device, Graph, Network, Precision};

/// Many layers amplify what one rounds: f32 differs from f32 in another order by about this much, bf16 by its eight bits
/// a layer, and signs at ReLU's kink fall the other way. A wrong layer is off by all of it.
const LIMITS: [(Precision, f64); 3] = [(Precision::F32, 2e-2), (Precision::Tf32, 1e-1), (Precision::Bf16, 5e-1)];

pub fn check(device: Device, quick: bool) -> Result<Vec<Row>> {
    // A side of 0 is the network's own.
    let sizes: &[(&str, usize, usize)] = match quick {
        true => &[("cnn263k", 64, 2), ("unet-small", 32, 2)],
        false => {
            &[("cnn1m", 0, 4), ("reg-vgg16", 64, 4), ("reg-resnet50", 64, 8), ("unet", 64, 4), ("cardiac-vgg3d", 0, 2)]
        }
    };
    let mut rows = Vec::new();
    for (name, side, batch) in sizes {
        let graph = at_size(name, *side)?;
        let weights = Network::new(graph.clone(), 1).state();
        let input = noise(&[&[*batch], graph.input_shape()].concat())?;
        let grad = noise(&[&[*batch], graph.output_shape()].concat())?;
        let expected = pass(&graph, &weights, (Device::Cpu, Precision::F32Strict), &input, &grad)?;
        for (precision, limit) in LIMITS {
            let found = pass(&graph, &weights, (device, precision), &input, &grad)?;
            rows.push(row("networks", name, precision, limit, greatest(&found, &expected)));
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
