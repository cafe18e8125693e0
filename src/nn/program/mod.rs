//! A network's work for a card: a graph and a batch written out as a list of launches, convolutions and copies
//! on memory that is laid out beforehand. Plain data: nothing here needs a card.
//!
//! Layers write their parts themselves ([`crate::nn::layer::Layer::emit_forward`]); `kernel/cuda` runs the list.

mod arena;
mod emitter;
pub mod geometry;
mod loss;
mod norm;
mod op;
pub mod weights;

pub use arena::Arena;
pub use emitter::{Emitter, Held, SCALARS_BYTES, Site, Value};
pub use norm::Moments;
pub use op::{Arg, Convolution, Direction, Element, Launch, Op, Place, Region, pack};
pub use weights::Layout;

use super::graph::Graph;
use super::plan::{Plan, Purpose, Step};
use super::{Loss, Precision};

/// What a program is to do with each batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// Output, loss and the gradients of what is trained.
    Train(Loss),
    /// Output, and then from the output's gradient those of what is trained and of the input.
    Analyse { training: bool },
    /// Output.
    Infer,
}

/// How numbers are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arithmetic {
    pub precision: Precision,
    /// Bit-equal results every time.
    pub deterministic: bool,
}

/// The work for one batch size; the fields named after tensors say where they lie.
#[derive(Clone, Debug)]
pub struct Program {
    pub batch: usize,
    /// From the batch as it was uploaded to the program's own memory: not part of what is replayed.
    pub forward: Vec<Op>,
    /// From the output's gradient back; with a loss it follows `forward` at once.
    pub backward: Vec<Op>,
    pub arena: Arena,
    /// Where the caller puts the batch (f32), the truth or the output's gradient (f32), and the step's numbers.
    pub input: Place,
    pub truth: Option<Place>,
    pub scalars: Place,
    /// f32.
    pub output: Value,
    /// f64, one value.
    pub loss: Option<Place>,
    /// f32.
    pub input_grad: Option<Value>,
}

impl Program {
    /// `layout` says where the graph's parameters lie.
    pub fn new(graph: &Graph, layout: &Layout, batch: usize, aim: Aim, arithmetic: Arithmetic) -> Program {
        let purpose = match aim {
            Aim::Train(_) => Purpose::Training,
            Aim::Analyse { .. } => Purpose::Analysis,
            Aim::Infer => Purpose::Inference,
        };
        let training = matches!(aim, Aim::Train(_) | Aim::Analyse { training: true });
        let mut work = Work {
            graph,
            layout,
            batch,
            training,
            taped: purpose != Purpose::Inference,
            plan: Plan::new(graph, purpose),
            values: vec![None; graph.nodes().len()],
            e: Emitter::new(arithmetic.precision, arithmetic.deterministic),
        };
        let shape = work.batched(graph.input_shape());
        let uploaded = work.e.value(shape, Element::F32);
        let element = work.e.element();
        work.values[0] = Some(work.e.converted(&uploaded, element));
        let mut sites = work.forward();
        let output = work.values[graph.output().index()].clone().expect("every node has a value");
        let output = work.e.converted(&output, Element::F32);
        let (mut truth, mut loss, mut input_grad) = (None, None, None);
        let mut middle = work.e.ops.len();
        if let Aim::Train(kind) = aim {
            let emitted = work.e.loss(kind, &output);
            (truth, loss) = (Some(emitted.truth), Some(emitted.value));
            work.backward(&mut sites, emitted.grad);
            middle = work.e.ops.len();
        } else if let Aim::Analyse { .. } = aim {
            let grad = work.e.value(output.shape.clone(), Element::F32);
            truth = Some(grad.place);
            input_grad = work.backward(&mut sites, grad);
        }
        let Emitter { slots, mut ops, .. } = work.e;
        let scalars = Place::Slot(0);
        let kept = [
            Some(uploaded.place),
            truth,
            Some(scalars),
            Some(output.place),
            loss,
            input_grad.as_ref().map(|g| g.place),
        ];
        let kept: Vec<usize> =
            kept.into_iter().flatten().filter_map(|p| if let Place::Slot(s) = p { Some(s) } else { None }).collect();
        let arena = arena::lay_out(&slots, &ops, &kept);
        let backward = ops.split_off(middle);
        Program {
            batch,
            forward: ops,
            backward,
            arena,
            input: uploaded.place,
            truth,
            scalars,
            output,
            loss,
            input_grad,
        }
    }
}

