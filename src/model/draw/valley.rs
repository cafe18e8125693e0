//! U-Nets: down on the left, up on the right, arrows for what is handed across.

use super::cell::Part;
use super::stage::{Folded, Stage};
use super::{WIDTH, spread, thousands, times};
use crate::nn::Graph;

/// A box's width, so that two of them and an arrow fit side by side.
const BOX: usize = 28;

/// The stages of one resolution, largest first: on the way down and on the way up.
pub struct Level {
    down: usize,
    /// The bottom has none.
    up: Option<usize>,
}

/// The levels of a network that goes down and up again by the same sizes; none of any other.
pub fn levels(stages: &[Stage]) -> Option<Vec<Level>> {
    if stages.len() < 3 || stages.len().is_multiple_of(2) {
        return None;
    }
    let bottom = stages.len() / 2;
    let pair = |i: usize| stages[i].size() == stages[stages.len() - 1 - i].size();
    let level = |i| Level { down: i, up: (i < bottom).then(|| stages.len() - 1 - i) };
    (0..bottom).all(pair).then(|| (0..=bottom).map(level).collect())
}

pub fn draw(graph: &Graph, stages: &[Stage], levels: &[Level], lines: &mut Vec<String>) {
    // The last layer stands above the box it comes out of.
    let mut last = stages[stages.len() - 1].clone();
    let head = if last.parts.len() > 1 { last.parts.pop() } else { None };
    if let Some(before) = last.parts.last() {
        last.output = before.part.end().output.clone();
    }
    let head = head.map_or(String::new(), |head| {
        format!("{}  {}  {}", head.part.end().words, times(&head.part.end().output), thousands(head.trainable))
    });
    lines.push(spread(&format!(" input {}", times(graph.input_shape())), &format!("{head} ")));
    let steps = levels.len() - 1;
    // So far in that the innermost pair leaves room for an arrow.
    let most = (WIDTH / 2).saturating_sub(BOX + 2);
    for (i, level) in levels.iter().enumerate() {
        let down = &stages[level.down];
        let Some(up) = level.up else {
            let indent = " ".repeat((WIDTH - BOX) / 2);
            lines.extend(boxed(down, String::new()).into_iter().map(|line| format!("{indent}{line}")));
            continue;
        };
        let up = if i == 0 { &last } else { &stages[up] };
        let indent = i * most / steps.max(1);
        let gap = WIDTH - 2 * (indent + BOX);
        let rise = up.parts.first().map_or(String::new(), |f| format!(" ▲ {} ", f.part.end().words));
        let fall = down.pool.as_ref().map_or(String::new(), |(pool, _)| format!(" ▼ {pool} "));
        let (left, right) = (boxed(down, fall), boxed(up, rise));
        let handed = up.parts.iter().any(|f| f.part.end().kind == "concat");
        let (left, right) = even(left, right);
        for (row, (left, right)) in left.iter().zip(&right).enumerate() {
            let between = match handed && row == 1 {
                true => format!("{}▶", "─".repeat(gap - 1)),
                false => " ".repeat(gap),
            };
            lines.push(format!("{}{left}{between}{right}", " ".repeat(indent)));
        }
    }
}

/// Three lines or more: shape and parameters above, layers inside, the way out below.
fn boxed(stage: &Stage, below: String) -> Vec<String> {
    let inner = BOX - 2;
    let (shape, parameters) = (times(&stage.output), thousands(stage.trainable()));
    let fill = "─".repeat(inner.saturating_sub(shape.chars().count() + parameters.chars().count() + 4));
    let mut lines = match stage.trainable() {
        0 => vec![format!("╭ {shape} {}╮", "─".repeat(inner.saturating_sub(shape.chars().count() + 2)))],
        _ => vec![format!("╭ {shape} {fill} {parameters} ╮")],
    };
    // Ways up and sums of channels are drawn as lines.
    let is_layer = |f: &&Folded| {
        !matches!(f.part.end().kind, "concat" | "upsample") && !f.part.end().kind.starts_with("transposed")
    };
    for folded in stage.parts.iter().filter(is_layer) {
        let words = match &folded.part {
            Part::Cell(cell) => cell.words.clone(),
            Part::Residual { main, .. } => format!("residual, {} convs", main.len()),
        };
        let words = if folded.count > 1 { format!("{} × {words}", folded.count) } else { words };
        lines.push(format!("│ {words:<width$}│", width = inner - 1));
    }
    lines.push(format!("╰{below:─^inner$}╯"));
    lines
}

/// Both boxes of one height, by blank lines before the shorter one's last.
fn even(mut left: Vec<String>, mut right: Vec<String>) -> (Vec<String>, Vec<String>) {
    let blank = format!("│{}│", " ".repeat(BOX - 2));
    while left.len() != right.len() {
        let short = if left.len() < right.len() { &mut left } else { &mut right };
        short.insert(short.len() - 1, blank.clone());
    }
    (left, right)
}
