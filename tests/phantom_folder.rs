//! A folder of phantoms is HC18 in all that a reader of HC18 relies on.

use hcwb::dataset::audit::audit_folder;
use hcwb::dataset::augment::{Augment, warp};
use hcwb::dataset::hc18::{Folder, Part};
use hcwb::dataset::raw::Raw;
use hcwb::dataset::{self, DatasetKind, Preparation, phantom};
use hcwb::geometry::Affine;
use hcwb::progress::Silent;
use hcwb::workspace::Workspace;
use std::fs;

#[test]
fn an_audit_of_phantoms_finds_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("phantoms");
    phantom::write(&folder, 21, 5, &Silent).unwrap();
    let audit = audit_folder(&folder, &Silent).unwrap();
    assert_eq!(audit.images, 21);
    assert_eq!(audit.findings, [], "a phantom's ring, table and size agree");
    let listing = Folder::find(&folder).unwrap().part(Part::Training).unwrap().read().unwrap();
    let names: Vec<&str> = listing.images[4..8].iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["004_HC.png", "005_HC.png", "005_2HC.png", "006_HC.png"]);
}

#[test]
fn the_same_seed_writes_the_same_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let fingerprint = |name: &str, seed| {
        let folder = scratch.path().join(name);
        phantom::write(&folder, 4, seed, &Silent).unwrap();
        dataset::fingerprint::fingerprint(&Raw::find(DatasetKind::Hc18, &folder).unwrap(), &Silent).unwrap()
    };
    let (one, two, other) = (fingerprint("one", 1), fingerprint("two", 1), fingerprint("other", 2));
    assert_eq!(one, two, "a fingerprint does not depend on the place either");
    assert_ne!(one, other);
}

#[test]
fn phantoms_are_never_written_over_anything() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("thesis.txt"), "mine").unwrap();
    let error = phantom::write(scratch.path(), 3, 1, &Silent).unwrap_err();
    assert!(error.what.contains("not empty"), "{error}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    assert!(phantom::write(&scratch.path().join("new"), 0, 1, &Silent).is_err());
    assert!(!scratch.path().join("new").exists());
}

#[test]
fn prepared_truth_is_the_ellipse_that_was_drawn_and_has_no_trimester() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("phantoms");
    phantom::write(&folder, 7, 9, &Silent).unwrap();
    let ws = Workspace::at(scratch.path().join("ws")).unwrap();
    let data = dataset::add(&ws, DatasetKind::Hc18, &folder, "ph", &Silent).unwrap();
    let prepared = dataset::prepare(&ws, &data, &Preparation { width: 64, height: 48 }, &Silent).unwrap();
    assert_eq!(prepared.size, [48, 64]);
    for (index, sample) in prepared.samples.iter().enumerate() {
        let drawn = phantom::draw(9, index as u64);
        let truth = sample.truth.unwrap();
        assert_eq!(sample.file, phantom::name_of(index as u64));
        assert!((truth.center_x_px - drawn.ellipse.center_x_px).abs() < 0.05);
        assert!((truth.center_y_px - drawn.ellipse.center_y_px).abs() < 0.05);
        let difference_px = truth.circumference_exact_px() - drawn.ellipse.circumference_exact_px();
        assert!(difference_px.abs() < 0.2, "{difference_px} px");
        assert_eq!((sample.hc_mm, sample.pixel_size_mm), (drawn.hc_mm, drawn.pixel_size_mm));
        assert_eq!(sample.trimester, None, "ages are inferred for the published files only");
    }
}

/// Warps the prepared ring itself and looks where it went.
#[test]
fn an_augmented_image_shows_the_ring_where_the_mapped_ellipse_is() {
    let (width, height) = (128, 128);
    let augment = Augment { flip: true, shift_px: 5.0, rotation_deg: 10.0, ..Augment::default() };
    let to_grid = Affine::resize((800.0, 540.0), (width as f64, height as f64));
    for index in 0..12 {
        let drawn = phantom::draw(2, index);
        let mut small = vec![0; width * height];
        dataset::resize::resize_into(&drawn.ring, width, height, &mut small);
        let map = augment.draw(7, 3, index as usize).affine((800, 540), (width, height));
        let mut warped = vec![0.0; small.len()];
        warp(&small, width, height, &map, &mut warped);

        let expected = drawn.ellipse.transformed(&to_grid.then(&map));
        let mut on_ring = 0;
        for (i, value) in warped.iter().enumerate() {
            let (x, y) = ((i % width) as f64, (i / width) as f64);
            let away = (expected.level(x, y).sqrt() - 1.0).abs() * expected.semi_axis_b_px;
            if *value > 30.0 {
                on_ring += 1;
                assert!(away < 2.5, "index {index}: bright {away} px from the mapped ellipse");
            }
        }
        assert!(on_ring > 150, "{on_ring}");
        // Every point of the mapped ellipse within the image is bright.
        for step in 0..90 {
            let (x, y) = expected.point(f64::from(step) * std::f64::consts::TAU / 90.0);
            let (x, y) = (x.round(), y.round());
            if (1.0..126.0).contains(&x) && (1.0..126.0).contains(&y) {
                let near = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
                let brightest = near
                    .map(|(dx, dy)| warped[(y as i32 + dy) as usize * width + (x as i32 + dx) as usize])
                    .fold(0.0, f32::max);
                assert!(brightest > 30.0, "index {index}: dark at {x},{y}");
            }
        }
        // Back in pixels of the file its circumference is that of the drawn head.
        let back = expected.transformed(&to_grid.inverse().unwrap());
        let hc = drawn.ellipse.circumference_exact_px();
        assert!((back.circumference_exact_px() - hc).abs() < 1e-9 * hc);
    }
}
