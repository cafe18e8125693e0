//! The sum of two or more values of one shape, and ReLU if one follows.

use super::*;
use crate::nn::kernel::cpu::{elementwise, relevance as kernel};

/// Element by element; what meets at the end of a residual block.
///
/// Where a layer before it can take a sum of two along ([`Fused::add`]), the plan lets it.
#[derive(Clone, Debug)]
pub struct Add;

impl Layer for Add {
    fn kind(&self) -> &'static str {
        "add"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let first = several(inputs)?;
        match inputs.iter().find(|i| **i != first) {
            Some(other) => Err(Error::usage(format!("{first:?} and {other:?} are not of one shape"))),
            None => Ok(first.to_vec()),
        }
    }

    fn needs(&self, fused: Fused) -> Needs {
        Needs { input: false, output: fused.relu }
    }

    fn is_add(&self) -> bool {
        true
    }

    fn fuses(&self, _: bool) -> Fused {
        Fused { relu: true, ..Fused::default() }
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = pass.recycle.tensor(pass.output_shape);
        let summands: Vec<&[f32]> = inputs.iter().map(|i| i.data()).collect();
        elementwise::sum(pass.compute.isa, &summands, pass.fused.relu, output.data_mut());
        output
    }

    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        if pass.fused.relu {
            elementwise::mask(pass.compute.isa, grad.data_mut(), pass.output().data());
        }
        // Each input gets a gradient of its own, for the layers before work in place.
        let mut grads = vec![None; pass.wanted.len()];
        let mut wanted = (0..grads.len()).filter(|i| pass.wanted[*i]);
        let first = wanted.next();
        for i in wanted {
            let mut copy = pass.recycle.tensor(grad.shape().to_vec());
            elementwise::sum(pass.compute.isa, &[grad.data()], false, copy.data_mut());
            grads[i] = Some(copy);
        }
        if let Some(first) = first {
            grads[first] = Some(grad);
        }
        grads
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn relevance_needs(&self, fused: Fused, rule: &Rule) -> Needs {
        let gated = fused.relu && matches!(rule.gate, Gate::Gradient | Gate::Guided);
        Needs { input: rule.sum == Share::Contribution, output: gated }
    }

    /// By contribution summand a gets a * R / (s + 1e-9 sign s), s being the sum before the ReLU: giving each
    /// all of R would double it at every residual block.
    fn relevance(&self, mut pass: Relevance, mut relevance: Tensor) -> Vec<Option<Tensor>> {
        product::gate(&pass, &mut relevance);
        pass.backward.fused.relu = false;
        if pass.rule.sum == Share::Gradient {
            return self.backward(pass.backward, relevance);
        }
        let isa = pass.backward.compute.isa;
        let summands: Vec<&Tensor> = (0..pass.backward.inputs.len()).map(|i| pass.backward.input(i)).collect();
        let mut sum = pass.backward.recycle.tensor(relevance.shape().to_vec());
        let values: Vec<&[f32]> = summands.iter().map(|s| s.data()).collect();
        elementwise::sum(isa, &values, false, sum.data_mut());
        kernel::divide(isa, relevance.data_mut(), sum.data(), Z_EPSILON);
        pass.backward.recycle.give(sum);
        let mut shares = self.backward(pass.backward, relevance);
        for (share, summand) in shares.iter_mut().zip(summands) {
            share.iter_mut().for_each(|r| kernel::multiply(isa, r.data_mut(), summand.data()));
        }
        shares
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let output = e.value(site.output_shape.clone(), site.inputs[0].element);
        let (first, rest) = site.inputs.split_first().expect("a sum has inputs");
        let mut sum = first;
        for (i, other) in rest.iter().enumerate() {
            e.add(sum, other, &output, site.fused.relu && i + 1 == rest.len());
            sum = &output;
        }
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        if site.fused.relu {
            e.map("relu_grad", &grad, site.output());
        }
        let mut own = Some(grad.clone());
        let mut of = |wanted: &bool| {
            wanted.then(|| {
                own.take().unwrap_or_else(|| {
                    let copy = e.value(grad.shape.clone(), grad.element);
                    e.copy(grad.place, copy.place, copy.count() * copy.element.bytes());
                    copy
                })
            })
        };
        site.wanted.iter().map(&mut of).collect()
    }
}
