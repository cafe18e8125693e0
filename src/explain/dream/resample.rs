//! Grey images in f32 at other sizes: a triangle filter, as wide as the reduction, separable.
//!
//! Enlarging is bilinear with pixels as squares. PyTorch's `interpolate(mode="bilinear", antialias=True)`.

use crate::dataset::resize::{Tap, taps};

/// An image of [height, width] at another size.
pub fn resample(image: &[f32], [height, width]: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    assert_eq!(image.len(), height * width, "an image as large as it says");
    if to == [height, width] {
        return image.to_vec();
    }
    let columns = taps(width, to[1]);
    let mut line = vec![0.0; width];
    let mut out = Vec::with_capacity(to[0] * to[1]);
    for row in taps(height, to[0]) {
        line.fill(0.0);
        for (weight, pixels) in row.weights.iter().zip(image[row.first * width..].chunks_exact(width)) {
            line.iter_mut().zip(pixels).for_each(|(sum, value)| *sum += weight * value);
        }
        let at = |tap: &Tap| tap.weights.iter().zip(&line[tap.first..]).map(|(w, v)| w * v).sum::<f32>();
        out.extend(columns.iter().map(at));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::resample;

    #[test]
    fn sizes_go_up_and_down_as_in_pytorch() {
        // torch.nn.functional.interpolate(torch.arange(12.).view(1, 1, 3, 4) ** 2, size=…, mode="bilinear", antialias=True)
        let image: Vec<f32> = (0..12).map(|i| (i * i) as f32).collect();
        let near = |got: Vec<f32>, want: &[f32]| {
            assert_eq!(got.len(), want.len());
            got.iter().zip(want).for_each(|(g, w)| assert!((g - w).abs() < 1e-4, "{got:?}"));
        };
        near(resample(&image, [3, 4], [2, 3]), &DOWN);
        near(resample(&image, [3, 4], [4, 5]), &UP);
        assert_eq!(resample(&image, [3, 4], [3, 4]), image);
    }

    const DOWN: [f32; 6] = [7.2, 13.0, 21.6, 50.2, 68.0, 88.6];
    const UP: [f32; 20] = [
        0.0, 0.7, 2.5, 5.5, 9.0, 10.0, 14.2, 20.0, 27.0, 34.0, 34.0, 42.4, 53.0, 64.8, 76.0, 64.0, 75.9, 90.5, 106.3,
        121.0,
    ];
}
