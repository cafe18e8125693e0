//! A model as an explicit DAG of named layers: built once, used for training, analysis and drawing.

use super::layer::Layer;
use super::parameter::ParameterSpec;
use crate::error::{Error, Result};
use crate::text;
use std::sync::Arc;

/// A node's place in its graph; inputs come before those who use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub(super) usize);

impl NodeId {
    /// The place in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// One layer at its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// `features.0`; the parameters are called `features.0.weight` and so on.
    pub name: String,
    /// Nothing for the input.
    pub layer: Option<Arc<dyn Layer>>,
    pub inputs: Vec<NodeId>,
    /// Of one sample: (H, W, C) or (features).
    pub shape: Vec<usize>,
    pub parameters: Vec<ParameterSpec>,
    /// Part of the encoder that pre-trained weights are for.
    pub encoder: bool,
    /// Not trained: batch norm keeps its statistics, dropout passes all.
    pub frozen: bool,
}

impl Node {
    fn new(name: String, layer: Option<Arc<dyn Layer>>, inputs: &[NodeId], shape: Vec<usize>) -> Node {
        Node { name, layer, inputs: inputs.to_vec(), shape, parameters: Vec::new(), encoder: false, frozen: false }
    }
}

/// An explicit DAG with one input and one output.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    output: NodeId,
}

impl Graph {
    /// Of nodes that come from another graph, inputs before those who use them.
    pub(super) fn of(nodes: Vec<Node>, output: NodeId) -> Graph {
        Graph { nodes, output }
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len()).map(NodeId)
    }
    pub fn output(&self) -> NodeId {
        self.output
    }
    /// Shape of one input sample.
    pub fn input_shape(&self) -> &[usize] {
        &self.nodes[0].shape
    }
    /// Shape of one output sample.
    pub fn output_shape(&self) -> &[usize] {
        &self.node(self.output).shape
    }

    /// The part of the graph that ends in the layer of that name, which is its output.
    pub fn up_to(&self, layer: &str) -> Result<Graph> {
        let Some(at) = self.nodes.iter().position(|n| n.name == layer && n.layer.is_some()) else {
            let near = text::nearest(layer, self.nodes[1..].iter().map(|n| n.name.as_str()));
            let error = Error::usage(format!("there is no layer called {}", text::line(layer)));
            return Err(match near {
                Some(near) => error.cure(format!("did you mean {near}?")),
                None => error.cure("`hcwb model show NAME` lists the layers"),
            });
        };
        Ok(Graph { nodes: self.nodes[..=at].to_vec(), output: NodeId(at) })
    }

    /// The same layers with the same parameters for an input of another shape.
    ///
    /// Fails where they do not fit it, or where a layer's parameters hang on it: those behind a flatten do.
    pub fn for_input(&self, input: &[usize]) -> Result<Graph> {
        let mut nodes: Vec<Node> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let shapes: Vec<&[usize]> = node.inputs.iter().map(|i| nodes[i.0].shape.as_slice()).collect();
            let says = |e: Error| Error::usage(format!("layer {} for an input of {input:?}: {}", node.name, e.what));
            let shape = match &node.layer {
                None => input.to_vec(),
                Some(layer) => {
                    let shape = layer.output_shape(&shapes).map_err(says)?;
                    if !layer.parameters(&shapes).iter().map(|p| &p.shape).eq(node.parameters.iter().map(|p| &p.shape))
                    {
                        return Err(says(Error::usage("its weights are for another size")));
                    }
                    shape
                }
            };
            if shape.is_empty() || shape.contains(&0) {
                return Err(says(Error::usage(format!("nothing is left of it: {shape:?}"))));
            }
            nodes.push(Node { shape, ..node.clone() });
        }
        Ok(Graph { nodes, output: self.output })
    }

    /// Stops the training of every layer of the encoder; fails where the network has none.
    pub fn freeze_encoder(&mut self) -> Result<()> {
        if !self.nodes.iter().any(|n| n.encoder) {
            return Err(Error::usage("this network has no encoder that could be frozen")
                .cure("leave model.frozen at `nothing`, or take a network with an encoder, such as reg-vgg16"));
        }
        self.freeze_where(|n| n.encoder);
        Ok(())
    }

    /// Stops the training of every layer: an analysis then costs no gradients of weights.
    pub fn freeze(&mut self) {
        self.freeze_where(|_| true);
    }

    fn freeze_where(&mut self, chosen: impl Fn(&Node) -> bool) {
        for node in self.nodes.iter_mut().filter(|n| chosen(n)) {
            node.frozen = true;
            node.parameters.iter_mut().for_each(|p| p.trainable = false);
        }
    }

    /// Trainable and other parameters, in numbers.
    pub fn parameter_count(&self) -> (usize, usize) {
        let all = self.layer_table();
        (all.iter().map(|r| r.trainable).sum(), all.iter().map(|r| r.non_trainable).sum())
    }

    /// Floating-point operations of one sample's forward pass, convolutions and products only.
    pub fn forward_flops(&self) -> u64 {
        (1..self.nodes.len()).map(|i| self.node_flops(NodeId(i))).sum()
    }

    /// Floating-point operations of one sample in a training step: each product once forward, once
    /// for the weights and, behind the first layer with weights, once for the input.
    pub fn training_flops(&self) -> u64 {
        let wanted = self.wants_gradient(false);
        (1..self.nodes.len())
            .map(|i| self.node_flops(NodeId(i)) * if self.nodes[i].inputs.iter().any(|j| wanted[j.0]) { 3 } else { 2 })
            .sum()
    }

    fn node_flops(&self, id: NodeId) -> u64 {
        let node = self.node(id);
        node.layer.as_ref().map_or(0, |layer| layer.flops(&self.input_shapes(node), &node.shape))
    }

    fn input_shapes(&self, node: &Node) -> Vec<&[usize]> {
        node.inputs.iter().map(|i| self.node(*i).shape.as_slice()).collect()
    }

    /// Which nodes a gradient has to reach: those with trainable parameters at or before them, and,
    /// with `input`, all behind the input.
    pub(super) fn wants_gradient(&self, input: bool) -> Vec<bool> {
        let mut wanted = vec![input; 1];
        for node in &self.nodes[1..] {
            wanted.push(node.parameters.iter().any(|p| p.trainable) || node.inputs.iter().any(|i| wanted[i.0]));
        }
        wanted
    }

    /// One row a layer, in order, the input first.
    pub fn layer_table(&self) -> Vec<LayerRow> {
        let count = |node: &Node, trainable| {
            node.parameters.iter().filter(|p| p.trainable == trainable).map(ParameterSpec::len).sum()
        };
        let row = |node: &Node| LayerRow {
            name: node.name.clone(),
            kind: node.layer.as_ref().map_or("input", |l| l.kind()),
            detail: node.layer.as_ref().map_or(String::new(), |l| l.detail()),
            output: node.shape.clone(),
            trainable: count(node, true),
            non_trainable: count(node, false),
        };
        self.nodes.iter().map(row).collect()
    }

    /// Names of all parameters, and their shapes on disk.
    pub fn parameter_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let named = |node: &Node| {
            let shapes = node.parameters.iter().map(|p| (format!("{}.{}", node.name, p.name), p.shape.clone()));
            shapes.collect::<Vec<_>>()
        };
        self.nodes.iter().flat_map(named).collect()
    }
}

