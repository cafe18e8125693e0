//! Buffers that one step frees and the next one takes, so that steps ask the system for nothing.

use super::kernel::pages;
use super::tensor::Tensor;
use std::collections::HashMap;

/// Free buffers by length.
#[derive(Debug, Default)]
pub struct Recycle {
    free: HashMap<usize, Vec<Vec<f32>>>,
}

impl Recycle {
    /// A tensor of unspecified content: whoever asks writes all of it.
    pub fn tensor(&mut self, shape: Vec<usize>) -> Tensor {
        let values = self.values(shape.iter().product());
        Tensor::from_vec(&shape, values).expect("as many values as the shape's product were asked for")
    }

    /// `len` floats of unspecified content.
    pub fn values(&mut self, len: usize) -> Vec<f32> {
        self.free.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| pages::zeros(len))
    }

    pub fn give(&mut self, tensor: Tensor) {
        if let Some(values) = tensor.into_values() {
            self.free.entry(values.len()).or_default().push(values);
        }
    }

    /// Hands everything back to the system.
    pub fn clear(&mut self) {
        self.free.clear();
    }
}
