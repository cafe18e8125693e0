//! Which files are meant.

use crate::cli::pixel_sizes::name_of;
use crate::dataset::hc18::{Part, image_of_annotation};
use crate::dataset::registry;
use crate::error::{Error, IoContext, Result};
use crate::workspace::Workspace;
use std::path::{Path, PathBuf};

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
