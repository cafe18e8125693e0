//! Batches of images with their masks: one map moves both, and the true ellipse with them.

use super::augment::{Augment, Copy, Plan};
use super::cache::Prepared;
use super::normalise::Normalise;
use crate::error::{Error, Result};
use crate::geometry::{Affine, Ellipse};
use crate::nn::Tensor;
use rayon::prelude::*;

/// An image to learn from: a sample, or a copy of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Of the sample.
    pub index: usize,
    pub copy: Option<Copy>,
    /// What on-line augmentation is drawn from, so that copies of one image are changed differently.
    pub number: usize,
}

impl View {
    /// The sample itself.
    pub fn of(index: usize) -> View {
        View { index, copy: None, number: index }
    }

    /// The view that has that number in a data set of so many samples.
    pub fn numbered(number: usize, samples: usize) -> View {
        let (copy, index) = (number / samples, number % samples);
        View { index, copy: copy.checked_sub(1).map(|copy| Copy::ALL[copy]), number }
    }

    /// The samples `training`, then the copies chosen of them; `samples` is the size of the data set.
    pub fn planned(training: &[usize], plan: &Plan, samples: usize) -> Vec<View> {
        let copies = plan.chosen().map(|c| {
            let number = samples * (1 + c.copy as usize) + c.index;
            View { index: c.index, copy: Some(c.copy), number }
        });
        training.iter().map(|index| View::of(*index)).chain(copies).collect()
    }
}

/// Images and masks of one size.
pub struct MaskBatch {
    /// (N, H, W, channels), normalised.
    pub images: Tensor,
    /// N * H * W * classes values from 0 to 1.
    pub truth: Vec<f32>,
    /// Each head where the image now has it, in px of the file; none where it is not known, or elastic bending has left
    /// no ellipse.
    pub heads: Vec<Option<Ellipse>>,
}

/// Fills a batch; `masks` are those of all samples, 0 to 255, as large and in the same order as the prepared images.
/// With `augment` (bounds, seed, epoch) image and mask are moved, and the image's grey values changed. The mask is
/// repeated into `classes` channels.
///
/// A moved mask stays soft, as bilinear sampling leaves it: its value at the outline says where between two pixels the
/// outline runs, which a threshold would throw away (a pixel at 224x224 is 3.6 px of the file, about half a
/// millimetre). What comes from outside the image is black, and no head.
pub fn fill(
    prepared: &Prepared,
    masks: &[u8],
    views: &[View],
    normalise: &Normalise,
    classes: usize,
    augment: Option<(&Augment, u64, u64)>,
) -> Result<MaskBatch> {
    let [height, width] = prepared.size;
    let (pixels, channels) = (height * width, normalise.channels());
    if masks.len() != prepared.samples.len() * pixels {
        let counts = (masks.len() / pixels.max(1), prepared.samples.len());
        return Err(Error::new(format!("there are {} masks of {width}x{height} px for {} images", counts.0, counts.1))
            .cure("delete the workspace's cache, so that it is made anew"));
    }
    let mut images = vec![0.0; views.len() * pixels * channels];
    let mut truth = vec![0.0; views.len() * pixels * classes];
    let mut heads = vec![None; views.len()];
    let outputs = images.par_chunks_exact_mut(pixels * channels).zip(truth.par_chunks_exact_mut(pixels * classes));
    outputs.zip(&mut heads).zip(views).for_each(|(((image_out, truth_out), head), view)| {
        let sample = &prepared.samples[view.index];
        let (image, mask) = (prepared.image(view.index), &masks[view.index * pixels..][..pixels]);
        let draw = augment.map(|(augment, seed, epoch)| augment.draw(seed, epoch, view.number));
        if view.copy.is_none() && draw.is_none() {
            normalise.apply(image.iter().map(|v| f32::from(*v)), image_out);
            repeat(mask.iter().map(|v| f32::from(*v)), classes, truth_out);
            *head = sample.truth;
            return;
        }
        let (original, size) = ((sample.width_px, sample.height_px), (width, height));
        let draw = draw.unwrap_or_default();
        let copied = view.copy.map_or(Affine::IDENTITY, |copy| copy.affine_at(original, size));
        let map = copied.then(&draw.affine(original, size));
        let mut moved = draw.moved(image, size, &map);
        draw.intensity.apply(&mut moved);
        normalise.apply(moved.into_iter(), image_out);
        repeat(draw.moved(mask, size, &map).into_iter(), classes, truth_out);
        if draw.elastic.is_none() {
            let (file, grid) = ((f64::from(original.0), f64::from(original.1)), (width as f64, height as f64));
            let in_file = Affine::resize(file, grid).then(&map).then(&Affine::resize(grid, file));
            *head = sample.truth.map(|truth| truth.transformed(&in_file));
        }
    });
    let images = Tensor::from_vec(&[views.len(), height, width, channels], images)?;
    Ok(MaskBatch { images, truth, heads })
}

