//! The published data, as far as they are at hand: what the audit finds in them, and how they are prepared.
//!
//! Looked for in `HCWB_SHARED` (default `../shared`); left out with a line where absent.

use hcwb::dataset::audit::{FindingKind, audit_folder};
use hcwb::dataset::augment::{Copy, Plan};
use hcwb::dataset::hc18::{self, Folder, Part, Ring};
use hcwb::dataset::{self, DatasetKind, Preparation, stats};
use hcwb::progress::Silent;
use hcwb::workspace::Workspace;
use std::path::PathBuf;

fn real_data() -> Option<PathBuf> {
    let shared = std::env::var_os("HCWB_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let folder = shared.join("hc18");
    if !folder.is_dir() {
        eprintln!("left out: no HC18 images at {} (HCWB_SHARED names the folder above hc18/)", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn the_audit_finds_the_identical_pair_and_every_odd_size_and_no_error() {
    let Some(folder) = real_data() else { return };
    let audit = audit_folder(&folder, &Silent).unwrap();
    assert_eq!(audit.summary().errors, 0);
    let of = |kind| audit.findings.iter().filter(move |f| f.kind == kind);
    let twins: Vec<_> = of(FindingKind::IdenticalImages).collect();
    assert_eq!(twins.len(), 1);
    assert_eq!(twins[0].file, "392_2HC.png");
    assert!(twins[0].detail.contains("392_HC.png"));
    assert_eq!(of(FindingKind::HcDisagrees).count(), 0);

    let part = Folder::find(&folder).unwrap();
    let listing = part.part(Part::Training).unwrap().read().unwrap();
    assert_eq!(audit.images, listing.images.len());
    let odd: Vec<&str> = of(FindingKind::OddSize).map(|f| f.file.as_str()).collect();
    let expected: Vec<&str> = listing
        .images
        .iter()
        .filter(|image| image::image_dimensions(&image.path).unwrap() != (800, 540))
        .map(|image| image.name.as_str())
        .collect();
    assert_eq!(odd, expected);
    for (kind, count) in audit.counts() {
        eprintln!("{:26} {count}", kind.word());
    }
}

#[test]
fn the_ring_and_the_table_agree_to_a_tenth_of_a_millimetre_on_every_image() {
    let Some(folder) = real_data() else { return };
    let listing = Folder::find(&folder).unwrap().part(Part::Training).unwrap().read().unwrap();
    let rows = listing.table.by_file();
    let mut differences = Vec::new();
    for image in &listing.images {
        let row = rows[image.name.as_str()];
        let ring = Ring::of(&hc18::decode_gray(image.annotation.as_ref().unwrap()).unwrap());
        let hc_mm = ring.ellipse.unwrap().circumference_ramanujan_px() * row.pixel_size_mm;
        let difference = (hc_mm - row.hc_mm.unwrap()).abs();
        assert!(difference <= 0.1, "{}: {difference} mm", image.name);
        differences.push(difference);
    }
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    let most = differences.iter().fold(0.0, |a: f64, b| a.max(*b));
    eprintln!("|ring HC - table HC|: mean {mean:.4} mm, greatest {most:.4} mm over {} images", differences.len());
}

#[test]
fn preparation_keeps_every_image_with_its_truth() {
    let Some(folder) = real_data() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let ws = Workspace::at(scratch.path()).unwrap();
    let data = dataset::add(&ws, DatasetKind::Hc18, &folder, "real", &Silent).unwrap();
    let prepared = dataset::prepare(&ws, &data, &Preparation { width: 128, height: 128 }, &Silent).unwrap();
    assert_eq!((prepared.samples.len(), prepared.skipped.len()), (data.images, 0));
    assert!(prepared.samples.iter().all(|s| s.truth.is_some() && s.trimester.is_some()));
    for sample in &prepared.samples {
        let ring_px = sample.truth.unwrap().circumference_ramanujan_px();
        assert!((ring_px - sample.hc_px).abs() * sample.pixel_size_mm <= 0.1, "{}", sample.file);
    }
    let stats = stats::stats(&prepared.samples).unwrap();
    // 637_HC and 348_HC hold the published extremes in px, 000_HC the least in mm.
    assert!((stats.all.hc_px.min - 439.1).abs() < 0.05 && (stats.all.hc_px.max - 1786.5).abs() < 0.05);
    assert_eq!(stats.all.hc_mm.min, 44.3);
    assert_eq!(stats.trimesters.values().map(|g| g.images).sum::<usize>(), prepared.samples.len());
}

#[test]
fn enough_of_the_preprints_copies_keep_their_head_in_the_frame() {
    let Some(folder) = real_data() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let ws = Workspace::at(scratch.path()).unwrap();
    let data = dataset::add(&ws, DatasetKind::Hc18, &folder, "real", &Silent).unwrap();
    let samples = dataset::prepare(&ws, &data, &Preparation { width: 32, height: 32 }, &Silent).unwrap().samples;
    // S4 trains on three times the images that it has: 1,800 for 600.
    let training: Vec<usize> = (0..samples.len() * 3 / 4).collect();
    let plan = Plan::new(&samples, &training, 3 * training.len(), 1);
    assert_eq!(plan.chosen().count(), 2 * training.len());
    // Counted with NumPy on the pixels of the rings themselves: 99.4, 97.9 and 64.5 % of 800 images.
    let whole = Plan::new(&samples, &(0..samples.len()).collect::<Vec<_>>(), usize::MAX, 1);
    for (copy, share) in [(Copy::Turned, 0.994), (Copy::Shifted, 0.979), (Copy::Cropped, 0.645)] {
        let kept = whole.chosen().filter(|c| c.copy == copy).count() as f64 / samples.len() as f64;
        assert!((kept - share).abs() < 0.02, "{copy:?}: {kept}");
    }
}
