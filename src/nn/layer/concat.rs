//! Values side by side along their channels: (N, ..., a) and (N, ..., b) to (N, ..., a + b).

use super::*;
use crate::nn::kernel::cpu::concat;

/// PyTorch's `cat` along the channels, in the order of the inputs: any number of images, volumes or
/// rows of features whose other sizes agree.
#[derive(Clone, Debug)]
pub struct Concat;

impl Layer for Concat {
    fn kind(&self) -> &'static str {
        "concat"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let first = several(inputs)?;
        let positions = |shape: &[usize]| shape[..shape.len() - 1].to_vec();
        if let Some(other) = inputs.iter().find(|i| positions(i) != positions(first)) {
            return Err(Error::usage(format!("{first:?} and {other:?} differ in more than their channels")));
        }
        Ok([positions(first), vec![inputs.iter().map(|i| i[i.len() - 1]).sum()]].concat())
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = pass.recycle.tensor(pass.output_shape);
        let parts: Vec<(&[f32], usize)> = inputs.iter().map(|i| (i.data(), channels(i.shape()))).collect();
        concat::join(&parts, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>> {
        let whole = channels(grad.shape());
        let mut first = 0;
        let mut grads = Vec::new();
        for (shape, wanted) in pass.input_shapes.iter().zip(&pass.wanted) {
            grads.push(wanted.then(|| {
                let mut part = pass.recycle.tensor(shape.clone());
                concat::take(grad.data(), whole, first, channels(shape), part.data_mut());
                part
            }));
            first += channels(shape);
        }
        pass.recycle.give(grad);
        grads
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let output = e.value(site.output_shape.clone(), site.inputs[0].element);
        let mut first = 0;
        for input in &site.inputs {
            e.copy_channels(input, 0, &output, first, input.channels());
            first += input.channels();
        }
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let mut first = 0;
        let mut part = |(input, wanted): (&Value, &bool)| {
            let from = first;
            first += input.channels();
            wanted.then(|| {
                let part = e.value(input.shape.clone(), grad.element);
                e.copy_channels(&grad, from, &part, 0, input.channels());
                part
            })
        };
        site.inputs.iter().zip(&site.wanted).map(&mut part).collect()
    }
}

fn channels(shape: &[usize]) -> usize {
    shape[shape.len() - 1]
}
