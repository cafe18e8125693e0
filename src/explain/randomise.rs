//! Weights that forget what they learned, from the output down: the sanity check of Adebayo et al. 2018.
//!
//! A map that hardly changes when the weights are random does not explain the model.

use super::explainer::Explainer;
use crate::error::Result;
use crate::nn::{Graph, Network, NodeId};

/// Deeper networks are randomised by blocks, not by layers.
pub const MOST_POINTS: usize = 20;

/// Layers that are randomised together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The layer, or the block of layers.
    pub name: String,
    /// Those of its nodes that have parameters, in the graph's order.
    pub nodes: Vec<NodeId>,
}

/// Which layers are random at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every layer from the output down to the point.
    #[default]
    Cascade,
    /// The point's alone.
    Independent,
}

/// The points of a network, the output's first: a convolution or linear layer each with the norms behind it; where
/// these are too many a block each (`layer1.0`, `encoder.0`), and where those still are, several.
pub fn points(graph: &Graph) -> Vec<Point> {
    let mut layers: Vec<Point> = Vec::new();
    for id in graph.ids().filter(|id| !graph.node(*id).parameters.is_empty()) {
        let node = graph.node(id);
        let norm = node.layer.as_ref().is_some_and(|l| l.as_batch_norm().is_some());
        match layers.last_mut() {
            Some(before) if norm => before.nodes.push(id),
            _ => layers.push(Point { name: node.name.clone(), nodes: vec![id] }),
        }
    }
    let mut points = if layers.len() > MOST_POINTS { blocks(layers) } else { layers };
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    if together > 1 {
        points = points.chunks(together).map(joined).collect();
    }
    points.reverse();
    points
}

/// Neighbours whose names agree up to their first number.
fn blocks(layers: Vec<Point>) -> Vec<Point> {
    let block = |point: &Point| {
        let words: Vec<&str> = point.name.split('.').collect();
        let number = words.iter().position(|w| w.bytes().all(|b| b.is_ascii_digit()));
        words[..number.map_or(words.len(), |n| n + 1)].join(".")
    };
    let together = layers.chunk_by(|a, b| block(a) == block(b));
    together.map(|some| Point { name: block(&some[0]), ..joined(some) }).collect()
}

/// Named by the first: the layer down to which all is random.
fn joined(points: &[Point]) -> Point {
    Point { name: points[0].name.clone(), nodes: points.iter().flat_map(|p| p.nodes.clone()).collect() }
}

/// The network at each point in turn, ready for analysis, its random layers as in [`Network::new`] with that seed:
/// batch norms forget their statistics too.
pub fn randomised(
    trained: &Network,
    points: &[Point],
    mode: Mode,
    seed: u64,
) -> impl Iterator<Item = Result<Explainer>> {
    let mut before: Option<Network> = None;
    points.iter().map(move |point| {
        let from = before.as_ref().filter(|_| mode == Mode::Cascade).unwrap_or(trained);
        let network = from.with_fresh(&point.nodes, seed);
        let explainer = Explainer::new(&network);
        before = Some(network);
        explainer
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::inputs::Given;
    use crate::explain::{Analyzer, Settings};
    use crate::model::{self, ModelOptions};
    use crate::nn::Tensor;

    fn names(model: &str) -> Vec<String> {
        let graph = model::build(model, &ModelOptions::default()).unwrap();
        points(&graph).into_iter().map(|p| p.name).collect()
    }

    fn small() -> Graph {
        model::build("cnn263k", &ModelOptions::default().with_input(&[16, 16, 1])).unwrap()
    }

    fn image() -> Tensor {
        Tensor::from_vec(&[1, 16, 16, 1], (0..256).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect()).unwrap()
    }

    fn map(explainer: &mut Explainer, analyzer: &str) -> Tensor {
        let method = Analyzer::find(analyzer).unwrap().with(&Settings::default()).unwrap();
        explainer.explain(&method, &image(), &Given::default()).unwrap().map
    }

    #[test]
    fn points_go_from_the_output_to_the_input() {
        let cnn = names("cnn263k");
        assert_eq!((cnn.first().unwrap().as_str(), cnn.last().unwrap().as_str()), ("classifier.6", "features.0"));
        let resnet = names("reg-resnet50");
        assert_eq!(
            (resnet[0].as_str(), resnet[1].as_str(), resnet.last().unwrap().as_str()),
            ("fc", "layer4.2", "conv1")
        );
        assert_eq!(resnet.len(), 18);
        for info in model::list() {
            assert!(names(info.name).len() <= MOST_POINTS, "{}", info.name);
        }
    }

    #[test]
    fn every_parameter_belongs_to_one_point() {
        for info in model::list() {
            let graph = model::build(info.name, &ModelOptions::default()).unwrap();
            let mut nodes: Vec<_> = points(&graph).into_iter().flat_map(|p| p.nodes).collect();
            nodes.sort();
            let all: Vec<_> = graph.ids().filter(|id| !graph.node(*id).parameters.is_empty()).collect();
            assert_eq!(nodes, all, "{}", info.name);
        }
    }

    #[test]
    fn in_the_end_the_network_is_one_that_has_learned_nothing() {
        let trained = Network::new(small(), 1);
        let at = points(trained.graph());
        let mut last = randomised(&trained, &at, Mode::Cascade, 2).last().unwrap().unwrap();
        let mut fresh = Explainer::new(&Network::new(small(), 2)).unwrap();
        for analyzer in ["gradient", "lrp-z"] {
            assert_eq!(map(&mut last, analyzer), map(&mut fresh, analyzer));
        }
        assert_eq!(last.network().state(), fresh.network().state());
    }

    #[test]
    fn a_cascade_forgets_layer_after_layer_and_the_other_mode_one_at_a_time() {
        let trained = Network::new(small(), 1);
        let (old, fresh) = (trained.state(), Network::new(small(), 2).state());
        let at = points(trained.graph());
        for mode in [Mode::Cascade, Mode::Independent] {
            for (i, explainer) in randomised(&trained, &at, mode, 2).enumerate() {
                // Nothing can be folded here: ReLUs stand before the norms.
                for (name, array) in explainer.unwrap().network().state() {
                    let node = name.rsplit_once('.').unwrap().0;
                    let has = |p: &Point| p.nodes.iter().any(|n| trained.graph().node(*n).name == node);
                    let of = at.iter().position(has).unwrap();
                    let random = if mode == Mode::Cascade { of <= i } else { of == i };
                    assert_eq!(array, if random { fresh[&name].clone() } else { old[&name].clone() }, "{name} at {i}");
                }
            }
        }
    }

    #[test]
    fn a_gradient_changes_at_every_point() {
        let trained = Network::new(small(), 1);
        let at = points(trained.graph());
        let before = map(&mut Explainer::new(&trained).unwrap(), "gradient");
        for mode in [Mode::Cascade, Mode::Independent] {
            for explainer in randomised(&trained, &at, mode, 2) {
                assert_ne!(map(&mut explainer.unwrap(), "gradient"), before);
            }
        }
    }
}
