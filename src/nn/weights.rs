//! Weight files: safetensors with sorted names, so that equal weights are equal bytes.

use crate::error::{Error, IoContext, Result};
use crate::text;
use candle_core::{DType, Device};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::io::{Read, Write};
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
    let path = path.as_ref();
    let bytes = read(path)?;
    let broken = |e: safetensors::SafeTensorError| {
        Error::new("this is no whole safetensors file").at(path).cure("copy or download it again").because(e)
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
    let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut arrays = BTreeMap::new();
    for (name, view) in SafeTensors::deserialize(&bytes).map_err(broken)?.iter() {
        // Counters (`num_batches_tracked`) are integers; no network here has them.
        if view.dtype() == Dtype::I64 && name.ends_with("num_batches_tracked") {
            continue;
        }
        let says = |what: String| Error::new(format!("tensor {}: {what}", text::line(name))).at(path);
        let values = floats(view.dtype(), view.data(), view.shape()).map_err(says)?;
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(says(format!("value {i} is {}, not a finite number", values[i]))
                .cure("these weights are spoilt; take an earlier checkpoint or another file"));
        }
        arrays.insert(name.to_owned(), Array { shape: view.shape().to_vec(), values });
    }
    Ok((arrays, metadata))
}

/// The whole file, after the header's length was compared with it.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut file = std::fs::File::open(path).doing("read weights", path)?;
    let about = file.metadata().doing("read weights", path)?;
    if !about.is_file() {
        return Err(Error::new("weights are a safetensors file, and this is none").at(path));
    }
    let mut length = [0u8; 8];
    let whole = file.read_exact(&mut length).is_ok();
    if !whole || u64::from_le_bytes(length) > about.len().saturating_sub(8) {
        return Err(Error::new("the file is shorter than its header says, or no safetensors file")
            .at(path)
            .cure("copy or download it again"));
    }
    let mut bytes = length.to_vec();
    bytes.reserve_exact(about.len() as usize - 8);
    file.read_to_end(&mut bytes).doing("read weights", path)?;
    Ok(bytes)
}

fn floats(dtype: Dtype, data: &[u8], shape: &[usize]) -> Result<Vec<f32>, String> {
    let dtype = match dtype {
        Dtype::F32 => return Ok(data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F64 => DType::F64,
        other => return Err(format!("its type is {other:?}, not one of f16, bf16, f32, f64")),
    };
    if data.is_empty() {
        return Ok(Vec::new());
    }
    candle_core::Tensor::from_raw_buffer(data, dtype, shape, &Device::Cpu)
        .and_then(|t| t.to_dtype(DType::F32)?.flatten_all()?.to_vec1())
        .map_err(|e| e.to_string())
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
        if array.shape != *shape || array.values.len() != shape.iter().product::<usize>() {
            return Err(Error::new(format!("{name} has shape {:?}, and the network's is {shape:?}", array.shape))
                .cure("use the model and the input size that these weights were made with"));
        }
        if let Some(i) = array.values.iter().position(|v| !v.is_finite()) {
            return Err(Error::new(format!("{name}: value {i} is {}, not a finite number", array.values[i])));
        }
    }
    Ok(())
}
