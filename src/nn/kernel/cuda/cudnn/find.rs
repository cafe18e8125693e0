//! Where cuDNN is looked for, and the libraries that it looks for itself.

use super::super::{driver, library};
use super::ffi::Functions;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const NAME: &str = "libcudnn.so.9";

/// cuDNN of this machine, opened once; or where it was looked for, and the cure.
pub fn open() -> Result<&'static Functions> {
    static CUDNN: OnceLock<Result<Functions>> = OnceLock::new();
    match CUDNN.get_or_init(first) {
        Ok(functions) => Ok(functions),
        Err(e) => Err(e.again()),
    }
}

fn first() -> Result<Functions> {
    // cuDNN asks the loader for the driver by its bare name, and gets the one that is open. What is missing
    // without a driver is for the caller to say.
    let _ = driver::driver();
    let folders = folders();
    let opened = library::open(&[NAME], &folders).map_err(|e| not_found(&e, &folders))?;
    let functions = Functions::of(opened)?;
    open_companions(&functions);
    Ok(functions)
}

fn not_found(e: &library::NotFound, folders: &[PathBuf]) -> Error {
    let list = |paths: &[PathBuf]| paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
    // A file that is there and cannot be opened is what went wrong; the loader's own search is tried anyhow.
    let what = match e.tried.iter().find(|(place, _)| place.is_absolute()) {
        Some((_, said)) => format!("cuDNN cannot be opened: {said}"),
        None => format!(
            "there is no cuDNN 9 on this machine: {NAME} is neither known to the system's loader nor in {}",
            list(folders)
        ),
    };
    Error::new(what).cure(
        "install it, for instance with `pip install nvidia-cudnn-cu12` (CUDA 12) or `nvidia-cudnn-cu13`, or name \
         its folder in HCWB_CUDA_PATH",
    )
}

/// Folders that exist, in which cuDNN's packages put it: CUDNN_PATH, conda, Python's wheels, CUDA's own, Debian's.
pub fn folders() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let mut folders = Vec::new();
    folders.extend(variable("CUDNN_PATH").map(|p| p.join("lib")));
    folders.extend(variable("CONDA_PREFIX").map(|p| p.join("lib")));
    let home = variable("HOME").map(|h| h.join(".local"));
    let system = ["/usr", "/usr/local", "/opt/conda"].map(PathBuf::from);
    let environments = [variable("VIRTUAL_ENV"), variable("CONDA_PREFIX")].into_iter().flatten();
    for prefix in environments.chain(python_prefixes()).chain(home).chain(system) {
        folders.extend(wheels(&prefix));
    }
    folders.push(PathBuf::from("/usr/local/cuda/lib64"));
    folders.extend(beginning(Path::new("/usr/local"), "cuda-").iter().rev().map(|cuda| cuda.join("lib64")));
    folders.push(PathBuf::from("/usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH)));
    let mut seen = std::collections::HashSet::new();
    folders.retain(|folder| folder.is_dir() && seen.insert(folder.clone()));
    folders
}

/// Where cuDNN's wheel puts it below a Python's prefix, whichever version of Python it is.
fn wheels(prefix: &Path) -> Vec<PathBuf> {
    let mut pythons = beginning(&prefix.join("lib"), "python3");
    // Newest first, 3.12 before 3.9.
    pythons.sort_by_key(|p| std::cmp::Reverse(p.to_str().and_then(|p| p.rsplit('.').next()?.parse::<u32>().ok())));
    let packages =
        |python: PathBuf| ["site-packages", "dist-packages"].map(|p| python.join(p).join("nvidia/cudnn/lib"));
    pythons.into_iter().flat_map(packages).collect()
}

/// The prefixes of the `python3` that a shell would start: that of its link (an environment's), and of its file.
fn python_prefixes() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(python) = std::env::split_paths(&path).map(|p| p.join("python3")).find(|p| p.is_file()) else {
        return Vec::new();
    };
    let file = python.canonicalize().ok();
    let prefix = |python: PathBuf| python.parent().and_then(Path::parent).map(Path::to_path_buf);
    [Some(python), file].into_iter().flatten().filter_map(prefix).collect()
}

/// The entries of a folder whose names begin so, sorted by name.
fn beginning(folder: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(start)).map(|e| e.path()).collect();
    found.sort();
    found
}

/// Opens what cuDNN will ask the loader for by bare names (cuBLAS, the run-time compiler), where it came from a
/// wheel: those of its own version of CUDA, from the folders beside it. The system's own are found without help.
fn open_companions(cudnn: &Functions) {
    let Some(packages) = cudnn.library.found.parent().and_then(|lib| lib.parent()?.parent()) else { return };
    // Safety: no arguments.
    let major = unsafe { (cudnn.cudnnGetCudartVersion)() } / 1000;
    for (package, library) in [("cublas", "libcublasLt"), ("cublas", "libcublas"), ("cuda_nvrtc", "libnvrtc")] {
        let file = |package: &str| packages.join(package).join(format!("lib/{library}.so.{major}"));
        let Some(file) = [file(&format!("cu{major}")), file(package)].into_iter().find(|f| f.is_file()) else {
            continue;
        };
        if let Some(Ok(opened)) = file.to_str().map(|name| library::open(&[name], &[])) {
            // It stays open as long as the process, as cuDNN does.
            std::mem::forget(opened);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_are_looked_for_in_every_python_of_a_prefix_the_newest_first() {
        let prefix = tempfile::tempdir().unwrap();
        for python in ["python3.9", "python3.12", "python2.7", "site-python"] {
            std::fs::create_dir_all(prefix.path().join("lib").join(python)).unwrap();
        }
        let lib = prefix.path().join("lib");
        let expected = ["3.12/site", "3.12/dist", "3.9/site", "3.9/dist"]
            .map(|p| lib.join(format!("python{p}-packages/nvidia/cudnn/lib")));
        assert_eq!(wheels(prefix.path()), expected);
        assert!(wheels(&lib).is_empty(), "a prefix without Python has no wheels");
    }

    #[test]
    fn what_is_missing_names_the_places_and_the_cure() {
        let folders = [PathBuf::from("/one"), PathBuf::from("/two")];
        let bare = (PathBuf::from(NAME), "not found".to_owned());
        let none = not_found(&library::NotFound { tried: vec![bare.clone()] }, &folders);
        assert!(none.what.ends_with("nor in /one, /two"), "{none}");
        assert!(none.cure.unwrap().contains("nvidia-cudnn-cu12"));
        let broken = (folders[1].join(NAME), "/two/libcudnn.so.9: file too short".to_owned());
        let damaged = not_found(&library::NotFound { tried: vec![bare, broken] }, &folders);
        assert_eq!(damaged.what, "cuDNN cannot be opened: /two/libcudnn.so.9: file too short");
    }
}
