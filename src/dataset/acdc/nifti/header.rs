//! The header of a NIfTI-1 file: what it says, and whether the file can hold what it says.

use crate::error::{Error, IoContext, Result};
use crate::text;
use ::nifti::{Endianness, NiftiHeader, NiftiType};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 348;
/// Header and the four bytes that say whether extensions follow: no voxel of a single file lies before.
const FIRST_VOXEL: u64 = 352;
/// Deflate never makes more of a byte: 258 bytes of two bits, near enough.
const GREATEST_DEFLATE_RATIO: u64 = 1032;
/// More than any cine of a heart by two orders; a wrong dimension is likelier.
const MOST_VOXELS: u64 = 1 << 31;

/// How a voxel is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoxelType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl VoxelType {
    pub fn bytes(self) -> usize {
        match self {
            VoxelType::U8 | VoxelType::I8 => 1,
            VoxelType::U16 | VoxelType::I16 => 2,
            VoxelType::U32 | VoxelType::I32 | VoxelType::F32 => 4,
            VoxelType::U64 | VoxelType::I64 | VoxelType::F64 => 8,
        }
    }

    fn of(header: &NiftiHeader) -> Result<VoxelType> {
        Ok(match header.data_type() {
            Ok(NiftiType::Uint8) => VoxelType::U8,
            Ok(NiftiType::Int8) => VoxelType::I8,
            Ok(NiftiType::Uint16) => VoxelType::U16,
            Ok(NiftiType::Int16) => VoxelType::I16,
            Ok(NiftiType::Uint32) => VoxelType::U32,
            Ok(NiftiType::Int32) => VoxelType::I32,
            Ok(NiftiType::Uint64) => VoxelType::U64,
            Ok(NiftiType::Int64) => VoxelType::I64,
            Ok(NiftiType::Float32) => VoxelType::F32,
            Ok(NiftiType::Float64) => VoxelType::F64,
            // Complex numbers, colours, and the 128-bit floats of which every machine means another.
            Ok(other) => {
                return Err(Error::new(format!("voxels of type {other:?} cannot be read"))
                    .cure("export the file with integers or floats of at most 64 bits"));
            }
            Err(_) => {
                return Err(Error::new(format!("the header names no voxel type (datatype {})", header.datatype))
                    .cure("export the file again; it is damaged or no NIfTI-1 file"));
            }
        })
    }
}

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Voxels along x, y, z, and volumes along t; each at least 1.
    pub shape: [usize; 4],
    /// Along x, y and z: `pixdim`, as the qform has it; where that is unusable, the sform's. All above 0.
    pub spacing_mm: [f64; 3],
    /// The lengths of the sform's columns, where the file has an sform that is not the identity (ACDC's files do have
    /// the identity there, which says nothing of their spacing).
    pub sform_spacing_mm: Option<[f64; 3]>,
    pub voxel: VoxelType,
    pub big_endian: bool,
    /// A voxel's value is `slope * stored + intercept`; 1 and 0 where the file is not scaled.
    pub slope: f64,
    pub intercept: f64,
    /// Bytes before the first voxel.
    pub(super) first_voxel: u64,
}

impl Header {
    /// Voxels of one volume.
    pub fn voxels(&self) -> usize {
        self.shape[..3].iter().product()
    }

    /// One voxel's volume.
    pub fn voxel_ml(&self) -> f64 {
        self.spacing_mm.iter().product::<f64>() / 1000.0
    }

    /// Voxel `at` as `(x, y, z)`.
    pub(super) fn place(&self, at: usize) -> String {
        let [nx, ny, ..] = self.shape;
        format!("({}, {}, {})", at % nx, at / nx % ny, at / (nx * ny))
    }

    /// `256x216x10`, and `x30` where there are volumes.
    pub fn size(&self) -> String {
        let [x, y, z, t] = self.shape;
        if t == 1 { format!("{x}x{y}x{z}") } else { format!("{x}x{y}x{z}x{t}") }
    }

    /// Whether `self`, a mask, has as many voxels along x, y and z as `image`. The caller names the file.
    pub fn same_shape(&self, image: &Header) -> Result<()> {
        if self.shape[..3] == image.shape[..3] {
            return Ok(());
        }
        Err(Error::new(format!("the mask has {} voxels, its image {}", self.size(), image.size()))
            .cure("restore the mask that was drawn on this image"))
    }

