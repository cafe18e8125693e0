//! The two ResNets of one name: where a stage halves its image.
//!
//! v1 (He et al. 2015, Keras) has stride 2 in the first 1x1 convolution of a stage, v1.5 (torchvision, timm) in the
//! 3x3. Their tensors have the same names and shapes, so nothing but a word beside them tells which is which.

use crate::nn::Graph;

/// `v1` or `v1.5`, where `text` begins with it; files add a remark behind.
pub fn word(text: &str) -> Option<&'static str> {
    let (word, _) = text.split_once([' ', ',', '(']).unwrap_or((text, ""));
    ["v1", "v1.5"].into_iter().find(|known| word.eq_ignore_ascii_case(known))
}

/// Which of the two a network is built as; nothing where it has no bottleneck that strides.
///
/// Read off the sizes: names and shapes of the weights are the same in both.
pub fn of(graph: &Graph) -> Option<&'static str> {
    let conv = |name: &str| graph.nodes().iter().find(|n| n.name == format!("layer2.0.{name}"));
    let halves = |name: &str| conv(name).map(|n| n.shape[0] < graph.node(n.inputs[0]).shape[0]);
    conv("conv3")?;
    match (halves("conv1")?, halves("conv2")?) {
        (true, _) => Some("v1"),
        (_, true) => Some("v1.5"),
        _ => None,
    }
}

/// What `model.stride_in` says for a variant.
pub fn stride_in(variant: &str) -> &'static str {
    if variant == "v1" { "1x1" } else { "3x3" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_read_from_its_first_word() {
        assert_eq!(word("v1 (stride 2 in the first 1x1 convolution of a stage)"), Some("v1"));
        assert_eq!((word("v1.5"), word("V1.5, as torchvision")), (Some("v1.5"), Some("v1.5")));
        assert_eq!((word("v2"), word("")), (None, None));
    }
}
