//! The gradient of the output towards the input: df/dx, as it is (Simonyan et al. 2014, without the absolute value).

use crate::error::{Error, Result};
use crate::nn::{Network, Pass, Tensor};
use std::str::FromStr;

/// What the walk back begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// 1: the gradient.
    #[default]
    One,
    /// The output f(x), as iNNvestigate does: f(x) df/dx.
    Output,
}

impl FromStr for Start {
    type Err = Error;
    fn from_str(word: &str) -> Result<Start> {
        match word {
            "one" | "1" => Ok(Start::One),
            "output" => Ok(Start::Output),
            _ => Err(Error::usage(format!("start cannot be `{}`", crate::text::line(word))).cure("use one or output")),
        }
    }
}

/// A map for each input, and what the network said.
#[derive(Clone, Debug)]
pub struct Attribution {
    /// Of the input's shape.
    pub map: Tensor,
    /// (N, 1).
    pub output: Tensor,
}

/// Activations held at once, and their gradients: a GiB together.
const ACTIVATIONS_AT_ONCE: usize = 1 << 27;

/// The gradient of the one output of each of the inputs (N, …), with fixed statistics and no dropout.
///
/// Fails where the network has more outputs than one, or takes inputs of another shape. A network
/// whose graph was frozen saves the gradients of its weights.
pub fn gradient(network: &mut Network, input: &Tensor, start: Start) -> Result<Attribution> {
    if *network.graph().output_shape() != [1] {
        return Err(Error::usage(format!(
            "an analyzer explains one value, and this network gives {:?} an input",
            network.graph().output_shape()
        ))
        .cure("take a network with a single output"));
    }
    let activations: usize = network.graph().nodes().iter().map(|n| n.shape.iter().product::<usize>()).sum();
    let at_once = (ACTIVATIONS_AT_ONCE / activations).max(1);
    let sample = input.data().len() / input.batch().max(1);
    let (mut map, mut output) = (Vec::with_capacity(input.data().len()), Vec::with_capacity(input.batch()));
    for some in input.data().chunks(at_once * sample.max(1)) {
        let mut shape = input.shape().to_vec();
        shape[0] = some.len() / sample;
        let y = network.forward_taped(&Tensor::from_vec(&shape, some.to_vec())?, Pass::Eval)?;
        let from = match start {
            Start::One => Tensor::from_vec(y.shape(), vec![1.0; y.data().len()])?,
            Start::Output => y.clone(),
        };
        map.extend_from_slice(network.backward_to_input(&from).data());
        output.extend_from_slice(y.data());
    }
    let count = output.len();
    Ok(Attribution { map: Tensor::from_vec(input.shape(), map)?, output: Tensor::from_vec(&[count, 1], output)? })
}
