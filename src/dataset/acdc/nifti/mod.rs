//! NIfTI-1 files, plain or gzipped: every size is checked against the file before memory is asked for.
//!
//! [`Header`] is parsed by the `nifti` crate from bytes that were checked here. Its readers of voxels are not used: they
//! take the voxels from behind the extensions instead of from `vox_offset`, ask for memory as the header says, stop
//! before the checksum of the gzip stream, and scale by a slope of NaN (which writers use for "not scaled").

mod header;
mod voxels;
mod write;

pub use header::{Header, VoxelType};
pub use write::{Voxels, write_gz, write_labels_like};

use crate::error::{Error, Result};
use std::path::Path;

/// A 3D image. Voxels lie x fastest, then y, then z; slope and intercept are applied.
#[derive(Clone, Debug)]
pub struct Scan {
    pub header: Header,
    /// shape[0] * shape[1] * shape[2] finite values.
    pub values: Vec<f32>,
}

/// A 3D mask: 0 background, 1 right ventricle, 2 myocardium, 3 left ventricle. Order as in [`Scan`].
#[derive(Clone, Debug)]
pub struct LabelMap {
    pub header: Header,
    pub labels: Vec<u8>,
}

/// The header alone, checked against the size of the file.
pub fn read_header(path: &Path) -> Result<Header> {
    header::open(path).map(|(header, _)| header)
}

/// A 3D image of any integer or float voxel type. A voxel that is not a finite number is an error that names it.
pub fn read_scan(path: &Path) -> Result<Scan> {
    let (header, stream) = header::open(path)?;
    one_volume(&header, path)?;
    let values = voxels::read(&header, stream, path, |_, value| Ok(value as f32))?;
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(Error::new(format!("voxel {} is {}, not a number to compute with", header.place(at), values[at]))
            .at(path)
            .cure("export the image again; no value was guessed"));
    }
    Ok(Scan { header, values })
}

/// A mask of any integer or float voxel type, whose values must be 0, 1, 2 or 3.
pub fn read_labels(path: &Path) -> Result<LabelMap> {
    let (header, stream) = header::open(path)?;
    one_volume(&header, path)?;
    let labels = voxels::read(&header, stream, path, |at, value| label(&header, at, value).map_err(|e| e.at(path)))?;
    Ok(LabelMap { header, labels })
}

fn label(header: &Header, at: usize, value: f64) -> Result<u8> {
    // Nearly every voxel; to round is a call on machines that are taken as they come.
    let whole = value as u8;
    if f64::from(whole) == value && whole <= 3 {
        return Ok(whole);
    }
    let label = value.round();
    // Scaled by a slope, a whole number need not come out to the last bit.
    if (value - label).abs() <= 1e-4 && (0.0..=3.0).contains(&label) {
        return Ok(label as u8);
    }
    Err(Error::new(format!("voxel {} of the mask holds {value}, which is no label", header.place(at)))
        .cure("labels are 0 background, 1 right ventricle, 2 myocardium, 3 left ventricle"))
}

impl LabelMap {
    /// The mask that `scan` holds; the caller names the file.
    pub fn of(scan: Scan) -> Result<LabelMap> {
        let Scan { header, values } = scan;
        let labels = values
            .iter()
            .enumerate()
            .map(|(at, value)| label(&header, at, f64::from(*value)))
            .collect::<Result<_>>()?;
        Ok(LabelMap { header, labels })
    }

    /// Whether this mask lies on the grid of the image whose header is given: the same numbers of voxels.
    pub fn fits(&self, image: &Header) -> Result<()> {
        self.header.same_shape(image)
    }

    /// Voxels of each label 1, 2 and 3.
    pub fn counts(&self) -> [u64; 3] {
        let mut counts = [0u64; 4];
        for label in &self.labels {
            counts[usize::from(label & 3)] += 1;
        }
        [counts[1], counts[2], counts[3]]
    }
}

/// A cardiac CT of 512x512x400 has fewer; a well-packed file may claim far more and even hold it.
const MOST_VOXELS: usize = 1 << 27;

fn one_volume(header: &Header, path: &Path) -> Result<()> {
    match header.shape[3] {
        1 if header.voxels() > MOST_VOXELS => {
            Err(Error::new(format!("{} voxels are more than any heart has", header.size()))
                .at(path)
                .cure("crop the image, or export it again where its header is damaged"))
        }
        1 => Ok(()),
        n => Err(Error::new(format!("the file holds {n} volumes where one is wanted"))
            .at(path)
            .cure("name the frame of one phase, not the 4D file")),
    }
}
