//! The two ResNets of one name: where a stage halves its image.
//!
//! v1 (He et al. 2015, Keras) has stride 2 in the first 1x1 convolution of a stage, v1.5 (torchvision, timm) in the
//! 3x3. Their tensors have the same names and shapes, so nothing but a word beside them tells which is which.

/// `v1` or `v1.5`, where `text` begins with it; files add a remark behind.
pub fn word(text: &str) -> Option<&'static str> {
    let (word, _) = text.split_once([' ', ',', '(']).unwrap_or((text, ""));
    ["v1", "v1.5"].into_iter().find(|known| word.eq_ignore_ascii_case(known))
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
