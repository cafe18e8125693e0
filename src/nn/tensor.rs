//! Contiguous f32 arrays, channels last, shared until written to.

use super::kernel::buffer::Buffer;
use crate::error::{Error, Result};
use std::sync::Arc;

/// A contiguous f32 array: (N, H, W, C), or (N, features).
///
/// Cloning and reshaping share the values; writing to shared values copies them first.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Arc<Buffer>,
}

impl Tensor {
    pub fn zeros(shape: &[usize]) -> Tensor {
        Tensor { shape: shape.to_vec(), values: Arc::new(Buffer::with_len(shape.iter().product())) }
    }

    /// Fails where the shape does not hold as many values as there are.
    pub fn from_vec(shape: &[usize], values: Vec<f32>) -> Result<Tensor> {
        let len = shape.iter().try_fold(1usize, |a, b| a.checked_mul(*b));
        if len != Some(values.len()) {
            return Err(Error::new(format!("a tensor of shape {shape:?} cannot hold {} values", values.len())));
        }
        Ok(Tensor { shape: shape.to_vec(), values: Arc::new(Buffer::from(&values[..])) })
    }

    /// As many values as the shape says.
    pub(super) fn from_buffer(shape: Vec<usize>, values: Buffer) -> Tensor {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "a buffer as long as its shape");
        Tensor { shape, values: Arc::new(values) }
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
    pub fn data(&self) -> &[f32] {
        &self.values
    }
    pub fn data_mut(&mut self) -> &mut [f32] {
        let values: &mut Buffer = Arc::make_mut(&mut self.values);
        values
    }

    /// The first dimension: samples.
    pub fn batch(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// The same values in another shape of the same length.
    pub(super) fn reshaped(mut self, shape: Vec<usize>) -> Tensor {
        assert_eq!(shape.iter().product::<usize>(), self.values.len(), "reshaping keeps every value");
        self.shape = shape;
        self
    }

    /// The values, where nobody else shares them.
    pub(super) fn into_values(self) -> Option<Buffer> {
        Arc::into_inner(self.values)
    }
}
