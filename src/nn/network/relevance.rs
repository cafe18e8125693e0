//! Along the tape and back with relevance: by each layer's rule, to the input or to any layer before.

use super::{Network, Tape, batched};
use crate::error::{Error, Result};
use crate::nn::graph::NodeId;
use crate::nn::kernel::cpu::relevance::total;
use crate::nn::kernel::cpu::update;
use crate::nn::layer::Backward;
use crate::nn::network::Pass;
use crate::nn::plan::Plan;
use crate::nn::relevance::{Relevance, Rule};
use crate::nn::tensor::Tensor;
use std::sync::Arc;
use std::time::Instant;

/// How relevance goes through a network: a rule for each node, and where the walk ends.
#[derive(Clone, Debug)]
pub struct Walk {
    rules: Vec<Rule>,
    plan: Arc<Plan>,
    until: NodeId,
}

/// What one layer did to the relevance that came to it, in sums over the batch.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// The layer, and those that were computed with it: its ReLU.
    pub name: String,
    pub kind: &'static str,
    /// What the layers behind it left on its output.
    pub relevance_in: f64,
    /// What it left on its inputs.
    pub relevance_out: f64,
    /// What its biases took.
    pub absorbed: f64,
}

impl AuditRow {
    /// What came in, and went neither out nor to the biases.
    pub fn leaked(&self) -> f64 {
        self.relevance_in - self.relevance_out - self.absorbed
    }
}

impl Walk {
    /// By `rule(node)`, back to `until`: the input is node 0.
    ///
    /// Fails where a layer behind `until` cannot be treated by its rule.
    pub fn new(network: &Network, rule: impl Fn(NodeId) -> Rule, until: NodeId) -> Result<Walk> {
        let graph = network.graph();
        let rules: Vec<Rule> = (0..graph.nodes().len()).map(|i| rule(NodeId(i))).collect();
        for (node, rule) in graph.nodes().iter().zip(&rules).skip(until.0 + 1) {
            if let Some(layer) = node.layer.as_ref().filter(|l| !l.treats(rule)) {
                return Err(Error::usage(format!(
                    "no rule of relevance treats the layer {} ({})",
                    node.name,
                    layer.kind()
                ))
                .cure(
                    "gradients pass every layer: use gradient, smoothgrad, integrated-gradients or guided-backprop",
                ));
            }
        }
        let plan = Arc::new(Plan::of_relevance(graph, &rules, until));
        Ok(Walk { rules, plan, until })
    }
}

impl Network {
    /// As [`Network::forward`] with fixed statistics, keeping what [`Network::walk`] needs.
    pub fn forward_for(&mut self, walk: &Walk, input: &Tensor) -> Result<Tensor> {
        self.run(input, Pass::Eval, walk.plan.clone())
    }

    /// The value of the node where the walk ends, and its relevance, from `relevance` of the output of the
    /// last [`Network::forward_for`] the same walk: without one, or with a tensor of another shape, it panics.
    /// Where the layers are listed in `audit`, the last comes first.
    pub fn walk(&mut self, walk: &Walk, relevance: Tensor, mut audit: Option<&mut Vec<AuditRow>>) -> (Tensor, Tensor) {
        let Tape { pass, plan, batch, mut values } = self.tape.take().expect("a forward pass comes before the walk");
        assert!(Arc::ptr_eq(&plan, &walk.plan), "the tape is that of this walk");
        assert_eq!(
            relevance.shape(),
            batched(batch, self.graph.output_shape()),
            "the relevance has the output's shape"
        );
        let mut relevances: Vec<Option<Tensor>> = vec![None; values.len()];
        relevances[self.graph.output().0] = Some(relevance);
        for step in plan.steps.iter().rev().take_while(|s| s.output > walk.until.0) {
            let node = &self.graph.nodes()[step.node];
            if let Some(relevance) = relevances[step.output].take() {
                let shape_of = |i: &NodeId| batched(batch, &self.graph.node(*i).shape);
                let mut so_far: Vec<_> = match audit {
                    // Each layer's own is wanted.
                    Some(_) => vec![None; step.inputs.len()],
                    None => step.inputs.iter().map(|i| relevances[i.0].take()).collect(),
                };
                let mut absorbed = 0.0;
                let came_in = audit.is_some().then(|| total(relevance.data()));
                let backward = Backward {
                    compute: self.compute,
                    pass,
                    index: step.node as u64,
                    parameters: &mut self.parameters[self.own[step.node].clone()],
                    saved: &self.saved[step.node],
                    recycle: &mut self.recycle,
                    fused: step.fused,
                    inputs: step.inputs.iter().map(|i| values[i.0].as_ref()).collect(),
                    output: values[step.output].as_ref(),
                    input_shapes: step.inputs.iter().map(shape_of).collect(),
                    wanted: step.inputs.iter().map(|i| plan.wanted[i.0] && *i >= walk.until).collect(),
                    so_far: &mut so_far,
                };
                let rule = step.rule(&walk.rules);
                let pass = Relevance { rule, backward, absorbed: came_in.is_some().then_some(&mut absorbed) };
                let layer = node.layer.as_ref().expect("only layers have steps");
                let begun = Instant::now();
                let shares = layer.relevance(pass, relevance);
                if let Some(profile) = &mut self.profile {
                    profile.add(layer.kind(), step.fused, true, begun.elapsed());
                }
                if let (Some(audit), Some(relevance_in)) = (&mut audit, came_in) {
                    let relevance_out = shares.iter().flatten().map(|t| total(t.data())).sum();
                    let kind = layer.kind();
                    audit.push(AuditRow { name: node.name.clone(), kind, relevance_in, relevance_out, absorbed });
                }
                for ((input, share), so_far) in step.inputs.iter().zip(shares).zip(so_far) {
                    for share in [so_far, share].into_iter().flatten() {
                        match &mut relevances[input.0] {
                            Some(sum) => {
                                update::add(self.compute.isa, sum.data_mut(), share.data());
                                self.recycle.give(share);
                            }
                            none => *none = Some(share),
                        }
                    }
                }
            }
            for dropped in step.drop_backward.iter().filter(|d| **d != walk.until.0) {
                if let Some(value) = values[*dropped].take() {
                    self.recycle.give(value);
                }
            }
        }
        let at = walk.until.0;
        let value = values[at].take().expect("the plan keeps the value where the walk ends");
        let shape = value.shape().to_vec();
        values.into_iter().flatten().for_each(|v| self.recycle.give(v));
        (value, relevances[at].take().unwrap_or_else(|| Tensor::zeros(&shape)))
    }
}
