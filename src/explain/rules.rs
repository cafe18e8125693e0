//! Which rule each layer gets: one function a family of analyzers, asked layer by layer.

use crate::nn::relevance::{Bias, Gate, Norm, Rule, Share, Weights, Z_EPSILON};
use crate::nn::{Graph, NodeId};

/// What a rule may depend on: a layer of a network whose batch norms have been folded where they can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Fully connected.
    pub linear: bool,
    /// No layer with weights lies before it.
    pub first: bool,
    /// Nothing but ReLUs reads it.
    pub before_relu: bool,
    /// It reads the output of a layer with weights, and nothing else.
    pub behind_weights: bool,
}

impl Site {
    pub fn of(graph: &Graph, id: NodeId) -> Site {
        let node = graph.node(id);
        let kind = |id: NodeId| graph.node(id).layer.as_ref().map_or("input", |l| l.kind());
        let weighs = |id: NodeId| kind(id) == "linear" || kind(id).contains("conv");
        let mut readers = graph.nodes().iter().filter(|n| n.inputs.contains(&id)).peekable();
        let read = readers.peek().is_some();
        let relu = readers.all(|n| n.layer.as_ref().is_some_and(|l| l.is_relu()));
        // Everything before it, walked once from the back.
        let mut before = vec![false; graph.nodes().len()];
        let mut todo = node.inputs.clone();
        while let Some(id) = todo.pop() {
            if !std::mem::replace(&mut before[id.index()], true) {
                todo.extend(&graph.node(id).inputs);
            }
        }
        Site {
            linear: kind(id) == "linear",
            first: !graph.ids().any(|id| before[id.index()] && weighs(id)),
            before_relu: read && relu,
            behind_weights: !node.inputs.is_empty() && node.inputs.iter().all(|i| weighs(*i)),
        }
    }
}

/// A rule for each layer.
pub type Rules = Box<dyn Fn(Site) -> Rule + Send + Sync>;

/// The gradient, but for what ReLUs let through.
pub fn gated(gate: Gate) -> Rules {
    Box::new(move |_| Rule { gate, ..Rule::GRADIENT })
}

/// The z rule everywhere.
pub fn z() -> Rules {
    Box::new(|_| Rule::shares(Weights::Epsilon { epsilon: Z_EPSILON }))
}

/// The epsilon rule for layers with weights and batch norms.
pub fn epsilon(epsilon: f32) -> Rules {
    Box::new(move |_| Rule { norm: Norm::Epsilon { epsilon }, ..Rule::shares(Weights::Epsilon { epsilon }) })
}

/// Positive contributions count alpha times, negative ones beta times, alpha - beta = 1 (Bach et al. 2015).
pub fn alpha_beta(alpha: f32, beta: f32, bias: Bias) -> Rules {
    Box::new(move |_| Rule::shares(Weights::AlphaBeta { alpha, beta, bias }))
}

/// The composite presets of Lapuschkin's and iNNvestigate's: epsilon behind, alpha-beta in the convolutions.
pub fn preset(alpha: f32, beta: f32, bias: Bias) -> Rules {
    Box::new(move |site| {
        Rule::shares(match site.linear {
            true => Weights::Epsilon { epsilon: 0.1 },
            false => Weights::AlphaBeta { alpha, beta, bias },
        })
    })
}

/// One rule without biases for all layers with weights; batch norms pass.
pub fn unbiased(weights: Weights) -> Rules {
    Box::new(move |_| Rule { norm: Norm::Identity, ..Rule::shares(weights) })
}

/// Deep Taylor decomposition (Montavon et al. 2017): alpha1beta0 without bias (z+) before a ReLU, w^2 elsewhere.
pub fn deep_taylor(reading: Reading) -> Rules {
    let z_plus = Weights::AlphaBeta { alpha: 1.0, beta: 0.0, bias: Bias::None };
    Box::new(move |site| match reading {
        Reading::Rules => {
            let weights = if site.before_relu { z_plus } else { Weights::Square };
            Rule { norm: Norm::Identity, mean: Share::Gradient, ..Rule::shares(weights) }
        }
        Reading::Innvestigate => {
            let gate = if site.behind_weights { Gate::Pass } else { Gate::Gradient };
            Rule { weights: z_plus, gate, ..Rule::GRADIENT }
        }
    })
}

/// The z^B rule for the layers that read the input, deep Taylor behind them.
pub fn z_box(low: f32, high: f32, reading: Reading) -> Rules {
    let behind = deep_taylor(reading);
    Box::new(move |site| match site.first {
        true => Rule { weights: Weights::Box { low, high }, ..behind(site) },
        false => behind(site),
    })
}

/// Whose deep Taylor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// The rules as published.
    #[default]
    Rules,
    /// What iNNvestigate 2.1.2 computes: z+ for every layer with weights, gradients for all others.
    Innvestigate,
}
