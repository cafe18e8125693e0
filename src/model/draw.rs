//! A network as a picture of characters.

use crate::nn::Graph;

/// `224x224x3`.
pub fn times(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

pub fn draw(name: &str, graph: &Graph, _full: bool) -> String {
    format!("{name} {:?}\n", graph.parameter_count())
}
