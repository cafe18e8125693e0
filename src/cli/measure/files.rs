//! Which files are meant, and what tables know of them.

use crate::dataset::hc18::{Part, Table, image_of_annotation};
use crate::dataset::registry;
use crate::error::{Error, IoContext, Result};
use crate::text;
use crate::workspace::Workspace;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// What is known of a file beforehand.
#[derive(Clone, Copy, Default)]
pub struct Known {
    pub pixel_size_mm: Option<f64>,
    pub hc_mm: Option<f64>,
}

/// Files as they are named, folders' PNG files, and the annotations of data sets.
pub fn find(paths: &[String], ws: &Workspace) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for word in paths {
        let path = Path::new(word);
        if path.is_dir() {
            files.extend(of_folder(path)?);
        } else if path.exists() {
            files.push(path.to_path_buf());
        } else if let Some(data) = registry::list(ws)?.into_iter().find(|data| data.name == *word) {
            files.extend(of_folder(&data.path)?);
        } else {
            return Err(Error::usage("there is no such file, folder or data set")
                .at(path)
                .cure("name PNG files, a folder of them, or a data set that hcwb data list shows"));
        }
    }
    Ok(files)
}

/// The annotations of a folder in HC18's layout; else all its PNG files.
fn of_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let training = folder.join(Part::Training.folder_name());
    let folder = if training.is_dir() { &training } else { folder };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).doing("list the folder", folder)? {
        let path = entry.doing("list the folder", folder)?.path();
        let name = name_of(&path);
        if name.to_ascii_lowercase().ends_with(".png") && !name.starts_with('.') {
            files.push(path);
        }
    }
    if files.iter().any(|file| image_of_annotation(&name_of(file)).is_some()) {
        files.retain(|file| image_of_annotation(&name_of(file)).is_some());
    }
    if files.is_empty() {
        return Err(Error::new("there are no PNG files in this folder")
            .at(folder)
            .cure("name a folder of masks or annotations"));
    }
    files.sort();
    Ok(files)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Pixel sizes and circumferences: given for all files, or from tables.
pub struct PixelSizes {
    given_mm: Option<f64>,
    /// The rows that serve the files of a folder, by the folder.
    tables: BTreeMap<PathBuf, HashMap<String, Known>>,
    remarks: Vec<String>,
}

impl PixelSizes {
    /// With `table`, that one for all; else those that lie beside the files or one folder above.
    pub fn of(files: &[PathBuf], given_mm: Option<f64>, table: Option<&Path>) -> Result<PixelSizes> {
        let mut sizes = PixelSizes { given_mm, tables: BTreeMap::new(), remarks: Vec::new() };
        let named = table.map(named_table).transpose()?;
        for folder in files.iter().map(|file| folder_of(file)) {
            if sizes.tables.contains_key(&folder) {
                continue;
            }
            let rows = match &named {
                Some(rows) => rows.clone(),
                None => sizes.beside(&folder)?,
            };
            sizes.tables.insert(folder, rows);
        }
        Ok(sizes)
    }

    fn beside(&mut self, folder: &Path) -> Result<HashMap<String, Known>> {
        let above = folder.join("..");
        for place in [folder, &above] {
            for part in [Part::Training, Part::Test] {
                let path = place.join(part.table_name());
                if path.is_file() {
                    let table = Table::read(&path, part)?;
                    match table.legible() {
                        Ok(()) => return Ok(rows(&table)),
                        Err(error) => self.remarks.push(error.chain()),
                    }
                }
            }
        }
        Ok(HashMap::new())
    }

    /// What was odd about the tables.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    pub fn of_file(&self, file: &Path) -> Known {
        let name = name_of(file);
        let image = image_of_annotation(&name).unwrap_or(name);
        let row = self.tables.get(&folder_of(file)).and_then(|rows| rows.get(&image)).copied().unwrap_or_default();
        Known { pixel_size_mm: self.given_mm.or(row.pixel_size_mm), ..row }
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A table of either part, told by its header.
fn named_table(path: &Path) -> Result<HashMap<String, Known>> {
    if !path.is_file() {
        return Err(Error::usage("there is no such table").at(path).cure("name a CSV file with pixel sizes"));
    }
    let training = Table::read(path, Part::Training)?;
    if training.legible().is_ok() {
        return Ok(rows(&training));
    }
    let test = Table::read(path, Part::Test)?;
    test.legible()?;
    Ok(rows(&test))
}

fn rows(table: &Table) -> HashMap<String, Known> {
    let known = |row: &crate::dataset::hc18::Row| Known { pixel_size_mm: Some(row.pixel_size_mm), hc_mm: row.hc_mm };
    table.rows.iter().map(|row| (text::line(&row.file).into_owned(), known(row))).collect()
}
