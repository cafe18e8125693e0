//! Deep Dream: an image changed so that chosen layers answer more strongly, from small octaves to large ones.
//!
//! Mordvintsev, Olah and Tyka 2015; the preprint (S4) 4.3 for U-Nets. [`layers`] what can be dreamt of, [`objective`]
//! what is climbed, [`octaves`] sizes, [`resample`] from one to the next. An octave begins as the image at its size plus
//! what the smaller one has changed, enlarged: the same as enlarging the dream and putting back the detail that was lost
//! by reducing the image, `image - enlarge(reduce(image))`.

pub mod layers;
pub mod objective;
pub mod octaves;
pub mod resample;

pub use objective::{Objective, Units};

use super::noise::uniform;
use crate::error::{Error, Result};
use crate::nn::Network;
use crate::text;
use resample::resample;

/// Black and white.
const GREY: std::ops::RangeInclusive<f32> = 0.0..=255.0;

/// How a dream goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// 1 to 16.
    pub octaves: usize,
    /// Each octave's sides by those of the smaller one before it: above 1, at most 4.
    pub octave_scale: f64,
    /// In each octave.
    pub steps: usize,
    /// What a pixel changes by in a step, in the mean, as a share of the way from black to white.
    pub step_length: f64,
    /// The image is shifted by up to so many px either way in each step, around its edges.
    pub jitter_px: usize,
    /// Of the shifts.
    pub seed: u64,
    /// A loss above it ends its octave.
    pub loss_limit: Option<f64>,
}

impl Default for Options {
    /// Those of Keras's recipe, whose steps of 0.01 are on a way from black to white of 2.
    fn default() -> Self {
        Options {
            octaves: 3,
            octave_scale: 1.4,
            steps: 20,
            step_length: 0.005,
            jitter_px: 0,
            seed: 0,
            loss_limit: None,
        }
    }
}

impl Options {
    fn check(&self) -> Result<()> {
        let wrong = |what: String, cure: &str| Err(Error::usage(what).cure(cure));
        if !(1..=16).contains(&self.octaves) {
            return wrong(format!("a dream cannot have {} octaves", self.octaves), "use 1 to 16");
        }
        if !(self.octave_scale > 1.0 && self.octave_scale <= 4.0) {
            return wrong(format!("octaves cannot grow by {}", self.octave_scale), "use more than 1 and at most 4");
        }
        if !(self.step_length > 0.0 && self.step_length <= 1.0) {
            return wrong(format!("a step cannot be {} long", self.step_length), "use more than 0 and at most 1");
        }
        if self.loss_limit.is_some_and(f64::is_nan) {
            return wrong("the limit of the loss is no number".into(), "leave it out, or give a number");
        }
        Ok(())
    }
}

/// A step that was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// From 0, the smallest.
    pub octave: usize,
    /// Within the octave, from 0; beyond the last octave's steps where a caller goes on.
    pub step: usize,
    /// Before the step.
    pub loss: f64,
}

/// A dream on its way, step by step; weights may change between steps.
pub struct Dream {
    network: Network,
    units: Units,
    options: Options,
    /// Of what can be dreamt of, in the order of the graph.
    weights: Vec<(String, f64)>,
    /// The image at every octave's [height, width].
    originals: Vec<(Vec<f32>, [usize; 2])>,
    octave: usize,
    step: usize,
    /// Steps of all octaves.
    done: u64,
    image: Vec<f32>,
    /// For the weights and the size as they are now.
    objective: Option<Objective>,
}

impl Dream {
    /// Begins with `image`, grey values (0 to 255) of the network's own size row by row. `weights` may name any layers
    /// of feature maps ([`layers::parse`]); those that are not named have no weight.
    ///
    /// Fails for networks that take no images, for unknown layers, and for options out of range.
    pub fn new(
        network: &Network,
        units: Units,
        image: &[f32],
        weights: &[(String, f64)],
        options: Options,
    ) -> Result<Dream> {
        options.check()?;
        let network = network.folded();
        let &[height, width, channels] = network.graph().input_shape() else {
            return Err(Error::usage("Deep Dream changes images (height, width, channels), no volumes"));
        };
        if image.len() != height * width || units.mean.len() != channels || units.sd.len() != channels {
            return Err(Error::new(format!("the network takes {height}x{width} px of {channels} channels")));
        }
        if options.jitter_px >= height.min(width) {
            return Err(Error::usage(format!("a jitter of {} px is no less than the image", options.jitter_px))
                .cure("use a few px, or 0"));
        }
        let multiples = octaves::multiples(network.graph());
        let sizes = octaves::sizes([height, width], options.octaves, options.octave_scale, multiples);
        let original = |size: &[usize; 2]| (resample(image, [height, width], *size), *size);
        let originals: Vec<_> = sizes.iter().map(original).collect();
        let choices = layers::choices(network.graph());
        let all = choices.into_iter().map(|choice| (choice.layer, 0.0)).collect();
        let image = originals[0].0.clone();
        let mut dream = Dream {
            network,
            units,
            options,
            weights: all,
            originals,
            octave: 0,
            step: 0,
            done: 0,
            image,
            objective: None,
        };
        weights.iter().try_for_each(|(layer, weight)| dream.set_weight(layer, *weight))?;
        dream.settle();
        Ok(dream)
    }

    /// From the image again, with the weights as they are.
    pub fn restart(&mut self) {
        (self.octave, self.step, self.done, self.objective) = (0, 0, 0, None);
        self.image = self.originals[0].0.clone();
        self.settle();
    }

