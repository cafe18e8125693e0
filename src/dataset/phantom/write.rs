//! A folder of phantoms in HC18's own layout.

use super::{anatomy::name_of, draw};
use crate::dataset::hc18::{Part, annotation_name};
use crate::error::{Error, IoContext, Result};
use crate::progress::Progress;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder};
use rayon::prelude::*;
use std::fs;
use std::path::Path;

/// The file by which a folder of phantoms is known as such.
pub const MARKER: &str = "phantom.toml";
/// More would need names of more than four digits, and a good part of a disk.
const MOST: u64 = 10_000;

/// Writes `count` phantoms of the series `seed` into `dir`, which is made, or must be empty.
pub fn write(dir: &Path, count: u64, seed: u64, progress: &dyn Progress) -> Result<()> {
    if count == 0 || count > MOST {
        return Err(Error::usage(format!("{count} phantoms cannot be drawn")).cure(format!("ask for 1 to {MOST}")));
    }
    empty_folder(dir)?;
    let images = dir.join(Part::Training.folder_name());
    fs::create_dir_all(&images).doing("make the folder for the phantoms", &images)?;
    // First, so that even an interrupted folder is never taken for real images.
    let marker = format!(
        "# Drawn by hcwb, not scanned: fetal-head phantoms in the layout of HC18.\nseed = {seed}\ncount = {count}\n"
    );
    fs::write(dir.join(MARKER), marker).doing("write", dir.join(MARKER))?;
    progress.begin("drawing phantoms", count);
    let rows: Vec<String> = (0..count)
        .into_par_iter()
        .map(|index| {
            let phantom = draw(seed, index);
            let name = name_of(index);
            save(&images.join(&name), &phantom.image)?;
            save(&images.join(annotation_name(&name)), &phantom.ring)?;
            progress.advance(1);
            Ok(format!("{name},{:.12},{:.2}\r\n", phantom.pixel_size_mm, phantom.hc_mm))
        })
        .collect::<Result<_>>()?;
    let table = dir.join(Part::Training.table_name());
    let text = format!("filename,pixel size(mm),head circumference (mm)\r\n{}", rows.concat());
    fs::write(&table, text).doing("write the table", &table)
}

/// Refuses a folder that holds anything; one that is not there is made later.
pub(super) fn empty_folder(dir: &Path) -> Result<()> {
    match fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Error::usage("the folder for the phantoms is not empty")
                    .at(dir)
                    .cure("name a new folder, or empty this one"));
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io("open the folder for the phantoms", dir, e)),
    }
    Ok(())
}

fn save(path: &Path, image: &GrayImage) -> Result<()> {
    let mut bytes = Vec::with_capacity(400 << 10);
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
        .write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::L8)
        .map_err(|e| Error::new("cannot encode a phantom as PNG").at(path).because(e))?;
    fs::write(path, bytes).doing("write the phantom", path)
}
