//! Weight files: safetensors with sorted names, so that equal weights are equal bytes.

use crate::error::{Error, IoContext, Result};
use crate::text;
use candle_core::{DType, Device};
use safetensors::Dtype;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// A named array in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Writes `arrays` as f32 and `metadata`; no time and no id, so that equal content is equal bytes.
///
/// Written aside, fsynced and renamed: the file is the old one or the new one, never half of one.
pub fn save(
    path: impl AsRef<Path>,
    arrays: &BTreeMap<String, Array>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let path = path.as_ref();
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".into(), serde_json::json!(metadata));
    }
    let mut end = 0;
    for (name, array) in arrays {
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len(), "{name}: shape and values agree");
        let start = end;
        end += array.values.len() * 4;
        let entry = serde_json::json!({ "dtype": "F32", "shape": array.shape, "data_offsets": [start, end] });
        header.insert(name.clone(), entry);
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    // The format wants the data aligned to 8 bytes, and blanks before it.
    header.resize(header.len().next_multiple_of(8), b' ');

    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file_name = path.file_name().ok_or_else(|| Error::new("a weight file needs a name").at(path))?;
    let aside = folder.join(format!(".{}.{}.partial", file_name.to_string_lossy(), std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(&aside)?);
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        let mut bytes = Vec::new();
        for array in arrays.values() {
            for some in array.values.chunks(1 << 16) {
                bytes.clear();
                bytes.extend(some.iter().flat_map(|v| v.to_le_bytes()));
                file.write_all(&bytes)?;
            }
        }
        file.into_inner()?.sync_all()?;
        std::fs::rename(&aside, path)?;
        // The new name is on disk once its folder is; some file systems refuse to sync one.
        let _ = std::fs::File::open(folder).and_then(|f| f.sync_all());
        Ok(())
    };
    write().doing("write weights", path).inspect_err(|_| drop(std::fs::remove_file(&aside)))
}

/// Reads all arrays and the metadata of a safetensors file; f16, bf16 and f64 become f32.
///
/// Fails on a file that is cut short, contradicts itself, holds other types, or a value that is not finite.
pub fn load(path: impl AsRef<Path>) -> Result<(BTreeMap<String, Array>, BTreeMap<String, String>)> {
    load_only(path, |_| true)
}

/// As [`load`], but reads only the tensors whose names are `wanted`.
pub fn load_only(
    path: impl AsRef<Path>,
    mut wanted: impl FnMut(&str) -> bool,
) -> Result<(BTreeMap<String, Array>, BTreeMap<String, String>)> {
    let path = path.as_ref();
    let Header { tensors, metadata, data_start } = header(path)?;
    let mut file = std::fs::File::open(path).doing("read weights", path)?;
    let mut arrays = BTreeMap::new();
    for (name, TensorHeader { dtype, shape, data_offsets: (start, end) }) in tensors {
        // Counters (`num_batches_tracked`) are integers; no network here has them.
        if !wanted(&name) || (dtype == Dtype::I64 && name.ends_with("num_batches_tracked")) {
            continue;
        }
        let mut data = vec![0; (end - start) as usize];
        let read = file.seek(SeekFrom::Start(data_start + start)).and_then(|_| file.read_exact(&mut data));
        read.doing("read weights", path)?;
        let values = floats(dtype, &data, &shape).and_then(|values| finite(values).map_err(|e| (e, SPOILT)));
        let values = values
            .map_err(|(what, cure)| Error::new(format!("tensor {}: {what}", text::line(&name))).at(path).cure(cure))?;
        arrays.insert(name, Array { shape, values });
    }
    Ok((arrays, metadata))
}

/// The cure for values that are not finite.
pub(super) const SPOILT: &str = "these weights are spoilt; take an earlier checkpoint or another file";

/// `values`, or which of them is not finite.
pub(super) fn finite(values: Vec<f32>) -> Result<Vec<f32>, String> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(format!("value {i} is {}, not a finite number", values[i])),
        None => Ok(values),
    }
}

/// What a safetensors file says of itself, without its values.
#[derive(Debug)]
pub struct Header {
    pub tensors: BTreeMap<String, TensorHeader>,
    pub metadata: BTreeMap<String, String>,
    /// Where the first tensor's bytes begin in the file.
    data_start: u64,
}

#[derive(Debug, Deserialize)]
pub struct TensorHeader {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// First byte and the byte behind the last, from where the data begin.
    data_offsets: (u64, u64),
}

/// Reads the header of a safetensors file, and checks that the file holds just what it says.
pub fn header(path: impl AsRef<Path>) -> Result<Header> {
    let path = path.as_ref();
    let mut file = std::fs::File::open(path).doing("read weights", path)?;
    let about = file.metadata().doing("read weights", path)?;
    if !about.is_file() {
        return Err(Error::new("weights are a safetensors file, and this is none")
            .at(path)
            .cure("name the file itself, whose name ends in .safetensors"));
    }
    let wrong = |what: String| Error::new(what).at(path).cure("copy or download it again");
    let mut length = [0u8; 8];
    let whole = file.read_exact(&mut length).is_ok();
    let length = u64::from_le_bytes(length);
    if !whole || length > about.len() - 8 {
        return Err(wrong("the file is shorter than its header says, or no safetensors file".into()));
    }
    if length > LONGEST_HEADER {
        return Err(wrong(format!("a header of {length} bytes belongs to no weights")));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes).doing("read weights", path)?;
    let raw: RawHeader = serde_json::from_slice(&bytes)
        .map_err(|e| wrong("the header cannot be read: this is no whole safetensors file".into()).because(e))?;
    let held = about.len() - 8 - length;
    check_offsets(&raw.tensors, held).map_err(wrong)?;
    Ok(Header { tensors: raw.tensors, metadata: raw.metadata, data_start: 8 + length })
}

