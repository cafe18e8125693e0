//! What can be dreamt of: layers by the graph's names, and groups of them.
//!
//! The beginning of names up to a dot (`encoder`, `encoder.0`, `layer3`) stands for the activations behind it: its
//! ReLUs. Of a U-Net's encoder and decoder there are halves too: the levels of one resolution each, largest first, are
//! `shallow` in their first half (rounded down, but one at least) and `deep` in the rest; so a decoder's shallow levels
//! are those nearest to the mask. The preprint does not say where it divides.

use crate::error::{Error, Result};
use crate::nn::Graph;
use crate::text;
use serde::Serialize;

/// A layer whose activations are images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    pub layer: String,
    pub kind: &'static str,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

/// Several layers by one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    pub name: String,
    pub layers: Vec<String>,
}

/// Every layer that can be named, in the order of the graph; those of kind `relu` are what groups are made of.
pub fn choices(graph: &Graph) -> Vec<Choice> {
    let choice = |row: crate::nn::graph::LayerRow| match row.output[..] {
        [height, width, channels] if row.kind != "input" => {
            Some(Choice { layer: row.name, kind: row.kind, height, width, channels })
        }
        _ => None,
    };
    graph.layer_table().into_iter().filter_map(choice).collect()
}

/// The activations, which groups are made of.
pub fn activations(choices: &[Choice]) -> impl Iterator<Item = &Choice> {
    choices.iter().filter(|c| c.kind == "relu")
}

/// Every group of two layers or more, halves of encoder and decoder (also of one layer) before the rest.
pub fn groups(choices: &[Choice]) -> Vec<Group> {
    let mut groups = halves(choices);
    let mut names: Vec<&str> = Vec::new();
    for choice in activations(choices) {
        let dots = choice.layer.match_indices('.').map(|(at, _)| &choice.layer[..at]);
        names.extend(dots.filter(|name| !names.contains(name)).collect::<Vec<_>>());
    }
    let of = |name: &str| Group { name: name.to_owned(), layers: below(choices, name) };
    groups.extend(names.into_iter().map(of).filter(|group| group.layers.len() > 1));
    groups
}

/// `NAME` or `NAME=WEIGHT` between commas, the weight being 1: each layer's last weight, in the order of the graph.
///
/// Fails on names that are neither a layer's nor a group's, and on weights that are no finite numbers.
pub fn parse(spec: &str, choices: &[Choice]) -> Result<Vec<(String, f64)>> {
    let groups = groups(choices);
    let mut weights: Vec<Option<f64>> = vec![None; choices.len()];
    for part in spec.split(',') {
        let (name, weight) = part.split_once('=').map_or((part, "1"), |(name, weight)| (name, weight));
        let (name, weight) = (name.trim(), weight.trim());
        let weight = weight.parse::<f64>().ok().filter(|w| w.is_finite()).ok_or_else(|| {
            Error::usage(format!("the weight of {} cannot be `{}`", text::line(name), text::line(weight)))
                .cure("write a number, as in encoder.0=0.5")
        })?;
        let group = groups.iter().find(|g| g.name == name);
        let fits = |c: &Choice| c.layer == name || group.is_some_and(|g| g.layers.contains(&c.layer));
        // A layer comes before a group of its name.
        let alone = choices.iter().position(|c| c.layer == name);
        let chosen: Vec<usize> = match alone {
            Some(at) => vec![at],
            None => (0..choices.len()).filter(|at| fits(&choices[*at])).collect(),
        };
        if chosen.is_empty() {
            return Err(unknown(name, choices, &groups));
        }
        chosen.into_iter().for_each(|at| weights[at] = Some(weight));
    }
    let named = choices.iter().zip(weights);
    Ok(named.filter_map(|(choice, weight)| Some((choice.layer.clone(), weight?))).collect())
}

fn unknown(name: &str, choices: &[Choice], groups: &[Group]) -> Error {
    let error = Error::usage(format!("there are no feature maps called `{}`", text::line(name)));
    let all = groups.iter().map(|g| g.name.as_str()).chain(choices.iter().map(|c| c.layer.as_str()));
    let near = text::nearest(name, all).map_or(String::new(), |near| format!("did you mean {near}? "));
    let named: Vec<&str> = groups.iter().map(|g| g.name.as_str()).take(12).collect();
    error.cure(format!("{near}there are the groups {}, and every layer by its name", named.join(", ")))
}

/// The activations whose names begin so.
fn below(choices: &[Choice], name: &str) -> Vec<String> {
    let inside = |c: &&Choice| c.layer.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    activations(choices).filter(inside).map(|c| c.layer.clone()).collect()
}

