//! A network for analysis: without a last sigmoid, batch norms folded into the products before them, nothing trained.

use super::graph::{Graph, Node, NodeId};
use super::network::Network;
use super::parameter::Parameter;
use std::sync::Arc;

impl Network {
    /// The network that ends where this one's last sigmoid begins; the same where it ends in none.
    pub fn without_last_sigmoid(&self) -> Network {
        let (graph, output) = (self.graph(), self.graph().output());
        let end = match &graph.node(output).inputs[..] {
            [before] if graph.node(output).layer.as_ref().is_some_and(|l| l.kind() == "sigmoid") => *before,
            _ => output,
        };
        let nodes = graph.nodes()[..=end.index()].to_vec();
        let parameters = (0..nodes.len()).flat_map(|i| self.parameters()[self.own_of(i)].to_vec()).collect();
        self.computing_alike(Network::with_parameters(Graph::of(nodes, end), parameters))
    }

    /// The same function of its input with fixed statistics: every batch norm that alone reads a convolution's
    /// or a linear layer's output is taken into its weights (in f64, then rounded once), and nothing is trained.
    ///
    /// The folded layer keeps its name and gets a bias.
    pub fn folded(&self) -> Network {
        let old = self.graph();
        let readers = |at: usize| old.nodes().iter().flat_map(|n| &n.inputs).filter(|i| i.index() == at).count();
        let mut place: Vec<usize> = Vec::new();
        let mut nodes: Vec<Node> = Vec::new();
        let mut own: Vec<Vec<Parameter>> = Vec::new();
        for (i, node) in old.nodes().iter().enumerate() {
            let parameters = &self.parameters()[self.own_of(i)];
            if let (Some(norm), [input]) = (node.layer.as_ref().and_then(|l| l.as_batch_norm()), &node.inputs[..])
                && readers(input.index()) == 1
                && let before = place[input.index()]
                && let Some(folded) = fold(&nodes[before], &own[before][..], &norm.running_scale_shift_f64(parameters))
            {
                (nodes[before], own[before]) = folded;
                place.push(before);
                continue;
            }
            place.push(nodes.len());
            let inputs = node.inputs.iter().map(|j| NodeId(place[j.index()])).collect();
            nodes.push(Node { inputs, ..node.clone() });
            own.push(parameters.to_vec());
        }
        let mut graph = Graph::of(nodes, NodeId(place[old.output().index()]));
        graph.freeze();
        let frozen = own.into_iter().flatten().map(|p| {
            let spec = super::parameter::ParameterSpec { trainable: false, ..p.spec };
            Parameter::new(p.name, spec, p.value)
        });
        self.computing_alike(Network::with_parameters(graph, frozen.collect()))
    }

    /// That network, computing as this one does.
    pub(super) fn computing_alike(&self, mut network: Network) -> Network {
        network.set_precision(self.compute().precision);
        network.set_isa(self.compute().isa);
        network
    }
}

/// The product that gives what the batch norm behind it gave, if the layer is a product.
fn fold(node: &Node, parameters: &[Parameter], norm: &[(f64, f64)]) -> Option<(Node, Vec<Parameter>)> {
    let weight = parameters.first()?;
    let (layer, row) = node.layer.as_ref()?.folds(weight.value.len())?;
    let values = weight.value.iter().enumerate();
    let scaled = values.map(|(i, w)| (f64::from(*w) * norm[i / row % norm.len()].0) as f32).collect();
    let old = |o: usize| parameters.get(1).map_or(0.0, |b| f64::from(b.value[o]));
    let bias = norm.iter().enumerate().map(|(o, (scale, shift))| (old(o) * scale + shift) as f32).collect();
    let name = format!("{}.bias", node.name);
    let spec = super::parameter::ParameterSpec::bias(norm.len());
    let specs = vec![weight.spec.clone(), spec.clone()];
    let folded = Node { layer: Some(Arc::clone(&layer)), parameters: specs, ..node.clone() };
    let parameters =
        vec![Parameter::new(weight.name.clone(), weight.spec.clone(), scaled), Parameter::new(name, spec, bias)];
    Some((folded, parameters))
}
