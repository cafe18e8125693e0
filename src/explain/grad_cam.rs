//! Grad-CAM: feature maps of one layer, weighted by their mean gradients, enlarged to the input (Selvaraju et al. 2017).

use super::analyzer::Start;
use super::explainer::{Explainer, Found, means};
use crate::error::{Error, Result};
use crate::nn::network::Walk;
use crate::nn::relevance::Rule;
use crate::nn::{Graph, NodeId, Tensor};
use crate::text;

/// Maps of images (N, H, W, C), the same in all channels; `layer` is the last one of the smallest images that is no
/// pool: of a U-Net the bottleneck.
/// With `relu` only what speaks for a larger output counts, as published.
pub(super) fn explain(explainer: &mut Explainer, layer: Option<&str>, relu: bool, input: &Tensor) -> Result<Found> {
    let at = find(explainer.network().graph(), layer)?;
    let walk = Walk::new(explainer.network(), |_| Rule::GRADIENT, at)?;
    let &[_, height, width, channels] = input.shape() else {
        return Err(Error::usage("grad-cam explains images (height, width, channels), no volumes"));
    };
    let (mut map, mut said) = (Vec::with_capacity(input.data().len()), Vec::new());
    for some in explainer.batches(input)? {
        let network = explainer.network();
        let output = network.forward_for(&walk, &some)?;
        let (features, gradient) = network.walk(&walk, Start::One.of(&output)?, None);
        said.extend(means(&output));
        let &[_, h, w, c] = features.shape() else { unreachable!("the layer was chosen for its shape") };
        let images = features.data().chunks_exact(h * w * c).zip(gradient.data().chunks_exact(h * w * c));
        for (features, gradient) in images {
            let weight = |k: usize| gradient.iter().skip(k).step_by(c).map(|g| f64::from(*g)).sum::<f64>();
            let weights: Vec<f64> = (0..c).map(|k| weight(k) / (h * w) as f64).collect();
            let value = |position: &[f32]| position.iter().zip(&weights).map(|(f, w)| f64::from(*f) * w).sum::<f64>();
            let cam: Vec<f64> =
                features.chunks_exact(c).map(value).map(|v| if relu { v.max(0.0) } else { v }).collect();
            let enlarged = enlarge(&cam, [h, w], [height, width]);
            map.extend(enlarged.iter().flat_map(|v| std::iter::repeat_n(*v as f32, channels)));
        }
    }
    let output = Some(Tensor::from_vec(&[said.len(), 1], said)?);
    Ok(Found { map: Tensor::from_vec(input.shape(), map)?, output, silent: Vec::new() })
}

fn find(graph: &Graph, layer: Option<&str>) -> Result<NodeId> {
    let pictures = |id: &NodeId| graph.node(*id).shape.len() == 3 && graph.node(*id).layer.is_some();
    let pool = |id: &NodeId| graph.node(*id).layer.as_ref().is_some_and(|l| l.kind().ends_with("pool"));
    let Some(name) = layer else {
        let pixels = |id: &NodeId| graph.node(*id).shape[..2].iter().product::<usize>();
        let candidates = || graph.ids().filter(|id| pictures(id) && !pool(id));
        let smallest = candidates().map(|id| pixels(&id)).min();
        let last = candidates().filter(|id| Some(pixels(id)) == smallest).last();
        return last.ok_or_else(|| Error::usage("grad-cam wants a network with feature maps"));
    };
    let names = || graph.ids().filter(pictures).map(|id| graph.node(id).name.as_str());
    graph.ids().filter(pictures).find(|id| graph.node(*id).name == name).ok_or_else(|| {
        let error = Error::usage(format!("there are no feature maps called {}", text::line(name)));
        match text::nearest(name, names()) {
            Some(near) => error.cure(format!("did you mean {near}?")),
            None => error.cure(format!("a batch norm is folded into the layer before it; the last are {}", {
                let mut last: Vec<_> = names().collect();
                last.split_off(last.len().saturating_sub(4)).join(", ")
            })),
        }
    })
}

/// Bilinear, pixels being squares with their value in the middle; beyond the outermost middles it is constant.
fn enlarge(from: &[f64], [h, w]: [usize; 2], [height, width]: [usize; 2]) -> Vec<f64> {
    let place = |i: usize, from: usize, to: usize| {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        let low = (at as usize).min(from.saturating_sub(2));
        (low, (low + 1).min(from - 1), at - low as f64)
    };
    let pixel = |y: usize, x: usize| {
        let ((y0, y1, v), (x0, x1, u)) = (place(y, h, height), place(x, w, width));
        let row = |y: usize| from[y * w + x0] * (1.0 - u) + from[y * w + x1] * u;
        row(y0) * (1.0 - v) + row(y1) * v
    };
    (0..height * width).map(|i| pixel(i / width, i % width)).collect()
}

#[cfg(test)]
mod tests {
    use super::enlarge;

    #[test]
    fn an_enlarged_ramp_is_a_ramp_with_flat_ends() {
        // torch.nn.functional.interpolate([0, 1], size=4, mode="bilinear", align_corners=False)
        assert_eq!(enlarge(&[0.0, 1.0], [1, 2], [1, 4]), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(enlarge(&[3.0], [1, 1], [2, 2]), [3.0; 4]);
    }
}
