//! A network made ready for analysis, and any analyzer run on it: in batches that fit, in f32-strict.
//!
//! What is explained, f(x), is one value. Of a network that gives masks it is the mean over pixels and masks of what it
//! says before its last sigmoid: where that lies far on one side, the sigmoid itself has no gradient left.

use super::analyzer::{Method, Start, Walked};
use super::inputs::Given;
use super::noise::uniform;
use super::rules::Site;
use super::{grad_cam, occlusion};
use crate::error::{Error, Result};
use crate::nn::network::{AuditRow, Walk};
use crate::nn::relevance::Gate;
use crate::nn::{Network, Pass, Precision, Tensor};
use rayon::prelude::*;

/// Activations held at once, and their relevance: half a GiB together.
const ACTIVATIONS_AT_ONCE: usize = 1 << 26;

/// Where only outputs are wanted nothing is kept behind its last reader, so that twice as many inputs fit.
const FORWARD_ONLY: usize = 2;

/// A map for each input, and what the network said.
#[derive(Clone, Debug)]
pub struct Attribution {
    /// Of the input's shape.
    pub map: Tensor,
    /// f(x): (N, 1).
    pub output: Tensor,
    /// Inputs of which no output is positive, where the analyzer explains positive outputs only: their maps are zero.
    pub silent: Vec<usize>,
}

/// As [`Attribution`], where f(x) may not have been asked for.
pub(super) struct Found {
    pub map: Tensor,
    pub output: Option<Tensor>,
    pub silent: Vec<usize>,
}

/// A network of one output or of masks, its batch norms folded where they can be; masks without their last sigmoid.
pub struct Explainer {
    network: Network,
    at_once: usize,
    outputs_at_once: usize,
}

impl Explainer {
    /// Fails where the network gives several values that are no masks.
    pub fn new(network: &Network) -> Result<Explainer> {
        let output = network.graph().output_shape();
        if output.len() == 1 && *output != [1] {
            return Err(Error::usage(format!(
                "an analyzer explains one value, and this network gives {output:?} an input"
            ))
            .cure("take a network with a single output, or one of masks"));
        }
        let masks = output.len() > 1;
        let mut network = if masks { network.without_last_sigmoid().folded() } else { network.folded() };
        network.set_precision(Precision::F32Strict);
        // A ReLU is computed with the layer before it.
        let nodes = network.graph().nodes().iter();
        let alone = nodes.filter(|n| n.layer.as_ref().is_none_or(|l| !l.is_relu()));
        let activations: usize = alone.map(|n| n.shape.iter().product::<usize>()).sum();
        let fit = |activations_at_once: usize| (activations_at_once / activations).max(1);
        let outputs_at_once = fit(FORWARD_ONLY * ACTIVATIONS_AT_ONCE);
        Ok(Explainer { at_once: fit(ACTIVATIONS_AT_ONCE), outputs_at_once, network })
    }

    /// What is explained: batch norms folded, no sigmoid behind masks.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Sends so many inputs through the network at once, and no more than fit.
    pub fn set_at_once(&mut self, inputs: usize) {
        self.at_once = inputs.clamp(1, self.at_once);
        self.outputs_at_once = inputs.clamp(1, self.outputs_at_once);
    }

    /// The maps of inputs (N, …), and f(x).
    ///
    /// Fails where a layer cannot be treated by its rule, and on inputs of another shape or that are no numbers.
    pub fn explain(&mut self, method: &Method, input: &Tensor, given: &Given) -> Result<Attribution> {
        let Found { map, output, silent } = self.find(method, input, given)?;
        let output = output.map_or_else(|| self.outputs(input), Ok)?;
        Ok(Attribution { map, output, silent })
    }

    /// The maps alone: of noise and of means over other inputs, f(x) is one pass more.
    ///
    /// Fails as [`Explainer::explain`] does.
    pub fn maps(&mut self, method: &Method, input: &Tensor, given: &Given) -> Result<Tensor> {
        Ok(self.find(method, input, given)?.map)
    }

    fn find(&mut self, method: &Method, input: &Tensor, given: &Given) -> Result<Found> {
        match method {
            Method::Walk(walked) => self.walk(walked, input, given),
            Method::Random { seed } => {
                let values = (0..input.data().len() as u64).map(|i| (2.0 * uniform(*seed, i) - 1.0) as f32).collect();
                Ok(Found { map: Tensor::from_vec(input.shape(), values)?, output: None, silent: Vec::new() })
            }
            Method::GradCam { layer, relu } => grad_cam::explain(self, layer.as_deref(), *relu, input),
            Method::Occlusion { size, stride, value } => occlusion::explain(self, *size, *stride, *value, input),
        }
    }

    /// f(x) of inputs (N, …): (N, 1).
    pub fn outputs(&mut self, input: &Tensor) -> Result<Tensor> {
        let mut output = Vec::with_capacity(input.batch());
        for some in batches(input, self.outputs_at_once())? {
            output.extend(means(&self.network.forward(&some, Pass::Eval)?));
        }
        Tensor::from_vec(&[output.len(), 1], output)
    }

    /// Inputs that go through the network at once where only their outputs are wanted.
    pub fn outputs_at_once(&self) -> usize {
        self.outputs_at_once
    }

    /// The inputs in batches that fit.
    pub fn batches(&self, input: &Tensor) -> Result<Vec<Tensor>> {
        batches(input, self.at_once)
    }

