//! Damaged hearts: every damage is named with its file, and no patient costs another one.

mod common;

use common::Sandbox;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hcwb::dataset::acdc::nifti::{Voxels, write_gz};
use hcwb::dataset::acdc::{Hearts, Phase, read_header, read_labels};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Phantom hearts in a scratch folder, to be damaged before they are registered.
struct Scene {
    sandbox: Sandbox,
    hearts: Hearts,
}

impl Scene {
    fn new(count: usize) -> Scene {
        let sandbox = Sandbox::new();
        let raw = sandbox.raw();
        sandbox.ok(&["data", "phantom", "acdc", raw.to_str().unwrap(), "--count", &count.to_string()]);
        let hearts = Hearts::find(&raw).unwrap();
        Scene { sandbox, hearts }
    }
    fn info(&self, number: usize) -> PathBuf {
        self.hearts.patients[number - 1].path.join("Info.cfg")
    }
    fn edit_info(&self, number: usize, edit: impl Fn(String) -> String) {
        fs::write(self.info(number), edit(fs::read_to_string(self.info(number)).unwrap())).unwrap();
    }
    fn image(&self, number: usize, phase: Phase) -> PathBuf {
        self.hearts.patients[number - 1].frame(phase).unwrap().image
    }
    fn mask(&self, number: usize, phase: Phase) -> PathBuf {
        self.hearts.patients[number - 1].frame(phase).unwrap().labels.unwrap()
    }
    fn add(&self) {
        self.sandbox.ok(&["data", "add", "acdc", self.sandbox.raw().to_str().unwrap(), "--name", "hearts"]);
    }
    /// (severity, kind, file) of every finding.
    fn audit(&self) -> Vec<(String, String, String)> {
        let audit = self.sandbox.json(&["data", "audit", "hearts", "--json"]);
        let text = |f: &Value, key: &str| f[key].as_str().unwrap().to_owned();
        let findings = audit["findings"].as_array().unwrap();
        findings.iter().map(|f| (text(f, "severity"), text(f, "kind"), text(f, "file"))).collect()
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

/// Changes the decompressed bytes of a file.
fn edit(path: &Path, edit: impl Fn(&mut Vec<u8>)) {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    edit(&mut bytes);
    let mut gz = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    gz.write_all(&bytes).unwrap();
    gz.finish().unwrap();
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// A volume's bytes in the other order, voxels of two bytes.
fn to_big_endian(bytes: &mut [u8]) {
    let mut swap = |from: usize, count: usize, size: usize| {
        bytes[from..from + count * size].chunks_exact_mut(size).for_each(<[u8]>::reverse);
    };
    swap(0, 1, 4);
    swap(32, 1, 4);
    swap(36, 1, 2);
    swap(40, 8, 2);
    swap(56, 3, 4);
    swap(68, 4, 2);
    swap(76, 11, 4);
    swap(120, 1, 2);
    swap(124, 6, 4);
    swap(252, 2, 2);
    swap(256, 18, 4);
    let voxels = (bytes.len() - 352) / 2;
    bytes[352..].chunks_exact_mut(2).take(voxels).for_each(<[u8]>::reverse);
}

#[test]
fn each_damage_is_named_with_its_file_and_every_other_patient_is_counted() {
    let scene = Scene::new(15);
    let (ed, es) = (Phase::Ed, Phase::Es);
    truncate(&scene.image(1, ed));
    truncate(&scene.mask(2, ed));
    let header = read_header(&scene.mask(3, es)).unwrap();
    let [x, y, z, _] = header.shape;
    let labels = read_labels(&scene.mask(3, es)).unwrap().labels;
    write_gz(&scene.mask(3, es), [x, y, z - 1], header.spacing_mm, Voxels::U8(&labels[..x * y * (z - 1)])).unwrap();
    edit(&scene.mask(4, ed), |bytes| bytes[352 + 1000] = 7);
    scene.edit_info(5, |text| text.replace("ED: 1\n", ""));
    scene.edit_info(6, |text| format!("{text}ES: 9\n"));
    // 32000 x 32000 x 50 voxels: 100 GB in two bytes each.
    let dim = [3i16, 32000, 32000, 50].map(i16::to_le_bytes).concat();
    edit(&scene.mask(7, ed), |bytes| put(bytes, 40, &dim));
    edit(&scene.image(8, ed), |bytes| {
        put(bytes, 70, &16i16.to_le_bytes()); // float32
        bytes.extend(vec![0; (bytes.len() - 352) + 4]);
        put(bytes, 352 + 40, &f32::NAN.to_le_bytes());
    });
    let lost = [scene.image(9, es), scene.mask(9, es)];
    lost.iter().for_each(|path| fs::remove_file(path).unwrap());
    let lost_mask = scene.mask(10, ed);
    fs::remove_file(&lost_mask).unwrap();
    scene.edit_info(11, |text| text.lines().filter(|l| !l.starts_with("Weight")).map(|l| format!("{l}\n")).collect());
    edit(&scene.mask(12, ed), |bytes| put(bytes, 344, b"abc"));
    edit(&scene.image(13, ed), |bytes| put(bytes, 280, &1.0f32.to_le_bytes())); // sform, first column
    fs::copy(scene.image(14, ed), scene.image(14, es)).unwrap();
    edit(&scene.image(15, ed), |bytes| to_big_endian(bytes));
    scene.add();

    let error = |kind: &str, file: String| ("error".to_owned(), kind.to_owned(), file);
    let warning = |kind: &str, file: String| ("warning".to_owned(), kind.to_owned(), file);
    let mut expected = vec![
        error("unreadable-image", name(&scene.image(1, ed))),
        error("unreadable-image", name(&scene.mask(2, ed))),
        error("mask-shape-differs", name(&scene.mask(3, es))),
        error("wrong-label", name(&scene.mask(4, ed))),
        error("wrong-info", "patient005/Info.cfg".into()),
        error("wrong-info", "patient006/Info.cfg".into()),
        error("unreadable-image", name(&scene.mask(7, ed))),
        error("unreadable-image", name(&scene.image(8, ed))),
        error("missing-phase", name(&lost[0])),
        error("missing-partner", name(&lost_mask)),
        error("wrong-info", "patient011/Info.cfg".into()),
        error("unreadable-image", name(&scene.mask(12, ed))),
        warning("spacing-differs", name(&scene.image(13, ed))),
        warning("identical-images", name(&scene.image(14, es))),
    ];
    let mut found = scene.audit();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);

    let output = scene.sandbox.output(&["data", "volumes", "hearts", "--json"]);
    assert!(output.status.success());
    let remarks = String::from_utf8(output.stderr).unwrap();
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 30);
    // What was lost: both phases without ED or ES in Info.cfg, one phase where one mask is damaged.
    let lost = |n: usize, phase: Phase| match n {
        5 | 6 => true,
        2 | 4 | 7 | 10 | 12 => phase == ed,
        3 | 9 => phase == es,
        _ => false,
    };
    for (i, row) in rows.iter().enumerate() {
        let (number, phase) = (i / 2 + 1, Phase::ALL[i % 2]);
        assert_eq!(
            (row["patient"].as_str().unwrap(), row["phase"].as_str().unwrap()),
            (format!("patient{number:03}").as_str(), phase.word())
        );
        assert_eq!(row["lv_ml"].is_null(), lost(number, phase), "{row}");
        assert_eq!(row["lv_ef"].is_null(), lost(number, ed) || lost(number, es), "{row}");
        assert_eq!(row["bsa_m2"].is_null(), [5, 6, 11].contains(&number), "{row}");
        let clean = !lost(number, ed) && !lost(number, es) && number != 11;
        assert_eq!(row["reason"].is_null(), clean, "{row}");
        assert_eq!(remarks.contains(&format!("patient{number:03} {}", phase.word())), !clean, "{remarks}");
    }
    let reason = |number: usize, phase: Phase| rows[2 * number - 2 + phase as usize]["reason"].as_str().unwrap();
    assert!(reason(5, ed).contains("ED is missing"), "{}", reason(5, ed));
    assert!(reason(6, es).contains("ES stands there 2 times"), "{}", reason(6, es));
    assert!(reason(7, ed).contains("32000x32000x50"), "{}", reason(7, ed));
    assert!(reason(3, es).contains("its image"), "{}", reason(3, es));
    assert!(reason(11, ed).contains("Weight is missing"), "{}", reason(11, ed));
    assert!(reason(12, ed).contains("wrong magic"), "{}", reason(12, ed));
}

#[test]
fn a_frame_that_is_not_of_its_4d_file_is_named() {
    let scene = Scene::new(3);
    for (number, t) in [(1, 25), (2, 25), (3, 0)] {
        let image = scene.image(number, Phase::Ed);
        let frames = fs::read_to_string(scene.info(number)).unwrap();
        let frames = frames.lines().find_map(|l| l.strip_prefix("NbFrame: ")).unwrap().parse::<i16>().unwrap();
        let cine = image.with_file_name(format!("patient{number:03}_4d.nii.gz"));
        let mut bytes = Vec::new();
        GzDecoder::new(fs::File::open(&image).unwrap()).read_to_end(&mut bytes).unwrap();
        put(&mut bytes, 40, &4i16.to_le_bytes());
        put(&mut bytes, 48, &(if t == 0 { frames + 1 } else { frames }).to_le_bytes());
        match number {
            2 => put(&mut bytes, 84, &1.25f32.to_le_bytes()), // along y
            3 => put(&mut bytes, 42, &8i16.to_le_bytes()),
            _ => {}
        }
        // Headers alone are read of a cine: the voxels may be of any kind.
        bytes.resize(352 + bytes.len() * 40, 0);
        let mut gz = GzEncoder::new(fs::File::create(cine).unwrap(), Compression::fast());
        gz.write_all(&bytes).unwrap();
        gz.finish().unwrap();
    }
    scene.add();
    let file = |number: usize, phase: Phase| name(&scene.image(number, phase));
    let mut found: Vec<String> = scene.audit().into_iter().map(|(_, kind, file)| format!("{kind} {file}")).collect();
    let mut expected: Vec<String> = [
        file(2, Phase::Ed),
        file(2, Phase::Es),
        file(3, Phase::Ed),
        file(3, Phase::Es),
        "patient003_4d.nii.gz".to_owned(),
    ]
    .map(|file| format!("cine-differs {file}"))
    .into();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn when_nothing_can_be_counted_the_command_fails_and_says_where_to_look() {
    let scene = Scene::new(1);
    fs::remove_file(scene.info(1)).unwrap();
    scene.add();
    let e = scene.sandbox.fails(1, &["data", "volumes", "hearts"]);
    assert!(e.contains("no phase of any patient") && e.contains("data audit hearts"), "{e}");
    assert_eq!(scene.audit(), [("error".into(), "wrong-info".into(), "patient001/Info.cfg".into())]);
}

#[test]
fn swapped_phases_empty_structures_and_odd_spacings_are_warned_of() {
    let scene = Scene::new(3);
    scene.edit_info(1, |text| {
        let frame = |key: &str| text.lines().find_map(|l| l.strip_prefix(key)).unwrap().trim().to_owned();
        let (ed, es) = (frame("ED:"), frame("ES:"));
        text.replace(&format!("ED: {ed}\n"), &format!("ED: {es}\n"))
            .replace(&format!("ES: {es}\n"), &format!("ES: {ed}\n"))
    });
    edit(&scene.mask(2, Phase::Ed), |bytes| bytes[352..].iter_mut().filter(|l| **l == 1).for_each(|l| *l = 0));
    for path in [scene.image(3, Phase::Es), scene.mask(3, Phase::Es)] {
        edit(&path, |bytes| {
            for at in [88, 280 + 40] {
                put(bytes, at, &0.5f32.to_le_bytes()); // pixdim and sform along z
            }
        });
    }
    scene.add();
    let mut expected = [
        ("empty-structure", name(&scene.mask(2, Phase::Ed))),
        ("odd-spacing", name(&scene.image(3, Phase::Es))),
        ("phases-swapped", "patient001/Info.cfg".to_owned()),
    ]
    .map(|(kind, file)| ("warning".to_owned(), kind.to_owned(), file));
    let mut found = scene.audit();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
