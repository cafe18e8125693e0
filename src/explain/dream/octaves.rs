//! The sizes of an image from octave to octave.

use crate::nn::Graph;

/// What sides have to be multiples of: how often the network's smallest feature maps go into its input, per axis.
///
/// A U-Net can only halve and double such sides; others would take any, and see whole windows with these.
pub fn multiples(graph: &Graph) -> [usize; 2] {
    let input = graph.input_shape();
    let maps = || graph.nodes().iter().filter(|n| n.shape.len() == 3);
    [0, 1].map(|axis| {
        let smallest = maps().map(|n| n.shape[axis]).min().unwrap_or(1).max(1);
        (input[axis] / smallest).max(1)
    })
}

/// [height, width] of each octave, the smallest first and `full` last, each `scale` times the one before, rounded to
/// multiples. What is rounded to the size of another is left out.
pub fn sizes(full: [usize; 2], octaves: usize, scale: f64, multiples: [usize; 2]) -> Vec<[usize; 2]> {
    let size = |smaller: usize| {
        let side = |axis: usize| {
            if smaller == 0 {
                return full[axis];
            }
            let multiple = multiples[axis] as f64;
            let ideal = full[axis] as f64 / scale.powi(smaller as i32);
            ((ideal / multiple).round().max(1.0) * multiple).min(full[axis] as f64) as usize
        };
        [0, 1].map(side)
    };
    let mut sizes: Vec<[usize; 2]> = (0..octaves.max(1)).rev().map(size).collect();
    sizes.dedup();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ModelOptions, build};

    #[test]
    fn octaves_grow_by_the_scale_to_the_full_size() {
        // 128 / 1.4 = 91.4 and 128 / 1.96 = 65.3; in multiples of 4 that is 92 and 64.
        assert_eq!(sizes([128, 128], 3, 1.4, [1, 1]), [[65, 65], [91, 91], [128, 128]]);
        assert_eq!(sizes([128, 128], 3, 1.4, [4, 4]), [[64, 64], [92, 92], [128, 128]]);
        assert_eq!(sizes([224, 160], 2, 2.0, [16, 32]), [[112, 96], [224, 160]]);
        assert_eq!(sizes([224, 224], 1, 1.4, [16, 16]), [[224, 224]]);
    }

    #[test]
    fn no_octave_is_smaller_than_the_network_allows_and_none_comes_twice() {
        assert_eq!(sizes([64, 64], 6, 2.0, [16, 16]), [[16, 16], [32, 32], [64, 64]]);
        assert_eq!(sizes([108, 108], 2, 1.01, [16, 16]), [[108, 108]], "nor larger than the image");
    }

    #[test]
    fn multiples_are_the_network_s_reduction() {
        let of = |model: &str| multiples(&build(model, &ModelOptions::default()).unwrap());
        assert_eq!(of("unet-small"), [4, 4]);
        assert_eq!(of("unet"), [16, 16]);
        assert_eq!(of("unet-vgg16"), [32, 32]);
        assert_eq!(of("cnn263k"), [4, 4]);
    }
}
