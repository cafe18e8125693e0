//! A convolution as cuDNN's operation graph: three tensors, the window, and one of the three products.

use super::super::driver::Handle;
use super::descriptor::Descriptor;
use super::ffi::{Functions, attribute, code, kind, value};
use crate::error::{Error, Result};
use crate::nn::kernel::cpu::ConvShape;
use std::fmt;

/// Which of a convolution's three products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The output, from input and filter.
    Forward,
    /// The input's gradient, from filter and output gradient.
    Data,
    /// The filter's gradient, from input and output gradient.
    Filter,
}

/// What a tensor's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    F32,
    Bf16,
}

/// A convolution on channels-last images or volumes, without gaps between elements. The filter is
/// (out, kd, kh, kw, in), in the activations' element type; sums are f32.
///
/// A linear layer is a convolution of a 1x1 kernel on images of one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    pub direction: Direction,
    pub shape: ConvShape,
    pub element: Element,
    /// f32 products may be rounded to TF32.
    pub tf32: bool,
    /// Only algorithms whose result is bit-equal every time, chosen by rule and not by timing.
    pub deterministic: bool,
}

/// Names of the three tensors in a plan; those of cuDNN's own documents.
pub(super) const X: i64 = 'x' as i64;
pub(super) const W: i64 = 'w' as i64;
pub(super) const Y: i64 = 'y' as i64;

/// What every tensor's address is a multiple of; algorithms that load 16 bytes at once ask for it.
pub(super) const ALIGNMENT_BYTES: i64 = 16;

/// A finalized operation graph, and what it refers to; fields are destroyed from the top.
pub(super) struct Graph {
    pub graph: Descriptor,
    _operation: Descriptor,
    _window: Descriptor,
    _tensors: [Descriptor; 3],
}

impl Convolution {
    /// The same as an image has depth 1, a kernel depth 1 and no padding that way; else a volume.
    fn spatial(&self) -> std::ops::Range<usize> {
        let s = &self.shape;
        let flat = s.input[0] == 1 && s.kernel[0] == 1 && s.padding[0] == 0;
        if flat { 1..3 } else { 0..3 }
    }

    pub(super) fn graph(&self, functions: &'static Functions, handle: Handle) -> Result<Graph> {
        let s = &self.shape;
        let tensors = [
            self.tensor(functions, X, s.batch, s.input, s.in_channels)?,
            self.tensor(functions, W, s.out_channels, s.kernel, s.in_channels)?,
            self.tensor(functions, Y, s.batch, s.output(), s.out_channels)?,
        ];
        let window = self.window(functions)?;
        // The codes of an operation's attributes: alpha, beta, window, and the tensors x, w and y.
        let (operation, [alpha, beta, conv, x, w, y]) = match self.direction {
            Direction::Forward => (kind::FORWARD, [700, 701, 702, 704, 703, 705]),
            Direction::Data => (kind::BACKWARD_DATA, [706, 707, 708, 710, 709, 711]),
            Direction::Filter => (kind::BACKWARD_FILTER, [712, 713, 714, 716, 715, 717]),
        };
        let operation = Descriptor::new(functions, operation)?
            .float(alpha, 1.0)?
            .float(beta, 0.0)?
            .descriptor(conv, &window)?
            .descriptor(x, &tensors[0])?
            .descriptor(w, &tensors[1])?
            .descriptor(y, &tensors[2])?
            .finalize(&self.to_string())?;
        let graph = Descriptor::new(functions, kind::OPERATION_GRAPH)?
            .handle(attribute::GRAPH_HANDLE, handle)?
            .descriptor(attribute::GRAPH_OPERATIONS, &operation)?
            .finalize(&format!("the graph of {self}"))?;
        Ok(Graph { graph, _operation: operation, _window: window, _tensors: tensors })
    }

    /// A tensor that lies (first, spatial …, channels) in memory; cuDNN names its sizes (first, channels, spatial …).
    fn tensor(
        &self,
        functions: &'static Functions,
        id: i64,
        first: usize,
        size: [usize; 3],
        channels: usize,
    ) -> Result<Descriptor> {
        let size = &size[self.spatial()];
        let dimensions: Vec<usize> = [first, channels].iter().chain(size).copied().collect();
        let mut strides = vec![1; dimensions.len()];
        let mut stride = channels;
        for d in (2..dimensions.len()).rev().chain([0]) {
            strides[d] = stride;
            stride = stride.saturating_mul(dimensions[d]);
        }
        let element = if self.element == Element::F32 { code::F32 } else { code::BF16 };
        Descriptor::new(functions, kind::TENSOR)?
            .integers(attribute::TENSOR_ID, &[id])?
            .code(attribute::TENSOR_DATA_TYPE, value::DATA_TYPE, element)?
            .integers(attribute::TENSOR_ALIGNMENT_BYTES, &[ALIGNMENT_BYTES])?
            .integers(attribute::TENSOR_DIMENSIONS, &integers(&dimensions)?)?
            .integers(attribute::TENSOR_STRIDES, &integers(&strides)?)?
            .finalize(&format!("a tensor of {self}"))
    }

    fn window(&self, functions: &'static Functions) -> Result<Descriptor> {
        let (s, spatial) = (&self.shape, self.spatial());
        let padding = integers(&s.padding[spatial.clone()])?;
        Descriptor::new(functions, kind::CONVOLUTION)?
            .code(attribute::CONVOLUTION_COMPUTE_TYPE, value::DATA_TYPE, code::F32)?
            .code(attribute::CONVOLUTION_MODE, value::CONVOLUTION_MODE, code::CROSS_CORRELATION)?
            .integers(attribute::CONVOLUTION_SPATIAL_DIMS, &integers(&[spatial.len()])?)?
            .integers(attribute::CONVOLUTION_DILATIONS, &[1; 3][spatial.clone()])?
            .integers(attribute::CONVOLUTION_STRIDES, &integers(&s.stride[spatial])?)?
            .integers(attribute::CONVOLUTION_PRE_PADDINGS, &padding)?
            .integers(attribute::CONVOLUTION_POST_PADDINGS, &padding)?
            .finalize(&format!("the window of {self}"))
    }
}

fn integers(sizes: &[usize]) -> Result<Vec<i64>> {
    let all = sizes.iter().map(|&n| i64::try_from(n)).collect::<Result<Vec<_>, _>>();
    all.map_err(|_| Error::new(format!("a tensor of sizes {sizes:?} is too large")))
}

impl fmt::Display for Convolution {
    /// `the data gradient of a 3x3 convolution (stride 2x2, padding 1x1) of 64x56x56x128 to 64x28x28x256 in bf16`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, spatial) = (&self.shape, self.spatial());
        let by = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let image = |size: [usize; 3], channels| by(&[&[s.batch], &size[spatial.clone()], &[channels]].concat());
        f.write_str(match self.direction {
            Direction::Forward => "",
            Direction::Data => "the data gradient of ",
            Direction::Filter => "the filter gradient of ",
        })?;
        write!(f, "a {} convolution (stride {}, ", by(&s.kernel[spatial.clone()]), by(&s.stride[spatial.clone()]))?;
        write!(f, "padding {}) of {} ", by(&s.padding[spatial.clone()]), image(s.input, s.in_channels))?;
        let element = if self.element == Element::F32 { "f32" } else { "bf16" };
        write!(f, "to {} in {element}", image(s.output(), s.out_channels))
    }
}
