//! A mask packed to one bit a pixel: counts, set operations and boundaries, 64 pixels at a time.

use super::{Borders, Mask};
use crate::error::{Error, Result};

/// A `height` x `width` mask; a row begins with a word of its own, and bits beyond the width are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitMask {
    width: usize,
    height: usize,
    /// Words a row.
    stride: usize,
    words: Vec<u64>,
}

/// Neighbouring pixels of one row: `start` to `end`, the end not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub y: u32,
    pub start: u32,
    pub end: u32,
}

impl Run {
    pub fn pixels(&self) -> usize {
        (self.end - self.start) as usize
    }
}

impl BitMask {
    pub fn empty(width: usize, height: usize) -> BitMask {
        let stride = width.div_ceil(64);
        BitMask { width, height, stride, words: vec![0; stride * height] }
    }

    /// The pixels of at least `threshold`; `values` are `height` rows of `width`.
    pub fn from_bytes(values: &[u8], width: usize, height: usize, threshold: u8) -> Result<BitMask> {
        Self::pack(values, width, height, |value| value >= threshold)
    }

    /// The pixels of at least `threshold`; a NaN is outside.
    pub fn from_probabilities(values: &[f32], width: usize, height: usize, threshold: f32) -> Result<BitMask> {
        Self::pack(values, width, height, |value| value >= threshold)
    }

    fn pack<T: Copy>(values: &[T], width: usize, height: usize, inside: impl Fn(T) -> bool) -> Result<BitMask> {
        let pixels = width.checked_mul(height).filter(|pixels| *pixels == values.len());
        if pixels.is_none() {
            return Err(Error::new(format!("{} values are no image of {width}x{height} px", values.len())));
        }
        let mut mask = BitMask::empty(width, height);
        if pixels == Some(0) {
            return Ok(mask);
        }
        for (row, words) in values.chunks_exact(width).zip(mask.words.chunks_exact_mut(mask.stride)) {
            for (block, word) in row.chunks(64).zip(words) {
                let mut flags = [0u8; 64];
                let (mut any, mut all) = (0u8, 1u8);
                for (flag, value) in flags.iter_mut().zip(block) {
                    *flag = u8::from(inside(*value));
                    any |= *flag;
                    all &= *flag;
                }
                // Nearly every block lies wholly inside or outside.
                *word = match (any, all) {
                    (0, _) => 0,
                    (_, 1) => u64::MAX >> (64 - block.len()),
                    _ => gather(&flags),
                };
            }
        }
        Ok(mask)
    }

    /// The pixels that are not 0.
    pub fn from_mask(mask: &Mask) -> BitMask {
        // A mask has as many values as pixels.
        Self::from_bytes(&mask.values, mask.width, mask.height, 1)
            .unwrap_or_else(|_| BitMask::empty(mask.width, mask.height))
    }

    /// As 0 and 255.
    pub fn to_mask(&self) -> Mask {
        let mut mask = Mask::empty(self.width, self.height);
        for run in self.runs() {
            let row = run.y as usize * self.width;
            mask.values[row + run.start as usize..row + run.end as usize].fill(255);
        }
        mask
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// The words of row `y`, pixel 0 in the lowest bit of the first.
    pub fn row(&self, y: usize) -> &[u64] {
        &self.words[y * self.stride..(y + 1) * self.stride]
    }

    /// Whether a pixel is set; outside of the image none is.
    pub fn get(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.words[y * self.stride + x / 64] >> (x % 64) & 1 == 1
    }

    /// Sets or clears a pixel; outside of the image nothing happens.
    pub fn set(&mut self, x: usize, y: usize, inside: bool) {
        if x < self.width && y < self.height {
            let word = &mut self.words[y * self.stride + x / 64];
            *word = *word & !(1 << (x % 64)) | u64::from(inside) << (x % 64);
        }
    }

    /// Sets all pixels of a run; what lies outside of the image is left out.
    pub fn set_run(&mut self, run: Run) {
        let (y, start, end) = (run.y as usize, run.start as usize, (run.end as usize).min(self.width));
        if y >= self.height || start >= end {
            return;
        }
        let row = &mut self.words[y * self.stride..(y + 1) * self.stride];
        let (first, last) = (start / 64, (end - 1) / 64);
        let (head, tail) = (u64::MAX << (start % 64), u64::MAX >> (63 - (end - 1) % 64));
        if first == last {
            row[first] |= head & tail;
        } else {
            row[first] |= head;
            row[first + 1..last].fill(u64::MAX);
            row[last] |= tail;
        }
    }

    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many pixels are set in both; masks of one size.
    pub fn count_common(&self, other: &BitMask) -> Result<usize> {
        self.same_size(other)?;
        Ok(self.words.iter().zip(&other.words).map(|(a, b)| (a & b).count_ones() as usize).sum())
    }

    pub(super) fn same_size(&self, other: &BitMask) -> Result<()> {
        if (self.width, self.height) == (other.width, other.height) {
            return Ok(());
        }
        Err(Error::new(format!(
            "masks of {}x{} and {}x{} px cannot be compared",
            self.width, self.height, other.width, other.height
        ))
        .cure("bring both to the size of the original image"))
    }

    /// Every pixel turned round.
    pub fn complement(&self) -> BitMask {
        let mut mask = self.clone();
        let spare = (64 - self.width % 64) % 64;
        for row in mask.words.chunks_exact_mut(self.stride.max(1)) {
            row.iter_mut().for_each(|word| *word = !*word);
            if let Some(last) = row.last_mut() {
                *last &= u64::MAX >> spare;
            }
        }
        mask
    }

    /// The set pixels with a 4-neighbour that is not set; beyond the image nothing is set.
    pub fn boundary(&self) -> BitMask {
        let mut edge = BitMask::empty(self.width, self.height);
        let nothing = vec![0; self.stride];
        for y in 0..self.height {
            let row = self.row(y);
            let above = if y > 0 { self.row(y - 1) } else { &nothing };
            let below = if y + 1 < self.height { self.row(y + 1) } else { &nothing };
            for k in 0..self.stride {
                let word = row[k];
                if word == 0 {
                    continue;
                }
                let from_left = word << 1 | if k > 0 { row[k - 1] >> 63 } else { 0 };
                let from_right = word >> 1 | if k + 1 < self.stride { row[k + 1] << 63 } else { 0 };
                edge.words[y * self.stride + k] = word & !(above[k] & below[k] & from_left & from_right);
            }
        }
        edge
    }

    /// On which borders of the image set pixels lie.
    pub fn borders(&self) -> Borders {
        if self.width == 0 || self.height == 0 {
            return Borders::default();
        }
        let any = |row: &[u64]| row.iter().any(|word| *word != 0);
        Borders {
            left: (0..self.height).any(|y| self.get(0, y)),
            right: (0..self.height).any(|y| self.get(self.width - 1, y)),
            top: any(self.row(0)),
            bottom: any(self.row(self.height - 1)),
        }
    }

    /// Every run of set pixels, row by row from left to right.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for y in 0..self.height {
            let mut start = None;
            for_changes(self.row(y), |x| match start.take() {
                None => start = Some(x),
                Some(start) => runs.push(Run { y: y as u32, start, end: x }),
            });
            if let Some(start) = start {
                runs.push(Run { y: y as u32, start, end: self.width as u32 });
            }
        }
        runs
    }

    /// (x, y) of every set pixel, row by row.
    pub fn pixels(&self) -> Vec<(u32, u32)> {
        let mut pixels = Vec::new();
        for y in 0..self.height {
            for_set(self.row(y), |x| pixels.push((x, y as u32)));
        }
        pixels
    }
}

