//! Which images are meant, and what tables know of them.

use crate::cli::trained::name_of;
use crate::dataset::hc18::{Folder, Part, PartFolder, Row, Table};
use crate::dataset::registry;
use crate::error::{Error, IoContext, Result};
use crate::workspace::Workspace;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Image files as they are named, those of folders, and those of data sets; of HC18's layout the training part, or
/// with `test` the test part.
pub fn find(paths: &[String], data: &[String], test: bool, ws: &Workspace) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for name in data {
        files.extend(of_layout(&registry::load(ws, name)?.path, test)?);
    }
    for word in paths {
        let path = Path::new(word);
        if path.is_dir() {
            files.extend(of_folder(path, test)?);
        } else if path.exists() {
            files.push(path.to_path_buf());
        } else if registry::list(ws)?.iter().any(|data| data.name == *word) {
            files.extend(of_layout(&registry::load(ws, word)?.path, test)?);
        } else {
            return Err(Error::usage("there is no such file, folder or data set")
                .at(path)
                .cure("name PNG files, a folder of them, or a data set that hcwb data list shows"));
        }
    }
    if files.is_empty() {
        return Err(Error::usage("no images were named").cure("name PNG files, folders, or a data set with --data"));
    }
    Ok(files)
}

fn of_layout(root: &Path, test: bool) -> Result<Vec<PathBuf>> {
    let folder = Folder::find(root)?;
    Ok(part(&folder, test)?.read()?.images.into_iter().map(|image| image.path).collect())
}

/// The part that is asked for; without being asked, the training part where there is one.
fn part(folder: &Folder, test: bool) -> Result<&PartFolder> {
    let found = match test {
        true => folder.part(Part::Test),
        false => folder.part(Part::Training).or(folder.part(Part::Test)),
    };
    found.ok_or_else(|| {
        Error::usage("these data have no test part")
            .at(&folder.root)
            .cure("leave --test out, or name a folder with test_set/ and its table")
    })
}

fn of_folder(folder: &Path, test: bool) -> Result<Vec<PathBuf>> {
    if [Part::Training, Part::Test].iter().any(|part| folder.join(part.folder_name()).is_dir()) {
        return of_layout(folder, test);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).doing("list the folder", folder)? {
        let path = entry.doing("list the folder", folder)?.path();
        let name = name_of(&path).to_ascii_lowercase();
        if name.ends_with(".png") && !name.ends_with("_annotation.png") && !name.starts_with('.') {
            files.push(path);
        }
    }
    if files.is_empty() {
        let error = Error::new("there are no PNG images in this folder").at(folder);
        return Err(error.cure("name a folder of images; annotations are not looked at"));
    }
    files.sort();
    Ok(files)
}

/// What is known of a file beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    pub pixel_size_mm: Option<f64>,
    pub truth_hc_mm: Option<f64>,
}

/// Pixel sizes: one for all files, from a table, or from the tables beside the images or one folder above.
pub struct PixelSizes {
    given_mm: Option<f64>,
    /// Rows by file name, for each folder.
    tables: BTreeMap<PathBuf, BTreeMap<String, Known>>,
}

impl PixelSizes {
    /// Fails where `table` is none. What is wrong with tables that nobody named is passed to `remark`.
    pub fn of(
        files: &[PathBuf],
        given_mm: Option<f64>,
        table: Option<&Path>,
        mut remark: impl FnMut(String),
    ) -> Result<PixelSizes> {
        let named = table.map(|path| read_table(path, &[Part::Training, Part::Test])).transpose()?;
        let mut tables = BTreeMap::new();
        for folder in files.iter().map(|file| folder_of(file)) {
            if !tables.contains_key(&folder) {
                let rows = named.clone().unwrap_or_else(|| beside(&folder, &mut remark));
                tables.insert(folder, rows);
            }
        }
        Ok(PixelSizes { given_mm, tables })
    }

    pub fn of_file(&self, file: &Path) -> Known {
        let row = self.tables.get(&folder_of(file)).and_then(|rows| rows.get(&name_of(file)));
        let row = row.copied().unwrap_or_default();
        Known { pixel_size_mm: self.given_mm.or(row.pixel_size_mm), ..row }
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn beside(folder: &Path, remark: &mut impl FnMut(String)) -> BTreeMap<String, Known> {
    let called_test = std::path::absolute(folder).is_ok_and(|f| name_of(&f) == Part::Test.folder_name());
    let order = if called_test { [Part::Test, Part::Training] } else { [Part::Training, Part::Test] };
    for place in [folder, &folder.join("..")] {
        for part in order {
            let path = place.join(part.table_name());
            if path.is_file() {
                match read_table(&path, &[part]) {
                    Ok(rows) => return rows,
                    Err(error) => remark(error.chain()),
                }
            }
        }
    }
    BTreeMap::new()
}

/// A table of one of `parts`, told by its header.
fn read_table(path: &Path, parts: &[Part]) -> Result<BTreeMap<String, Known>> {
    let mut wrong = None;
    for part in parts {
        let table = Table::read(path, *part)?;
        match table.legible() {
            Ok(()) => {
                let known = |row: &Row| Known { pixel_size_mm: Some(row.pixel_size_mm), truth_hc_mm: row.hc_mm };
                return Ok(table.rows.iter().map(|row| (row.file.clone(), known(row))).collect());
            }
            Err(error) => wrong = Some(error),
        }
    }
    Err(wrong.unwrap_or_else(|| Error::new("there is no table").at(path)))
}
