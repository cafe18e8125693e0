//! The order in which an epoch sees its images: decided by seed and epoch alone.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// `indices` shuffled for `epoch` (from 0). Needs no memory of earlier epochs, so a resumed run
/// continues exactly where it was.
pub fn shuffled(indices: &[usize], seed: u64, epoch: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    let mut order = indices.to_vec();
    order.shuffle(&mut rng);
    order
}

/// How `images` fall into batches. A last batch of one image is joined to the one before: batch
/// normalisation of a single image would be all zeros.
pub fn batches(images: usize, batch: usize) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<_> = (0..images).step_by(batch).map(|from| from..(from + batch).min(images)).collect();
    if batch > 1 && found.len() > 1 && found.last().is_some_and(|last| last.len() == 1) {
        found.pop();
        if let Some(last) = found.last_mut() {
            last.end = images;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_seen_once_an_epoch_in_another_order() {
        let indices: Vec<usize> = (0..97).collect();
        let first = shuffled(&indices, 3, 0);
        assert_eq!(first, shuffled(&indices, 3, 0));
        assert_ne!(first, shuffled(&indices, 3, 1));
        assert_ne!(first, shuffled(&indices, 4, 0));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, indices);
        assert_eq!(batches(97, 8).last(), Some(&(88..97)));
        assert_eq!(batches(98, 8).last(), Some(&(96..98)));
        assert_eq!(batches(1, 8), std::slice::from_ref(&(0..1)));
    }
}
