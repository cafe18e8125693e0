//! The small CNNs of the slides: convolutions with ReLU, batch norm and pools, then a few dense layers.

use super::sequential::Sequential;
use super::spec::Fields;
use super::{ModelInfo, Task};
use crate::error::{Error, Result};
use crate::nn::layer::{BatchNorm, Conv, Dropout, Flatten, Linear, MaxPool, Relu};
use crate::nn::{Graph, GraphBuilder};

/// The named members of the family.
pub(super) const MODELS: &[ModelInfo] = &[
    ModelInfo {
        name: "cnn263k",
        task: Task::Regression,
        purpose: "2 convolutions, 3 dense",
        source: "slides (S1), CNN 263K",
        spec: r#"
            family = "cnn"
            input = [128, 128, 1]
            convs = [8, 16]
            dense = [16, 8]
        "#,
    },
    ModelInfo {
        name: "cnn1m",
        task: Task::Regression,
        purpose: "3 convolutions, 4 dense",
        source: "slides (S1), CNN 1M, with the two pools that give it its name's size",
        // The name counts a million weights; the drawing's third pool leaves 286,529.
        spec: r#"
            family = "cnn"
            input = [128, 128, 1]
            convs = [16, 32, 64]
            pools = 2
            dense = [16, 32, 8]
        "#,
    },
    ModelInfo {
        name: "cnn1m-as-drawn",
        task: Task::Regression,
        purpose: "cnn1m with a third pool",
        source: "slides (S1), CNN 1M as drawn",
        spec: r#"
            family = "cnn"
            input = [128, 128, 1]
            convs = [16, 32, 64]
            dense = [16, 32, 8]
        "#,
    },
];

/// A member of the family, from which a graph is built.
#[derive(Clone, Debug, PartialEq)]
pub struct CnnSpec {
    /// Height, width, channels.
    pub input: Vec<usize>,
    /// Output channels of each 3x3 convolution, with ReLU and batch norm.
    pub convs: Vec<usize>,
    /// How many of them, from the first, have a 2x2 pool behind them.
    pub pools: usize,
    /// Units of each dense layer with ReLU before the last, which has one output and no ReLU; batch
    /// norm and dropout follow the first.
    pub dense: Vec<usize>,
    pub dropout: f32,
    pub batch_norm: BatchNorm,
}

impl CnnSpec {
    /// Every convolution followed by a pool.
    pub fn new(input: [usize; 3], convs: &[usize], dense: &[usize]) -> CnnSpec {
        CnnSpec {
            input: input.to_vec(),
            convs: convs.to_vec(),
            pools: convs.len(),
            dense: dense.to_vec(),
            dropout: 0.5,
            batch_norm: BatchNorm::default(),
        }
    }

    pub(super) fn read(fields: &mut Fields) -> Result<CnnSpec> {
        let pools = fields.take("pools", "a whole number")?;
        let spec = CnnSpec {
            dropout: fields.share("dropout")?.unwrap_or(0.5),
            batch_norm: fields.batch_norm(BatchNorm::default())?,
            input: fields.input(3..=3)?,
            convs: fields.counts("convs", 64)?,
            pools: 0,
            dense: fields.counts("dense", 64)?,
        };
        fields.done()?;
        let pools = pools.unwrap_or(spec.convs.len());
        if pools > spec.convs.len() {
            return Err(Error::usage(format!("pools = {pools}, and there are {} convolutions", spec.convs.len())));
        }
        Ok(CnnSpec { pools, ..spec })
    }

    /// Names are those of two PyTorch `Sequential`s, `features` and `classifier`.
    pub fn build(&self) -> Result<Graph> {
        let mut graph = GraphBuilder::new(&self.input)?;
        let input = graph.input();
        let mut layers = Sequential::new(&mut graph, "features", input);
        for (i, &channels) in self.convs.iter().enumerate() {
            layers.push(Conv::same(channels, 3))?;
            layers.push(Relu)?;
            layers.push(self.batch_norm.clone())?;
            if i < self.pools {
                layers.push(MaxPool::halving(2))?;
            }
        }
        let at = layers.end();
        let images = graph.shape(at).to_vec();
        let at = graph.add("flatten", Flatten, &[at])?;
        let linear = |first: bool, units| match first {
            true => Linear::after_flatten(units, images.clone()),
            false => Linear::new(units),
        };
        let mut layers = Sequential::new(&mut graph, "classifier", at);
        for (i, &units) in self.dense.iter().enumerate() {
            layers.push(linear(i == 0, units))?;
            layers.push(Relu)?;
            if i == 0 {
                layers.push(self.batch_norm.clone())?;
                layers.push(Dropout { rate: self.dropout })?;
            }
        }
        layers.push(linear(self.dense.is_empty(), 1))?;
        let at = layers.end();
        Ok(graph.finish(at))
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{ModelOptions, build};

    fn with_input(name: &str, input: [usize; 3]) -> crate::Result<crate::nn::Graph> {
        build(name, &ModelOptions::default().with_input(&input))
    }

    #[test]
    fn the_named_networks_have_exactly_the_published_numbers_of_parameters() {
        for (name, trainable, other) in
            [("cnn263k", 263_633, 80), ("cnn1m", 1_072_961, 256), ("cnn1m-as-drawn", 286_529, 256)]
        {
            assert_eq!(with_input(name, [128, 128, 1]).unwrap().parameter_count(), (trainable, other), "{name}");
        }
        // Other inputs of the same network, counted by hand and in Keras.
        assert_eq!(with_input("cnn263k", [224, 224, 1]).unwrap().parameter_count().0, 804_305);
        assert_eq!(with_input("cnn263k", [128, 128, 3]).unwrap().parameter_count().0, 263_777);
    }

    #[test]
    fn names_are_those_of_the_pytorch_sequentials() {
        let names: Vec<_> = with_input("cnn263k", [128, 128, 1])
            .unwrap()
            .layer_table()
            .into_iter()
            .map(|r| format!("{} {}", r.name, r.kind))
            .collect();
        let expected = "input input, features.0 conv2d, features.1 relu, features.2 batch-norm, features.3 max-pool, \
            features.4 conv2d, features.5 relu, features.6 batch-norm, features.7 max-pool, flatten flatten, \
            classifier.0 linear, classifier.1 relu, classifier.2 batch-norm, classifier.3 dropout, \
            classifier.4 linear, classifier.5 relu, classifier.6 linear";
        assert_eq!(names.join(", "), expected);
    }

    #[test]
    fn an_input_too_small_for_the_pools_is_refused_by_the_layer_that_cannot_do_it() {
        let error = with_input("cnn1m-as-drawn", [4, 4, 1]).unwrap_err();
        assert!(error.what.starts_with("layer features.11 (max-pool)"), "{error}");
    }
}
