//! The small CNNs of the slides: convolutions with ReLU, batch norm and pools, then a few dense layers.

use super::ModelInfo;
use crate::error::Result;
use crate::nn::layer::{BatchNorm, Conv, Dropout, Flatten, Linear, MaxPool, Relu};
use crate::nn::{Graph, GraphBuilder};

/// The named members of the family.
pub(super) const MODELS: &[ModelInfo] = &[
    ModelInfo {
        name: "cnn263k",
        purpose: "HC regression, 263,633 weights: two convolutions and three dense layers",
        source: "slides (S1), CNN 263K",
        input: [128, 128, 1],
    },
    ModelInfo {
        name: "cnn1m",
        purpose: "HC regression, 1,072,961 weights: three convolutions, two pools, four dense layers",
        source: "slides (S1), CNN 1M, with the two pools that give it its name's size",
        input: [128, 128, 1],
    },
    ModelInfo {
        name: "cnn1m-as-drawn",
        purpose: "HC regression, 286,529 weights: as cnn1m with the third pool of the drawing",
        source: "slides (S1), CNN 1M as drawn",
        input: [128, 128, 1],
    },
];

/// A member of the family, from which a graph is built.
#[derive(Clone, Debug, PartialEq)]
pub struct CnnSpec {
    /// Height, width, channels.
    pub input: [usize; 3],
    /// Output channels of each 3x3 convolution (with ReLU and batch norm), and whether a 2x2 pool follows.
    pub convs: Vec<(usize, bool)>,
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
            input,
            convs: convs.iter().map(|c| (*c, true)).collect(),
            dense: dense.to_vec(),
            dropout: 0.5,
            batch_norm: BatchNorm::default(),
        }
    }

    pub fn named(name: &str, input: [usize; 3]) -> Option<CnnSpec> {
        match name {
            "cnn263k" => Some(CnnSpec::new(input, &[8, 16], &[16, 8])),
            "cnn1m" => {
                let mut spec = CnnSpec::new(input, &[16, 32, 64], &[16, 32, 8]);
                // The name counts a million weights; the drawing's third pool leaves 286,529.
                spec.convs[2].1 = false;
                Some(spec)
            }
            "cnn1m-as-drawn" => Some(CnnSpec::new(input, &[16, 32, 64], &[16, 32, 8])),
            _ => None,
        }
    }

    /// Names are those of two PyTorch `Sequential`s, `features` and `classifier`.
    pub fn build(&self) -> Result<Graph> {
        let mut graph = GraphBuilder::new(&self.input)?;
        let norm = || self.batch_norm.clone();
        let mut at = graph.input();
        let mut names = Numbered::new("features");
        for &(channels, pool) in &self.convs {
            at = graph.add(names.next(), Conv::same(channels, 3), &[at])?;
            at = graph.add(names.next(), Relu, &[at])?;
            at = graph.add(names.next(), norm(), &[at])?;
            if pool {
                at = graph.add(names.next(), MaxPool::halving(2), &[at])?;
            }
        }
        let &[h, w, c] = graph.shape(at) else { unreachable!("images stay images until the flatten") };
        at = graph.add("flatten", Flatten, &[at])?;
        let mut names = Numbered::new("classifier");
        for (i, &units) in self.dense.iter().chain(&[1]).enumerate() {
            let layer = if i == 0 { Linear::after_flatten(units, [h, w, c]) } else { Linear::new(units) };
            at = graph.add(names.next(), layer, &[at])?;
            if i == self.dense.len() {
                break;
            }
            at = graph.add(names.next(), Relu, &[at])?;
            if i == 0 {
                at = graph.add(names.next(), norm(), &[at])?;
                at = graph.add(names.next(), Dropout { rate: self.dropout }, &[at])?;
            }
        }
        Ok(graph.finish(at))
    }
}

/// `features.0`, `features.1`, ...
struct Numbered {
    prefix: &'static str,
    next: usize,
}

impl Numbered {
    fn new(prefix: &'static str) -> Numbered {
        Numbered { prefix, next: 0 }
    }
    fn next(&mut self) -> String {
        self.next += 1;
        format!("{}.{}", self.prefix, self.next - 1)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::build;

    #[test]
    fn the_named_networks_have_exactly_the_published_numbers_of_parameters() {
        for (name, trainable, other) in
            [("cnn263k", 263_633, 80), ("cnn1m", 1_072_961, 256), ("cnn1m-as-drawn", 286_529, 256)]
        {
            assert_eq!(build(name, [128, 128, 1]).unwrap().parameter_count(), (trainable, other), "{name}");
        }
        // Other inputs of the same network, counted by hand and in Keras.
        assert_eq!(build("cnn263k", [224, 224, 1]).unwrap().parameter_count().0, 804_305);
        assert_eq!(build("cnn263k", [128, 128, 3]).unwrap().parameter_count().0, 263_777);
    }

    #[test]
    fn names_are_those_of_the_pytorch_sequentials() {
        let names: Vec<_> = build("cnn263k", [128, 128, 1])
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
        let error = build("cnn1m-as-drawn", [4, 4, 1]).unwrap_err();
        assert!(error.what.starts_with("layer features.11 (max-pool)"), "{error}");
    }
}
