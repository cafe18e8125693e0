//! The voxels behind a header that was checked: read to the end of the stream, decoded in either order of bytes.

use super::header::{Header, Stream, VoxelType, broken};
use crate::error::{Error, Result};
use std::io::{self, Read};
use std::path::Path;

/// Asked for at once; beyond it memory grows with what really arrives.
const AT_ONCE_BYTES: usize = 64 << 20;

/// Every voxel of one volume as `make(index, value)`, the value scaled; the first error ends it.
pub(super) fn read<T>(
    header: &Header,
    mut stream: Stream,
    path: &Path,
    make: impl FnMut(usize, f64) -> Result<T>,
) -> Result<Vec<T>> {
    let wanted = header.voxels() * header.voxel.bytes();
    let skip = header.first_voxel - 348;
    let skipped =
        io::copy(&mut stream.by_ref().take(skip), &mut io::sink()).map_err(|e| broken(e, "its header", path))?;
    let mut bytes = Vec::with_capacity(wanted.min(AT_ONCE_BYTES));
    stream.by_ref().take(wanted as u64).read_to_end(&mut bytes).map_err(|e| broken(e, "its voxels", path))?;
    if skipped < skip || bytes.len() < wanted {
        return Err(Error::new(format!("the file ends too early: {} of {wanted} bytes of voxels", bytes.len()))
            .at(path)
            .cure("copy or download the file again"));
    }
    // To the end, where a gzip stream has its checksum.
    io::copy(&mut stream, &mut io::sink()).map_err(|e| broken(e, "what follows its voxels", path))?;
    decode(header, &bytes, make)
}

fn decode<T>(header: &Header, bytes: &[u8], make: impl FnMut(usize, f64) -> Result<T>) -> Result<Vec<T>> {
    macro_rules! of {
        ($type:ty) => {
            decode_as(header, bytes, <$type>::from_le_bytes, <$type>::from_be_bytes, |v| v as f64, make)
        };
    }
    match header.voxel {
        VoxelType::U8 => of!(u8),
        VoxelType::I8 => of!(i8),
        VoxelType::U16 => of!(u16),
        VoxelType::I16 => of!(i16),
        VoxelType::U32 => of!(u32),
        VoxelType::I32 => of!(i32),
        VoxelType::U64 => of!(u64),
        VoxelType::I64 => of!(i64),
        VoxelType::F32 => of!(f32),
        VoxelType::F64 => of!(f64),
    }
}

fn decode_as<T, V, const N: usize>(
    header: &Header,
    bytes: &[u8],
    little: fn([u8; N]) -> V,
    big: fn([u8; N]) -> V,
    wide: fn(V) -> f64,
    mut make: impl FnMut(usize, f64) -> Result<T>,
) -> Result<Vec<T>> {
    let order = if header.big_endian { big } else { little };
    let (slope, intercept) = (header.slope, header.intercept);
    let mut values = Vec::with_capacity(bytes.len() / N);
    for (i, voxel) in bytes.chunks_exact(N).enumerate() {
        let stored: [u8; N] = voxel.try_into().expect("chunks_exact gives N bytes");
        values.push(make(i, wide(order(stored)) * slope + intercept)?);
    }
    Ok(values)
}
