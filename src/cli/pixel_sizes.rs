//! What tables know of image files: pixel sizes and circumferences.

use crate::dataset::hc18::{Part, Table, image_of_annotation};
use crate::error::{Error, Result};
use crate::text;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// What is known of a file beforehand.
#[derive(Clone, Copy, Default)]
pub struct Known {
    pub pixel_size_mm: Option<f64>,
    pub hc_mm: Option<f64>,
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
        // Both parts have images of the same names, and both tables may lie above them.
        let in_test_part = std::path::absolute(folder).is_ok_and(|f| name_of(&f) == Part::Test.folder_name());
        let order = if in_test_part { [Part::Test, Part::Training] } else { [Part::Training, Part::Test] };
        for place in [folder, &above] {
            for part in order {
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

/// The last part of a path.
pub fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
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
