//! The committed PTX of the CUDA kernels: made from the sources beside it, for the drivers and cards that are promised.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/nn/kernel/cuda")
}

fn ptx() -> String {
    std::fs::read_to_string(folder().join("kernels.ptx")).unwrap()
}

#[test]
fn the_ptx_was_made_from_the_kernels_beside_it() {
    let entries = std::fs::read_dir(folder().join("kernels")).unwrap().map(|e| e.unwrap().path());
    let is_source = |p: &PathBuf| p.extension().is_some_and(|e| e == "cu" || e == "h");
    let mut sources: Vec<PathBuf> = entries.filter(is_source).collect();
    sources.sort();
    assert!(sources.len() > 10, "{sources:?}");
    let mut hash = Sha256::new();
    sources.iter().for_each(|p| hash.update(std::fs::read(p).unwrap()));
    let digest: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let first = format!("// made by make_ptx.py from kernels with SHA-256 {digest}");
    assert_eq!(ptx().lines().next(), Some(&*first), "run src/nn/kernel/cuda/kernels/make_ptx.py");
}

#[test]
fn drivers_of_cuda_12_0_and_cards_of_capability_8_0_take_the_ptx() {
    let ptx = ptx();
    let lines: Vec<&str> = ptx.lines().collect();
    assert!(lines.contains(&".version 8.0") && lines.contains(&".target sm_80"), "{:?}", &lines[..4]);
}

#[test]
fn products_and_sums_are_fused_only_where_the_kernels_say_so() {
    let ptx = ptx();
    let entry = |name: &str| {
        let from = ptx.find(&format!(".entry {name}(")).unwrap();
        &ptx[from..from + ptx[from + 1..].find(".entry ").unwrap_or(ptx.len() - from - 1)]
    };
    assert!(entry("bn_apply_f32").contains("fma.rn.f32"));
    assert!(!entry("sigmoid_grad_f32").contains("fma.rn.f32"));
}
