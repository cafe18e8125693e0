//! A gzipped NIfTI-1 file: phantoms, and predicted masks in the geometry of their images.

use super::{header, read_header};
use crate::dataset::aside;
use crate::error::{Error, Result};
use flate2::{Compression, GzBuilder};
use std::io::Write;
use std::path::Path;

/// The voxels to write, x fastest.
#[derive(Clone, Copy, Debug)]
pub enum Voxels<'a> {
    U8(&'a [u8]),
    I16(&'a [i16]),
}

/// Writes one volume of `shape` voxels (x, y, z) at `spacing_mm` in one step. Equal voxels give equal bytes.
pub fn write_gz(path: &Path, shape: [usize; 3], spacing_mm: [f64; 3], voxels: Voxels) -> Result<()> {
    let (datatype, bits, raw): (i16, i16, Vec<u8>) = match voxels {
        Voxels::U8(v) => (2, 8, v.to_vec()),
        Voxels::I16(v) => (4, 16, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
    };
    let fits = shape.iter().all(|n| (1..=i16::MAX as usize).contains(n));
    if !fits || shape.iter().product::<usize>() * bits as usize / 8 != raw.len() {
        return Err(Error::new(format!("{shape:?} voxels cannot be written as NIfTI")).at(path));
    }
    let mut header = [0u8; 352];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &348i32.to_le_bytes());
    for (i, n) in [3, shape[0], shape[1], shape[2], 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * i, &(n as i16).to_le_bytes());
    }
    put(70, &datatype.to_le_bytes());
    put(72, &bits.to_le_bytes());
    for (i, mm) in [1.0, spacing_mm[0], spacing_mm[1], spacing_mm[2], 1.0, 1.0, 1.0, 1.0].into_iter().enumerate() {
        put(76 + 4 * i, &(mm as f32).to_le_bytes());
    }
    put(108, &352f32.to_le_bytes());
    put(112, &1f32.to_le_bytes()); // slope
    put(123, &[2]); // millimetres
    put(254, &1i16.to_le_bytes()); // sform: scanner
    for (row, mm) in spacing_mm.into_iter().enumerate() {
        put(280 + 16 * row + 4 * row, &(mm as f32).to_le_bytes());
    }
    put(344, b"n+1\0");
    compress(path, &header, &raw)
}

/// Writes `labels` (z x y x x) with the geometry of the image at `image`: its header, but for what speaks of its voxels.
/// So a viewer lays the one over the other, whatever the image says of its place.
pub fn write_labels_like(path: &Path, image: &Path, labels: &[u8]) -> Result<()> {
    let of = read_header(image)?;
    if of.voxels() != labels.len() {
        return Err(Error::new(format!("{} labels do not fit an image of {}", labels.len(), of.size())).at(image));
    }
    let mut header = [0u8; 352];
    header::bytes(image)?.iter().zip(&mut header).for_each(|(from, to)| *to = *from);
    let mut put = |at: usize, mut bytes: Vec<u8>| {
        if of.big_endian {
            bytes.reverse();
        }
        header[at..at + bytes.len()].copy_from_slice(&bytes);
    };
    for (i, n) in [3, of.shape[0], of.shape[1], of.shape[2], 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * i, (n as i16).to_le_bytes().to_vec());
    }
    for (at, value) in [(68, 0i16), (70, 2), (72, 8)] {
        put(at, value.to_le_bytes().to_vec()); // intent, type and bits of a voxel
    }
    for (at, value) in [(108, 352f32), (112, 1.0), (116, 0.0), (124, 0.0), (128, 0.0)] {
        put(at, value.to_le_bytes().to_vec()); // first voxel, slope, intercept, range to show
    }
    compress(path, &header, labels)
}

fn compress(path: &Path, header: &[u8], raw: &[u8]) -> Result<()> {
    // No name and no time in the stream.
    let mut gz = GzBuilder::new().write(Vec::new(), Compression::new(6));
    let bytes = gz
        .write_all(header)
        .and_then(|()| gz.write_all(raw))
        .and_then(|()| gz.finish())
        .map_err(|e| Error::io("compress", path, e))?;
    aside::replace(path, &bytes)
}
