//! What layers write their work for a card with: values, places, launches.

use super::geometry;
use super::op::{Arg, Convolution, Direction, Element, Launch, Op, Place, Region, typed};
use crate::nn::Precision;
use crate::nn::kernel::cpu::ConvShape;
use crate::nn::layer::Fused;

/// An activation or its gradient in a card's memory: contiguous, channels last, samples first.
#[derive(Clone, Debug)]
pub struct Value {
    pub place: Place,
    pub shape: Vec<usize>,
    pub element: Element,
}

impl Value {
    /// Elements of all samples.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
    pub fn channels(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }
    /// Positions of all samples.
    pub fn rows(&self) -> usize {
        self.count() / self.channels()
    }
    /// The same values in another shape.
    pub fn reshaped(&self, shape: Vec<usize>) -> Value {
        Value { shape, ..self.clone() }
    }
    pub fn at(&self) -> Arg {
        Arg::At(self.place)
    }
}

/// A parameter's place in the regions.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// In elements from the beginning of the region.
    pub offset: usize,
    pub trainable: bool,
}

impl Held {
    /// Its values in f32.
    pub fn value(self) -> Arg {
        Arg::At(Place::In(Region::Weights, 4 * self.offset))
    }
    /// Its gradient.
    pub fn grad(self) -> Arg {
        Arg::At(Place::In(Region::Grads, 4 * self.offset))
    }
}

/// One step of a plan: what a layer has to do, and with what.
#[derive(Clone, Debug)]
pub struct Site {
    /// Tells layers apart that draw random numbers.
    pub index: u64,
    /// Batch statistics and dropout; false where the layer is frozen, or nothing is trained.
    pub training: bool,
    /// A backward pass follows.
    pub taped: bool,
    pub parameters: Vec<Held>,
    /// The fused batch norm's: its eps, and parameters.
    pub norm: Option<(f64, Vec<Held>)>,
    pub fused: Fused,
    /// The layer's inputs, and the other summand of a fused sum behind them.
    pub inputs: Vec<Value>,
    /// Samples first.
    pub output_shape: Vec<usize>,
    /// What the forward pass made; there in the backward pass.
    pub output: Option<Value>,
    /// Whether the gradient towards each input is wanted.
    pub wanted: Vec<bool>,
    /// What forward leaves for backward.
    pub saved: Vec<Place>,
}

impl Site {
    /// The output's activation; backward only.
    pub fn output(&self) -> &Value {
        self.output.as_ref().expect("forward comes before backward")
    }
    /// Where the ReLU's output is read, if one is fused.
    fn gate(&self) -> Arg {
        if self.fused.relu { self.output().at() } else { Arg::At(Place::Null) }
    }
}

/// Collects the work of a program.
pub struct Emitter {
    precision: Precision,
    deterministic: bool,
    /// Bytes of each slot.
    pub(super) slots: Vec<usize>,
    pub(super) ops: Vec<Op>,
    scalars: Place,
}

/// Bytes of the numbers that change from step to step (`Scalars` in `kernels/kernel.h`).
pub const SCALARS_BYTES: usize = 64;

impl Emitter {
    pub fn new(precision: Precision, deterministic: bool) -> Emitter {
        let mut emitter =
            Emitter { precision, deterministic, slots: Vec::new(), ops: Vec::new(), scalars: Place::Null };
        emitter.scalars = emitter.bytes(SCALARS_BYTES);
        emitter
    }

    /// How activations are stored.
    pub fn element(&self) -> Element {
        if self.precision == Precision::Bf16 { Element::Bf16 } else { Element::F32 }
    }

    /// The step's numbers: seed, share, learning rate and the like.
    pub fn scalars(&self) -> Arg {
        Arg::At(self.scalars)
    }

    pub fn bytes(&mut self, bytes: usize) -> Place {
        self.slots.push(bytes);
        Place::Slot(self.slots.len() - 1)
    }

    pub fn value(&mut self, shape: Vec<usize>, element: Element) -> Value {
        let place = self.bytes(shape.iter().product::<usize>() * element.bytes());
        Value { place, shape, element }
    }

    pub fn floats(&mut self, count: usize) -> Place {
        self.bytes(4 * count)
    }

