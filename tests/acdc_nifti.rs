//! NIfTI files are read as nibabel reads them; damaged ones are named errors, before memory is asked for.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hcwb::Error;
use hcwb::dataset::acdc::nifti::{Voxels, write_gz, write_labels_like};
use hcwb::dataset::acdc::{read_header, read_labels, read_scan};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/nifti").join(format!("{name}.nii.gz"))
}

/// The bytes of a golden file, decompressed.
fn plain(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(golden(name)).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(tempfile::tempdir().unwrap())
    }
    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("patient001_frame01.nii.gz");
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// A file with `bytes` at `at`, plain and gzipped: both must say the same.
fn spoilt(name: &str, edits: &[(usize, &[u8])]) -> Error {
    let scratch = Scratch::new();
    let mut bytes = plain(name);
    for (at, edit) in edits {
        bytes[*at..at + edit.len()].copy_from_slice(edit);
    }
    let path = scratch.file(&bytes);
    let one = read_scan(&path).unwrap_err();
    let two = read_scan(&scratch.file(&gzipped(&bytes))).unwrap_err();
    assert_eq!(one.file, Some(path));
    assert!(one.cure.is_some() && two.cure.is_some(), "{one}");
    assert_eq!(one.what.split(';').next(), two.what.split(';').next());
    one
}