    fn walk(&mut self, walked: &Walked, input: &Tensor, given: &Given) -> Result<Found> {
        let walk = self.walk_by(walked)?;
        let sample = input.data().len() / input.batch().max(1);
        let variants = walked.inputs.variants(input, given)?;
        let count = variants.count(sample);
        let x = |i: usize| &input.data()[i * sample..(i + 1) * sample];
        let mut sums = vec![0f64; if count > 1 { input.data().len() } else { 0 }];
        let (mut map, mut said, mut silent) = (Vec::new(), Vec::new(), Vec::new());
        let total = input.batch() * count;
        let at_once = evenly(total, self.at_once);
        let mut some = Tensor::zeros(&[0]);
        for first in (0..total).step_by(at_once) {
            let jobs = first..total.min(first + at_once);
            if some.batch() != jobs.len() {
                some = Tensor::zeros(&[&[jobs.len()], &input.shape()[1..]].concat());
            }
            let each = some.data_mut().par_chunks_exact_mut(sample).zip(jobs.clone());
            each.for_each(|(to, job)| variants.write(job / count, job % count, x(job / count), to));
            let output = self.network.forward_for(&walk, &some)?;
            said.extend(means(&output));
            if walked.start == Start::PositiveOutput {
                let of_each = output.data().chunks_exact(output.data().len() / jobs.len());
                silent.extend(jobs.clone().zip(of_each).filter(|(_, z)| z.iter().all(|z| *z <= 0.0)).map(|(i, _)| i));
            }
            let (_, relevance) = self.network.walk(&walk, walked.start.of(&output)?, None);
            if count == 1 {
                map.extend_from_slice(relevance.data());
                continue;
            }
            for (job, relevance) in jobs.zip(relevance.data().chunks_exact(sample)) {
                let weight = variants.weight(job % count, sample);
                let sums = &mut sums[job / count * sample..][..sample];
                let sums = sums.par_iter_mut().zip(relevance).with_min_len(1 << 14);
                sums.for_each(|(s, r)| *s += weight * f64::from(*r));
            }
        }
        if count > 1 {
            map = sums.iter().map(|s| *s as f32).collect();
        }
        if walked.times_input {
            for (i, map) in map.chunks_exact_mut(sample).enumerate() {
                let baseline = variants.baseline(i, sample);
                for (j, (m, x)) in map.iter_mut().zip(x(i)).enumerate() {
                    *m *= x - baseline.get(j).unwrap_or(&0.0);
                }
            }
        }
        let output = if count == 1 { Some(Tensor::from_vec(&[said.len(), 1], said)?) } else { None };
        Ok(Found { map: Tensor::from_vec(input.shape(), map)?, output, silent })
    }

    fn walk_by(&self, walked: &Walked) -> Result<Walk> {
        let graph = self.network.graph();
        Walk::new(&self.network, |id| (walked.rules)(Site::of(graph, id)), graph.input())
    }

    /// What each layer does to the relevance of each input, the last layer first.
    ///
    /// Fails where the analyzer shares out no relevance: gradients are not conserved.
    pub fn audit(&mut self, method: &Method, input: &Tensor) -> Result<Vec<Vec<AuditRow>>> {
        let gate = |w: &Walked| (w.rules)(Site { behind_weights: true, ..Site::default() }).gate;
        let Method::Walk(walked @ Walked { .. }) = method else { return Err(not_auditable()) };
        if gate(walked) != Gate::Pass {
            return Err(not_auditable());
        }
        let walk = self.walk_by(walked)?;
        let sample = input.data().len() / input.batch().max(1);
        let one = |x: &[f32]| {
            let output = self.network.forward_for(&walk, &batch(input, x.to_vec(), sample)?)?;
            let mut rows = Vec::new();
            self.network.walk(&walk, walked.start.of(&output)?, Some(&mut rows));
            Ok(rows)
        };
        input.data().chunks_exact(sample).map(one).collect()
    }
}

fn not_auditable() -> Error {
    Error::usage("this analyzer shares out no relevance, so there is nothing to balance")
        .cure("audit deep-taylor or one of lrp-*")
}

/// At most so many at once, and as alike in number as can be: for another number a network asks the system for memory
/// anew.
fn evenly(count: usize, at_once: usize) -> usize {
    count.div_ceil(count.div_ceil(at_once).max(1)).max(1)
}

/// The inputs, at most so many at once.
fn batches(input: &Tensor, at_once: usize) -> Result<Vec<Tensor>> {
    let sample = input.data().len() / input.batch().max(1);
    let each = evenly(input.batch(), at_once);
    input.data().chunks(each * sample.max(1)).map(|some| batch(input, some.to_vec(), sample)).collect()
}

/// Samples of the input's shape.
fn batch(input: &Tensor, values: Vec<f32>, sample: usize) -> Result<Tensor> {
    let mut shape = input.shape().to_vec();
    shape[0] = values.len() / sample.max(1);
    Tensor::from_vec(&shape, values)
}

/// f(x) of each input: the mean of what the network gives, which may be one value.
pub(super) fn means(output: &Tensor) -> Vec<f32> {
    let each = output.data().chunks_exact(output.data().len() / output.batch());
    each.map(|z| (z.iter().map(|z| f64::from(*z)).sum::<f64>() / z.len() as f64) as f32).collect()
}

impl Start {
    /// The relevance of all outputs of each input: their shares in the mean.
    pub(super) fn of(self, output: &Tensor) -> Result<Tensor> {
        let count = (output.data().len() / output.batch()) as f32;
        let of = |z: &f32| match self {
            Start::One => 1.0 / count,
            Start::Output => *z / count,
            Start::PositiveOutput => z.max(0.0) / count,
        };
        Tensor::from_vec(output.shape(), output.data().iter().map(of).collect())
    }
}
