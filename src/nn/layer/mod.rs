//! Layers: one file each, forward, backward and relevance side by side.

mod add;
mod avg_pool;
mod batch_norm;
mod concat;
mod conv;
mod dropout;
mod flatten;
mod global_avg_pool;
mod linear;
mod max_pool;
mod relu;
mod sigmoid;
mod transposed_conv;
mod upsample;
mod window;

pub use add::Add;
pub use avg_pool::AvgPool;
pub use batch_norm::BatchNorm;
pub use concat::Concat;
pub use conv::Conv;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use global_avg_pool::GlobalAvgPool;
pub use linear::Linear;
pub use max_pool::MaxPool;
pub use relu::Relu;
pub use sigmoid::Sigmoid;
pub use transposed_conv::TransposedConv;
pub use upsample::Upsample;
pub use window::Window;

use super::compute::Compute;
use super::kernel::cpu::elementwise;
use super::kernel::cpu::norm;
use super::network::Pass;
use super::parameter::{Parameter, ParameterSpec};
use super::program::{Arg, Direction, Element, Emitter, Moments, Place, Site, Value, geometry};
use super::recycle::Recycle;
use super::relevance::{Gate, Norm, Relevance, Rule, Share, Z_EPSILON, product};
use super::tensor::Tensor;
use crate::error::{Error, Result};
use std::fmt::Debug;
use std::sync::Arc;

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

/// What of the layers behind it a layer computes in the same breath.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fused {
    /// A batch norm with fixed statistics, straight behind the layer.
    pub batch_norm: bool,
    /// A residual sum: the other summand is the last of the layer's inputs.
    pub add: bool,
    /// A ReLU behind all that.
    pub relu: bool,
}

/// What a forward pass works with.
pub struct Forward<'a> {
    pub compute: Compute,
    pub pass: Pass,
    /// Tells layers apart that draw random numbers.
    pub index: u64,
    /// The layer's own, in the order of [`Layer::parameters`].
    pub parameters: &'a mut [Parameter],
    pub saved: &'a mut Saved,
    pub recycle: &'a mut Recycle,
    /// Shape of the output, samples first.
    pub output_shape: Vec<usize>,
    /// No more than [`Layer::fuses`] offers.
    pub fused: Fused,
    /// The fused batch norm's, if there is one.
    pub scale_shift: Option<ScaleShift>,
    /// The only input itself, where the layer works in place and nobody reads it any more; then there
    /// are no `inputs`.
    pub own: Option<Tensor>,
}

impl Forward<'_> {
    /// The only input, to be written over: itself where nobody else reads it, else a copy.
    fn overwritable(&mut self, inputs: &[&Tensor]) -> Tensor {
        self.own.take().unwrap_or_else(|| {
            let mut copy = self.recycle.tensor(inputs[0].shape().to_vec());
            elementwise::sum(self.compute.isa, &[inputs[0].data()], false, copy.data_mut());
            copy
        })
    }
}

/// A batch norm with fixed statistics: `y = x * scale + shift`, one value a channel.
#[derive(Clone, Debug)]
pub struct ScaleShift {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

/// What a backward pass works with.
pub struct Backward<'a> {
    pub compute: Compute,
    pub pass: Pass,
    pub index: u64,
    pub parameters: &'a mut [Parameter],
    pub saved: &'a Saved,
    pub recycle: &'a mut Recycle,
    pub fused: Fused,
    /// The inputs' activations, the other summand of a fused sum last; present if [`Needs::input`].
    pub inputs: Vec<Option<&'a Tensor>>,
    /// The output's activation, behind all that is fused; present if [`Needs::output`].
    pub output: Option<&'a Tensor>,
    /// Shapes of the inputs, samples first.
    pub input_shapes: Vec<Vec<usize>>,
    /// Whether the gradient towards each input is wanted.
    pub wanted: Vec<bool>,
    /// The gradients that other readers of each input have left so far. A layer that takes one out
    /// returns its own added to it; what it leaves is added afterwards.
    pub so_far: &'a mut [Option<Tensor>],
}

impl<'a> Backward<'a> {
    /// The activation of input `i`, which the layer said it needs.
    pub(in crate::nn) fn input(&self, i: usize) -> &'a Tensor {
        self.inputs[i].expect("the tape keeps the inputs of layers that need them")
    }
    /// Takes `grad` (rows of `channels`) back through a fused ReLU, in place, and adds up the gradient of
    /// the bias, if parameter 1 is one that is trained.
    fn mask_and_bias(&mut self, grad: &mut Tensor, channels: usize) {
        let bias = self.parameters.len() > 1 && self.parameters[1].spec.trainable;
        if bias || self.fused.relu {
            let output = self.fused.relu.then(|| self.output().data());
            let sums = norm::mask_and_sum(self.compute.isa, grad.data_mut(), output, channels);
            if bias {
                self.parameters[1].add_grad(&sums);
            }
        }
    }

    pub(in crate::nn) fn output(&self) -> &'a Tensor {
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

    fn needs(&self, _fused: Fused) -> Needs {
        Needs::default()
    }

    fn is_relu(&self) -> bool {
        false
    }

    /// Is a plain sum of its inputs.
    fn is_add(&self) -> bool {
        false
    }

    /// Writes its output over its only input, where nobody else reads that ([`Forward::own`]).
    fn in_place(&self) -> bool {
        false
    }

    fn as_batch_norm(&self) -> Option<&BatchNorm> {
        None
    }

    /// Where a batch norm with fixed statistics behind it can be folded into its weights: itself with a
    /// bias, and how many weights in a row belong to one output.
    fn folds(&self, _weights: usize) -> Option<(Arc<dyn Layer>, usize)> {
        None
    }

    /// What may be computed in the same breath if it follows; `taped` if a backward pass follows.
    fn fuses(&self, _taped: bool) -> Fused {
        Fused::default()
    }

    /// The output, from the inputs, and from the other summand behind them if a sum is fused.
    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor;

    /// Gradients towards the inputs (and the other summand) from that towards the output; those of
    /// parameters are added up.
    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>>;

    /// Whether relevance can pass it by that rule; a gradient passes every layer.
    fn treats(&self, rule: &Rule) -> bool {
        rule.is_gradient()
    }

    /// Which activations [`Layer::relevance`] reads.
    fn relevance_needs(&self, fused: Fused, _rule: &Rule) -> Needs {
        self.needs(fused)
    }

    /// Relevance of the inputs, from that of the output; as [`Layer::backward`] where the rule is the gradient's,
    /// and where a layer only moves values about.
    fn relevance(&self, pass: Relevance, relevance: Tensor) -> Vec<Option<Tensor>> {
        self.backward(pass.backward, relevance)
    }

    /// In which element a card computes it, in a network whose activations are of `network`.
    fn element(&self, network: Element) -> Element {
        network
    }

    /// [`Layer::forward`] as work for a card; the inputs are of the layer's own element.
    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value;

    /// [`Layer::backward`] as work for a card. `grad` may be overwritten, and the gradients returned are no
    /// one else's.
    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>>;
}

fn several<'a>(inputs: &[&'a [usize]]) -> Result<&'a [usize]> {
    match inputs {
        [first, _, ..] => Ok(first),
        _ => Err(Error::usage(format!("takes two or more inputs, not {}", inputs.len()))),
    }
}

fn one<'a>(inputs: &[&'a [usize]]) -> Result<&'a [usize]> {
    match inputs {
        [one] => Ok(one),
        _ => Err(Error::usage(format!("takes one input, not {}", inputs.len()))),
    }
}