#[test]
fn every_voxel_type_in_both_orders_of_bytes_reads_as_nibabel_reads_it() {
    let text = std::fs::read_to_string(golden("x").with_file_name("../nifti.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let numbers = |v: &Value| v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
    let mut read = 0;
    for (name, expected) in expected.as_object().unwrap() {
        let header = read_header(&golden(name)).unwrap();
        let mut shape = numbers(&expected["shape"]);
        shape.resize(4, 1.0);
        assert_eq!(header.shape.map(|n| n as f64).to_vec(), shape, "{name}");
        assert_eq!(header.spacing_mm.to_vec(), numbers(&expected["zooms"]), "{name}");
        assert_eq!(header.big_endian, name.contains("big"), "{name}");
        if name == "cine" {
            let e = read_scan(&golden(name)).unwrap_err();
            assert!(e.what.contains("5 volumes"), "{e}");
            continue;
        }
        let scan = read_scan(&golden(name)).unwrap();
        let values: Vec<f64> = scan.values.iter().map(|v| f64::from(*v)).collect();
        assert_eq!(values, numbers(&expected["values"]), "{name}");
        read += 1;
    }
    assert_eq!(read, 26);
}

#[test]
fn masks_of_any_type_give_labels_and_their_counts() {
    for name in ["labels", "labels-big-float"] {
        let map = read_labels(&golden(name)).unwrap();
        assert!(map.labels.iter().enumerate().all(|(i, label)| usize::from(*label) == i % 4), "{name}");
        assert_eq!(map.counts(), [6, 6, 6]);
    }
}

#[test]
fn an_sform_that_says_another_spacing_is_kept_for_the_audit_and_the_identity_is_not() {
    assert_eq!(read_header(&golden("sform-identity")).unwrap().sform_spacing_mm, None);
    let turned = read_header(&golden("sform-turned")).unwrap();
    assert_eq!((turned.spacing_mm, turned.sform_spacing_mm), ([1.40625, 1.5, 10.0], Some([1.25, 1.25, 8.0])));
}

#[test]
fn without_a_usable_pixdim_the_sform_gives_the_spacing_and_without_both_nothing_does() {
    let scratch = Scratch::new();
    let mut bytes = plain("sform-turned");
    bytes[80..84].copy_from_slice(&0f32.to_le_bytes());
    assert_eq!(read_scan(&scratch.file(&bytes)).unwrap().header.spacing_mm, [1.25, 1.25, 8.0]);
    for wrong in [0f32, f32::NAN, f32::INFINITY] {
        let e = spoilt("int16-little", &[(84, &wrong.to_le_bytes())]);
        assert!(e.what.contains("spacing"), "{e}");
    }
}

#[test]
fn a_slope_of_zero_or_nan_means_not_scaled() {
    let plain_values = read_scan(&golden("int16-little")).unwrap().values;
    for slope in [0f32, f32::NAN] {
        let scratch = Scratch::new();
        let mut bytes = plain("int16-little");
        bytes[112..116].copy_from_slice(&slope.to_le_bytes());
        bytes[116..120].copy_from_slice(&7f32.to_le_bytes());
        assert_eq!(read_scan(&scratch.file(&bytes)).unwrap().values, plain_values);
    }
    let e = spoilt("scaled", &[(116, &f32::NAN.to_le_bytes())]);
    assert!(e.what.contains("scales"), "{e}");
}

#[test]
fn a_header_that_asks_for_100_gb_is_refused_by_the_size_of_its_file() {
    // 32000 x 32000 x 50 x 2 bytes
    let dim: Vec<u8> = [3i16, 32000, 32000, 50].iter().flat_map(|n| n.to_le_bytes()).collect();
    let e = spoilt("int16-little", &[(40, &dim)]);
    assert!(e.what.contains("32000x32000x50"), "{e}");
    // Fewer voxels than any limit, yet more than this file can hold.
    let dim: Vec<u8> = [3i16, 512, 512, 1000].iter().flat_map(|n| n.to_le_bytes()).collect();
    let e = spoilt("int16-little", &[(40, &dim)]);
    assert!(e.what.contains("cannot hold"), "{e}");
}

#[test]
fn what_is_no_nifti_1_file_is_told_apart() {
    assert!(spoilt("int16-little", &[(344, b"abc\0")]).what.contains("wrong magic: \"abc\""));
    assert!(spoilt("int16-little", &[(344, b"ni1\0")]).what.contains("a pair"));
    assert!(spoilt("int16-little", &[(0, &540i32.to_le_bytes())]).what.contains("NIfTI-2"));
    assert!(spoilt("int16-little", &[(0, b"\x89PNG")]).what.contains("no NIfTI file"));
    assert!(spoilt("int16-little", &[(70, &1536i16.to_le_bytes())]).what.contains("Float128"));
    assert!(spoilt("int16-little", &[(70, &3i16.to_le_bytes())]).what.contains("datatype 3"));
    for dim in [[0i16, 3], [8, 3], [3, 0], [3, -3]] {
        let e = spoilt("int16-little", &[(40, &dim.map(i16::to_le_bytes).concat())]);
        assert!(e.what.contains("dimensions"), "{dim:?} {e}");
    }
    assert!(spoilt("int16-little", &[(108, &100f32.to_le_bytes())]).what.contains("byte 100"));
    assert!(spoilt("int16-little", &[(108, &f32::NAN.to_le_bytes())]).what.contains("NaN"));
    assert!(spoilt("int16-little", &[(108, &1e30f32.to_le_bytes())]).what.contains("cannot hold"));
}

#[test]
fn a_voxel_that_is_no_number_is_named_with_its_place() {
    for (name, nan) in [("float32-little", f32::NAN.to_le_bytes()), ("float32-big", f32::INFINITY.to_be_bytes())] {
        // Voxel (1, 2, 1) of 3 x 4 x 2.
        let e = spoilt(name, &[(352 + 4 * (1 + 3 * 2 + 12), &nan)]);
        assert!(e.what.contains("(1, 2, 1)"), "{e}");
    }
}

#[test]
fn labels_outside_0_to_3_and_between_them_are_named() {
    let scratch = Scratch::new();
    let mut bytes = plain("labels");
    bytes[352 + 4] = 4;
    let e = read_labels(&scratch.file(&bytes)).unwrap_err();
    assert!(e.what.contains("(1, 1, 0)") && e.what.contains("holds 4"), "{e}");
    for value in [0.5f32, -1.0, 3.5, 1.01, f32::NAN] {
        let mut bytes = plain("labels-big-float");
        bytes[352..356].copy_from_slice(&value.to_be_bytes());
        let e = read_labels(&scratch.file(&gzipped(&bytes))).unwrap_err();
        assert!(e.what.contains("(0, 0, 0)") && e.what.contains("no label"), "{value} {e}");
    }
}

#[test]
fn a_file_cut_anywhere_is_a_named_error_and_never_half_an_image() {
    let scratch = Scratch::new();
    let whole = std::fs::read(golden("int16-little")).unwrap();
    for length in 0..whole.len() {
        let e = read_scan(&scratch.file(&whole[..length])).unwrap_err();
        assert!(e.file.is_some() && e.cure.is_some(), "{length}: {e}");
    }
    let whole = plain("int16-little");
    for length in 0..whole.len() {
        let e = read_scan(&scratch.file(&whole[..length])).unwrap_err();
        assert!(e.file.is_some() && e.cure.is_some(), "{length}: {e}");
    }
}

#[test]
fn a_flipped_byte_in_the_gzip_stream_never_passes_for_voxels() {
    let scratch = Scratch::new();
    let truth = read_scan(&golden("int16-little")).unwrap().values;
    let whole = std::fs::read(golden("int16-little")).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        // Bytes of the gzip header (time, system) carry no voxels.
        if let Ok(scan) = read_scan(&scratch.file(&bytes)) {
            assert_eq!(scan.values, truth, "byte {at}");
        }
    }
}

#[test]
fn whatever_a_byte_of_the_header_becomes_the_answer_is_an_image_or_a_named_error() {
    let scratch = Scratch::new();
    for name in ["int16-little", "labels-big-float"] {
        let whole = plain(name);
        for at in 0..352 {
            for value in [0, 1, 0x40, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let path = scratch.file(&bytes);
                let voxels = match read_scan(&path) {
                    Ok(scan) => {
                        assert!(scan.values.iter().all(|v| v.is_finite()), "{name} {at} {value}");
                        assert!(scan.header.spacing_mm.iter().all(|mm| mm.is_finite() && *mm > 0.0));
                        Some((scan.values.len(), scan.header.voxels()))
                    }
                    Err(e) => {
                        assert!(e.file.is_some() && e.cure.is_some(), "{name} {at} {value}: {e}");
                        None
                    }
                };
                assert!(
                    voxels.is_none_or(|(found, said)| found == said && found <= bytes.len()),
                    "{name} {at} {value}"
                );
                drop(read_labels(&path));
            }
        }
    }
}

#[test]
fn what_is_written_reads_back_and_equal_voxels_are_equal_files() {
    let scratch = Scratch::new();
    let path = scratch.0.path().join("mask.nii.gz");
    let labels: Vec<u8> = (0..60).map(|i| i % 4).collect();
    write_gz(&path, [3, 4, 5], [1.5, 1.25, 10.0], Voxels::U8(&labels)).unwrap();
    let map = read_labels(&path).unwrap();
    assert_eq!((map.header.shape, map.header.spacing_mm, &map.labels), ([3, 4, 5, 1], [1.5, 1.25, 10.0], &labels));
    let first = std::fs::read(&path).unwrap();
    write_gz(&path, [3, 4, 5], [1.5, 1.25, 10.0], Voxels::U8(&labels)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    assert!(write_gz(&path, [3, 4, 6], [1.5, 1.25, 10.0], Voxels::U8(&labels)).is_err());
}

#[test]
fn labels_are_written_with_the_geometry_of_their_image_in_either_order_of_bytes() {
    for name in ["int16-big", "float32-little", "scaled", "sform-turned"] {
        let (image, scratch) = (golden(name), Scratch::new());
        let header = read_header(&image).unwrap();
        let labels: Vec<u8> = (0..header.voxels()).map(|i| (i % 4) as u8).collect();
        let path = scratch.file(&[]);
        write_labels_like(&path, &image, &labels).unwrap();
        let back = read_labels(&path).unwrap();
        assert_eq!(back.labels, labels, "{name}");
        assert_eq!((back.header.spacing_mm, back.header.shape), (header.spacing_mm, header.shape), "{name}");
        let mut bytes = Vec::new();
        GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_end(&mut bytes).unwrap();
        // pixdim; then codes, quaternion, offset and the three rows of the sform.
        for part in [76..108, 252..328] {
            assert_eq!(bytes[part.clone()], plain(name)[part], "{name}");
        }
        assert!(write_labels_like(&path, &image, &labels[1..]).is_err());
    }
}
