//! Measuring on the published rings, where they are at hand: what is right, and where the known biases come from.

use hcwb::dataset::hc18::{
    Annotation, FILLED_RING_INSET_PX, Folder, Part, RING_THICKNESS_PX, Ring, decode_gray, truth_mask,
};
use hcwb::geometry::{BitMask, Connectivity, Contour, HeadOptions, Overlap, fill_bits, fill_holes};
use std::path::PathBuf;

/// Signed differences from the table, in mm.
#[derive(Default)]
struct Differences(Vec<f64>);

impl Differences {
    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }
    fn mae(&self) -> f64 {
        self.0.iter().map(|d| d.abs()).sum::<f64>() / self.0.len() as f64
    }
    fn greatest(&self) -> f64 {
        self.0.iter().fold(0.0, |most, d| most.max(d.abs()))
    }
    fn tell(&self, what: &str) {
        eprintln!("{what:44} mean {:+.4}, MAE {:.4}, greatest {:.4} mm", self.mean(), self.mae(), self.greatest());
    }
}

#[test]
fn rings_and_masks_made_of_them_have_the_tables_circumference_and_the_biases_are_understood() {
    let shared = std::env::var_os("HCWB_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let folder = shared.join("hc18");
    if !folder.is_dir() {
        eprintln!("left out: no HC18 images at {} (HCWB_SHARED names the folder above hc18/)", folder.display());
        return;
    }
    let listing = Folder::find(&folder).unwrap().part(Part::Training).unwrap().read().unwrap();
    let rows = listing.table.by_file();
    let [mut rings, mut middle, mut centres, mut flooded, mut flooded_centres, mut inset] =
        std::array::from_fn(|_| Differences::default());
    let (mut pixels, mut circumference_px) = (0, 0.0);
    for image in &listing.images {
        let row = rows[image.name.as_str()];
        let annotation = decode_gray(image.annotation.as_ref().unwrap()).unwrap();
        assert_eq!(Annotation::of(&annotation), Annotation::Ring, "{}", image.name);
        let (width, height) = (annotation.width() as usize, annotation.height() as usize);
        let mm = |px: f64| px * row.pixel_size_mm - row.hc_mm.unwrap();
        let measured = |mask: &BitMask, options: HeadOptions| {
            mm(options.head_of_mask(mask).unwrap().ellipse.circumference_ramanujan_px())
        };
        let border = HeadOptions { contour: Contour::Border, ..HeadOptions::default() };

        let ring = Ring::of(&annotation);
        let ellipse = ring.ellipse.unwrap();
        rings.0.push(mm(ellipse.circumference_ramanujan_px()));
        let truth = truth_mask(&annotation, width, height).unwrap();
        assert_eq!((truth.drawn_as, truth.ellipse), (Annotation::Ring, Some(ellipse)), "{}", image.name);
        let mask = BitMask::from_mask(&truth.mask());
        middle.0.push(measured(&mask, HeadOptions::default()));
        centres.0.push(measured(&mask, border));
        let small = BitMask::from_mask(&truth_mask(&annotation, 128, 128).unwrap().mask());
        let back = Overlap::of(&fill_bits(&ellipse, width, height), &mask).unwrap();
        assert!(back.dice().unwrap() > 0.9999 && small.count() > 200, "{}", image.name);

        // What flood filling makes of a ring, where no border of the image lets the flood out.
        if !ring.cut.any() {
            pixels += ring.pixels;
            circumference_px += ellipse.circumference_ramanujan_px();
            let bits = BitMask::from_bytes(annotation.as_raw(), width, height, 128).unwrap();
            let outer = fill_holes(&bits, Connectivity::Eight);
            flooded.0.push(measured(&outer, HeadOptions::default()));
            flooded_centres.0.push(measured(&outer, border));
            let by_half_a_ring = HeadOptions { inset_px: FILLED_RING_INSET_PX, ..HeadOptions::default() };
            inset.0.push(measured(&outer, by_half_a_ring));
        }
    }
    rings.tell("rings");
    middle.tell("filled to the middle, between pixels");
    centres.tell("filled to the middle, centres of border pixels");
    flooded.tell("filled to the outer edge, between pixels");
    flooded_centres.tell("filled to the outer edge, centres");
    inset.tell("filled to the outer edge, inset");

    assert!(rings.mae() <= 0.02 && rings.greatest() <= 0.1);
    assert!(middle.mean().abs() <= 0.01 && middle.mae() <= 0.02 && middle.greatest() <= 0.2);
    assert!((pixels as f64 / circumference_px - RING_THICKNESS_PX).abs() < 0.02);
    // Centres of border pixels lie 0.45 px inside, a ring's outer edge 1.29 px outside.
    assert!((centres.mean() + 0.40).abs() < 0.05, "{}", centres.mean());
    assert!((flooded.mean() - 1.14).abs() < 0.05, "{}", flooded.mean());
    assert!((flooded_centres.mean() - 0.72).abs() < 0.08, "{}", flooded_centres.mean());
    assert!(inset.mean().abs() <= 0.01 && inset.mae() <= 0.02, "{} {}", inset.mean(), inset.mae());
}
