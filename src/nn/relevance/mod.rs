//! Rules by which relevance goes from a layer's output to its inputs; each layer file says what they mean there.
//!
//! [`product`] what they mean where there are weights: convolutions and linear layers alike.

pub(super) mod mean;
pub(super) mod product;

use super::layer::Backward;

/// What is added to a denominator, with its sign, where the z rule divides (0 counts as positive).
pub const Z_EPSILON: f32 = 1e-9;

/// How relevance passes a layer with weights. `x` its input, `w` its weights, `b` its bias, `z` its output
/// before any ReLU, `R` the relevance of that output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weights {
    /// The gradient: w^T R.
    Gradient,
    /// x * w^T (R / (z + epsilon sign z)): the epsilon rule (Bach et al. 2015, eq. 58), with a tiny epsilon
    /// the z rule. Behind a ReLU it wants rules that leave nothing on a value of 0.
    Epsilon { epsilon: f32 },
    /// `alpha` times the shares in the positive products less `beta` times those in the negative ones
    /// (Bach et al. 2015, eq. 60).
    AlphaBeta { alpha: f32, beta: f32, bias: Bias },
    /// The shares are those of w^2 (Montavon et al. 2017, eq. 13); without bias, padding counts as absent.
    Square,
    /// Equal shares; without bias, padding counts as absent.
    Flat,
    /// The z^B rule for inputs between two bounds (Montavon et al. 2017, eq. 15).
    Box { low: f32, high: f32 },
}

/// Which part of a bias stands in the denominators of the alpha-beta rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bias {
    /// The whole bias in both, as iNNvestigate does.
    #[default]
    Full,
    /// What is positive of it in one, what is negative in the other, as zennit does.
    Split,
    /// None in either.
    None,
}

/// What a ReLU lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// What its positive inputs get: the gradient.
    Gradient,
    /// Everything.
    Pass,
    /// What is positive, whatever the input was (Zeiler and Fergus 2014).
    Deconvnet,
    /// What is positive and belongs to a positive input (Springenberg et al. 2015).
    Guided,
}

/// How relevance passes a batch norm that no layer before it could take along.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// Times its scale.
    Gradient,
    /// The epsilon rule of y = scale x + shift.
    Epsilon { epsilon: f32 },
    /// Unchanged.
    Identity,
}

/// How a sum or a mean shares relevance among its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// As the gradient: a sum gives all of it to each summand, a mean an equal part to each.
    Gradient,
    /// By what each contributes (the z rule).
    Contribution,
}

/// What relevance does at one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    pub weights: Weights,
    pub gate: Gate,
    pub norm: Norm,
    pub sum: Share,
    pub mean: Share,
}

impl Rule {
    /// The gradient towards the input.
    pub const GRADIENT: Rule = Rule {
        weights: Weights::Gradient,
        gate: Gate::Gradient,
        norm: Norm::Gradient,
        sum: Share::Gradient,
        mean: Share::Gradient,
    };

    /// Layer-wise relevance propagation: relevance is shared out, neither made nor lost but by biases.
    pub const fn shares(weights: Weights) -> Rule {
        let norm = Norm::Epsilon { epsilon: Z_EPSILON };
        Rule { weights, gate: Gate::Pass, norm, sum: Share::Contribution, mean: Share::Contribution }
    }

    /// Nothing but the gradient, or the gradient with another gate: every layer that trains has it.
    pub fn is_gradient(&self) -> bool {
        self.gate != Gate::Pass && Rule { gate: Gate::Gradient, ..*self } == Rule::GRADIENT
    }
}

/// What a layer's relevance pass works with.
pub struct Relevance<'a> {
    /// With the gate of the ReLU that is fused, if one is.
    pub rule: Rule,
    pub backward: Backward<'a>,
    /// For an audit: where to add what biases take.
    pub absorbed: Option<&'a mut f64>,
}