    fn parse(bytes: &[u8; HEADER_BYTES], path: &Path) -> Result<Header> {
        let wrong = |what: &str, cure: &str| Error::new(what).at(path).cure(cure);
        let again = "export it as a single NIfTI-1 file (.nii or .nii.gz)";
        let size = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let big_endian = match (i32::from_le_bytes(size), i32::from_be_bytes(size)) {
            (348, _) => false,
            (_, 348) => true,
            (540, _) | (_, 540) => return Err(wrong("this is a NIfTI-2 file", again)),
            _ => return Err(wrong("this is no NIfTI file: it does not begin with the length of a header", again)),
        };
        match &bytes[344..] {
            b"n+1\0" => {}
            b"ni1\0" => return Err(wrong("this is the header of a pair (.hdr and .img)", again)),
            other => {
                let magic = String::from_utf8_lossy(other);
                let what = format!("wrong magic: \"{}\" instead of \"n+1\"", text::line(magic.trim_end_matches('\0')));
                return Err(wrong(&what, again));
            }
        }
        let raw =
            NiftiHeader::from_reader(&bytes[..]).map_err(|e| wrong("the header cannot be parsed", again).because(e))?;
        // The crate guesses the order of bytes by dim[0].
        let swapped = raw.endianness != Endianness::Little;
        if raw.sizeof_hdr != 348 || swapped != big_endian {
            return Err(wrong("the header's number of dimensions is not between 1 and 7", again));
        }
        let shape = shape(&raw.dim).map_err(|e| e.at(path))?;
        let voxel = VoxelType::of(&raw).map_err(|e| e.at(path))?;
        let (slope, intercept) = scaling(&raw).map_err(|e| e.at(path))?;
        let sform_spacing_mm = sform_spacing(&raw);
        let spacing_mm = spacing(&raw, sform_spacing_mm).map_err(|e| e.at(path))?;
        let first_voxel = match raw.vox_offset {
            0.0 => FIRST_VOXEL,
            offset if offset >= FIRST_VOXEL as f32 && offset.is_finite() => offset as u64,
            offset => {
                let what = format!("the header says that voxels begin at byte {offset}, within the header");
                return Err(wrong(&what, again));
            }
        };
        Ok(Header { shape, spacing_mm, sform_spacing_mm, voxel, big_endian, slope, intercept, first_voxel })
    }

    /// Bytes from the file's beginning to behind the last voxel.
    fn bytes(&self) -> u64 {
        let voxels = self.shape.iter().map(|n| *n as u64).product::<u64>();
        self.first_voxel.saturating_add(voxels.saturating_mul(self.voxel.bytes() as u64))
    }
}

fn shape(dim: &[u16; 8]) -> Result<[usize; 4]> {
    let n = usize::from(dim[0]);
    let said = &dim[1..=n.clamp(1, 7)];
    let said_text = || said.iter().map(|d| (*d as i16).to_string()).collect::<Vec<_>>().join("x");
    let cure = "export the file again; its header is damaged";
    if n == 0 || n > 7 || said.iter().any(|d| *d == 0 || *d > i16::MAX as u16) {
        return Err(Error::new(format!("the header's dimensions are {}", said_text())).cure(cure));
    }
    if said.iter().skip(4).any(|d| *d != 1) {
        return Err(Error::new(format!("the file has more than four dimensions: {}", said_text()))
            .cure("export one volume, or volumes over time"));
    }
    let mut shape = [1; 4];
    for (side, said) in shape.iter_mut().zip(said) {
        *side = usize::from(*said);
    }
    if shape.iter().map(|n| *n as u64).product::<u64>() > MOST_VOXELS {
        return Err(
            Error::new(format!("the header asks for {} voxels, more than any heart has", said_text())).cure(cure)
        );
    }
    Ok(shape)
}

/// A slope of 0, or one that is no number, means that values are not scaled: so say the standard and nibabel.
fn scaling(raw: &NiftiHeader) -> Result<(f64, f64)> {
    let (slope, intercept) = (f64::from(raw.scl_slope), f64::from(raw.scl_inter));
    if slope == 0.0 || !slope.is_finite() {
        return Ok((1.0, 0.0));
    }
    if !intercept.is_finite() {
        return Err(Error::new(format!("the header scales voxels by {slope} and adds {intercept}"))
            .cure("export the file again; its header is damaged"));
    }
    Ok((slope, intercept))
}