/// As in the safetensors library, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
struct RawHeader {
    #[serde(default, rename = "__metadata__")]
    metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<String, TensorHeader>,
}

/// Fails unless the tensors fill the `held` bytes of the file one after the other, each as its shape wants.
fn check_offsets(tensors: &BTreeMap<String, TensorHeader>, held: u64) -> Result<(), String> {
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by_key(|(_, t)| t.data_offsets);
    let mut next = 0;
    for (name, tensor) in in_order {
        let name = text::line(name);
        let (start, end) = tensor.data_offsets;
        let bits = tensor.shape.iter().try_fold(tensor.dtype.bitsize(), |n, &d| n.checked_mul(d));
        let Some(bits) = bits.filter(|bits| bits % 8 == 0) else {
            return Err(format!("tensor {name}: no file can hold the shape {:?}", tensor.shape));
        };
        if start != next || end.checked_sub(start) != Some(bits as u64 / 8) {
            let (shape, bytes) = (&tensor.shape, bits / 8);
            return Err(format!(
                "tensor {name}: shape {shape:?} wants {bytes} bytes, and its place is {start} to {end}"
            ));
        }
        if end > held {
            return Err(format!(
                "the file is cut off in tensor {name}: it ends at byte {end} of the data, and {held} are there"
            ));
        }
        next = end;
    }
    if next != held {
        return Err(format!("the header speaks of {next} bytes of data, and the file holds {held}"));
    }
    Ok(())
}

/// The values as f32, or what is wrong and the cure.
pub(super) fn floats(dtype: Dtype, data: &[u8], shape: &[usize]) -> Result<Vec<f32>, (String, &'static str)> {
    let dtype = match dtype {
        Dtype::F32 => return Ok(data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F64 => DType::F64,
        other => {
            let what = format!("its type is {other:?}, not one of f16, bf16, f32, f64");
            return Err((what, "save the weights as floating-point numbers; quantised ones cannot be used"));
        }
    };
    if data.is_empty() {
        return Ok(Vec::new());
    }
    candle_core::Tensor::from_raw_buffer(data, dtype, shape, &Device::Cpu)
        .and_then(|t| t.to_dtype(DType::F32)?.flatten_all()?.to_vec1())
        .map_err(|e| (e.to_string(), "save the weights again"))
}

/// Fails where `state` does not hold exactly the `expected` names with their shapes and values.
///
/// PyTorch's `num_batches_tracked` may be there or not.
pub fn check_names(expected: &BTreeMap<&str, &[usize]>, state: &BTreeMap<String, Array>) -> Result<()> {
    let few = |names: Vec<&str>| {
        let listed = names.iter().take(4).map(|n| text::line(n)).collect::<Vec<_>>().join(", ");
        if names.len() > 4 { format!("{listed} and {} more", names.len() - 4) } else { listed }
    };
    let missing: Vec<&str> = expected.keys().copied().filter(|n| !state.contains_key(*n)).collect();
    let extra: Vec<&str> = state
        .keys()
        .map(String::as_str)
        .filter(|n| !expected.contains_key(n) && !n.ends_with("num_batches_tracked"))
        .collect();
    if !missing.is_empty() || !extra.is_empty() {
        let mut what = Vec::new();
        if !missing.is_empty() {
            what.push(format!("missing {}", few(missing)));
        }
        if !extra.is_empty() {
            what.push(format!("unknown {}", few(extra)));
        }
        return Err(Error::new(format!("these weights belong to another network: {}", what.join("; ")))
            .cure("use the model and the input size that they were made with"));
    }
    for (name, shape) in expected {
        let array = &state[*name];
        if let Some(wrong) = shape_fault(&array.shape, shape) {
            return Err(Error::new(format!("{name} {wrong}"))
                .cure("use the model and the input size that these weights were made with"));
        }
        if array.values.len() != shape.iter().product::<usize>() {
            return Err(Error::new(format!("{name} has {} values for the shape {shape:?}", array.values.len())));
        }
        if let Some(i) = array.values.iter().position(|v| !v.is_finite()) {
            return Err(Error::new(format!("{name}: value {i} is {}, not a finite number", array.values[i])));
        }
    }
    Ok(())
}

/// What is wrong with the shape `found` where the network's is `wanted`, and whether its axes stand in another order.
pub fn shape_fault(found: &[usize], wanted: &[usize]) -> Option<String> {
    if found == wanted {
        return None;
    }
    let sorted = |shape: &[usize]| {
        let mut shape = shape.to_vec();
        shape.sort_unstable();
        shape
    };
    let transposed = if sorted(found) == sorted(wanted) { ": it is transposed" } else { "" };
    Some(format!("has shape {found:?}, and the network's is {wanted:?}{transposed}"))
}
