//! Which images are meant.

use crate::cli::pixel_sizes::name_of;
use crate::dataset::hc18::{Folder, Part, PartFolder, image_of_annotation};
use crate::dataset::registry;
use crate::error::{Error, IoContext, Result};
use crate::workspace::Workspace;
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
        let name = name_of(&path);
        let is_image = name.to_ascii_lowercase().ends_with(".png") && image_of_annotation(&name).is_none();
        if is_image && !name.starts_with('.') {
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
