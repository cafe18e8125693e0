//! Where results are written: a folder made aside and moved into place as a whole.

use super::overlay::{overlay, png};
use super::row::Row;
use crate::cli::pixel_sizes::name_of;
use crate::dataset::aside;
use crate::error::{Error, IoContext, Result};
use crate::geometry::Head;
use image::{ExtendedColorType, GrayImage};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The table's name in a folder of results, by which such a folder is known.
pub const TABLE: &str = "predictions.csv";

/// A folder of results in the making: `predictions.csv`, `masks/NAME.png`, `overlays/NAME.png`. Dropped unfinished, it
/// leaves nothing behind.
pub struct Results {
    folder: PathBuf,
    aside: PathBuf,
    finished: bool,
}

impl Results {
    /// Fails where `folder` exists and is not empty; with `force` only where it holds something else than results.
    pub fn begin(folder: &Path, force: bool) -> Result<Results> {
        // `results/` and `.` have no name to write beside.
        let folder = std::path::absolute(folder).doing("make the folder of results", folder)?;
        check(&folder, force)?;
        let parent = folder.parent().ok_or_else(|| Error::usage("results need a folder of their own").at(&folder))?;
        fs::create_dir_all(parent).doing("make the folder of results", parent)?;
        let aside = aside::name_beside(&folder);
        fs::create_dir(&aside).doing("make the folder of results", &aside)?;
        Ok(Results { folder, aside, finished: false })
    }

    /// The mask after post-processing and the overlay, both as large as the image; where they will lie in the folder.
    pub fn head(&self, name: &str, image: &GrayImage, head: &Head) -> Result<(String, String)> {
        let (mask, drawn) = (format!("masks/{name}.png"), format!("overlays/{name}.png"));
        let (width, height) = image.dimensions();
        self.write(&mask, &png(&head.mask.to_mask().values, width, height, ExtendedColorType::L8)?)?;
        self.write(&drawn, &png(overlay(image, head).as_raw(), width, height, ExtendedColorType::Rgb8)?)?;
        Ok((mask, drawn))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.place(name)?;
        fs::write(&path, bytes).doing("write", &path)
    }

    /// Where `name`, such as `masks/NAME.nii.gz`, is to be written now.
    pub fn place(&self, name: &str) -> Result<PathBuf> {
        let path = self.aside.join(name);
        let folder = path.parent().unwrap_or(&self.aside);
        fs::create_dir_all(folder).doing("make the folder of results", folder)?;
        Ok(path)
    }

    /// Writes the table and moves the folder into place.
    pub fn finish(self, rows: &[Row]) -> Result<()> {
        let table = csv(rows)?;
        self.finish_with(&table)
    }

    /// As [`Results::finish`], with the table as it is to be.
    pub fn finish_with(mut self, table: &[u8]) -> Result<()> {
        fs::write(self.aside.join(TABLE), table).doing("write the predictions", self.aside.join(TABLE))?;
        let before = aside::name_beside(&self.folder);
        let replaced = self.folder.is_dir();
        if replaced {
            fs::rename(&self.folder, &before).doing("replace the former results", &self.folder)?;
        }
        if let Err(error) = fs::rename(&self.aside, &self.folder) {
            if replaced {
                // The former results go back to their place.
                drop(fs::rename(&before, &self.folder));
            }
            return Err(Error::io("move the results into place", &self.folder, error));
        }
        self.finished = true;
        match replaced {
            true => fs::remove_dir_all(&before).doing("delete the former results", &before),
            false => Ok(()),
        }
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        if !self.finished {
            drop(fs::remove_dir_all(&self.aside));
        }
    }
}

fn check(folder: &Path, force: bool) -> Result<()> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("open the folder for the results", folder, e)),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    let ours = ["masks", "overlays", TABLE];
    let names = fs::read_dir(folder).doing("list the folder for the results", folder)?.flatten();
    let stranger = names.map(|entry| name_of(&entry.path())).find(|name| !ours.contains(&name.as_str()));
    match (force, stranger) {
        (true, None) => Ok(()),
        (_, Some(name)) => {
            Err(Error::usage(format!("the folder for the results holds something else: {}", crate::text::line(&name)))
                .at(folder)
                .cure("name a new folder"))
        }
        (false, None) => Err(Error::usage("the folder for the results is not empty")
            .at(folder)
            .cure("name a new folder, or replace the former results with --force")),
    }
}

/// The rows under their header.
pub fn csv(rows: &[Row]) -> Result<Vec<u8>> {
    let wrong = |e: csv::Error| Error::new("cannot write the predictions").because(e);
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(wrong)?;
    writer.into_inner().map_err(|e| Error::new("cannot write the predictions").because(e.into_error()))
}

/// The name under which each file's pictures are kept: its own without the ending.
///
/// Fails where two files would have the same.
pub fn names(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut taken: BTreeMap<String, &Path> = BTreeMap::new();
    let mut names = Vec::with_capacity(files.len());
    for file in files {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(other) = taken.insert(name.clone(), file) {
            return Err(Error::usage(format!("two images are called {}", crate::text::line(&name)))
                .at(other)
                .cure(format!("predict {} in a call of its own", crate::text::line(&file.to_string_lossy()))));
        }
        names.push(name);
    }
    Ok(names)
}
