//! Hearts are prepared whole: damaged patients are left out by name, the cache is used again, and made anew when damaged.

use hcwb::dataset::acdc::nifti::{Voxels, write_gz};
use hcwb::dataset::acdc::prepare::folder;
use hcwb::dataset::acdc::slices::to_native;
use hcwb::dataset::acdc::{self, Form, Phase, PreparedHearts};
use hcwb::dataset::{self, Dataset, DatasetKind};
use hcwb::progress::Silent;
use hcwb::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};

const VOLUME: Form = Form::Volume { slices: 9, height: 32, width: 40 };
const SLICES: Form = Form::Slices { spacing_mm: 1.5, height: 64, width: 80 };

/// Patients 1 to 5 with hearts as boxes: 12 slices, the first and the last empty, the next ones smaller.
struct Bench {
    _scratch: tempfile::TempDir,
    raw: PathBuf,
    ws: Workspace,
}

impl Bench {
    fn new() -> Bench {
        let scratch = tempfile::tempdir().unwrap();
        let (raw, ws) = (scratch.path().join("raw"), Workspace::at(scratch.path().join("ws")).unwrap());
        let bench = Bench { _scratch: scratch, raw, ws };
        (1..=5).for_each(|number| bench.write(number, [60 + number, 50, 12], [1.5, 1.5, 8.0]));
        bench
    }

    fn file(&self, number: usize, what: &str) -> PathBuf {
        let name = format!("patient{number:03}");
        self.raw.join("training").join(&name).join(format!("{name}_{what}"))
    }

    fn write(&self, number: usize, shape: [usize; 3], spacing_mm: [f64; 3]) {
        let image = self.file(number, "frame01.nii.gz");
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        let info = "ED: 1\nES: 9\nGroup: DCM\nHeight: 170\nNbFrame: 20\nWeight: 70\n";
        fs::write(image.with_file_name("Info.cfg"), info).unwrap();
        for (frame, smaller) in [("01", 0), ("09", 2)] {
            let labels = boxes(shape, number, smaller);
            let values: Vec<i16> =
                labels.iter().enumerate().map(|(i, l)| 50 * i16::from(*l) + (i % 7) as i16).collect();
            let image = self.file(number, &format!("frame{frame}.nii.gz"));
            write_gz(&image, shape, spacing_mm, Voxels::I16(&values)).unwrap();
            let truth = self.file(number, &format!("frame{frame}_gt.nii.gz"));
            write_gz(&truth, shape, spacing_mm, Voxels::U8(&labels)).unwrap();
        }
    }

    fn add(&self) -> Dataset {
        dataset::add(&self.ws, DatasetKind::Acdc, &self.raw, "hearts", &Silent).unwrap()
    }

    fn prepare(&self, dataset: &Dataset, form: &Form) -> PreparedHearts {
        acdc::prepare(&self.ws, dataset, form, &Silent).unwrap()
    }
}

/// A heart from column 20 + number and row 15 on: rv, myo, lv side by side.
fn boxes([width, height, depth]: [usize; 3], number: usize, smaller: usize) -> Vec<u8> {
    let mut labels = vec![0; width * height * depth];
    for z in 1..depth - 1 {
        let size = 20 - smaller - z;
        for (y, x) in (0..size).flat_map(|y| (0..size).map(move |x| (y, x))) {
            labels[(z * height + 15 + y) * width + 20 + number + x] = 1 + (3 * x / size) as u8;
        }
    }
    labels
}

fn names(hearts: &PreparedHearts) -> Vec<(&str, Phase)> {
    hearts.samples.iter().map(|s| (s.patient.as_str(), s.phase)).collect()
}

#[test]
fn a_volume_has_the_slices_of_largest_area_and_loses_no_heart() {
    let bench = Bench::new();
    let hearts = bench.prepare(&bench.add(), &VOLUME);
    assert_eq!(hearts.samples.len(), 10);
    assert_eq!(names(&hearts)[..3], [("patient001", Phase::Ed), ("patient001", Phase::Es), ("patient002", Phase::Ed)]);
    let crop = hearts.crop.as_ref().unwrap();
    // Columns 21 to 43 of patients 1 to 5 at most, rows 15 to 33; and one before.
    assert_eq!((crop.left_px, crop.top_px, crop.width_px, crop.height_px), (20, 14, 24, 20));
    for (i, sample) in hearts.samples.iter().enumerate() {
        assert_eq!(sample.slices, (1..=9).collect::<Vec<_>>());
        assert_eq!(hearts.shape(i), [9, 32, 40]);
        // Areas are kept but for the size of a pixel.
        let grown = (32.0 / 20.0) * (40.0 / 24.0);
        let native = hearts.native_labels(i);
        assert_eq!(native.len(), sample.shape.iter().product::<usize>());
        let slice = sample.shape[0] * sample.shape[1];
        let wanted = native[slice..10 * slice].iter().filter(|l| **l > 0).count() as f64 * grown;
        let found = hearts.labels(i).iter().filter(|l| **l > 0).count() as f64;
        assert!((found / wanted - 1.0).abs() < 0.06, "{found} {wanted}");
        let voxels: Vec<u64> = (1..=3).map(|label| native.iter().filter(|l| **l == label).count() as u64).collect();
        assert_eq!(sample.voxels.unwrap().to_vec(), voxels);
        let ml = voxels[2] as f64 * 1.5 * 1.5 * 8.0 / 1000.0;
        assert!((sample.volumes_ml.unwrap()[2] - ml).abs() < 1e-6 * ml);
        // Bright is where the label is.
        let [mean, _] = hearts.moments(i);
        let inside: Vec<f32> =
            hearts.image(i).iter().zip(hearts.labels(i)).filter(|(_, l)| **l == 3).map(|v| *v.0).collect();
        assert!(f64::from(inside.iter().sum::<f32>() / inside.len() as f32) > mean + 60.0);
    }
}