/// One line of a network's summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRow {
    pub name: String,
    pub kind: &'static str,
    /// The layer's own settings: `3x3, stride 2`.
    pub detail: String,
    /// Of one sample.
    pub output: Vec<usize>,
    pub trainable: usize,
    pub non_trainable: usize,
}

/// Adds layer after layer, checking shapes as it goes.
#[derive(Debug)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
}

impl GraphBuilder {
    /// Begins with an input of one sample's shape: (H, W, C) or (features).
    pub fn new(input: &[usize]) -> Result<GraphBuilder> {
        if input.is_empty() || input.contains(&0) {
            return Err(Error::usage(format!("an input of shape {input:?} holds nothing")));
        }
        let input = Node::new("input".into(), None, &[], input.to_vec());
        Ok(GraphBuilder { nodes: vec![input] })
    }

    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Shape of one sample behind a node.
    pub fn shape(&self, id: NodeId) -> &[usize] {
        &self.nodes[id.0].shape
    }

    pub fn add(&mut self, name: impl Into<String>, layer: impl Layer + 'static, inputs: &[NodeId]) -> Result<NodeId> {
        let name = name.into();
        let says = |e: Error| Error::usage(format!("layer {name} ({}): {}", layer.kind(), e.what));
        let shapes: Vec<&[usize]> = inputs.iter().map(|i| self.nodes[i.0].shape.as_slice()).collect();
        let shape = layer.output_shape(&shapes).map_err(says)?;
        if shape.contains(&0) {
            return Err(says(Error::usage(format!("nothing is left of its input: {shape:?}"))));
        }
        if self.nodes.iter().any(|n| n.name == name) {
            return Err(says(Error::usage("the name is taken")));
        }
        let parameters = layer.parameters(&shapes);
        self.nodes.push(Node { parameters, ..Node::new(name, Some(Arc::new(layer)), inputs, shape) });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// Says that every layer so far belongs to the encoder that pre-trained weights are for.
    pub fn end_encoder(&mut self) {
        self.nodes.iter_mut().filter(|n| n.layer.is_some()).for_each(|n| n.encoder = true);
    }

    pub fn finish(self, output: NodeId) -> Graph {
        Graph { nodes: self.nodes, output }
    }
}
