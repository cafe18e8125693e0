//! Layers: one file each, forward and backward side by side.

mod batch_norm;
mod conv;
mod dropout;
mod flatten;
mod linear;
mod pool;
mod relu;

pub use batch_norm::BatchNorm;
pub use conv::Conv2d;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use linear::Linear;
pub use pool::MaxPool2d;
pub use relu::Relu;

use super::kernel::cpu::Isa;
use super::network::Pass;
use super::parameter::{Parameter, ParameterSpec};
use super::recycle::Recycle;
use super::tensor::Tensor;
use crate::error::{Error, Result};
use std::fmt::Debug;

/// Which activations a layer's backward pass reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub input: bool,
    pub output: bool,
}

/// What a layer's forward pass leaves for its backward pass, besides activations.
#[derive(Debug, Default)]
pub struct Saved {
    pub floats: Vec<Vec<f32>>,
    pub bytes: Vec<u8>,
}

/// What a forward pass works with.
pub struct Forward<'a> {
    pub isa: Isa,
    pub pass: Pass,
    /// Tells layers apart that draw random numbers.
    pub index: u64,
    /// The layer's own, in the order of [`Layer::parameters`].
    pub parameters: &'a mut [Parameter],
    pub saved: &'a mut Saved,
    pub recycle: &'a mut Recycle,
    /// Apply ReLU to the output; only where [`Layer::takes_relu`].
    pub relu: bool,
}

/// What a backward pass works with.
pub struct Backward<'a> {
    pub isa: Isa,
    pub pass: Pass,
    pub index: u64,
    pub parameters: &'a mut [Parameter],
    pub saved: &'a Saved,
    pub recycle: &'a mut Recycle,
    pub relu: bool,
    /// The inputs' activations, present if [`Needs::input`].
    pub inputs: Vec<Option<&'a Tensor>>,
    /// The output's activation, present if [`Needs::output`] or `relu`.
    pub output: Option<&'a Tensor>,
    /// Shapes of the inputs, samples first.
    pub input_shapes: Vec<Vec<usize>>,
    /// Whether the gradient towards each input is wanted.
    pub wanted: Vec<bool>,
}

impl Backward<'_> {
    /// The activation of input `i`, which the layer said it needs.
    fn input(&self, i: usize) -> &Tensor {
        self.inputs[i].expect("the tape keeps the inputs of layers that need them")
    }
    fn output(&self) -> &Tensor {
        self.output.expect("the tape keeps the outputs of layers that need them")
    }
}

/// One layer: no weights of its own, they live in the network.
///
/// Shapes in the graph are those of one sample; tensors have the samples in front.
pub trait Layer: Debug + Send + Sync {
    /// One word for tables: `conv2d`.
    fn kind(&self) -> &'static str;

    /// The settings that tell it from others of its kind, for tables.
    fn detail(&self) -> String {
        String::new()
    }

    /// Shape of one output sample, or why the inputs do not fit.
    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>>;

    fn parameters(&self, _inputs: &[&[usize]]) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// Floating-point operations of one sample's forward pass, in products alone.
    fn flops(&self, _inputs: &[&[usize]], _output: &[usize]) -> u64 {
        0
    }

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn is_relu(&self) -> bool {
        false
    }

    /// Can apply a ReLU that follows it in the same breath.
    fn takes_relu(&self) -> bool {
        false
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor;

    /// Gradients towards the inputs from that towards the output; those of parameters are added up.
    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>>;
}

fn one<'a>(inputs: &[&'a [usize]]) -> Result<&'a [usize]> {
    match inputs {
        [one] => Ok(one),
        _ => Err(Error::usage(format!("takes one input, not {}", inputs.len()))),
    }
}

fn image(inputs: &[&[usize]]) -> Result<[usize; 3]> {
    let shape = one(inputs)?;
    <[usize; 3]>::try_from(shape)
        .map_err(|_| Error::usage(format!("takes images (height, width, channels), not {shape:?}")))
}

/// `3` or `3x5`.
fn pair([a, b]: [usize; 2]) -> String {
    if a == b { format!("{a}x{a}") } else { format!("{a}x{b}") }
}
