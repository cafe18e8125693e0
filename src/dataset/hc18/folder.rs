//! Where the parts of a folder lie, and what files each holds.

use super::name::{annotation_name, image_of_annotation, parse_name};
use super::table::Table;
use crate::error::{Error, IoContext, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The training part has annotations and circumferences, the test part neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Training,
    Test,
}

impl Part {
    pub fn folder_name(self) -> &'static str {
        match self {
            Part::Training => "training_set",
            Part::Test => "test_set",
        }
    }
    pub fn table_name(self) -> &'static str {
        match self {
            Part::Training => "training_set_pixel_size_and_HC.csv",
            Part::Test => "test_set_pixel_size.csv",
        }
    }
}

/// One part: where its images and its table lie (or should).
#[derive(Clone, Debug)]
pub struct PartFolder {
    pub part: Part,
    pub images: PathBuf,
    pub table: PathBuf,
}

/// A folder in HC18's layout.
#[derive(Clone, Debug)]
pub struct Folder {
    pub root: PathBuf,
    pub parts: Vec<PartFolder>,
    /// Written by `phantom`: ages cannot be inferred from the order of its examinations.
    pub phantom: bool,
}

/// An image file and its annotation, where there is one.
#[derive(Clone, Debug)]
pub struct ImageFile {
    pub name: String,
    pub exam: u32,
    pub path: PathBuf,
    pub annotation: Option<PathBuf>,
}

/// What one part holds.
#[derive(Debug)]
pub struct Listing {
    pub part: Part,
    /// By examination, then repeat.
    pub images: Vec<ImageFile>,
    /// Annotations whose image is missing: (name of the annotation, path).
    pub lost_annotations: Vec<(String, PathBuf)>,
    /// PNG files whose names are neither an image's nor an annotation's.
    pub strangers: Vec<String>,
    pub table: Table,
}

impl Folder {
    /// Looks for the parts in `dir`: in its sub-folders, in itself, and with the table one level up.
    pub fn find(dir: &Path) -> Result<Folder> {
        let wanted = "name the folder that holds training_set/ and training_set_pixel_size_and_HC.csv";
        let meta = std::fs::metadata(dir).map_err(|e| Error::io("open the data folder", dir, e).cure(wanted))?;
        if !meta.is_dir() {
            return Err(Error::new("the data must be a folder, not a file").at(dir).cure(wanted));
        }
        let mut parts = Vec::new();
        for part in [Part::Training, Part::Test] {
            let images = dir.join(part.folder_name());
            if images.is_dir() && has_images(&images)? {
                parts.push(PartFolder { part, images, table: dir.join(part.table_name()) });
            }
        }
        if parts.is_empty() && has_images(dir)? {
            parts.push(Self::images_here(dir));
        }
        if parts.is_empty() {
            return Err(Error::new("there are no HC18 images in this folder").at(dir).cure(wanted));
        }
        Ok(Folder { root: dir.to_path_buf(), phantom: dir.join(crate::dataset::phantom::MARKER).is_file(), parts })
    }

    /// `dir` itself holds images: the table lies among them or one level up, and says which part they are.
    fn images_here(dir: &Path) -> PartFolder {
        let above = dir.parent().unwrap_or(dir);
        let called_test = dir.file_name().is_some_and(|name| name == Part::Test.folder_name());
        let order = if called_test { [Part::Test, Part::Training] } else { [Part::Training, Part::Test] };
        let candidates =
            [dir, above].into_iter().flat_map(|place| order.map(|part| (part, place.join(part.table_name()))));
        let (part, table) = candidates
            .into_iter()
            .find(|(_, table)| table.is_file())
            .unwrap_or_else(|| (order[0], dir.join(order[0].table_name())));
        PartFolder { part, images: dir.to_path_buf(), table }
    }

    pub fn part(&self, part: Part) -> Option<&PartFolder> {
        self.parts.iter().find(|p| p.part == part)
    }

    /// Every file that makes up the data, with a name that does not depend on where the folder lies, sorted by it.
    pub fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        for part in &self.parts {
            let label = part.part.folder_name();
            files.extend(png_files(&part.images)?.into_iter().map(|(name, path)| (format!("{label}/{name}"), path)));
            if part.table.is_file() {
                files.push((part.part.table_name().to_owned(), part.table.clone()));
            }
        }
        files.sort();
        Ok(files)
    }
}

impl PartFolder {
    /// Lists the images and reads the table.
    pub fn read(&self) -> Result<Listing> {
        let (mut images, mut annotations, mut strangers) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (name, path) in png_files(&self.images)? {
            if let Some(image) = image_of_annotation(&name).filter(|image| parse_name(image).is_some()) {
                annotations.insert(image, path);
            } else if let Some((exam, repeat)) = parse_name(&name) {
                images.push(((exam, repeat), ImageFile { name, exam, path, annotation: None }));
            } else {
                strangers.push(name);
            }
        }
        images.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        let mut images: Vec<ImageFile> = images.into_iter().map(|(_, image)| image).collect();
        for image in &mut images {
            image.annotation = annotations.remove(&image.name);
        }
        let lost_annotations = annotations.into_iter().map(|(image, path)| (annotation_name(&image), path)).collect();
        Ok(Listing {
            part: self.part,
            images,
            lost_annotations,
            strangers,
            table: Table::read(&self.table, self.part)?,
        })
    }
}

/// (name, path) of the PNG files of a folder, sorted by name; macOS' `._` shadows and other hidden files left out.
fn png_files(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).doing("list the data folder", dir)? {
        let entry = entry.doing("list the data folder", dir)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.to_ascii_lowercase().ends_with(".png") && !name.starts_with('.') {
            files.push((name, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

fn has_images(dir: &Path) -> Result<bool> {
    Ok(png_files(dir)?.iter().any(|(name, _)| parse_name(name).is_some() || image_of_annotation(name).is_some()))
}
