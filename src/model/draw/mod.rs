//! A network as a picture of characters, 80 columns wide.
//!
//! [`cell`] layers that are drawn as one, [`stage`] those of one resolution; then one of two layouts:
//! [`column`] from top to bottom (narrower boxes where the resolution falls, brackets for residual
//! blocks), [`valley`] down on the left and up on the right for U-Nets.

mod cell;
mod column;
mod stage;
mod valley;

use crate::nn::Graph;
use crate::nn::layer::Layer;

/// Characters in a line, at most.
const WIDTH: usize = 80;

/// The picture, every line at most 80 characters wide. Equal neighbours are drawn once with their
/// number before them, unless `full`.
pub fn draw(name: &str, graph: &Graph, full: bool) -> String {
    let (trainable, others) = graph.parameter_count();
    let rest = if others > 0 { format!(" + {} other", thousands(others)) } else { String::new() };
    let mut lines = vec![spread(name, &format!("{} trainable{rest} parameters", thousands(trainable)))];
    let mut wanted = vec![graph.output().index()];
    // Networks side by side: the first stands for all.
    let last = graph.node(graph.output());
    if last.layer.as_ref().is_some_and(|l| l.kind() == "concat") && last.shape.len() == 1 {
        let of = |i: usize| graph.nodes()[i].name.split('.').next().unwrap_or_default().to_owned();
        let branches: Vec<usize> = last.inputs.iter().map(|i| i.index()).collect();
        let names: Vec<String> = branches.iter().map(|i| of(*i)).collect();
        lines.push(format!("{} networks like this one, side by side: {}", names.len(), names.join(", ")));
        wanted = branches[..1].to_vec();
    }
    let parts = cell::parts(graph, wanted[0]);
    let stages = stage::stages(parts, full);
    match valley::levels(&stages) {
        Some(levels) => valley::draw(graph, &stages, &levels, &mut lines),
        None => column::draw(graph, &stages, &mut lines),
    }
    let cut = |line: &String| match line.chars().count() > WIDTH {
        true => line.chars().take(WIDTH - 1).chain(['…']).collect(),
        false => line.trim_end().to_owned(),
    };
    lines.iter().map(cut).map(|line| line + "\n").collect()
}

/// `224x224x3`.
pub fn times(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// `left` and `right` at the ends of a line.
fn spread(left: &str, right: &str) -> String {
    format!("{left}{right:>width$}", width = WIDTH.saturating_sub(left.chars().count()))
}

/// `263633` as `263,633`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let group = |(i, digit): (usize, char)| match i > 0 && (digits.len() - i).is_multiple_of(3) {
        true => format!(",{digit}"),
        false => digit.to_string(),
    };
    digits.chars().enumerate().map(group).collect()
}

/// A part's kernel and stride: `7x7/2`.
fn window(layer: &dyn Layer) -> String {
    let detail = layer.detail();
    let mut words = detail.split(", ");
    let kernel = words.next().unwrap_or_default().to_owned();
    let stride = words.find_map(|w| w.strip_prefix("stride "));
    match stride {
        Some(stride) => {
            let sides: Vec<&str> = stride.split('x').collect();
            let equal = sides.iter().all(|s| *s == sides[0]);
            format!("{kernel}/{}", if equal { sides[0] } else { stride })
        }
        None => kernel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ModelOptions, build, list};

    fn lines(name: &str, settings: &[&str], full: bool) -> Vec<String> {
        let mut options = ModelOptions::default();
        settings.iter().for_each(|s| options.set_pair(s).unwrap());
        draw(name, &build(name, &options).unwrap(), full).lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_drawing_fits_a_terminal() {
        for model in list() {
            for full in [false, true] {
                let lines = lines(model.name, &[], full);
                for line in &lines {
                    assert!(line.chars().count() <= WIDTH, "{}: {line}", model.name);
                    assert!(!line.contains('…'), "{}: {line}", model.name);
                }
                if !full {
                    assert!(lines.len() <= 23, "{} takes {} lines", model.name, lines.len());
                }
            }
        }
        for settings in [&["outputs=multi-output"][..], &["kernel3d=3x3x2", "head=[512, 256]"]] {
            assert!(lines("cardiac-vgg3d", settings, false).iter().all(|l| l.chars().count() <= WIDTH));
        }
    }

    #[test]
    fn equal_residual_blocks_are_drawn_once_unless_in_full() {
        let (folded, full) = (lines("reg-resnet50", &[], false), lines("reg-resnet50", &[], true));
        let blocks = |lines: &[String]| lines.iter().filter(|l| l.contains('⊕')).count();
        assert_eq!((blocks(&folded), blocks(&full)), (8 + 1, 16 + 1), "with the legend");
        assert!(folded.iter().any(|l| l.contains("×5")), "{folded:#?}");
    }

    #[test]
    fn a_u_net_hands_every_level_across_that_it_has_skips_for() {
        let arrows = |lines: Vec<String>| lines.iter().filter(|l| l.contains("─▶")).count();
        assert_eq!(arrows(lines("unet", &[], false)), 4);
        assert_eq!(arrows(lines("unet-vgg16", &[], false)), 4);
        assert_eq!(arrows(lines("unet-vgg16", &["skips=5"], false)), 5);
    }

    #[test]
    fn three_branches_are_said_and_one_is_drawn() {
        let lines = lines("cardiac-vgg2d", &["outputs=multi-output"], false);
        assert!(lines[0].contains("696,363") && lines[1].contains("rv, myo, lv"), "{lines:#?}");
        assert!(lines.len() <= 23);
    }
}
