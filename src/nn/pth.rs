//! Weights from PyTorch's own files (`torch.save`): zip archives since 1.6, one stream of pickles before.
//!
//! The file is not trusted. [`super::pickle`] builds plain values and runs nothing; every size is compared with what
//! the file holds before memory is asked for. Layouts: `torch/serialization.py` of PyTorch.

use super::pickle::{Pickle, Tensor, Value};
use super::weights::{Array, SPOILT, finite, floats};
use crate::error::{Error, IoContext, Result};
use crate::text;
use safetensors::Dtype;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// Where checkpoints keep a network's weights, beside the optimizer's and other things.
const WRAPPERS: [&str; 6] = ["state_dict", "model_state_dict", "model", "module", "network", "net"];
/// Pickles hold names and shapes only; a hundred thousand tensors take less.
const LONGEST_PICKLE: u64 = 64 << 20;
/// How an old file begins: a pickle of the number 0x1950a86a20f9469cfc6c.
const OLD_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Reads the floating-point tensors of a `.pth` or `.pt` file, from a nested `state_dict` or `model` where there is one.
///
/// Names as in the file. Fails as [`super::weights::load`] does, and where the file holds no such dictionary.
pub fn load(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>> {
    load_only(path, |_| true)
}

/// As [`load`], but reads only the tensors whose names are `wanted`.
pub fn load_only(path: impl AsRef<Path>, wanted: impl FnMut(&str) -> bool) -> Result<BTreeMap<String, Array>> {
    let path = path.as_ref();
    let mut file = BufReader::new(File::open(path).doing("read weights", path)?);
    let about = file.get_ref().metadata().doing("read weights", path)?;
    if !about.is_file() {
        return Err(Error::new("weights are a file, and this is none").at(path).cure("name the file itself"));
    }
    let mut begins = Vec::new();
    file.by_ref().take(OLD_MAGIC.len() as u64).read_to_end(&mut begins).doing("read weights", path)?;
    file.rewind().doing("read weights", path)?;
    let length = about.len();
    let read = if begins == OLD_MAGIC { read_old(&mut file, length, wanted) } else { read_zip(file, length, wanted) };
    read.map_err(|(what, cure)| Error::new(what).at(path).cure(cure))
}

/// What is wrong, and the cure.
type Fault = (String, &'static str);
const AGAIN: &str = "copy or download it again";
const STATE_DICT: &str = "save the weights alone in Python: torch.save(model.state_dict(), \"weights.pth\")";

fn fault(what: impl Into<String>) -> Fault {
    (what.into(), AGAIN)
}

fn read_zip(
    file: BufReader<File>,
    length: u64,
    wanted: impl FnMut(&str) -> bool,
) -> Result<BTreeMap<String, Array>, Fault> {
    let unreadable = |e: zip::result::ZipError| fault(format!("this is no whole PyTorch file: {e}"));
    let mut zip = ZipArchive::new(file).map_err(unreadable)?;
    let (mut entries, mut sum) = (HashMap::new(), 0u64);
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(unreadable)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        // PyTorch stores without compressing, so all together are smaller than the file.
        sum = entry.size().saturating_add(sum);
        if sum > length || entry.compression() != CompressionMethod::Stored {
            return Err(fault(format!("{} in it is not as PyTorch writes it", text::line(&name))));
        }
        entries.insert(name, (index, entry.size()));
    }
    let Some(root) = entries.keys().find_map(|name| name.strip_suffix("data.pkl")).map(str::to_owned) else {
        return Err(("this zip archive holds no PyTorch weights".into(), STATE_DICT));
    };
    if entries.contains_key(&format!("{root}constants.pkl")) {
        return Err(("this is a TorchScript program, not a file of weights".into(), STATE_DICT));
    }
    let mut bytes_of = |name: &str| -> Result<Vec<u8>, Fault> {
        let name = format!("{root}{name}");
        let Some(&(index, size)) = entries.get(&name) else {
            return Err(fault(format!("{} is missing in it", text::line(&name))));
        };
        let entry = zip.by_index(index).map_err(unreadable)?;
        let mut bytes = Vec::with_capacity(size as usize);
        let read = entry.take(size).read_to_end(&mut bytes);
        read.map_err(|e| fault(format!("{} in it cannot be read: {e}", text::line(&name))))?;
        Ok(bytes)
    };
    if bytes_of("byteorder").is_ok_and(|order| order == b"big") {
        return Err(("the file comes from a big-endian machine".into(), "save it on a little-endian one"));
    }
    let pickle = Pickle::read(&mut bytes_of("data.pkl")?.as_slice().take(LONGEST_PICKLE)).map_err(fault)?;
    let tensors = tensors(&pickle, length, wanted)?;
    // Storages one after the other, each read once and let go.
    let mut by_storage: BTreeMap<&str, Vec<(&str, &Tensor)>> = BTreeMap::new();
    for (name, tensor) in &tensors {
        by_storage.entry(&tensor.storage).or_default().push((name, tensor));
    }
    let mut arrays = BTreeMap::new();
    for (storage, of_it) in by_storage {
        let bytes = bytes_of(&format!("data/{storage}"))?;
        for (name, tensor) in of_it {
            arrays.insert(name.to_owned(), array(name, tensor, &bytes)?);
        }
    }
    Ok(arrays)
}

/// Magic number, protocol, machine, the object, the storages' keys; then each storage's length and bytes.
fn read_old(
    file: &mut BufReader<File>,
    length: u64,
    wanted: impl FnMut(&str) -> bool,
) -> Result<BTreeMap<String, Array>, Fault> {
    let mut next = || Pickle::read(&mut file.by_ref().take(LONGEST_PICKLE)).map_err(fault);
    for _ in 0..3 {
        next()?;
    }
    let (pickle, keys) = (next()?, next()?);
    let tensors = tensors(&pickle, length, wanted)?;
    let mut arrays = BTreeMap::new();
    for key in keys.items(keys.root()) {
        let Value::Text(key) = keys.get(*key) else { return Err(fault("its list of storages cannot be read")) };
        let cut = |e: std::io::Error| fault(format!("the file is cut off before its storage {}: {e}", text::line(key)));
        let mut count = [0; 8];
        file.read_exact(&mut count).map_err(cut)?;
        let Some(dtype) = pickle.storages().get(key.as_str()).copied() else {
            return Err(fault(format!("the file does not say what its storage {} holds", text::line(key))));
        };
        let bytes = u64::from_le_bytes(count).checked_mul(dtype.bitsize() as u64 / 8).filter(|n| *n <= length);
        let Some(bytes) = bytes else {
            return Err(fault(format!("storage {} claims more bytes than the file has", text::line(key))));
        };
        let of_it: Vec<_> = tensors.iter().filter(|(_, t)| t.storage == *key).collect();
        if of_it.is_empty() {
            file.seek(SeekFrom::Current(bytes as i64)).map_err(cut)?;
            continue;
        }
        let mut data = vec![0; bytes as usize];
        file.read_exact(&mut data).map_err(cut)?;
        for (name, tensor) in of_it {
            arrays.insert(name.clone(), array(name, tensor, &data)?);
        }
    }
    if file.stream_position().is_ok_and(|at| at > length) {
        return Err(fault("the file is cut off in its last storage"));
    }
    match tensors.keys().find(|name| !arrays.contains_key(*name)) {
        Some(name) => Err(fault(format!("tensor {}: its values are not in the file", text::line(name)))),
        None => Ok(arrays),
    }
}

/// The tensors of the network's own dictionary, by name.
fn tensors(
    pickle: &Pickle,
    length: u64,
    mut wanted: impl FnMut(&str) -> bool,
) -> Result<BTreeMap<String, Tensor>, Fault> {
    let mut at = pickle.root();
    for _ in 0..4 {
        let mut found: BTreeMap<String, Tensor> = pickle
            .pairs(at)
            .iter()
            .filter_map(|(key, value)| match (pickle.get(*key), pickle.get(*value)) {
                (Value::Text(name), Value::Tensor(tensor)) => Some((name.clone(), tensor.clone())),
                _ => None,
            })
            // Counters are integers; no network here has them.
            .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
            .collect();
        if !found.is_empty() {
            found.retain(|name, _| wanted(name));
            // Tensors may share bytes, but not so that a small file becomes a large network.
            let bytes = found.values().try_fold(0u64, |sum, t| sum.checked_add(t.bytes()?));
            return match bytes {
                Some(bytes) if bytes / 2 <= length => Ok(found),
                _ => Err(fault("its tensors claim more bytes than the file has")),
            };
        }
        let inner = WRAPPERS.iter().find_map(|name| pickle.entry(at, name));
        match inner {
            Some(inner) => at = inner,
            None => break,
        }
    }
    Err(("there is no dictionary of tensors in the file; whole pickled models are not opened".into(), STATE_DICT))
}

/// The values of one tensor out of its storage's bytes.
fn array(name: &str, tensor: &Tensor, storage: &[u8]) -> Result<Array, Fault> {
    let says = |(what, cure): (String, &'static str)| (format!("tensor {}: {what}", text::line(name)), cure);
    let width = tensor.dtype.bitsize() / 8;
    let held = storage.len() / width;
    let count = tensor.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let last = tensor.shape.iter().zip(&tensor.stride).try_fold(tensor.offset, |last, (&size, &stride)| {
        last.checked_add(size.saturating_sub(1).checked_mul(stride)?)
    });
    let (Some(count), Some(last)) = (count, last) else { return Err(says(fault("its shape is beyond all measure"))) };
    if count > 0 && (last >= held || count > held) {
        return Err(says(fault(format!("it reaches beyond the {held} values of its storage"))));
    }
    let mut values = Vec::with_capacity(count * width);
    let mut index = vec![0; tensor.shape.len()];
    for _ in 0..count {
        let at: usize = tensor.offset + index.iter().zip(&tensor.stride).map(|(i, s)| i * s).sum::<usize>();
        values.extend_from_slice(&storage[at * width..(at + 1) * width]);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < tensor.shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    let values = floats(tensor.dtype, &values, &tensor.shape).and_then(|v| finite(v).map_err(|e| (e, SPOILT)));
    Ok(Array { shape: tensor.shape.clone(), values: values.map_err(says)? })
}

/// The element type behind a storage class of PyTorch.
pub(super) fn storage_dtype(class: &str) -> Option<Dtype> {
    Some(match class {
        "torch.FloatStorage" => Dtype::F32,
        "torch.HalfStorage" => Dtype::F16,
        "torch.BFloat16Storage" => Dtype::BF16,
        "torch.DoubleStorage" => Dtype::F64,
        "torch.LongStorage" => Dtype::I64,
        "torch.IntStorage" => Dtype::I32,
        "torch.ShortStorage" => Dtype::I16,
        "torch.CharStorage" => Dtype::I8,
        "torch.ByteStorage" => Dtype::U8,
        "torch.BoolStorage" => Dtype::BOOL,
        _ => return None,
    })
}
