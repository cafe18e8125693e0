//! Dreams of a run's network: begun from an image file's pixels, and given back as a picture.

use crate::dataset::aside;
use crate::dataset::resize::resize_into;
use crate::error::{Error, Result};
use crate::explain::dream::layers::{self, Choice};
use crate::explain::dream::{Dream, Options, Units};
use crate::nn::Network;
use crate::train::predictor::About;
use image::{GrayImage, ImageFormat};
use std::io::Cursor;
use std::path::Path;

/// Layers that can be dreamt of, by the names that they have once batch norms are folded into the layers before them.
pub fn choices(network: &Network) -> Vec<Choice> {
    layers::choices(network.folded().graph())
}

/// A dream of `image` as the network sees it, at the network's size. Fails as [`Dream::new`] does.
pub fn begin(
    about: &About,
    network: &Network,
    image: &GrayImage,
    weights: &[(String, f64)],
    options: Options,
) -> Result<Dream> {
    let [width, height] = about.size;
    let mut seen = vec![0; width * height];
    resize_into(image, width, height, &mut seen);
    let grey: Vec<f32> = seen.into_iter().map(f32::from).collect();
    let units = Units { mean: about.normalise.mean.clone(), sd: about.normalise.sd.clone() };
    Dream::new(network, units, &grey, weights, options)
}

/// The dream as it is now, at its octave's size, rounded to grey values of 0 to 255.
pub fn picture(dream: &Dream) -> GrayImage {
    let (grey, [height, width]) = dream.image();
    // The cast saturates at 0 and 255.
    let pixels = grey.iter().map(|v| v.round() as u8).collect();
    GrayImage::from_raw(width as u32, height as u32, pixels).unwrap_or_default()
}

/// Writes a picture as PNG, in one step; a file of that name is replaced.
pub fn save(picture: &GrayImage, path: &Path) -> Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|e| Error::new("cannot encode a PNG").at(path).because(e))?;
    aside::replace(path, bytes.get_ref())
}