/// Millimetres to one of the file's units of length; unknown units are taken as millimetres.
fn unit_mm(raw: &NiftiHeader) -> f64 {
    match raw.xyzt_units & 0o7 {
        1 => 1000.0,
        3 => 0.001,
        _ => 1.0,
    }
}

fn usable(spacing_mm: &[f64; 3]) -> bool {
    spacing_mm.iter().all(|mm| mm.is_finite() && *mm > 0.0)
}

fn sform_spacing(raw: &NiftiHeader) -> Option<[f64; 3]> {
    let rows = [raw.srow_x, raw.srow_y, raw.srow_z];
    let unit = unit_mm(raw);
    let column = |j: usize| rows.iter().map(|row| f64::from(row[j]).powi(2)).sum::<f64>().sqrt() * unit;
    let spacing_mm = [column(0), column(1), column(2)];
    (raw.sform_code > 0 && usable(&spacing_mm) && spacing_mm != [unit; 3]).then_some(spacing_mm)
}

fn spacing(raw: &NiftiHeader, sform_spacing_mm: Option<[f64; 3]>) -> Result<[f64; 3]> {
    // A negative length is a flipped axis to some writers.
    let axis = |j: usize| f64::from(raw.pixdim[j]).abs() * unit_mm(raw);
    let pixdim_mm = [axis(1), axis(2), axis(3)];
    if usable(&pixdim_mm) {
        return Ok(pixdim_mm);
    }
    sform_spacing_mm.ok_or_else(|| {
        let [x, y, z] = [raw.pixdim[1], raw.pixdim[2], raw.pixdim[3]];
        Error::new(format!("the header's spacing is {x} x {y} x {z}"))
            .cure("write the voxels' size in mm into the header; without it there are no millilitres")
    })
}

/// The bytes of a file behind its header, decompressed where it is gzipped.
pub(super) type Stream = Box<dyn Read>;

/// The header as it stands in the file, for files of the same geometry; check it first.
pub(super) fn bytes(path: &Path) -> Result<[u8; HEADER_BYTES]> {
    begin(path).map(|begun| begun.bytes)
}

struct Begun {
    bytes: [u8; HEADER_BYTES],
    gzipped: bool,
    file_bytes: u64,
    stream: Stream,
}

fn begin(path: &Path) -> Result<Begun> {
    let doing = "read the image";
    let file = File::open(path).doing(doing, path)?;
    let meta = file.metadata().doing(doing, path)?;
    if !meta.is_file() {
        return Err(Error::new("this is not a file").at(path).cure("name a NIfTI file (.nii or .nii.gz)"));
    }
    let mut file = BufReader::with_capacity(1 << 16, file);
    // By content, not by name: files are renamed more often than they are gzipped.
    let gzipped = file.fill_buf().doing(doing, path)?.starts_with(&[0x1f, 0x8b]);
    let mut stream: Stream = if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut bytes = [0; HEADER_BYTES];
    stream.read_exact(&mut bytes).map_err(|e| broken(e, "its header", path))?;
    Ok(Begun { bytes, gzipped, file_bytes: meta.len(), stream })
}

/// Reads and checks the header; the stream stands at the first voxel's byte minus [`HEADER_BYTES`] read already.
pub(super) fn open(path: &Path) -> Result<(Header, Stream)> {
    let Begun { bytes, gzipped, file_bytes, stream } = begin(path)?;
    let header = Header::parse(&bytes, path)?;
    let most = if gzipped { file_bytes.saturating_mul(GREATEST_DEFLATE_RATIO) } else { file_bytes };
    if header.bytes() > most {
        return Err(Error::new(format!(
            "the header asks for {} voxels of {} bytes, {} bytes in all; this file of {} bytes cannot hold them",
            header.size(),
            header.voxel.bytes(),
            header.bytes(),
            file_bytes
        ))
        .at(path)
        .cure("copy the file again; it is cut short or its header is damaged"));
    }
    Ok((header, stream))
}

/// What a stream that ends or breaks within `part` means.
pub(super) fn broken(e: std::io::Error, part: &str, path: &Path) -> Error {
    use std::io::ErrorKind;
    let path: PathBuf = path.into();
    match e.kind() {
        ErrorKind::UnexpectedEof => Error::new(format!("the file ends too early, within {part}"))
            .at(path)
            .cure("copy or download the file again"),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            Error::new(format!("the gzip stream is damaged within {part}"))
                .at(path)
                .because(e)
                .cure("copy or download the file again")
        }
        _ => Error::io("read the image", path, e),
    }
}