#[test]
fn damaged_patients_are_left_out_by_name_and_the_others_prepared() {
    let bench = Bench::new();
    let cut = bench.file(1, "frame01.nii.gz");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    write_gz(&bench.file(2, "frame09_gt.nii.gz"), [9, 9, 3], [1.0; 3], Voxels::U8(&[0; 243])).unwrap();
    fs::remove_file(bench.file(3, "frame09.nii.gz")).unwrap();
    let info = bench.file(4, "x").with_file_name("Info.cfg");
    fs::write(&info, "ES: 9\n").unwrap();
    let dataset = bench.add();
    for form in [VOLUME, SLICES] {
        let hearts = bench.prepare(&dataset, &form);
        assert_eq!(names(&hearts), [("patient005", Phase::Ed), ("patient005", Phase::Es)]);
        let skipped: Vec<&str> = hearts.skipped.iter().map(|s| s.file.as_str()).collect();
        assert_eq!(skipped, ["patient001", "patient002", "patient003", "patient004"]);
        for (skipped, word) in hearts.skipped.iter().zip(["frame01", "mask", "missing", "ED is missing"]) {
            assert!(skipped.reason.contains(word), "{skipped:?}");
        }
        assert_eq!(
            hearts.native_labels(1).iter().filter(|l| **l > 0).count() as u64,
            hearts.samples[1].voxels.unwrap().iter().sum::<u64>()
        );
        // The first patient's masks are whole: its heart has a say in the crop.
        let crop = hearts.crop.as_ref().map(|crop| (crop.left_px, crop.width_px));
        assert_eq!(crop, matches!(form, Form::Volume { .. }).then_some((20, 24)));
    }
}

