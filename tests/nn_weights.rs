//! Weight files: what is written is read back, equal weights are equal bytes, bad files are named errors.

use hcwb::nn::{Array, weights};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn array(shape: &[usize], values: &[f32]) -> Array {
    Array { shape: shape.to_vec(), values: values.to_vec() }
}

fn some() -> BTreeMap<String, Array> {
    BTreeMap::from([
        ("b.weight".to_owned(), array(&[2, 3], &[1.0, -2.5, 3e-8, 4.0, 5.0, f32::MIN_POSITIVE])),
        ("a.bias".to_owned(), array(&[1], &[7.0])),
        ("c.none".to_owned(), array(&[0, 4], &[])),
    ])
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A safetensors file of one tensor `t`, with whatever header and data are asked for.
fn crafted(dir: &tempfile::TempDir, header: &str, data: &[u8]) -> PathBuf {
    let path = dir.path().join("crafted.safetensors");
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn one(dtype: &str, shape: &str, end: usize) -> String {
    format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
}

#[test]
fn what_is_saved_is_loaded_bit_for_bit_with_its_metadata() {
    let dir = folder();
    let path = dir.path().join("w.safetensors");
    let metadata =
        BTreeMap::from([("model".to_owned(), "cnn263k".to_owned()), ("batch_norm_eps".into(), "1e-5".into())]);
    weights::save(&path, &some(), &metadata).unwrap();
    assert_eq!(weights::load(&path).unwrap(), (some(), metadata));
}

#[test]
fn equal_weights_are_equal_bytes_and_nothing_is_left_aside() {
    let dir = folder();
    let (a, b) = (dir.path().join("a.safetensors"), dir.path().join("b.safetensors"));
    let metadata: BTreeMap<_, _> = (0..20).map(|i| (format!("key{i}"), format!("value{i}"))).collect();
    weights::save(&a, &some(), &metadata).unwrap();
    weights::save(&b, &some(), &metadata).unwrap();
    assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_write_that_fails_leaves_the_old_file_as_it_was() {
    let dir = folder();
    let path = dir.path().join("w.safetensors");
    // The name is taken by a folder with something in it, so that the last step, the rename, fails.
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("inside"), "kept").unwrap();
    assert!(weights::save(&path, &some(), &BTreeMap::new()).is_err());
    assert_eq!(std::fs::read_to_string(path.join("inside")).unwrap(), "kept");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no partial file stays behind");
}

#[test]
fn narrower_and_wider_floats_become_f32() {
    let dir = folder();
    let bf16: Vec<u8> = [0x3fc0u16, 0xc000].iter().flat_map(|b| b.to_le_bytes()).collect();
    let f16: Vec<u8> = [0x3e00u16, 0xc000].iter().flat_map(|b| b.to_le_bytes()).collect();
    let f64: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|b| b.to_le_bytes()).collect();
    for (dtype, data) in [("BF16", bf16), ("F16", f16), ("F64", f64)] {
        let path = crafted(&dir, &one(dtype, "[2]", data.len()), &data);
        assert_eq!(weights::load(&path).unwrap().0["t"], array(&[2], &[1.5, -2.0]), "{dtype}");
    }
}

#[test]
fn a_file_cut_short_anywhere_is_an_error_that_names_it() {
    let dir = folder();
    let path = dir.path().join("w.safetensors");
    weights::save(&path, &some(), &BTreeMap::new()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 1, 7, 8, 9, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = weights::load(&path).unwrap_err();
        assert_eq!(error.file.as_deref(), Some(path.as_path()), "cut to {length}");
        assert!(error.cure.is_some(), "cut to {length}");
    }
}

#[test]
fn sizes_in_a_header_that_the_file_does_not_hold_are_refused_before_memory_is_asked_for() {
    let dir = folder();
    let huge = "[1152921504606846976,1024]";
    for header in [one("F32", huge, 8), one("F32", "[2]", 1 << 40), one("F32", "[9]", 8), one("F32", "[1]", 8)] {
        let path = crafted(&dir, &header, &[0; 8]);
        assert!(weights::load(&path).is_err(), "{header}");
    }
    let path = dir.path().join("liar.safetensors");
    std::fs::write(&path, [u64::MAX.to_le_bytes(), *b"{\"t\":12}"].concat()).unwrap();
    assert!(weights::load(&path).unwrap_err().what.contains("shorter than its header says"));
}

#[test]
fn values_that_are_not_finite_and_types_that_are_no_floats_are_refused_by_name() {
    let dir = folder();
    for bad in [f32::NAN, f32::INFINITY] {
        let data: Vec<u8> = [1.0, bad].iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
        let error = weights::load(crafted(&dir, &one("F32", "[2]", 8), &data)).unwrap_err();
        assert!(error.what.contains("tensor t: value 1"), "{error}");
    }
    // Too large for f32.
    let error = weights::load(crafted(&dir, &one("F64", "[1]", 8), &1e300f64.to_le_bytes())).unwrap_err();
    assert!(error.what.contains("tensor t"), "{error}");
    let error = weights::load(crafted(&dir, &one("I32", "[2]", 8), &[0; 8])).unwrap_err();
    assert!(error.what.contains("I32"), "{error}");
}

#[test]
fn names_from_a_file_cannot_steer_the_terminal() {
    let dir = folder();
    let header = one("I32", "[2]", 8).replace("\"t\"", "\"\\u001b[31mt\"");
    let error = weights::load(crafted(&dir, &header, &[0; 8])).unwrap_err();
    assert!(!error.chain().contains('\x1b'), "{error:?}");
}

#[test]
fn a_missing_file_and_a_folder_are_errors_with_a_cure() {
    let dir = folder();
    assert!(weights::load(dir.path().join("none.safetensors")).unwrap_err().cure.is_some());
    assert!(weights::load(dir.path()).is_err());
}

#[test]
fn a_cut_file_says_in_which_tensor_it_ends_and_how_much_is_there() {
    let dir = folder();
    let path = dir.path().join("w.safetensors");
    weights::save(&path, &some(), &BTreeMap::new()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let error = weights::load(&path).unwrap_err();
    // a.bias has 4 bytes, b.weight 24: 28 in all.
    assert!(error.what.contains("cut off in tensor b.weight") && error.what.contains("28"), "{error}");
    std::fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    let error = weights::load(&path).unwrap_err();
    assert!(error.what.contains("28") && error.what.contains("32"), "{error}");
}

#[test]
fn tensors_that_overlap_or_leave_gaps_are_refused_by_name() {
    let dir = folder();
    for (first, second) in [("[0,4]", "[0,4]"), ("[0,4]", "[8,12]"), ("[4,0]", "[4,8]")] {
        let tensor = |at: &str| format!(r#"{{"dtype":"F32","shape":[1],"data_offsets":{at}}}"#);
        let header = format!(r#"{{"a":{},"b":{}}}"#, tensor(first), tensor(second));
        let error = weights::load(crafted(&dir, &header, &[0; 12])).unwrap_err();
        assert!(error.what.contains("tensor ") && error.cure.is_some(), "{error}");
    }
}

#[test]
fn only_the_tensors_that_are_wanted_are_read() {
    let dir = folder();
    let path = dir.path().join("w.safetensors");
    weights::save(&path, &some(), &BTreeMap::new()).unwrap();
    let (arrays, _) = weights::load_only(&path, |name| name.ends_with("bias")).unwrap();
    assert_eq!(arrays.into_iter().collect::<Vec<_>>(), [("a.bias".to_owned(), array(&[1], &[7.0]))]);
    assert_eq!(weights::header(&path).unwrap().tensors["b.weight"].shape, [2, 3]);
}

#[test]
fn a_transposed_tensor_is_called_so() {
    let wanted: BTreeMap<&str, &[usize]> = BTreeMap::from([("w", &[4, 2, 3][..])]);
    for (shape, transposed) in [([3, 2, 4], true), ([2, 4, 3], true), ([4, 2, 6], false)] {
        let state = BTreeMap::from([("w".to_owned(), array(&shape, &vec![0.0; shape.iter().product()]))]);
        let error = weights::check_names(&wanted, &state).unwrap_err();
        assert_eq!(error.what.contains("it is transposed"), transposed, "{error}");
        assert!(error.cure.is_some());
    }
}