/// A program while it is written.
struct Work<'a> {
    graph: &'a Graph,
    layout: &'a Layout,
    batch: usize,
    training: bool,
    taped: bool,
    plan: Plan,
    /// Each node's output, if a step made it.
    values: Vec<Option<Value>>,
    e: Emitter,
}

impl Work<'_> {
    fn batched(&self, sample: &[usize]) -> Vec<usize> {
        [&[self.batch], sample].concat()
    }

    /// Every step of the plan, in order; returns what their backward passes need.
    fn forward(&mut self) -> Vec<Site> {
        let steps = self.plan.steps.clone();
        let mut sites = Vec::new();
        for step in &steps {
            let node = &self.graph.nodes()[step.node];
            let layer = node.layer.as_ref().expect("only layers have steps");
            let mut site = self.site(step);
            let output = layer.emit_forward(&mut self.e, &mut site);
            site.output = Some(output.clone());
            self.values[step.output] = Some(output);
            sites.push(site);
        }
        sites
    }

    fn site(&mut self, step: &Step) -> Site {
        let node = &self.graph.nodes()[step.node];
        let layer = node.layer.as_ref().expect("only layers have steps");
        let element = layer.element(self.e.element());
        let inputs = step.inputs.iter().map(|i| {
            let value = self.values[i.index()].clone().expect("inputs come first");
            self.e.converted(&value, element)
        });
        let inputs = inputs.collect();
        let norm = step.batch_norm.map(|at| {
            let layer = self.graph.nodes()[at].layer.as_ref().and_then(|l| l.as_batch_norm());
            (layer.expect("a batch norm was fused").eps, self.layout.of_node(at).to_vec())
        });
        Site {
            index: step.node as u64,
            training: self.training && !node.frozen,
            taped: self.taped,
            parameters: self.layout.of_node(step.node).to_vec(),
            norm,
            fused: step.fused,
            inputs,
            output_shape: self.batched(&node.shape),
            output: None,
            wanted: step.inputs.iter().map(|i| self.plan.wanted[i.index()]).collect(),
            saved: Vec::new(),
        }
    }

    /// From the output's gradient back; the gradient towards the input, in f32, if it is wanted.
    fn backward(&mut self, sites: &mut [Site], grad_output: Value) -> Option<Value> {
        let mut grads: Vec<Option<Value>> = vec![None; self.values.len()];
        grads[self.graph.output().index()] = Some(grad_output);
        let steps = self.plan.steps.clone();
        for (step, site) in steps.iter().zip(sites).rev() {
            let Some(grad) = grads[step.output].take().filter(|_| self.plan.wanted[step.output]) else { continue };
            let layer = self.graph.nodes()[step.node].layer.as_ref().expect("only layers have steps");
            let grad = self.e.converted(&grad, site.output().element);
            let found = layer.emit_backward(&mut self.e, site, grad);
            for ((input, wanted), grad) in step.inputs.iter().zip(&site.wanted).zip(found) {
                let Some(grad) = grad.filter(|_| *wanted) else { continue };
                let element = self.values[input.index()].as_ref().map_or(grad.element, |v| v.element);
                let grad = self.e.converted(&grad, element);
                match &grads[input.index()] {
                    Some(sum) => {
                        let sum = sum.clone();
                        self.e.add(&sum, &grad, &sum, false);
                    }
                    None => grads[input.index()] = Some(grad),
                }
            }
        }
        let grad = grads[0].take()?;
        Some(self.e.converted(&grad, Element::F32))
    }
}
