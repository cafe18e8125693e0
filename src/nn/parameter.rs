//! Parameters: their names and shapes on disk (PyTorch's), their order in memory (the kernels').

use std::ops::Range;

/// How a parameter's first values are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    Constant(f32),
    /// Uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16): Keras' default.
    GlorotUniform {
        fan_in: usize,
        fan_out: usize,
    },
}

/// How the order in memory differs from the order on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The same.
    Same,
    /// On disk (out, in, kernel...), in memory (kernel..., in, out).
    Convolution { outputs: usize, inputs: usize, taps: usize },
    /// A linear layer after a flatten: each row on disk (channels, positions), in memory (positions, channels).
    Flattened { channels: usize, positions: usize },
}

impl Order {
    /// Values in the order of the kernels, from values in the order of the file.
    pub fn from_disk(self, disk: &[f32]) -> Vec<f32> {
        match self {
            Order::Same => disk.to_vec(),
            Order::Convolution { outputs, inputs, taps } => transpose3(disk, [outputs, inputs, taps]),
            Order::Flattened { channels, positions } => rows(disk, channels, positions),
        }
    }

    /// Values in the order of the file, from values in the order of the kernels.
    pub fn to_disk(self, memory: &[f32]) -> Vec<f32> {
        match self {
            Order::Same => memory.to_vec(),
            Order::Convolution { outputs, inputs, taps } => transpose3(memory, [taps, inputs, outputs]),
            Order::Flattened { channels, positions } => rows(memory, positions, channels),
        }
    }
}

/// (a, b, c) to (c, b, a).
fn transpose3(from: &[f32], [a, b, c]: [usize; 3]) -> Vec<f32> {
    // So many of the first index at once that a cache line is written whole.
    const LINE: usize = 16;
    let mut to = vec![0.0; from.len()];
    for first in (0..a).step_by(LINE) {
        let line = first..a.min(first + LINE);
        for j in 0..b {
            for k in 0..c {
                let to = &mut to[(k * b + j) * a..][line.clone()];
                to.iter_mut().zip(line.clone()).for_each(|(to, i)| *to = from[(i * b + j) * c + k]);
            }
        }
    }
    to
}

/// Each row from (a, b) to (b, a).
fn rows(from: &[f32], a: usize, b: usize) -> Vec<f32> {
    let mut to = vec![0.0; from.len()];
    for (from, to) in from.chunks_exact(a * b).zip(to.chunks_exact_mut(a * b)) {
        for i in 0..a {
            for j in 0..b {
                to[j * a + i] = from[i * b + j];
            }
        }
    }
    to
}

/// What a layer says of one of its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Within the layer: `weight`, `bias`, `running_mean`.
    pub name: &'static str,
    /// On disk.
    pub shape: Vec<usize>,
    pub order: Order,
    pub init: Init,
    pub trainable: bool,
}

impl ParameterSpec {
    /// One value an output, 0 at first.
    pub fn bias(outputs: usize) -> ParameterSpec {
        let (name, shape) = ("bias", vec![outputs]);
        ParameterSpec { name, shape, order: Order::Same, init: Init::Constant(0.0), trainable: true }
    }

    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A named parameter with its value and, if it is trained, its gradient; both in the kernels' order.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// In the network: `features.0.weight`.
    pub name: String,
    pub spec: ParameterSpec,
    pub value: Vec<f32>,
    grad: Vec<f32>,
    /// The gradient counts as zero, whatever `grad` holds: zeroing costs no pass over memory.
    clear: bool,
}

impl Parameter {
    pub fn new(name: String, spec: ParameterSpec, value: Vec<f32>) -> Parameter {
        let grad = if spec.trainable { vec![0.0; spec.len()] } else { Vec::new() };
        Parameter { name, spec, value, grad, clear: false }
    }

    pub fn zero_grad(&mut self) {
        self.clear = true;
    }

    /// The value, and where to put the gradient; with `true` to be added to, else to be overwritten.
    pub fn value_and_grad(&mut self) -> (&[f32], &mut [f32], bool) {
        let accumulate = !std::mem::replace(&mut self.clear, false);
        (&self.value, &mut self.grad, accumulate)
    }

    /// The value to be updated, and the gradient.
    pub fn update(&mut self) -> (&mut [f32], &[f32]) {
        if std::mem::replace(&mut self.clear, false) {
            self.grad.fill(0.0);
        }
        (&mut self.value, &self.grad)
    }

    /// The gradient in the order of the file.
    pub fn grad_on_disk(&self) -> Vec<f32> {
        if self.clear { vec![0.0; self.grad.len()] } else { self.spec.order.to_disk(&self.grad) }
    }

    /// Adds a few values (biases, scales) to the gradient.
    pub fn add_grad(&mut self, values: &[f64]) {
        let (_, grad, accumulate) = self.value_and_grad();
        for (g, v) in grad.iter_mut().zip(values) {
            *g = if accumulate { *g + *v as f32 } else { *v as f32 };
        }
    }
}

/// The parameters of one node among those of the network.
pub type Own = Range<usize>;
