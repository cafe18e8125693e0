//! A map's value at each pixel, its channels taken together: with its sign, and by its size.

/// One map (height, width, channels) pixel by pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// The sum over channels.
    pub signed: Vec<f64>,
    /// The sum over channels of absolute values.
    pub absolute: Vec<f64>,
}

impl Pixels {
    /// Of values with `channels` a pixel.
    pub fn of(map: &[f32], channels: usize) -> Pixels {
        let sums = |value: fn(f64) -> f64| {
            let pixel = |p: &[f32]| p.iter().map(|v| value(f64::from(*v))).sum();
            map.chunks_exact(channels.max(1)).map(pixel).collect()
        };
        Pixels { signed: sums(|v| v), absolute: sums(f64::abs) }
    }

    /// What speaks for a larger output; 0 elsewhere.
    pub fn positive(&self) -> Vec<f64> {
        self.signed.iter().map(|v| v.max(0.0)).collect()
    }
}