/// Shallow and deep, of an encoder and a decoder where a network has both.
fn halves(choices: &[Choice]) -> Vec<Group> {
    let [encoder, decoder] = ["encoder", "decoder"].map(|part| (part, below(choices, part)));
    if encoder.1.is_empty() || decoder.1.is_empty() {
        return Vec::new();
    }
    let mut groups = Vec::new();
    for (part, layers) in [encoder, decoder] {
        let of = |layer: &String| choices.iter().find(|c| c.layer == *layer).map_or(0, |c| c.height * c.width);
        let mut sizes: Vec<usize> = layers.iter().map(of).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes.dedup();
        let half = (sizes.len() / 2).max(1);
        let deep = if sizes.len() == 1 { &sizes[..] } else { &sizes[half..] };
        for (half, sizes) in [("shallow", &sizes[..half]), ("deep", deep)] {
            let layers = layers.iter().filter(|l| sizes.contains(&of(l))).cloned().collect();
            groups.push(Group { name: format!("{part}-{half}"), layers });
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ModelOptions, build};
    use crate::nn::Network;

    fn of(model: &str) -> Vec<Choice> {
        let graph = build(model, &ModelOptions::default()).unwrap();
        choices(Network::new(graph, 0).folded().graph())
    }

    fn layers(group: &str, choices: &[Choice]) -> Vec<String> {
        groups(choices).into_iter().find(|g| g.name == group).unwrap_or_else(|| panic!("{group}")).layers
    }

    #[test]
    fn a_u_net_falls_into_halves_by_resolution() {
        let unet = of("unet");
        let relus = |levels: &[&str]| -> Vec<String> {
            levels.iter().flat_map(|l| [1, 2].map(|i| format!("{l}.relu{i}"))).collect()
        };
        assert_eq!(layers("encoder-shallow", &unet), relus(&["encoder.0", "encoder.1"]));
        assert_eq!(layers("encoder-deep", &unet), relus(&["encoder.2", "encoder.3"]));
        assert_eq!(layers("bottleneck", &unet), relus(&["bottleneck"]));
        assert_eq!(layers("decoder-deep", &unet), relus(&["decoder.0", "decoder.1"]));
        assert_eq!(layers("decoder-shallow", &unet), relus(&["decoder.2", "decoder.3"]));
        assert_eq!((layers("encoder", &unet).len(), layers("decoder", &unet).len()), (8, 8));
        assert_eq!(layers("encoder.3", &unet), relus(&["encoder.3"]));
        // Two levels: one each.
        let small = of("unet-small");
        assert_eq!(layers("encoder-shallow", &small), relus(&["encoder.0"]));
        assert_eq!(layers("encoder-deep", &small), relus(&["encoder.1"]));
        // Five levels of VGG16 with 2, 2, 3, 3 and 3 convolutions.
        let vgg = of("unet-vgg16");
        assert_eq!((layers("encoder-shallow", &vgg).len(), layers("encoder-deep", &vgg).len()), (4, 9));
        assert_eq!((layers("decoder-shallow", &vgg).len(), layers("decoder-deep", &vgg).len()), (4, 6));
    }

    #[test]
    fn other_networks_have_the_beginnings_of_their_names() {
        assert_eq!(layers("features", &of("reg-vgg16")).len(), 13);
        assert_eq!(layers("layer1", &of("reg-resnet50")).len(), 9);
        assert!(groups(&of("reg-resnet50")).iter().all(|g| !g.name.contains("shallow")));
    }

    #[test]
    fn weights_are_read_one_after_the_other_and_the_last_counts() {
        let small = of("unet-small");
        let weights = parse("encoder, encoder.1=0.5,head=-2", &small).unwrap();
        let want = [
            ("encoder.0.relu1", 1.0),
            ("encoder.0.relu2", 1.0),
            ("encoder.1.relu1", 0.5),
            ("encoder.1.relu2", 0.5),
            ("head", -2.0),
        ];
        assert_eq!(weights, want.map(|(layer, weight)| (layer.to_owned(), weight)));
    }

    #[test]
    fn what_is_no_layer_and_no_weight_is_refused() {
        let small = of("unet-small");
        let error = parse("encoder1", &small).unwrap_err();
        assert!(error.cure.as_ref().unwrap().starts_with("did you mean encoder.1?"), "{:?}", error.cure);
        assert!(error.cure.unwrap().contains("encoder-shallow, encoder-deep"));
        for spec in ["", "encoder,", "encoder=", "encoder=nan", "encoder=inf", "encoder=x", "sigmoid2"] {
            assert_eq!(parse(spec, &small).unwrap_err().kind, crate::error::Kind::Usage, "{spec}");
        }
        assert!(parse("input", &small).is_err(), "the input is no layer");
    }
}
