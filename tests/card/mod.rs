//! The simulated card: libraries of NVIDIA's names, built from the C files beside this one when a test first asks.
#![allow(dead_code)] // Each test file uses what it needs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with the simulated libraries, for `HCWB_CUDA_PATH`. Test programs that run at once share one build.
pub fn folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).clone()
}

/// Gives `command` the simulated card, and no real one: what stands in `HCWB_CUDA_PATH` is looked at first.
pub fn given(command: &mut Command) -> &mut Command {
    command.env_remove("HCWB_CUDA").env("HCWB_CUDA_PATH", folder())
}

fn build() -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/card");
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(parent).unwrap();
    let lock = std::fs::File::create(parent.join("card.lock")).unwrap();
    lock.lock().unwrap();
    let folder = parent.join(format!("card-{:016x}", fingerprint(&sources)));
    if !folder.exists() {
        // Built aside and renamed, so that a build that was killed is not taken for a whole one.
        let aside = parent.join("card.building");
        let _ = std::fs::remove_dir_all(&aside);
        std::fs::create_dir(&aside).unwrap();
        let built = Command::new("sh").arg(sources.join("build.sh")).arg(&aside).output().unwrap();
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "the simulated card needs a C compiler called cc: {errors}");
        std::fs::rename(&aside, &folder).unwrap();
    }
    folder
}

/// FNV-1a over everything that the libraries are made of: their sources, and the kernels that the driver includes.
fn fingerprint(sources: &Path) -> u64 {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/nn/kernel/cuda/kernels");
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut files: Vec<PathBuf> = entries(sources).chain(entries(&kernels)).filter(|p| p.is_file()).collect();
    files.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        for byte in std::fs::read(file).unwrap() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}
