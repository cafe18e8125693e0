//! What a dream climbs: the weighted mean squares of layers' activations, and their gradient in grey values.

use crate::error::{Error, Result};
use crate::nn::network::Inner;
use crate::nn::{Network, Tensor};

/// How grey values (0 to 255) become the network's input: `(grey - mean) / sd`, one of each a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    pub mean: Vec<f32>,
    pub sd: Vec<f32>,
}

/// Layers of a network with their weights, for grey images of one size.
///
/// `loss = sum over layers of weight * mean(activation²)`, over the whole feature map. Keras's recipe leaves out two
/// pixels at its border, where zero padding shows; the deepest maps of a small octave have no more than those.
pub struct Objective {
    part: Network,
    inner: Inner,
    layers: Vec<String>,
    weights: Vec<f64>,
    units: Units,
    size: [usize; 2],
}

impl Objective {
    /// `network` is folded; of it only what leads to the deepest of the layers is computed. Images are [height, width].
    ///
    /// Fails where there is no such layer, where none is named, and where sizes do not fit.
    pub fn new(network: &Network, layers: &[(String, f64)], units: &Units, size: [usize; 2]) -> Result<Objective> {
        let place = |layer: &str| {
            let graph = network.graph();
            graph.ids().find(|id| graph.node(*id).name == layer)
        };
        let deepest = layers.iter().max_by_key(|(layer, _)| place(layer));
        let (deepest, _) = deepest.ok_or_else(|| Error::usage("no layer was named that could be dreamt of"))?;
        let part = network.up_to(deepest, &[size[0], size[1], units.mean.len()])?;
        let nodes = layers.iter().map(|(layer, _)| place(layer).filter(|id| id.index() > 0));
        let nodes: Option<Vec<_>> = nodes.collect();
        let nodes = nodes.ok_or_else(|| Error::usage("a layer was named that the network does not have"))?;
        let inner = Inner::new(&part, &nodes);
        let (layers, weights) = layers.iter().cloned().unzip();
        Ok(Objective { part, inner, layers, weights, units: units.clone(), size })
    }

    /// Their names, in the order of the weights.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// Other weights for the same layers.
    pub fn set_weights(&mut self, weights: Vec<f64>) {
        assert_eq!(weights.len(), self.layers.len(), "there is a weight for each layer");
        self.weights = weights;
    }

    /// The loss for an image of grey values, and its gradient: for each pixel how the loss grows with its grey value.
    ///
    /// Fails where activations are no numbers.
    pub fn loss_and_gradient(&mut self, grey: &[f32]) -> Result<(f64, Vec<f32>)> {
        let Units { mean, sd } = &self.units;
        let channels = mean.len();
        let mut values = vec![0.0; grey.len() * channels];
        for (pixel, grey) in values.chunks_exact_mut(channels).zip(grey) {
            pixel.iter_mut().zip(mean.iter().zip(sd)).for_each(|(v, (mean, sd))| *v = (grey - mean) / sd);
        }
        let input = Tensor::from_vec(&[1, self.size[0], self.size[1], channels], values)?;
        let activations = self.part.forward_inner(&self.inner, &input)?;
        let mut loss = 0.0;
        let mut grads = Vec::with_capacity(activations.len());
        for (activation, weight) in activations.into_iter().zip(&self.weights) {
            let mut grad = activation;
            let share = weight / grad.data().len() as f64;
            loss += share * grad.data().iter().map(|a| f64::from(*a) * f64::from(*a)).sum::<f64>();
            grad.data_mut().iter_mut().for_each(|a| *a = (2.0 * share * f64::from(*a)) as f32);
            grads.push(grad);
        }
        let gradient = self.part.backward_inner(&self.inner, grads);
        if !loss.is_finite() {
            return Err(Error::new("activations have become infinite").cure("look at the run's weights, or train anew"));
        }
        let of = |pixel: &[f32]| pixel.iter().zip(sd).map(|(g, sd)| g / sd).sum();
        Ok((loss, gradient.data().chunks_exact(channels).map(of).collect()))
    }
}
