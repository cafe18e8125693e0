//! Whole networks: output and all gradients of one pass.

use super::{Row, greatest, pass, row};
use crate::cli::bench::network::noise;
use crate::error::Result;
use crate::model::{self, ModelOptions};
use crate::nn::{Device, Network, Precision};

/// Many layers amplify what one rounds: f32 differs from f32 in another order by about this much, bf16 by its eight bits
/// a layer, and signs at ReLU's kink fall the other way. A wrong layer is off by all of it.
const LIMITS: [(Precision, f64); 3] = [(Precision::F32, 2e-2), (Precision::Tf32, 1e-1), (Precision::Bf16, 5e-1)];

pub fn check(device: Device, quick: bool) -> Result<Vec<Row>> {
    let sizes: &[(&str, &str, usize)] = match quick {
        true => &[("cnn263k", "64x64", 2), ("unet-small", "32x32", 2)],
        false => &[
            ("cnn1m", "224x224", 4),
            ("reg-vgg16", "64x64", 4),
            ("reg-resnet50", "64x64", 8),
            ("unet", "64x64", 4),
            ("cardiac-vgg3d", "", 2),
        ],
    };
    let mut rows = Vec::new();
    for (name, input, batch) in sizes {
        let mut options = ModelOptions::default();
        if !input.is_empty() {
            options.set_pair(&format!("input={input}"))?;
        }
        let graph = model::find(name)?.spec().with(&options).build()?;
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
