//! The U-Net with a VGG as its encoder, as `segmentation_models` 0.2 built it for Keras.

use super::head::Head;
use super::spec::Fields;
use super::unet::check_halvings;
use super::vgg::{Outputs, VggSpec, Width, read_widths};
use super::{ModelInfo, Task};
use crate::error::{Error, Result};
use crate::nn::layer::{BatchNorm, Concat, Conv, Relu, Sigmoid, Upsample};
use crate::nn::{Graph, GraphBuilder};

pub(super) const MODELS: &[ModelInfo] = &[ModelInfo {
    name: "unet-vgg16",
    task: Task::Segmentation,
    purpose: "VGG16 inside, four skips",
    source: "preprint (S4) 2.2.3; its count has classes=3",
    spec: r#"
        family = "unet-vgg"
        input = [224, 224, 3]
        widths = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool",
                  512, 512, 512, "pool", 512, 512, 512, "pool"]
        decoder = [256, 128, 64, 32, 16]
        skips = 4
    "#,
}];

/// A member of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct UNetVggSpec {
    /// The encoder, without batch norm and up to its last pool; its head is not used.
    pub encoder: VggSpec,
    /// Channels of each level of the decoder, deepest first; each doubles the resolution.
    pub decoder: Vec<usize>,
    /// Levels, from the deepest, that take along the encoder's last activations of their resolution.
    pub skips: usize,
    pub batch_norm: BatchNorm,
    /// Masks.
    pub classes: usize,
}

impl UNetVggSpec {
    pub(super) fn read(fields: &mut Fields) -> Result<UNetVggSpec> {
        let batch_norm = fields.batch_norm(BatchNorm::default())?;
        let (classes, skips) = (fields.count("classes", 1)?, fields.count("skips", 4)?);
        let encoder = VggSpec {
            input: fields.input(3..=3)?,
            widths: read_widths(fields, "widths")?,
            batch_norm: None,
            kernel3d: [3; 3],
            head: Head::default(),
            outputs: Outputs::Single,
        };
        let spec = UNetVggSpec { encoder, decoder: fields.counts("decoder", 12)?, skips, batch_norm, classes };
        fields.done()?;
        let pools = spec.encoder.widths.iter().filter(|w| **w == Width::Pool).count();
        if spec.decoder.len() != pools || spec.encoder.widths.last() != Some(&Width::Pool) || skips > pools {
            return Err(Error::usage(format!(
                "{pools} pools want a decoder of {pools} levels, not {}, with at most as many skips, and a pool at the end",
                spec.decoder.len()
            )));
        }
        Ok(spec)
    }

    /// Ends in a sigmoid: one mask a class, each in 0 to 1.
    pub fn build(&self) -> Result<Graph> {
        check_halvings(&self.encoder.input, self.decoder.len())?;
        let mut graph = GraphBuilder::new(&self.encoder.input)?;
        let input = graph.input();
        let stages = self.encoder.features("encoder.features", &mut graph, input)?;
        graph.end_encoder();
        let (mut at, stages) = (stages[stages.len() - 1], &stages[1..stages.len() - 1]);
        for (step, (&width, stage)) in self.decoder.iter().zip(stages.iter().rev()).enumerate() {
            let name = format!("decoder.{step}");
            at = graph.add(format!("{name}.up"), Upsample::image([2; 2]), &[at])?;
            if step < self.skips {
                at = graph.add(format!("{name}.concat"), Concat, &[at, *stage])?;
            }
            for i in 1..=2 {
                at = graph.add(format!("{name}.conv{i}"), Conv::unbiased(width, 3, 1, 1), &[at])?;
                at = graph.add(format!("{name}.bn{i}"), self.batch_norm.clone(), &[at])?;
                at = graph.add(format!("{name}.relu{i}"), Relu, &[at])?;
            }
        }
        at = graph.add("head", Conv::same(self.classes, 3), &[at])?;
        at = graph.add("sigmoid", Sigmoid, &[at])?;
        Ok(graph.finish(at))
    }
}