#[test]
fn where_nobody_can_be_read_the_error_names_the_first_and_leaves_no_cache() {
    let bench = Bench::new();
    let dataset = bench.add();
    (1..=5).for_each(|number| fs::write(bench.file(number, "frame01.nii.gz"), b"no image").unwrap());
    let error = acdc::prepare(&bench.ws, &dataset, &VOLUME, &Silent).err().unwrap();
    assert!(error.what.contains("none of the 5 patients") && error.what.contains("patient001"), "{}", error.what);
    let left = fs::read_dir(bench.ws.cache()).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn a_cache_is_used_again_and_one_that_is_damaged_is_made_anew_with_the_same_values() {
    let bench = Bench::new();
    let dataset = bench.add();
    for form in [VOLUME, SLICES] {
        let first = bench.prepare(&dataset, &form);
        assert!(first.made && first.notes.is_empty());
        assert!(acdc::is_prepared(&bench.ws, &dataset, &form));
        let again = bench.prepare(&dataset, &form);
        assert!(!again.made && again.samples == first.samples && again.crop == first.crop);
        // Copied, since the mapped files are about to be damaged.
        let copy = |hearts: &PreparedHearts| -> Vec<_> {
            let one = |i: usize| {
                (
                    hearts.image(i).to_vec(),
                    hearts.labels(i).to_vec(),
                    hearts.native_labels(i).to_vec(),
                    hearts.moments(i),
                )
            };
            (0..hearts.samples.len()).map(one).collect()
        };
        let values = copy(&first);
        drop((first, again));
        let cache = folder(&bench.ws, &dataset, &form);
        let damages: [&dyn Fn(); 3] = [
            &|| fs::write(cache.join("images.f32"), b"short").unwrap(),
            &|| fs::write(cache.join("samples.json"), b"{").unwrap(),
            &|| {
                let text = fs::read_to_string(cache.join("samples.json")).unwrap();
                fs::write(cache.join("samples.json"), text.replace("\"native\":", "\"native\":9")).unwrap();
            },
        ];
        for damage in damages {
            damage();
            assert!(!acdc::is_prepared(&bench.ws, &dataset, &form));
            let anew = bench.prepare(&dataset, &form);
            assert!(anew.made && anew.notes.len() == 1 && anew.notes[0].contains("damaged"), "{:?}", anew.notes);
            assert!(copy(&anew) == values);
        }
    }
    let aside =
        fs::read_dir(bench.ws.cache()).unwrap().flatten().filter(|e| e.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(aside.count(), 0);
}

#[test]
fn a_patient_without_ground_truth_is_cropped_like_the_others_and_shows_its_middle_slices() {
    let bench = Bench::new();
    for frame in ["frame01_gt.nii.gz", "frame09_gt.nii.gz"] {
        fs::remove_file(bench.file(3, frame)).unwrap();
    }
    let hearts = bench.prepare(&bench.add(), &VOLUME);
    let blind = &hearts.samples[4];
    assert_eq!((blind.patient.as_str(), blind.voxels, blind.volumes_ml), ("patient003", None, None));
    assert_eq!((blind.window, &blind.slices), (hearts.samples[0].window, &(2..=10).collect()));
    assert!(hearts.native_labels(4).is_empty() && hearts.labels(4).iter().all(|l| *l == 0));
    assert!(!hearts.native_labels(6).is_empty());
}

#[test]
fn forms_that_nothing_can_be_trained_on_are_refused() {
    let bench = Bench::new();
    let dataset = bench.add();
    let wrong = [
        Form::Volume { slices: 0, height: 64, width: 64 },
        Form::Volume { slices: 9, height: 4, width: 64 },
        Form::Volume { slices: 9, height: 64, width: 100_000 },
        Form::Slices { spacing_mm: 0.0, height: 64, width: 64 },
        Form::Slices { spacing_mm: f64::NAN, height: 64, width: 64 },
    ];
    for form in wrong {
        let error = acdc::prepare(&bench.ws, &dataset, &form, &Silent).err().unwrap();
        assert!(error.cure.is_some(), "{}", error.what);
    }
    assert!(!bench.ws.cache().exists());
}

fn real_data() -> Option<PathBuf> {
    let shared = std::env::var_os("HCWB_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let folder = shared.join("acdc");
    if !folder.is_dir() {
        eprintln!("left out: no ACDC patients at {} (HCWB_SHARED names the folder above acdc/)", folder.display());
        return None;
    }
    Some(folder)
}

fn real(form: &Form) -> Option<PreparedHearts> {
    let raw = real_data()?;
    let scratch = tempfile::tempdir().unwrap();
    let ws = Workspace::at(scratch.path().join("ws")).unwrap();
    let dataset = dataset::add(&ws, DatasetKind::Acdc, Path::new(&raw), "acdc", &Silent).unwrap();
    Some(acdc::prepare(&ws, &dataset, form, &Silent).unwrap())
}

#[test]
fn published_hearts_are_cropped_to_147_x_186_as_in_the_preprint_and_none_is_cut() {
    let Some(hearts) = real(&Form::Volume { slices: 9, height: 186, width: 147 }) else { return };
    assert!(hearts.skipped.is_empty());
    let crop = hearts.crop.as_ref().unwrap();
    assert_eq!((crop.width_px, crop.height_px), (147, 186));
    for (i, sample) in hearts.samples.iter().enumerate().filter(|(_, s)| !crop.left_out.contains(&s.patient)) {
        // At the crop's own size every voxel of the slices that were taken is there, once.
        let slice = sample.shape[0] * sample.shape[1];
        let of = |labels: &[u8]| labels.iter().filter(|l| **l > 0).count();
        let native = hearts.native_labels(i);
        let wanted: usize = sample.slices.iter().map(|z| of(&native[z * slice..][..slice])).sum();
        assert_eq!(of(hearts.labels(i)), wanted, "{}", sample.patient);
        assert_eq!(sample.slices.len(), 9);
    }
}

#[test]
fn published_masks_survive_the_way_to_slices_of_1_5_mm_and_back() {
    let form = Form::Slices { spacing_mm: 1.5, height: 224, width: 224 };
    let Some(hearts) = real(&form) else { return };
    let mut all = [[0.0; 2]; 3];
    for (i, sample) in hearts.samples.iter().enumerate() {
        let certain =
            |label: &u8| std::array::from_fn::<f32, 4, _>(|k| if k == usize::from(*label) { 1.0 } else { 0.0 });
        let probabilities: Vec<f32> = hearts.labels(i).iter().flat_map(certain).collect();
        let (back, native) = (to_native(sample, &probabilities, &form), hearts.native_labels(i));
        for (label, all) in (1..=3).zip(&mut all) {
            let count = |of: &[u8]| of.iter().filter(|l| **l == label).count() as f64;
            let both = back.iter().zip(native).filter(|(a, b)| **a == label && **b == label).count() as f64;
            let dice = 2.0 * both / (count(&back) + count(native));
            assert!(dice > 0.96, "{} {label} {dice}", sample.patient);
            *all = [all[0] + dice, all[1] + (count(&back) / count(native) - 1.0).abs()];
        }
    }
    let n = hearts.samples.len() as f64;
    for [dice, error] in all {
        eprintln!("mean Dice {:.4}, mean error of volume {:.2} %", dice / n, 100.0 * error / n);
        assert!(dice / n > 0.99 && error / n < 0.005);
    }
}
