//! Preparation: every image decoded once, resized, and laid into one memory-mapped array beside its truth.
//!
//! `cache/<fingerprint>-<width>x<height>-<version>/` holds `images.u8` (N x height x width, 8-bit grey, row by row)
//! and `samples.json`. It is made aside and moved into place; it may be deleted at any time.

use super::hc18::{self, Folder, ImageFile, Part, Ring, Row};
use super::registry::{Dataset, DatasetKind};
use super::resize::resize_into;
pub use super::sample::{Sample, Skipped};
use super::stored::{self, Mapped};
use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Changes whenever prepared values would.
const VERSION: &str = "v1";
/// Larger than any training size; keeps a slip of the finger from filling the disk.
const LARGEST_SIDE_PX: usize = 4096;

/// How images are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparation {
    /// In px.
    pub width: usize,
    pub height: usize,
}

impl Preparation {
    /// Refuses sizes at which nothing could be trained.
    pub fn check(&self) -> Result<()> {
        let side = 8..=LARGEST_SIDE_PX;
        if !side.contains(&self.width) || !side.contains(&self.height) {
            return Err(Error::usage(format!("{}x{} px is no size to train at", self.width, self.height))
                .cure(format!("choose sides from 8 to {LARGEST_SIDE_PX} px, for instance 128x128")));
        }
        Ok(())
    }
}

enum Images {
    Mapped(Mapped),
    Owned(Vec<u8>),
}

/// A prepared data set.
pub struct Prepared {
    /// By examination, then repeat.
    pub samples: Vec<Sample>,
    /// Height and width, in px.
    pub size: [usize; 2],
    pub skipped: Vec<Skipped>,
    /// Of the raw data that these images were made from.
    pub fingerprint: String,
    /// Whether this call had to read the raw images.
    pub made: bool,
    /// What a person should know: raw data changed, a damaged cache made anew.
    pub notes: Vec<String>,
    images: Images,
}

#[derive(Serialize, Deserialize)]
struct Index {
    size: [usize; 2],
    samples: Vec<Sample>,
    skipped: Vec<Skipped>,
}

impl Prepared {
    /// Samples and their images, as made by other means: tests, phantoms.
    pub fn in_memory(samples: Vec<Sample>, size: [usize; 2], images: Vec<u8>) -> Result<Prepared> {
        if images.len() != samples.len() * size[0] * size[1] {
            return Err(Error::new("there are not as many pixels as the samples need"));
        }
        let (skipped, notes, fingerprint) = (Vec::new(), Vec::new(), String::new());
        Ok(Prepared { samples, size, skipped, fingerprint, made: true, notes, images: Images::Owned(images) })
    }

    /// The grey values of sample `i`, height x width, row by row.
    pub fn image(&self, i: usize) -> &[u8] {
        let bytes = self.size[0] * self.size[1];
        &self.images()[i * bytes..(i + 1) * bytes]
    }

    /// All images, one after the other.
    pub fn images(&self) -> &[u8] {
        match &self.images {
            Images::Mapped(map) => map.bytes(),
            Images::Owned(values) => values,
        }
    }

    /// The examination of every sample, as `split` wants it.
    pub fn exams(&self) -> Vec<u32> {
        self.samples.iter().map(|s| s.exam).collect()
    }
}

/// The cache's folder of these data, prepared this way.
pub fn folder(ws: &Workspace, dataset: &Dataset, preparation: &Preparation) -> PathBuf {
    let Preparation { width, height } = preparation;
    ws.cache().join(format!("{}-{width}x{height}-{VERSION}", dataset.fingerprint))
}

/// The sizes at which these data lie prepared: "128x128".
pub fn prepared_sizes(ws: &Workspace, dataset: &Dataset) -> Vec<String> {
    let Ok(entries) = fs::read_dir(ws.cache()) else { return Vec::new() };
    let size = |name: String| {
        let rest = name.strip_prefix(&dataset.fingerprint)?.strip_prefix('-')?;
        rest.strip_suffix(VERSION)?.strip_suffix('-').map(str::to_owned)
    };
    let mut sizes: Vec<String> =
        entries.flatten().filter_map(|e| size(e.file_name().to_string_lossy().into_owned())).collect();
    sizes.sort();
    sizes
}

/// Whether `prepare` would find the work done.
pub fn is_prepared(ws: &Workspace, dataset: &Dataset, preparation: &Preparation) -> bool {
    matches!(open(&folder(ws, dataset, preparation), preparation), Ok(Some(_)))
}

/// Opens the cache, or makes it. Images that cannot be decoded or have no row are skipped and counted; whether that
/// is acceptable is the caller's affair.
pub fn prepare(
    ws: &Workspace,
    dataset: &Dataset,
    preparation: &Preparation,
    progress: &dyn Progress,
) -> Result<Prepared> {
    preparation.check()?;
    dataset.of_kind(DatasetKind::Hc18, "preparing ultrasound images")?;
    let (dataset, mut notes) = dataset.refreshed(ws, progress)?;
    let folder = folder(ws, &dataset, preparation);
    let damaged = match open(&folder, preparation) {
        Ok(Some(mut prepared)) => {
            (prepared.fingerprint, prepared.notes) = (dataset.fingerprint, notes);
            return Ok(prepared);
        }
        Ok(None) => false,
        Err(e) => {
            notes.push(format!("the prepared images were damaged and are made anew: {}", e.chain()));
            true
        }
    };
    let made = make(&dataset, preparation, progress)?;
    stored::install(ws, &folder, damaged, |beside| {
        let index = serde_json::to_vec(&made.index)
            .map_err(|e| Error::new("cannot write the prepared samples").at(beside).because(e))?;
        stored::write(&beside.join("images.u8"), &made.images)?;
        stored::write(&beside.join("samples.json"), &index)
    })?;
    let mut prepared = open(&folder, preparation)?
        .ok_or_else(|| Error::new("the prepared images vanished while they were made").at(&folder))?;
    (prepared.made, prepared.fingerprint, prepared.notes) = (true, dataset.fingerprint, notes);
    Ok(prepared)
}

