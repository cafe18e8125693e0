//! The order in which a graph runs, which layers run as one, and when each activation may go.

use super::graph::{Graph, NodeId};

/// One layer to run, with the ReLU behind it if that is computed in the same breath.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub node: usize,
    /// The node whose value this step makes: `node`, or the ReLU behind it.
    pub output: usize,
    pub relu: bool,
    /// Values that nothing needs any more after this step, if there is no backward pass.
    pub drop_forward: Vec<usize>,
    /// Values that nothing needs any more after this step and that the backward pass does not need.
    pub drop_taped: Vec<usize>,
    /// Values that nothing needs any more once this step has been walked backward.
    pub drop_backward: Vec<usize>,
}

/// The steps of a graph, in order.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// Nodes that a gradient has to reach, with and without one towards the input.
    pub wanted: [Vec<bool>; 2],
}

impl Plan {
    pub fn new(graph: &Graph) -> Plan {
        let nodes = graph.nodes();
        let mut users = vec![Vec::new(); nodes.len()];
        for (i, node) in nodes.iter().enumerate() {
            node.inputs.iter().for_each(|j| users[j.0].push(i));
        }
        let mut steps = Vec::new();
        let mut absorbed = vec![false; nodes.len()];
        for (i, node) in nodes.iter().enumerate() {
            let Some(layer) = &node.layer else { continue };
            if absorbed[i] {
                continue;
            }
            let relu = match users[i][..] {
                [only] if layer.takes_relu() && graph.output() != NodeId(i) => {
                    nodes[only].layer.as_ref().filter(|l| l.is_relu()).map(|_| only)
                }
                _ => None,
            };
            if let Some(relu) = relu {
                absorbed[relu] = true;
            }
            let none = Vec::new();
            steps.push(Step {
                node: i,
                output: relu.unwrap_or(i),
                relu: relu.is_some(),
                drop_forward: none.clone(),
                drop_taped: none.clone(),
                drop_backward: none,
            });
        }
        let mut plan = Plan { steps, wanted: [graph.wants_gradient(false), graph.wants_gradient(true)] };
        plan.schedule_drops(graph);
        plan
    }

    /// A value goes after its last reader; backward, after the last step (the earliest in order)
    /// whose gradient needs it.
    fn schedule_drops(&mut self, graph: &Graph) {
        let count = graph.nodes().len();
        let mut last_reader = vec![None; count];
        let mut first_needing = vec![None; count];
        for (s, step) in self.steps.iter().enumerate() {
            let node = &graph.nodes()[step.node];
            let needs = node.layer.as_ref().expect("only layers have steps").needs();
            for input in &node.inputs {
                last_reader[input.0] = Some(s);
                if needs.input {
                    first_needing[input.0].get_or_insert(s);
                }
            }
            last_reader[step.output].get_or_insert(s);
            if needs.output || step.relu {
                first_needing[step.output].get_or_insert(s);
            }
        }
        for value in 0..count {
            let Some(last) = last_reader[value] else { continue };
            if value != graph.output().0 {
                self.steps[last].drop_forward.push(value);
            }
            match first_needing[value] {
                Some(step) => self.steps[step].drop_backward.push(value),
                None if value != graph.output().0 => self.steps[last].drop_taped.push(value),
                None => {}
            }
        }
    }
}