    /// Layers that can be dreamt of and their weights, in the order of the graph.
    pub fn weights(&self) -> &[(String, f64)] {
        &self.weights
    }

    /// Fails where there is no such layer, and where the weight is no finite number.
    pub fn set_weight(&mut self, layer: &str, weight: f64) -> Result<()> {
        let Some(of) = self.weights.iter_mut().find(|(name, _)| name == layer) else {
            return Err(Error::usage(format!("there are no feature maps called `{}`", text::line(layer))));
        };
        if !weight.is_finite() {
            return Err(Error::usage(format!("the weight of {} is no number", text::line(layer))));
        }
        of.1 = weight;
        let wanted: Vec<(String, f64)> = self.wanted();
        match &mut self.objective {
            Some(objective) if objective.layers().iter().eq(wanted.iter().map(|(layer, _)| layer)) => {
                objective.set_weights(wanted.into_iter().map(|(_, weight)| weight).collect());
            }
            // Another part of the network is wanted.
            _ => self.objective = None,
        }
        Ok(())
    }

    /// Those with a weight.
    fn wanted(&self) -> Vec<(String, f64)> {
        self.weights.iter().filter(|(_, weight)| *weight != 0.0).cloned().collect()
    }

    /// The image as it is now: grey values (0 to 255 but for rounding where detail was just put back) of an octave's
    /// [height, width].
    pub fn image(&self) -> (&[f32], [usize; 2]) {
        (&self.image, self.originals[self.octave].1)
    }

    /// [height, width] of every octave, the smallest first.
    pub fn sizes(&self) -> Vec<[usize; 2]> {
        self.originals.iter().map(|(_, size)| *size).collect()
    }

    /// The octave that the next step belongs to, and how many it has done.
    pub fn place(&self) -> (usize, usize) {
        (self.octave, self.step)
    }

    /// Every octave has had its steps. A caller may go on at the full size.
    pub fn is_done(&self) -> bool {
        self.octave + 1 == self.originals.len() && self.step >= self.options.steps
    }

    /// One step up. Where no layer has a weight the image stays as it is. Runs on the current rayon pool.
    ///
    /// Fails where activations are no numbers.
    pub fn step(&mut self) -> Result<Step> {
        let size = self.originals[self.octave].1;
        let wanted = self.wanted();
        let mut loss = 0.0;
        if !wanted.is_empty() {
            let objective = match self.objective.take() {
                Some(objective) => objective,
                None => Objective::new(&self.network, &wanted, &self.units, size)?,
            };
            let objective = self.objective.insert(objective);
            let shift = [0, 1].map(|axis| jitter(&self.options, self.done, axis, size[axis as usize]));
            let mut gradient;
            (loss, gradient) = match shift {
                [0, 0] => objective.loss_and_gradient(&self.image)?,
                [down, right] => objective.loss_and_gradient(&rolled(&self.image, size, [down, right]))?,
            };
            if shift != [0, 0] {
                gradient = rolled(&gradient, size, [size[0] - shift[0], size[1] - shift[1]]);
            }
            let mean = gradient.iter().map(|g| f64::from(g.abs())).sum::<f64>() / gradient.len() as f64;
            // A gradient of zeros points nowhere.
            if mean > 0.0 && mean.is_finite() {
                let length = self.options.step_length * f64::from(GREY.end() - GREY.start());
                let scale = length / mean;
                for (value, gradient) in self.image.iter_mut().zip(&gradient) {
                    let moved = f64::from(*value) + scale * f64::from(*gradient);
                    *value = (moved as f32).clamp(*GREY.start(), *GREY.end());
                }
            }
        }
        let step = Step { octave: self.octave, step: self.step, loss };
        self.step += 1;
        self.done += 1;
        if self.options.loss_limit.is_some_and(|limit| loss > limit) {
            self.step = self.step.max(self.options.steps);
        }
        self.settle();
        Ok(step)
    }

    /// Goes on to the next octave where this one has had its steps.
    fn settle(&mut self) {
        while self.step >= self.options.steps && self.octave + 1 < self.originals.len() {
            let (original, size) = &self.originals[self.octave];
            let dreamt: Vec<f32> = self.image.iter().zip(original).map(|(now, was)| now - was).collect();
            let (larger, to) = &self.originals[self.octave + 1];
            let change = resample(&dreamt, *size, *to);
            self.image = larger.iter().zip(change).map(|(image, change)| image + change).collect();
            (self.octave, self.step, self.objective) = (self.octave + 1, 0, None);
        }
    }
}

/// How far a step shifts the image along an axis: 0 to below `side`, to be undone by the rest.
fn jitter(options: &Options, step: u64, axis: u64, side: usize) -> usize {
    let most = options.jitter_px.min(side - 1);
    let shift = (uniform(options.seed, 2 * step + axis) * (2 * most + 1) as f64) as usize;
    // From -most..=most to what comes around the edge.
    (side + shift - most) % side
}

/// Shifted down and right around the edges.
fn rolled(image: &[f32], [height, width]: [usize; 2], [down, right]: [usize; 2]) -> Vec<f32> {
    let mut out = vec![0.0; image.len()];
    for (y, row) in image.chunks_exact(width).enumerate() {
        let to = &mut out[(y + down) % height * width..][..width];
        let right = right % width;
        to[right..].copy_from_slice(&row[..width - right]);
        to[..right].copy_from_slice(&row[width - right..]);
    }
    out
}

#[cfg(test)]
mod tests;