/// Values 0 to 255 as 0 to 1, each into all of its classes.
fn repeat(values: impl Iterator<Item = f32>, classes: usize, out: &mut [f32]) {
    for (out, value) in out.chunks_exact_mut(classes).zip(values) {
        // Interpolation may round to a little more.
        out.fill((value / 255.0).min(1.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::sample::Sample;
    use crate::geometry;

    const SIZE: usize = 96;

    /// Heads on black, as image and mask alike.
    fn heads(count: usize) -> (Prepared, Vec<u8>) {
        let to_grid = Affine::resize((800.0, 540.0), (SIZE as f64, SIZE as f64));
        let sample = |i: usize| Sample {
            file: format!("{i:03}_HC.png"),
            exam: i as u32,
            width_px: 800,
            height_px: 540,
            pixel_size_mm: 0.1,
            hc_mm: 100.0,
            hc_px: 1000.0,
            truth: Some(Ellipse::new(390.0 + 4.0 * i as f64, 265.0, 160.0, 110.0, 0.3 * i as f64)),
            trimester: None,
        };
        let samples: Vec<Sample> = (0..count).map(sample).collect();
        let head = |s: &Sample| geometry::fill(&s.truth.unwrap().transformed(&to_grid), SIZE, SIZE).values;
        let masks: Vec<u8> = samples.iter().flat_map(head).collect();
        (Prepared::in_memory(samples, [SIZE, SIZE], masks.clone()).unwrap(), masks)
    }

    const MOVES: Augment = Augment {
        flip: true,
        flip_vertical: true,
        shift_px: 4.0,
        rotation_deg: 25.0,
        scale: 0.2,
        elastic_px: 0.0,
        brightness: 0.0,
        contrast: 0.0,
        gamma: 0.0,
        noise: 0.0,
    };

    #[test]
    fn image_mask_and_ellipse_move_as_one() {
        let (prepared, masks) = heads(6);
        let plan = Plan::new(&prepared.samples, &[0, 1, 2, 3, 4, 5], 24, 1);
        let views = View::planned(&[0, 1, 2, 3, 4, 5], &plan, 6);
        assert!(views.len() > 12);
        let to_grid = Affine::resize((800.0, 540.0), (SIZE as f64, SIZE as f64));
        for augment in [None, Some((&MOVES, 3, 1))] {
            let batch = fill(&prepared, &masks, &views, &Normalise::unit(1), 1, augment).unwrap();
            assert_eq!(batch.images.shape(), [views.len(), SIZE, SIZE, 1]);
            // The image is its own mask here.
            batch.images.data().iter().zip(&batch.truth).for_each(|(i, t)| assert!((i - t).abs() < 1e-6));
            for (mask, head) in batch.truth.chunks_exact(SIZE * SIZE).zip(&batch.heads) {
                let expected = geometry::fill(&head.unwrap().transformed(&to_grid), SIZE, SIZE);
                let pairs = || mask.iter().zip(&expected.values).map(|(a, b)| (*a, f32::from(*b) / 255.0));
                let (common, all) = pairs().fold((0.0, 0.0), |(c, s), (a, b)| (c + a * b, s + a + b));
                assert!(2.0 * common / all > 0.97, "Dice {}", 2.0 * common / all);
                // Soft edges do not make the head larger or smaller.
                let (area, wanted) = (mask.iter().sum::<f32>(), pairs().map(|p| p.1).sum::<f32>());
                assert!((area - wanted).abs() < 0.03 * wanted, "{area} {wanted}");
            }
        }
    }

    #[test]
    fn what_is_not_augmented_is_what_was_prepared() {
        let (prepared, masks) = heads(3);
        let views = [View::of(2), View::of(0)];
        let batch = fill(&prepared, &masks, &views, &Normalise::unit(3), 3, None).unwrap();
        let expected = |index: usize| prepared.image(index).iter().flat_map(|v| [f32::from(*v) / 255.0; 3]);
        let both: Vec<f32> = expected(2).chain(expected(0)).collect();
        assert!(batch.images.data() == both && batch.truth == both);
        assert_eq!(batch.heads, [prepared.samples[2].truth, prepared.samples[0].truth]);
    }

    #[test]
    fn a_view_is_augmented_alike_in_whatever_batch_and_copies_differ_from_their_image() {
        let (prepared, masks) = heads(2);
        let all = Augment { elastic_px: 2.0, brightness: 0.2, contrast: 0.3, gamma: 0.4, noise: 0.05, ..MOVES };
        let run = |views: &[View]| fill(&prepared, &masks, views, &Normalise::unit(1), 1, Some((&all, 5, 6))).unwrap();
        let plan = Plan::new(&prepared.samples, &[0, 1], 8, 1);
        let views = View::planned(&[0, 1], &plan, 2);
        let numbers: std::collections::BTreeSet<usize> = views.iter().map(|v| v.number).collect();
        assert_eq!(numbers.len(), views.len());
        let (whole, one) = (run(&views), run(&views[1..2]));
        let pixels = SIZE * SIZE;
        assert_eq!(whole.images.data()[pixels..2 * pixels], *one.images.data());
        assert_eq!(whole.truth[pixels..2 * pixels], one.truth);
        assert!(whole.heads.iter().all(Option::is_none) && whole.truth.iter().all(|v| (0.0..=1.0).contains(v)));
        // Grey values change, masks do not.
        let plain = Augment { brightness: 0.0, contrast: 0.0, gamma: 0.0, noise: 0.0, ..all };
        let plain = fill(&prepared, &masks, &views, &Normalise::unit(1), 1, Some((&plain, 5, 6))).unwrap();
        assert!(plain.truth == whole.truth && plain.images.data() != whole.images.data());
    }

    #[test]
    fn masks_that_do_not_belong_to_the_images_are_an_error() {
        let (prepared, masks) = heads(2);
        let short = &masks[..masks.len() - 1];
        assert!(fill(&prepared, short, &[View::of(0)], &Normalise::unit(1), 1, None).is_err());
    }
}