    /// `kernel` without a type in its name.
    pub fn launch(&mut self, kernel: &str, (grid, block): ([u32; 2], [u32; 2]), args: Vec<Arg>) {
        self.ops.push(Op::Launch(Launch { kernel: kernel.to_owned(), grid, block, args }));
    }

    /// `kernel` for that element.
    pub fn launch_typed(&mut self, kernel: &str, element: Element, geometry: ([u32; 2], [u32; 2]), args: Vec<Arg>) {
        self.launch(&typed(kernel, element), geometry, args);
    }

    pub fn copy(&mut self, from: Place, to: Place, bytes: usize) {
        self.ops.push(Op::Copy { from, to, bytes });
    }

    /// The value as that element: itself, or a converted copy.
    pub fn converted(&mut self, value: &Value, element: Element) -> Value {
        if value.element == element {
            return value.clone();
        }
        let to = self.value(value.shape.clone(), element);
        let (kernel, narrow) = match element {
            Element::F32 => ("cast_out", value.element),
            _ => ("cast_in", element),
        };
        let args = vec![value.at(), to.at(), Arg::I64(value.count() as i64)];
        self.launch_typed(kernel, narrow, geometry::flat(value.count()), args);
        to
    }

    /// A product with the filter `weight`; x, y as in [`Direction`].
    pub fn convolve(&mut self, direction: Direction, shape: ConvShape, x: &Value, weight: Held, y: &Value) {
        let w = match x.element {
            Element::F32 => Place::In(Region::Weights, 4 * weight.offset),
            Element::Bf16 => Place::In(Region::Narrow, 2 * weight.offset),
        };
        let convolution = self.convolution(direction, shape, x.element);
        self.ops.push(Op::Convolve { convolution, x: x.place, w, y: y.place });
    }

    /// Adds to the filter's gradient.
    pub fn convolve_filter(&mut self, shape: ConvShape, x: &Value, weight: Held, y: &Value) {
        let count = shape.weight_len();
        let w = self.bytes(count * x.element.bytes());
        let convolution = self.convolution(Direction::Filter, shape, x.element);
        self.ops.push(Op::Convolve { convolution, x: x.place, w, y: y.place });
        let args = vec![w.into(), weight.grad(), self.scalars(), Arg::I64(count as i64)];
        self.launch_typed("accumulate", x.element, geometry::flat(count), args);
    }

    fn convolution(&self, direction: Direction, shape: ConvShape, element: Element) -> Convolution {
        let tf32 = matches!(self.precision, Precision::Tf32 | Precision::Bf16) && element == Element::F32;
        Convolution { direction, shape, element, tf32, deterministic: self.deterministic }
    }

    /// What is fused behind a product, in place: its bias (parameter 1), a batch norm with fixed statistics, a
    /// sum and a ReLU.
    pub fn finish_product(&mut self, site: &Site, output: &Value) {
        let (rows, c) = (output.rows(), output.channels());
        let bias = site.parameters.get(1).copied();
        let relu = i32::from(site.fused.relu);
        let behind = site.fused.batch_norm || site.fused.add;
        if bias.is_some() || (site.fused.relu && !behind) {
            let bias = bias.map_or(Arg::At(Place::Null), Held::value);
            let relu = if behind { 0 } else { relu };
            let args = vec![output.at(), bias, Arg::I64(rows as i64), Arg::I32(c as i32), Arg::I32(relu)];
            self.launch_typed("bias_act", output.element, geometry::columns(rows, c), args);
        }
        if let Some((eps, norm)) = &site.norm {
            let moments = self.running(norm, *eps, c);
            let addend = site.fused.add.then(|| site.inputs[1].clone());
            self.apply_norm(output, moments, addend.as_ref(), site.fused.relu, output);
        } else if site.fused.add {
            let other = site.inputs[1].clone();
            self.add(output, &other, output, site.fused.relu);
        }
    }

