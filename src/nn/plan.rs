//! The order in which a graph runs, which layers run as one, and when each activation may go.

use super::graph::{Graph, NodeId};
use super::layer::{Fused, Needs};
use super::relevance::Rule;

/// What a plan is for; it decides what can be fused and what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The gradients of the trainable parameters follow.
    Training,
    /// The gradient towards the input follows too, or a walk of relevance.
    Analysis,
    /// Nothing follows: fixed statistics, every activation goes after its last reader.
    Inference,
}

/// One layer to run, with what is computed in the same breath.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub node: usize,
    /// The layer's own inputs, and behind them the other summand of a fused sum.
    pub inputs: Vec<NodeId>,
    /// The node whose value this step makes: `node`, or the last of those fused with it.
    pub output: usize,
    pub fused: Fused,
    /// The fused batch norm's node.
    pub batch_norm: Option<usize>,
    /// A backward pass reaches it: it has trainable parameters, or what lies before it does.
    pub backward: bool,
    /// Values that nothing needs any more after this step.
    pub drop_forward: Vec<usize>,
    /// Values that nothing needs any more once this step has been walked backward.
    pub drop_backward: Vec<usize>,
}

impl Step {
    /// The rule of its layer, with the gate of the ReLU that is fused.
    pub fn rule(&self, rules: &[Rule]) -> Rule {
        Rule { gate: rules[self.output].gate, ..rules[self.node] }
    }
}

/// The steps of a graph, in order.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub purpose: Purpose,
    pub steps: Vec<Step>,
    /// Nodes that a gradient has to reach.
    pub wanted: Vec<bool>,
}

impl Plan {
    pub fn new(graph: &Graph, purpose: Purpose) -> Plan {
        Plan::build(graph, purpose, None, &[])
    }

    /// For gradients from several nodes at once, whose values are kept, to the input.
    pub fn keeping(graph: &Graph, nodes: &[NodeId]) -> Plan {
        Plan::build(graph, Purpose::Analysis, None, nodes)
    }

    /// For a walk of relevance by a rule for each node, back to `until`, whose value is kept.
    pub fn of_relevance(graph: &Graph, rules: &[Rule], until: NodeId) -> Plan {
        Plan::build(graph, Purpose::Analysis, Some((rules, until)), &[until])
    }

    fn build(graph: &Graph, purpose: Purpose, walk: Option<(&[Rule], NodeId)>, keep: &[NodeId]) -> Plan {
        let nodes = graph.nodes();
        let kept = |at: usize| graph.output() == NodeId(at) || keep.contains(&NodeId(at));
        let mut users = vec![Vec::new(); nodes.len()];
        for (i, node) in nodes.iter().enumerate() {
            node.inputs.iter().for_each(|j| users[j.0].push(i));
        }
        let wanted = match purpose {
            Purpose::Inference => vec![false; nodes.len()],
            _ => graph.wants_gradient(purpose == Purpose::Analysis),
        };
        let mut steps = Vec::new();
        let mut absorbed = vec![false; nodes.len()];
        for (i, node) in nodes.iter().enumerate() {
            let Some(layer) = &node.layer else { continue };
            if absorbed[i] {
                continue;
            }
            let offer = match walk {
                // Its rules are for itself alone.
                Some(_) if layer.as_batch_norm().is_some() => Fused::default(),
                _ => layer.fuses(purpose != Purpose::Inference),
            };
            let mut step = Step {
                node: i,
                inputs: node.inputs.clone(),
                output: i,
                fused: Fused::default(),
                batch_norm: None,
                backward: false,
                drop_forward: Vec::new(),
                drop_backward: Vec::new(),
            };
            // The only layer that reads a value, where nobody else and not the caller does.
            let next = |at: usize, absorbed: &[bool]| match users[at][..] {
                [only] if !kept(at) && !absorbed[only] => Some((only, nodes[only].layer.as_ref()?)),
                _ => None,
            };
            if offer.batch_norm
                && let Some((norm, _)) = next(i, &absorbed).filter(|(_, l)| l.as_batch_norm().is_some())
            {
                (step.fused.batch_norm, step.batch_norm, step.output) = (true, Some(norm), norm);
                absorbed[norm] = true;
            }
            if offer.add
                && let Some((sum, _)) = next(step.output, &absorbed).filter(|(_, l)| l.is_add())
                && let [a, b] = nodes[sum].inputs[..]
            {
                step.inputs.push(if a.0 == step.output { b } else { a });
                (step.fused.add, step.output) = (true, sum);
                absorbed[sum] = true;
            }
            if offer.relu
                && let Some((relu, _)) = next(step.output, &absorbed).filter(|(_, l)| l.is_relu())
            {
                (step.fused.relu, step.output) = (true, relu);
                absorbed[relu] = true;
            }
            step.backward = wanted[step.output];
            steps.push(step);
        }
        // A fused sum waits for its other summand: the step runs where its last layer stood.
        steps.sort_by_key(|s| s.output);
        let mut plan = Plan { purpose, steps, wanted };
        plan.schedule_drops(graph, purpose, walk, keep);
        plan
    }

    /// A value goes after its last reader; if its backward needs it, after the last step to be walked
    /// backward (the earliest in order) whose gradient needs it.
    fn schedule_drops(&mut self, graph: &Graph, purpose: Purpose, walk: Option<(&[Rule], NodeId)>, keep: &[NodeId]) {
        let count = graph.nodes().len();
        let mut last_reader = vec![None; count];
        let mut first_needing = vec![None; count];
        for (s, step) in self.steps.iter().enumerate() {
            let node = &graph.nodes()[step.node];
            let layer = node.layer.as_ref().expect("only layers have steps");
            let needs = match walk {
                None => layer.needs(step.fused),
                Some((_, until)) if step.output <= until.0 => Needs::default(),
                Some((rules, _)) => layer.relevance_needs(step.fused, &step.rule(rules)),
            };
            let kept = purpose != Purpose::Inference && step.backward;
            for (i, input) in step.inputs.iter().enumerate() {
                last_reader[input.0] = Some(s);
                if kept && needs.input && i < node.inputs.len() {
                    first_needing[input.0].get_or_insert(s);
                }
            }
            last_reader[step.output].get_or_insert(s);
            if kept && needs.output {
                first_needing[step.output].get_or_insert(s);
            }
        }
        keep.iter().for_each(|node| first_needing[node.0] = Some(0));
        for value in 0..count {
            let Some(last) = last_reader[value] else { continue };
            match first_needing[value] {
                Some(step) => self.steps[step].drop_backward.push(value),
                None if value != graph.output().0 => self.steps[last].drop_forward.push(value),
                None => {}
            }
        }
    }
}
