//! Occlusion: what the output loses where a window is covered (Zeiler and Fergus 2014).

use super::explainer::{Explainer, Found};
use crate::error::{Error, Result};
use crate::nn::Tensor;

/// Maps of images (N, H, W, C), the same in all channels: for each pixel the mean over all windows that cover it of
/// f(x) - f(x with the window set to `value`). Windows of `size` px stand `stride` px apart; the last ends at the border.
pub(super) fn explain(
    explainer: &mut Explainer,
    size: usize,
    stride: usize,
    value: f32,
    input: &Tensor,
) -> Result<Found> {
    let &[count, height, width, channels] = input.shape() else {
        return Err(Error::usage("occlusion explains images (height, width, channels), no volumes"));
    };
    let [tall, wide] = [size.min(height), size.min(width)];
    let windows: Vec<[usize; 2]> = starts(height, tall, stride)
        .iter()
        .flat_map(|y| starts(width, wide, stride).into_iter().map(move |x| [*y, x]))
        .collect();
    let output = explainer.outputs(input)?;
    let sample = height * width * channels;
    let mut lost = Vec::with_capacity(count * windows.len());
    for first in (0..count * windows.len()).step_by(explainer.outputs_at_once()) {
        let jobs = first..(first + explainer.outputs_at_once()).min(count * windows.len());
        let mut some = Vec::with_capacity(jobs.len() * sample);
        for job in jobs.clone() {
            let at = some.len();
            some.extend_from_slice(&input.data()[job / windows.len() * sample..][..sample]);
            let [y, x] = windows[job % windows.len()];
            for row in y..y + tall {
                let start = at + (row * width + x) * channels;
                some[start..start + wide * channels].fill(value);
            }
        }
        let some = Tensor::from_vec(&[jobs.len(), height, width, channels], some)?;
        let said = explainer.outputs(&some)?;
        lost.extend(
            jobs.zip(said.data()).map(|(job, f)| f64::from(output.data()[job / windows.len()]) - f64::from(*f)),
        );
    }
    let mut map = Vec::with_capacity(input.data().len());
    for lost in lost.chunks_exact(windows.len()) {
        let mut sums = vec![(0.0, 0u32); height * width];
        for (lost, [y, x]) in lost.iter().zip(&windows) {
            for row in *y..y + tall {
                for pixel in &mut sums[row * width + x..row * width + x + wide] {
                    *pixel = (pixel.0 + lost, pixel.1 + 1);
                }
            }
        }
        let mean = |(sum, n): &(f64, u32)| (sum / f64::from((*n).max(1))) as f32;
        map.extend(sums.iter().flat_map(|pixel| std::iter::repeat_n(mean(pixel), channels)));
    }
    Ok(Found { map: Tensor::from_vec(input.shape(), map)?, output: Some(output), silent: Vec::new() })
}

/// Where windows begin along a side: from border to border.
fn starts(side: usize, size: usize, stride: usize) -> Vec<usize> {
    let last = side - size;
    let mut starts: Vec<usize> = (0..=last).step_by(stride).collect();
    if starts[starts.len() - 1] != last {
        starts.push(last);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::starts;

    #[test]
    fn windows_reach_both_borders() {
        assert_eq!(starts(10, 4, 3), [0, 3, 6]);
        assert_eq!(starts(11, 4, 3), [0, 3, 6, 7]);
        assert_eq!(starts(4, 4, 2), [0]);
    }
}