    /// Takes `grad` back through a fused ReLU, in place, and adds up the gradient of a trained bias (parameter 1).
    pub fn mask_and_bias(&mut self, site: &Site, grad: &Value) {
        let bias = site.parameters.get(1).filter(|b| b.trainable).copied();
        if bias.is_none() && !site.fused.relu {
            return;
        }
        let (rows, c) = (grad.rows(), grad.channels());
        let blocks = geometry::row_blocks(rows);
        let partial = if bias.is_some() { self.floats(blocks * c) } else { Place::Null };
        let args = vec![grad.at(), site.gate(), partial.into(), Arg::I64(rows as i64), Arg::I32(c as i32)];
        self.launch_typed("mask_sum", grad.element, geometry::columns(rows, c), args);
        if let Some(bias) = bias {
            let args = vec![partial.into(), bias.grad(), self.scalars(), Arg::I32(blocks as i32), Arg::I32(c as i32)];
            self.launch("sum_partials", geometry::channels(c), args);
        }
    }

    /// The way back through a convolution, of this step's window: gradients of bias and filter, and towards the input.
    /// A transposed one takes the two in each other's place.
    pub fn product_backward(
        &mut self,
        site: &Site,
        shape: ConvShape,
        grad: &Value,
        transposed: bool,
    ) -> Vec<Option<Value>> {
        let (input, filter) = (site.inputs[0].clone(), site.parameters[0]);
        self.mask_and_bias(site, grad);
        if filter.trainable {
            let (x, y) = if transposed { (grad, &input) } else { (&input, grad) };
            self.convolve_filter(shape, x, filter, y);
        }
        let grad_input = site.wanted[0].then(|| {
            let grad_input = self.value(input.shape.clone(), input.element);
            match transposed {
                false => self.convolve(Direction::Data, shape, &grad_input, filter, grad),
                true => self.convolve(Direction::Forward, shape, grad, filter, &grad_input),
            }
            grad_input
        });
        vec![grad_input]
    }

    /// `y = a + b`, then ReLU if asked for; `y` may be `a`.
    pub fn add(&mut self, a: &Value, b: &Value, y: &Value, relu: bool) {
        let args = vec![a.at(), b.at(), y.at(), Arg::I64(y.count() as i64), Arg::I32(i32::from(relu))];
        self.launch_typed("add", y.element, geometry::flat(y.count()), args);
    }

    /// A kernel that reads `x` and writes as many values to `y`.
    pub fn map(&mut self, kernel: &str, x: &Value, y: &Value) {
        let args = vec![x.at(), y.at(), Arg::I64(y.count() as i64)];
        self.launch_typed(kernel, y.element, geometry::flat(y.count()), args);
    }

    /// The sizes of a window operation, as every kernel of that kind ends its arguments.
    pub fn window(shape: &ConvShape) -> Vec<Arg> {
        let (output, c) = (shape.output(), shape.in_channels);
        let triples = [output, shape.kernel, shape.stride, shape.padding];
        let sizes = [&[shape.batch][..], &shape.input, &[c]].concat();
        sizes.into_iter().chain(triples.into_iter().flatten()).map(|v| Arg::I32(v as i32)).collect()
    }

    /// `scale` times the sum of each window of `x`.
    pub fn gather(&mut self, shape: &ConvShape, x: &Value, scale: f32, output: Vec<usize>) -> Value {
        let y = self.value(output, x.element);
        let args = [vec![x.at(), y.at(), Arg::F32(scale)], Emitter::window(shape)].concat();
        self.launch_typed("window_gather", x.element, geometry::gather(shape), args);
        y
    }

    /// At each position, `scale` times the sum of `y` over the windows that cover it.
    pub fn spread(&mut self, shape: &ConvShape, y: &Value, scale: f32, input: Vec<usize>) -> Value {
        let x = self.value(input, y.element);
        let args = [vec![y.at(), x.at(), Arg::F32(scale)], Emitter::window(shape)].concat();
        self.launch_typed("window_spread", y.element, geometry::flat(x.count()), args);
        x
    }

    /// `count` channels of every position, from channel `from_first` to channel `to_first`.
    pub fn copy_channels(&mut self, from: &Value, from_first: usize, to: &Value, to_first: usize, count: usize) {
        let sizes = [from.channels(), from_first, to.channels(), to_first, count].map(|v| Arg::I32(v as i32));
        let args = [&[from.at(), to.at(), Arg::I64(from.rows() as i64)][..], &sizes].concat();
        self.launch_typed("copy_channels", from.element, geometry::flat(from.rows() * count), args);
    }
}