/// Calls `found` with every x whose bit is set, ascending.
pub(super) fn for_set(words: &[u64], mut found: impl FnMut(u32)) {
    for (k, word) in words.iter().enumerate() {
        let mut rest = *word;
        while rest != 0 {
            found(k as u32 * 64 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}

/// Calls `found` with every x whose bit differs from the one before it; before the first is 0.
fn for_changes(words: &[u64], mut found: impl FnMut(u32)) {
    let mut carry = 0;
    for (k, word) in words.iter().enumerate() {
        let mut changes = word ^ (word << 1 | carry);
        carry = word >> 63;
        while changes != 0 {
            found(k as u32 * 64 + changes.trailing_zeros());
            changes &= changes - 1;
        }
    }
}

/// 64 bytes of 0 and 1 as 64 bits, the first lowest.
fn gather(flags: &[u8; 64]) -> u64 {
    let mut word = 0;
    for (k, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        // The product moves byte i's bit to place 56 + i; no two of its partial products meet.
        let byte = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= byte << (8 * k);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_mask() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
        (1usize..140, 1usize..12).prop_flat_map(|(width, height)| {
            let values = prop::collection::vec(prop_oneof![Just(0u8), Just(127), Just(128), Just(255)], width * height);
            (Just(width), Just(height), values)
        })
    }

    proptest! {
        #[test]
        fn packing_keeps_every_pixel((width, height, values) in any_mask()) {
            let mask = BitMask::from_bytes(&values, width, height, 128).unwrap();
            let expected: Vec<u8> = values.iter().map(|v| if *v >= 128 { 255 } else { 0 }).collect();
            prop_assert_eq!(&mask.to_mask().values, &expected);
            prop_assert_eq!(mask.count(), expected.iter().filter(|v| **v > 0).count());
            prop_assert_eq!(mask.pixels().len(), mask.count());
            prop_assert_eq!(mask.count() + mask.complement().count(), width * height);
            prop_assert_eq!(BitMask::from_mask(&mask.to_mask()), mask.clone());
            let as_floats: Vec<f32> = values.iter().map(|v| f32::from(*v) / 255.0).collect();
            prop_assert_eq!(BitMask::from_probabilities(&as_floats, width, height, 0.5).unwrap(), mask);
        }

        #[test]
        fn boundary_pixels_are_those_with_a_4_neighbour_outside((width, height, values) in any_mask()) {
            let mask = BitMask::from_bytes(&values, width, height, 128).unwrap();
            let edge = mask.boundary();
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let whole = x > 0 && y > 0 && mask.get(x - 1, y) && mask.get(x + 1, y) && mask.get(x, y - 1)
                    && mask.get(x, y + 1);
                prop_assert_eq!(edge.get(x, y), mask.get(x, y) && !whole, "{} {}", x, y);
            }
        }

        #[test]
        fn runs_painted_again_give_the_mask((width, height, values) in any_mask()) {
            let mask = BitMask::from_bytes(&values, width, height, 128).unwrap();
            let mut painted = BitMask::empty(width, height);
            mask.runs().into_iter().for_each(|run| painted.set_run(run));
            prop_assert_eq!(painted, mask);
        }
    }

    #[test]
    fn an_image_of_another_size_is_refused() {
        assert!(BitMask::from_bytes(&[0; 7], 2, 3, 128).is_err());
        assert!(BitMask::from_bytes(&[0; 7], usize::MAX, 3, 128).is_err());
        assert!(BitMask::from_bytes(&[], 0, 5, 128).unwrap().is_empty());
        assert!(BitMask::empty(3, 4).count_common(&BitMask::empty(4, 3)).is_err());
        assert_eq!(BitMask::empty(0, 5).borders(), Borders::default());
        assert!(BitMask::from_probabilities(&[f32::NAN; 4], 2, 2, 0.5).unwrap().is_empty());
    }
}
