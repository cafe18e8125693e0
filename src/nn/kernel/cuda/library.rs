//! NVIDIA's libraries, opened at run time: where each was looked for, and what is missing of it.

use crate::error::{Error, Result};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::path::PathBuf;

/// A library, and where it was found.
pub struct Opened {
    pub library: Library,
    /// A full path, or the bare name that the system's loader knew.
    pub found: PathBuf,
}

/// What was tried for a library that could not be opened.
#[derive(Debug)]
pub struct NotFound {
    /// Each place, and what the loader said of it.
    pub tried: Vec<(PathBuf, String)>,
}

/// Where `names` are looked for: in the folders of `HCWB_CUDA_PATH` (separated by colons), then as the system's loader
/// finds them, then in `folders`. Full paths are only named where something lies.
pub fn places(names: &[&str], folders: &[PathBuf]) -> Vec<PathBuf> {
    let mine: Vec<PathBuf> =
        std::env::var_os("HCWB_CUDA_PATH").map_or(Vec::new(), |p| std::env::split_paths(&p).collect());
    let within = |folders: &[PathBuf]| -> Vec<PathBuf> {
        folders.iter().flat_map(|f| names.iter().map(move |n| f.join(n))).filter(|p| p.exists()).collect()
    };
    within(&mine).into_iter().chain(names.iter().map(PathBuf::from)).chain(within(folders)).collect()
}

/// Where a driver's libraries lie that the system's loader does not always know of: in containers, WSL and NixOS.
pub fn driver_folders() -> Vec<PathBuf> {
    ["/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/run/opengl-driver/lib"].map(PathBuf::from).into()
}

/// Opens the first of [`places`] that the loader takes.
pub fn open(names: &[&str], folders: &[PathBuf]) -> Result<Opened, NotFound> {
    let mut tried = Vec::new();
    for place in places(names, folders) {
        // Safety: the libraries are NVIDIA's own; their initialisers are run by every program that uses a card.
        match unsafe { Library::open(Some(&place), RTLD_NOW | RTLD_GLOBAL) } {
            Ok(library) => return Ok(Opened { library, found: place }),
            Err(e) => tried.push((place, e.to_string())),
        }
    }
    Err(NotFound { tried })
}

/// The function `name` of `library`, as the type that the caller says it has.
///
/// # Safety
/// `F` is the function's type.
pub unsafe fn function<F: Copy>(library: &Opened, name: &str) -> Result<F> {
    // Safety: as promised by the caller.
    match unsafe { library.library.get::<F>(name.as_bytes()) } {
        Ok(function) => Ok(*function),
        Err(_) => Err(Error::new(format!("{} has no function {name}: it is too old", library.found.display()))
            .cure("install a newer NVIDIA driver (525 or later) and cuDNN 9")),
    }
}

/// Declares a struct of functions that are looked up by name in one library.
macro_rules! functions {
    ($(#[$doc:meta])* $name:ident { $(fn $function:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty;)+ }) => {
        $(#[$doc])*
        #[allow(non_snake_case, reason = "the functions keep the names that NVIDIA gave them")]
        pub struct $name {
            $(pub $function: unsafe extern "C" fn($($argument: $type),*) -> $result,)+
            /// Where the library was found; it stays open as long as its functions can be called.
            pub library: $crate::nn::kernel::cuda::library::Opened,
        }

        impl $name {
            /// Fails where a function is missing.
            pub fn of(library: $crate::nn::kernel::cuda::library::Opened) -> $crate::error::Result<$name> {
                Ok($name {
                    // Safety: the types are those of NVIDIA's documentation.
                    $($function: unsafe { $crate::nn::kernel::cuda::library::function(&library, stringify!($function)) }?,)+
                    library,
                })
            }
        }
    };
}
pub(super) use functions;
