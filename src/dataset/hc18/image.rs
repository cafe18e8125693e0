//! Decoding a PNG to 8-bit grey, sizes checked before memory is asked for.

use crate::error::{Error, IoContext, Result};
use image::codecs::png::PngDecoder;
use image::{ColorType, DynamicImage, GrayImage, ImageDecoder, ImageError};
use std::io::Cursor;
use std::path::Path;

/// The largest side and area taken for an ultrasound image.
const LARGEST_SIDE_PX: u32 = 20_000;
const LARGEST_AREA_PX: u64 = 64_000_000;
/// Deflate never packs better than 1032 to 1.
const DEFLATE_BEST_RATIO: u64 = 1032;

/// A decoded image, and from what it was converted where it was not 8-bit grey.
pub struct Decoded {
    pub gray: GrayImage,
    pub converted_from: Option<&'static str>,
}

/// Reads and decodes the PNG at `path`.
pub fn decode_gray(path: &Path) -> Result<GrayImage> {
    let bytes = std::fs::read(path).doing("read the image", path)?;
    decode_bytes(&bytes, path).map(|decoded| decoded.gray)
}

/// Decodes a PNG held in memory; `path` is for the message.
pub fn decode_bytes(bytes: &[u8], path: &Path) -> Result<Decoded> {
    let fail = |what: String| Error::new(what).at(path).cure("fetch the file again; it is damaged or not a PNG");
    if bytes.is_empty() {
        return Err(fail("the file is empty".into()));
    }
    let decoder = PngDecoder::new(Cursor::new(bytes)).map_err(|e| fail(reason(&e)))?;
    let (width, height) = decoder.dimensions();
    let area = u64::from(width) * u64::from(height);
    if width == 0 || height == 0 || width > LARGEST_SIDE_PX || height > LARGEST_SIDE_PX || area > LARGEST_AREA_PX {
        return Err(fail(format!("its header says {width}x{height} px, which is no ultrasound image")));
    }
    // An eighth of a byte a pixel is the least that a PNG can hold before compression.
    if area / 8 > bytes.len() as u64 * DEFLATE_BEST_RATIO {
        let size = bytes.len();
        return Err(fail(format!("its header says {width}x{height} px, more than {size} bytes can hold")));
    }
    if decoder.color_type() == ColorType::L8 {
        let mut pixels = vec![0; area as usize];
        decoder.read_image(&mut pixels).map_err(|e| fail(reason(&e)))?;
        let gray = GrayImage::from_raw(width, height, pixels).ok_or_else(|| fail("its size is inconsistent".into()))?;
        return Ok(Decoded { gray, converted_from: None });
    }
    let converted_from = Some(match decoder.color_type() {
        ColorType::La8 => "8-bit grey with alpha",
        ColorType::Rgb8 => "8-bit RGB",
        ColorType::Rgba8 => "8-bit RGB with alpha",
        _ => "16-bit",
    });
    let gray = DynamicImage::from_decoder(decoder).map_err(|e| fail(reason(&e)))?.into_luma8();
    Ok(Decoded { gray, converted_from })
}

fn reason(error: &ImageError) -> String {
    match error {
        ImageError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => "the file ends too early".into(),
        other => format!("cannot decode the image: {}", crate::text::line(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageFormat;

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn every_truncation_of_a_png_is_an_error_and_never_a_panic() {
        let image = GrayImage::from_fn(60, 40, |x, y| image::Luma([(x * 7 + y * 13) as u8]));
        let whole = png(image.clone());
        assert_eq!(decode_bytes(&whole, Path::new("a.png")).unwrap().gray, image);
        for length in 0..whole.len() - 16 {
            assert!(decode_bytes(&whole[..length], Path::new("a.png")).is_err(), "{length} of {} bytes", whole.len());
        }
    }

    #[test]
    fn a_header_that_promises_too_much_is_refused_before_memory_is_asked_for() {
        let mut bytes = png(GrayImage::new(4, 4));
        bytes[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x0e, 0]);
        let crc = {
            // CRC-32 of the IHDR chunk, so that only the size is wrong.
            let mut crc = u32::MAX;
            for byte in &bytes[12..29] {
                crc ^= u32::from(*byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
                }
            }
            !crc
        };
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        let error = decode_bytes(&bytes, Path::new("a.png")).err().unwrap();
        assert!(error.what.contains("16384x3584"), "{error}");
    }

    #[test]
    fn colour_and_16_bit_are_converted_and_said() {
        let rgb = image::RgbImage::from_pixel(3, 2, image::Rgb([9, 9, 9]));
        let decoded = decode_bytes(&png(rgb), Path::new("a.png")).unwrap();
        assert_eq!((decoded.gray.get_pixel(0, 0).0, decoded.converted_from), ([9], Some("8-bit RGB")));
        let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(3, 2, image::Luma([0x8080u16]));
        let decoded = decode_bytes(&png(deep), Path::new("a.png")).unwrap();
        assert_eq!((decoded.gray.get_pixel(0, 0).0, decoded.converted_from), ([0x80], Some("16-bit")));
    }
}
