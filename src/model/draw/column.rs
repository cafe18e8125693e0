//! From top to bottom: a box a resolution, the narrower the smaller; residual blocks as brackets.

use super::cell::{Cell, Part};
use super::stage::{Folded, Stage};
use super::{WIDTH, thousands, times};
use crate::nn::Graph;

/// Characters of the picture; output shapes and parameters stand at its right.
const PICTURE: usize = 50;
const SHAPE: usize = 15;
/// The widest box, and by how much the next is narrower on each side.
const BOX: usize = 48;
const STEP: usize = 2;
const NARROWEST: usize = 26;

pub fn draw(graph: &Graph, stages: &[Stage], lines: &mut Vec<String>) {
    let residual = stages.iter().flat_map(|s| &s.parts).any(|f| matches!(f.part, Part::Residual { .. }));
    lines.push(row("  input", graph.input_shape(), 0));
    if residual {
        stages.iter().for_each(|stage| plain(stage, lines));
        lines.push("3x3/2 64: a convolution, its stride and outputs; ⊕: their sum, then relu".into());
        return;
    }
    // A stage without layers is what the last pool left: its shape stands beside that pool.
    for (depth, stage) in stages.iter().filter(|s| !s.parts.is_empty()).enumerate() {
        boxed(stage, depth, lines);
        let left =
            stages.iter().filter(|s| s.parts.is_empty()).find(|s| stage.pool.as_ref().is_some_and(|p| p.1 == s.output));
        if let (Some(left), Some(last)) = (left, lines.last_mut()) {
            *last = row(last, &left.output, 0);
        }
    }
}

/// The picture's part of a line, then shape and parameters.
fn row(picture: &str, shape: &[usize], trainable: usize) -> String {
    let parameters = if trainable > 0 { thousands(trainable) } else { String::new() };
    let pad = PICTURE.saturating_sub(picture.chars().count());
    let rest = WIDTH - PICTURE - SHAPE;
    format!("{picture}{}{:>SHAPE$}{parameters:>rest$}", " ".repeat(pad), times(shape))
}

fn words(folded: &Folded) -> String {
    let words = &folded.part.end().words;
    if folded.count > 1 { format!("{} × {words}", folded.count) } else { words.clone() }
}

fn boxed(stage: &Stage, depth: usize, lines: &mut Vec<String>) {
    let longest = stage.parts.iter().map(|f| words(f).chars().count()).max().unwrap_or(0);
    let width = BOX.saturating_sub(2 * STEP * depth).max(longest + 4).max(NARROWEST);
    let inner = width - 2;
    let indent = " ".repeat(PICTURE.saturating_sub(width) / 2);
    lines.push(format!("{indent}╭{}╮", "─".repeat(inner)));
    for folded in &stage.parts {
        let text = words(folded);
        let pad = " ".repeat(inner - 1 - text.chars().count());
        lines.push(row(&format!("{indent}│ {text}{pad}│"), &folded.part.end().output, folded.trainable));
    }
    let pool = stage.pool.as_ref().map_or(String::new(), |(pool, _)| format!(" ▼ {pool} "));
    lines.push(format!("{indent}╰{pool:─^inner$}╯"));
}

/// Without a box: a line a layer, two a residual block.
fn plain(stage: &Stage, lines: &mut Vec<String>) {
    for folded in &stage.parts {
        match &folded.part {
            Part::Cell(cell) => lines.push(row(&format!("  {}", words(folded)), &cell.output, folded.trainable)),
            Part::Residual { main, shortcut, sum } => {
                let way = |cells: &[Cell]| cells.iter().map(|c| c.short.clone()).collect::<Vec<_>>().join(" ── ");
                let (main, shortcut) = (way(main), way(shortcut));
                let inner = main.chars().count() + 4;
                let times = if folded.count > 1 { format!("  ×{}", folded.count) } else { String::new() };
                let main = row(&format!("╭─ {main} ─╮{times}"), &sum.output, folded.trainable);
                let shortcut = if shortcut.is_empty() { shortcut } else { format!(" {shortcut} ") };
                lines.push(main);
                lines.push(format!("╰{shortcut:─^inner$}⊕"));
            }
        }
    }
    if let Some((pool, output)) = &stage.pool {
        lines.push(row(&format!("  ▼ {pool}"), output, 0));
    }
}
