//! A file of weights kept as ours: recognised, without its head, as f32 safetensors that say where they come from.

use super::recognise::{Architecture, Recognised, Shapes, is_head, recognise};
use super::{store, variant};
use crate::error::{Error, IoContext, Result};
use crate::fetch::checksum::sha256_of;
use crate::nn::{Array, pth, weights};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What was kept, and what was made of the file.
#[derive(Clone, Debug)]
pub struct Imported {
    pub name: String,
    pub path: PathBuf,
    pub architecture: Architecture,
    /// Of a ResNet: `v1` or `v1.5`.
    pub variant: Option<String>,
    /// The file did not say; torchvision's and timm's are v1.5.
    pub variant_assumed: bool,
    pub tensors: usize,
    /// Numbers in them.
    pub values: usize,
    /// Tensors of a classifier, not kept: the networks here have heads of their own.
    pub heads: Vec<String>,
    /// Tensors that are neither the encoder's nor a head's, not kept.
    pub extra: Vec<String>,
    /// It was there already, from this very file.
    pub already: bool,
}

/// What is known of a file beside what stands in it.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// `v1` or `v1.5`; before what the file says itself.
    pub variant: Option<String>,
    /// Added to the file's own metadata.
    pub metadata: BTreeMap<String, String>,
}

/// Keeps the weights in `file` (safetensors or PyTorch) as `weights/<name>.safetensors`.
///
/// Fails on a file that is broken or belongs to no known network, and where other weights have that name already.
pub fn import(ws: &Workspace, file: &Path, name: &str, origin: &Origin, progress: &dyn Progress) -> Result<Imported> {
    store::check_name(name)?;
    let path = store::path(ws, name);
    let (mut arrays, mut metadata, heads) = read(file)?;
    let found = recognise(&shapes(&arrays)).map_err(|e| e.at(file))?;
    keep_encoder(&mut arrays, &found);
    let sha256 = sha256_of(file, progress)?;
    let variant = take_variant(&found, origin, &mut metadata)?;
    let imported = Imported {
        name: name.to_owned(),
        path: path.clone(),
        architecture: found.architecture,
        variant: variant.word,
        variant_assumed: variant.assumed,
        tensors: arrays.len(),
        values: arrays.values().map(|a| a.values.len()).sum(),
        heads,
        extra: found.extra,
        already: false,
    };
    if path.exists() {
        let there = weights::header(&path)?.metadata;
        let same = |key: &str, value: Option<&str>| there.get(key).map(String::as_str) == value;
        if same(store::SHA256, Some(&sha256)) && same("variant", metadata.get("variant").map(String::as_str)) {
            return Ok(Imported { already: true, ..imported });
        }
        return Err(store::taken(name, &path));
    }
    metadata.extend(origin.metadata.clone());
    metadata.insert("architecture".into(), found.architecture.word().into());
    metadata.insert("names".into(), "torchvision".into());
    metadata.insert(store::SHA256.into(), sha256);
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    metadata.entry("source_file".into()).or_insert_with(|| text::line(&file_name).into_owned());
    ws.make(&ws.weights())?;
    weights::save(&path, &arrays, &metadata)?;
    Ok(imported)
}

type Read3 = (BTreeMap<String, Array>, BTreeMap<String, String>, Vec<String>);

/// Tensors without heads, metadata, and the heads' names.
fn read(file: &Path) -> Result<Read3> {
    let mut begins = Vec::new();
    let open = std::fs::File::open(file).doing("read weights", file)?;
    // A folder opens and does not read; what follows says so.
    drop(open.take(2).read_to_end(&mut begins));
    let mut heads = Vec::new();
    let wanted = |name: &str| {
        let head = is_head(name);
        if head {
            heads.push(text::line(name).into_owned());
        }
        !head
    };
    // Zip archives begin with PK, pickles with 0x80 and their protocol.
    let (arrays, metadata) = match begins[..] {
        [b'P', b'K'] | [0x80, 2..=5] => (pth::load_only(file, wanted)?, BTreeMap::new()),
        _ => weights::load_only(file, wanted)?,
    };
    Ok((arrays, metadata, heads))
}

fn shapes(arrays: &BTreeMap<String, Array>) -> Shapes {
    arrays.iter().map(|(name, array)| (name.clone(), array.shape.clone())).collect()
}

/// Leaves the encoder's tensors, under their own names.
fn keep_encoder(arrays: &mut BTreeMap<String, Array>, found: &Recognised) {
    let stripped = std::mem::take(arrays).into_iter();
    let stripped = stripped.filter_map(|(name, array)| Some((name.strip_prefix(&found.prefix)?.to_owned(), array)));
    *arrays = stripped.filter(|(name, _)| !found.extra.iter().any(|extra| *extra == text::line(name))).collect();
}

struct Variant {
    word: Option<String>,
    assumed: bool,
}

/// The variant as told, as the file says, or as usual; written into `metadata`.
fn take_variant(found: &Recognised, origin: &Origin, metadata: &mut BTreeMap<String, String>) -> Result<Variant> {
    if found.architecture != Architecture::ResNet50 {
        return Ok(Variant { word: None, assumed: false });
    }
    let in_file = metadata.get("variant").and_then(|text| variant::word(text));
    let told = origin.variant.as_deref();
    if let (Some(told), Some(in_file)) = (told, in_file)
        && told != in_file
    {
        return Err(Error::usage(format!("the file says of itself that it is {in_file}, not {told}"))
            .cure(format!("leave --variant out, or say --variant {in_file}")));
    }
    let word = in_file.or(told).unwrap_or("v1.5").to_owned();
    if in_file.is_none() {
        metadata.insert("variant".into(), word.clone());
    }
    metadata.entry("batch_norm_eps".into()).or_insert_with(|| "1e-5".into());
    Ok(Variant { assumed: in_file.is_none() && told.is_none(), word: Some(word) })
}
