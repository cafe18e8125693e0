//! What is drawn as one: a layer with the batch norm, ReLU, dropout behind it; a residual block.

use super::window;
use crate::nn::Graph;
use crate::nn::layer::Layer;

/// A layer and its followers.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub kind: &'static str,
    /// `conv 3x3 · bn · relu`.
    pub words: String,
    /// `3x3/2 64`: a convolution in few characters.
    pub short: String,
    /// Of one sample.
    pub output: Vec<usize>,
    pub trainable: usize,
    inputs: Vec<usize>,
    /// The last node.
    end: usize,
}

/// One thing to draw, in the order of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Cell(Cell),
    /// Two ways from one place to their sum.
    Residual {
        main: Vec<Cell>,
        shortcut: Vec<Cell>,
        sum: Cell,
    },
}

impl Part {
    /// What both kinds of part end in.
    pub fn end(&self) -> &Cell {
        match self {
            Part::Cell(cell) => cell,
            Part::Residual { sum, .. } => sum,
        }
    }

    pub fn trainable(&self) -> usize {
        match self {
            Part::Cell(cell) => cell.trainable,
            Part::Residual { main, shortcut, .. } => main.iter().chain(shortcut).map(|c| c.trainable).sum(),
        }
    }

    /// Looks the same.
    pub fn is_like(&self, other: &Part) -> bool {
        let words = |cells: &[Cell]| cells.iter().map(|c| c.short.clone()).collect::<Vec<_>>();
        match (self, other) {
            (Part::Cell(a), Part::Cell(b)) => a.words == b.words && a.output == b.output,
            (Part::Residual { main: a, shortcut: s, sum: x }, Part::Residual { main: b, shortcut: t, sum: y }) => {
                words(a) == words(b) && words(s) == words(t) && x.output == y.output
            }
            _ => false,
        }
    }
}

/// Everything between the input and the node `end`.
pub fn parts(graph: &Graph, end: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for cell in cells(graph, end) {
        let [a, b] = cell.inputs[..] else {
            parts.push(Part::Cell(cell));
            continue;
        };
        if cell.kind != "add" {
            parts.push(Part::Cell(cell));
            continue;
        }
        // Both ways back to where they part. They hold nothing but cells of one input.
        let (a, b) = (way_back(&parts, a), way_back(&parts, b));
        let Some(fork) = a.iter().copied().find(|node| b.contains(node)) else {
            parts.push(Part::Cell(cell));
            continue;
        };
        let until = |way: &[usize]| way.iter().copied().take_while(|n| *n != fork).collect::<Vec<_>>();
        let (a, b) = (until(&a), until(&b));
        let mut take = |ends: &[usize]| {
            let mut found = Vec::new();
            parts.retain(|part| match part {
                Part::Cell(cell) if ends.contains(&cell.end) => {
                    found.push(cell.clone());
                    false
                }
                _ => true,
            });
            found
        };
        let (a, b) = (take(&a), take(&b));
        let (main, shortcut) = if a.len() >= b.len() { (a, b) } else { (b, a) };
        parts.push(Part::Residual { main, shortcut, sum: cell });
    }
    parts
}

/// Ends of the cells from `end` back to the first that is no plain cell, each the input of the one before.
fn way_back(parts: &[Part], end: usize) -> Vec<usize> {
    let mut way = vec![end];
    while let Some(Part::Cell(cell)) = parts.iter().find(|p| p.end().end == way[way.len() - 1])
        && let [input] = cell.inputs[..]
    {
        way.push(input);
    }
    way
}

fn cells(graph: &Graph, end: usize) -> Vec<Cell> {
    let nodes = graph.nodes();
    let mut needed = vec![false; nodes.len()];
    needed[end] = true;
    let mut readers = vec![0; nodes.len()];
    for i in (0..nodes.len()).rev() {
        if needed[i] {
            for input in &nodes[i].inputs {
                needed[input.index()] = true;
                readers[input.index()] += 1;
            }
        }
    }
    let rows = graph.layer_table();
    let mut cells: Vec<Cell> = Vec::new();
    for (i, node) in nodes.iter().enumerate().filter(|(i, _)| needed[*i]) {
        let Some(layer) = &node.layer else { continue };
        let inputs: Vec<usize> = node.inputs.iter().map(|i| i.index()).collect();
        if let (Some(word), [input]) = (follower(layer.as_ref()), &inputs[..])
            && readers[*input] == 1
            && let Some(cell) = cells.iter_mut().find(|c| c.end == *input)
        {
            cell.words += &format!(" · {word}");
            cell.trainable += rows[i].trainable;
            cell.end = i;
            continue;
        }
        cells.push(Cell {
            kind: layer.kind(),
            words: words(layer.as_ref()),
            short: format!("{} {}", window(layer.as_ref()), node.shape[node.shape.len() - 1]),
            output: node.shape.clone(),
            trainable: rows[i].trainable,
            inputs,
            end: i,
        });
    }
    cells
}

/// The word for a layer that is drawn behind the one before it.
fn follower(layer: &dyn Layer) -> Option<String> {
    match layer.kind() {
        "batch-norm" => Some("bn".into()),
        "relu" | "sigmoid" => Some(layer.kind().into()),
        "dropout" => Some(format!("dropout {}", layer.detail().trim_start_matches("rate "))),
        _ => None,
    }
}

fn words(layer: &dyn Layer) -> String {
    let name = match layer.kind() {
        "conv2d" | "conv3d" => "conv",
        "transposed-conv2d" | "transposed-conv3d" => "transposed",
        kind => kind,
    };
    // A transposed convolution's stride is its kernel, here as everywhere.
    let window = window(layer);
    let window = if name == "transposed" { window.split('/').next().unwrap_or_default() } else { &window };
    format!("{name} {window}").trim_end().to_owned()
}
