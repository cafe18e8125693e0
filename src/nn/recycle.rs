//! Buffers that one step frees and the next one takes, so that steps ask the system for nothing.

use super::kernel::buffer::Buffer;
use super::tensor::Tensor;
use std::collections::HashMap;

/// Free buffers by length.
#[derive(Debug, Default)]
pub struct Recycle {
    free: HashMap<usize, Vec<Buffer>>,
}

impl Recycle {
    /// A tensor of unspecified content: whoever asks writes all of it.
    pub fn tensor(&mut self, shape: Vec<usize>) -> Tensor {
        let len = shape.iter().product();
        let values = self.free.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| Buffer::with_len(len));
        Tensor::from_buffer(shape, values)
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