/// Deletes every cache of these data.
pub(super) fn delete_all(ws: &Workspace, dataset: &Dataset) -> Result<()> {
    let Ok(entries) = fs::read_dir(ws.cache()) else { return Ok(()) };
    let prefix = format!("{}-", dataset.fingerprint);
    for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(&prefix)) {
        fs::remove_dir_all(entry.path()).doing("delete a cache", entry.path())?;
    }
    Ok(())
}

/// `Ok(None)` where there is no cache, an error where there is a damaged one.
fn open(folder: &Path, preparation: &Preparation) -> Result<Option<Prepared>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let index_file = folder.join("samples.json");
    let text = fs::read(&index_file).doing("read the prepared samples", &index_file)?;
    let index: Index = serde_json::from_slice(&text)
        .map_err(|e| Error::new("the prepared samples cannot be read").at(&index_file).because(e))?;
    let size = [preparation.height, preparation.width];
    let images_file = folder.join("images.u8");
    let wanted = index.samples.len() as u64 * (size[0] * size[1]) as u64;
    if index.size != size || index.samples.is_empty() {
        return Err(Error::new("the prepared samples are of another size").at(&index_file));
    }
    let map = Mapped::open(&images_file, wanted)?;
    let (samples, skipped) = (index.samples, index.skipped);
    let (fingerprint, notes) = (String::new(), Vec::new());
    Ok(Some(Prepared { samples, size, skipped, fingerprint, made: false, notes, images: Images::Mapped(map) }))
}

struct Made {
    index: Index,
    images: Vec<u8>,
}

fn make(dataset: &Dataset, preparation: &Preparation, progress: &dyn Progress) -> Result<Made> {
    let folder = Folder::find(&dataset.path)?;
    let part = folder.part(Part::Training).ok_or_else(|| {
        Error::new(format!("{} is a test set: it has no circumferences to learn from", dataset.name))
            .at(&dataset.path)
            .cure("add a folder with training_set/ and its table")
    })?;
    let listing = part.read()?;
    listing.table.legible()?;
    let rows = listing.table.by_file();
    // The order of the published files tells the age, that of others need not.
    let in_order = |image: &ImageFile| {
        let hc_mm = rows.get(image.name.as_str()).and_then(|row| row.hc_mm);
        hc18::trimester(image.exam).is_some() && hc_mm.is_none_or(|hc_mm| hc18::fits_published_order(image.exam, hc_mm))
    };
    let published = !folder.phantom && listing.images.iter().all(in_order);
    let (width, height) = (preparation.width, preparation.height);
    let bytes = width * height;
    let mut images = vec![0u8; listing.images.len() * bytes];
    progress.begin("preparing images", listing.images.len() as u64);
    let outcomes: Vec<Result<Sample, Skipped>> = listing
        .images
        .par_iter()
        .zip(images.par_chunks_exact_mut(bytes))
        .map(|(image, out)| {
            let row = rows.get(image.name.as_str()).copied();
            let sample = prepare_image(image, row, published, width, height, out);
            progress.advance(1);
            sample.map_err(|reason| Skipped { file: text::line(&image.name).into_owned(), reason })
        })
        .collect();
    let (mut samples, mut skipped) = (Vec::new(), Vec::new());
    for (i, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(sample) => {
                // Skipped images leave holes: the rest moves up.
                images.copy_within(i * bytes..(i + 1) * bytes, samples.len() * bytes);
                samples.push(sample);
            }
            Err(skip) => skipped.push(skip),
        }
    }
    images.truncate(samples.len() * bytes);
    if samples.is_empty() {
        let why = skipped.first().map_or(String::new(), |s| format!("; the first, {}: {}", s.file, s.reason));
        return Err(Error::new(format!("none of the {} images can be used{why}", skipped.len()))
            .at(&dataset.path)
            .cure(format!("see hcwb data audit {}", dataset.name)));
    }
    Ok(Made { index: Index { size: [height, width], samples, skipped }, images })
}

fn prepare_image(
    image: &ImageFile,
    row: Option<&Row>,
    published: bool,
    width: usize,
    height: usize,
    out: &mut [u8],
) -> Result<Sample, String> {
    let row = row.ok_or("the table has no readable row for it")?;
    let hc_mm = row.hc_mm.ok_or("the table has no circumference for it")?;
    let gray = hc18::decode_gray(&image.path).map_err(|e| e.what)?;
    resize_into(&gray, width, height, out);
    // A missing or damaged ring costs the picture of the truth, not the sample: HC stands in the table.
    let annotation = image.annotation.as_ref().and_then(|path| hc18::decode_gray(path).ok());
    let truth = annotation
        .filter(|annotation| annotation.dimensions() == gray.dimensions())
        .and_then(|annotation| Ring::of(&annotation).ellipse.ok());
    Ok(Sample {
        file: text::line(&image.name).into_owned(),
        exam: image.exam,
        width_px: gray.width(),
        height_px: gray.height(),
        pixel_size_mm: row.pixel_size_mm,
        hc_mm,
        hc_px: hc_mm / row.pixel_size_mm,
        truth,
        trimester: if published { hc18::trimester(image.exam) } else { None },
    })
}
