//! PyTorch's own weight files: every kind is read, nothing in them is run, and no damage does more than an error.

use hcwb::nn::{Array, pth};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// As tests/golden/nn_pth.py counts them: 0, 1/8, 2/8 ... in the order of the axes.
fn expected(prefix: &str) -> BTreeMap<String, Array> {
    let shapes: [(&str, &[usize]); 8] = [
        ("a.weight", &[2, 3]),
        ("b.bias", &[4]),
        ("c.half", &[3]),
        ("d.bfloat", &[3]),
        ("e.double", &[3]),
        ("f.transposed", &[3, 2]),
        ("g.part", &[3]),
        ("i.scalar", &[]),
    ];
    let array = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        Array { shape: shape.to_vec(), values: (0..count).map(|i| i as f32 / 8.0).collect() }
    };
    shapes.iter().map(|(name, shape)| (format!("{prefix}{name}"), array(shape))).collect()
}

#[test]
fn files_of_every_pytorch_and_every_float_are_read() {
    assert_eq!(pth::load(golden("nn_pth_zip.pth")).unwrap(), expected(""));
    assert_eq!(pth::load(golden("nn_pth_old.pth")).unwrap(), expected(""));
}

#[test]
fn the_network_in_a_checkpoint_is_found_beside_optimizer_and_arguments() {
    assert_eq!(pth::load(golden("nn_pth_wrapped.pth")).unwrap(), expected("module."));
}

#[test]
fn only_the_tensors_that_are_wanted_are_read() {
    for file in ["nn_pth_zip.pth", "nn_pth_old.pth"] {
        let read = pth::load_only(golden(file), |name| name == "g.part").unwrap();
        assert_eq!(read.into_keys().collect::<Vec<_>>(), ["g.part"], "{file}");
    }
}

#[test]
fn a_whole_pickled_model_is_not_opened_and_the_cure_is_named() {
    let error = pth::load(golden("nn_pth_whole_model.pth")).unwrap_err();
    assert_eq!(error.file, Some(golden("nn_pth_whole_model.pth")));
    assert!(error.cure.unwrap().contains("state_dict()"));
}

/// File systems take their time to replace a file's content, for the sake of those who forget to sync it.
fn write_new(path: &Path, bytes: &[u8]) {
    drop(std::fs::remove_file(path));
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_file_cut_short_anywhere_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.pth");
    for file in ["nn_pth_zip.pth", "nn_pth_old.pth"] {
        let whole = std::fs::read(golden(file)).unwrap();
        for length in 0..whole.len() {
            write_new(&path, &whole[..length]);
            let error = pth::load(&path).unwrap_err();
            assert_eq!(error.file.as_deref(), Some(path.as_path()), "{file} cut to {length}");
            assert!(error.cure.is_some(), "{file} cut to {length}");
        }
    }
}

#[test]
fn no_damaged_byte_makes_it_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.pth");
    let mut refused = 0;
    for file in ["nn_pth_zip.pth", "nn_pth_old.pth"] {
        let whole = std::fs::read(golden(file)).unwrap();
        for at in 0..whole.len() {
            for byte in [whole[at] ^ 1, whole[at] ^ 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                write_new(&path, &damaged);
                refused += usize::from(pth::load(&path).is_err());
            }
        }
    }
    assert!(refused > 1000, "{refused} were refused");
}

/// An old file whose object is `pickle`, without storages.
fn old(dir: &tempfile::TempDir, pickle: &[u8]) -> PathBuf {
    let whole = std::fs::read(golden("nn_pth_old.pth")).unwrap();
    // Magic number, protocol and machine end before the third pickle's end: the object begins with OrderedDict.
    let object = whole.windows(14).position(|w| w == b"\x80\x02ccollections").unwrap();
    let path = dir.path().join("crafted.pth");
    std::fs::write(&path, [&whole[..object], pickle, b"\x80\x02]q\x00."].concat()).unwrap();
    path
}

#[test]
fn deep_circular_and_greedy_pickles_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    // A tuple in a tuple in a tuple ... a million deep.
    let deep = [b"\x80\x02)".to_vec(), vec![0x85; 1_000_000], b".".to_vec()].concat();
    // A dictionary that holds itself under "state_dict".
    let circular = b"\x80\x02}q\x00X\x0a\x00\x00\x00state_dicth\x00s.".to_vec();
    // A text of four gigabytes, claimed.
    let greedy = b"\x80\x02X\xff\xff\xff\xff.".to_vec();
    // A list that doubles: each new one holds the last one twice.
    let doubling = [b"\x80\x02]q\x00".to_vec(), b"h\x00h\x00\x86q\x00".repeat(100_000), b".".to_vec()].concat();
    for pickle in [deep, circular, greedy, doubling, b"\x80\x02".to_vec(), b"\x80\x02t.".to_vec(), b"Rb".to_vec()] {
        let error = pth::load(old(&dir, &pickle)).unwrap_err();
        assert!(error.file.is_some() && error.cure.is_some(), "{error:?}");
    }
}

#[test]
fn a_tensor_that_claims_more_than_the_file_has_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = |t: &str| [b"X".to_vec(), (t.len() as u32).to_le_bytes().to_vec(), t.as_bytes().to_vec()].concat();
    let number = |n: i64| [b"\x8a\x08".to_vec(), n.to_le_bytes().to_vec()].concat();
    let tensor = |offset: i64, size: i64, stride: i64| {
        let storage =
            [b"(".to_vec(), text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text("0"), text("cpu"), number(4)];
        let view = [number(offset), number(size), b"\x85".to_vec(), number(stride), b"\x85".to_vec()];
        let parts = [
            b"\x80\x02}".to_vec(),
            text("w"),
            b"ctorch._utils\n_rebuild_tensor_v2\n(".to_vec(),
            storage.concat(),
            b"tQ".to_vec(),
            view.concat(),
            b"\x89ccollections\nOrderedDict\n)RtRs.".to_vec(),
        ];
        parts.concat()
    };
    let load = |pickle: Vec<u8>| {
        let path = old(&dir, &pickle);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - b"\x80\x02]q\x00.".len());
        bytes.extend([&b"\x80\x02]"[..], &text("0"), b"a."].concat());
        bytes.extend(4u64.to_le_bytes());
        bytes.extend([0.0f32, 1.0, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()));
        std::fs::write(&path, bytes).unwrap();
        pth::load(&path)
    };
    // The crafted file itself is a good one.
    assert_eq!(load(tensor(1, 3, 1)).unwrap()["w"].values, [1.0, 2.0, 3.0]);
    assert_eq!(load(tensor(0, 2, 2)).unwrap()["w"].values, [0.0, 2.0]);
    for (offset, size, stride) in
        [(2, 3, 1), (0, 5, 0), (0, 1 << 40, 0), (0, 2, 4), (i64::MAX, 2, i64::MAX), (0, i64::MAX, i64::MAX), (-1, 2, 1)]
    {
        let error = load(tensor(offset, size, stride)).unwrap_err();
        assert!(error.cure.is_some(), "{offset} {size} {stride}: {error:?}");
    }
}
