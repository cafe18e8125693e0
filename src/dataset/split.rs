//! Splits by examination, seeded, the same on every machine.

use super::cache::Sample;
use crate::error::{Error, Result};
use crate::text;
use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How to divide the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitRule {
    /// "80/20": parts for training and validation.
    Ratio { train: usize, validation: usize },
    /// "600/200/199": images for training, validation and test, scaled to the number there is.
    Counts { train: usize, validation: usize, test: usize },
    /// "kfold": one fold validates, the others train.
    KFold,
}

impl FromStr for SplitRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::usage(format!("\"{}\" is no way to split", text::line(text)))
                .cure("write kfold, train/validation as in 80/20, or train/validation/test as in 600/200/199")
        };
        if text.trim() == "kfold" {
            return Ok(SplitRule::KFold);
        }
        let parts: Vec<usize> =
            text.split('/').map(|p| p.trim().parse().map_err(|_| wrong())).collect::<Result<_>>()?;
        if parts.iter().any(|p| *p > 1_000_000_000) {
            return Err(wrong());
        }
        match parts[..] {
            [train, validation] if train > 0 && validation > 0 => Ok(SplitRule::Ratio { train, validation }),
            [train, validation, test] if train > 0 && validation > 0 => {
                Ok(SplitRule::Counts { train, validation, test })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for SplitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SplitRule::Ratio { train, validation } => write!(f, "{train}/{validation}"),
            SplitRule::Counts { train, validation, test } => write!(f, "{train}/{validation}/{test}"),
            SplitRule::KFold => f.write_str("kfold"),
        }
    }
}

/// Indices into the samples, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
    pub test: Vec<usize>,
}

/// Divides samples of the given examinations; all images of an examination go to one set.
///
/// `folds` and `fold` (from 0) matter for `KFold` alone. The result depends on the examinations and the seed only, not
/// on the order in which the samples come.
pub fn split(exams: &[u32], rule: &SplitRule, folds: usize, fold: usize, seed: u64) -> Result<Split> {
    let mut images_of: BTreeMap<u32, usize> = BTreeMap::new();
    for exam in exams {
        *images_of.entry(*exam).or_default() += 1;
    }
    let mut shuffled: Vec<(u32, usize)> = images_of.into_iter().collect();
    shuffle(&mut shuffled, seed);
    let total = exams.len();
    let set_of: BTreeMap<u32, Set> = match *rule {
        SplitRule::KFold => k_fold(&shuffled, folds, fold)?,
        SplitRule::Ratio { train, validation } => {
            by_targets(&shuffled, share(total, validation, train + validation), 0)
        }
        SplitRule::Counts { train, validation, test } => {
            let sum = train + validation + test;
            by_targets(&shuffled, share(total, validation, sum), share(total, test, sum))
        }
    };
    let mut split = Split::default();
    for (index, exam) in exams.iter().enumerate() {
        // Every examination was given a set above.
        match set_of.get(exam) {
            Some(Set::Validation) => split.validation.push(index),
            Some(Set::Test) => split.test.push(index),
            _ => split.train.push(index),
        }
    }
    let test_wanted = matches!(rule, SplitRule::Counts { test, .. } if *test > 0);
    if split.train.is_empty() || split.validation.is_empty() || (test_wanted && split.test.is_empty()) {
        return Err(Error::new(format!(
            "{total} images of {} examinations are too few to split {rule}: a set would be empty",
            shuffled.len()
        ))
        .cure("use more images or another data.split"));
    }
    Ok(split)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    Train,
    Validation,
    Test,
}

/// Each examination to the fold with the fewest images so far.
fn k_fold(shuffled: &[(u32, usize)], folds: usize, fold: usize) -> Result<BTreeMap<u32, Set>> {
    if folds < 2 || fold >= folds {
        return Err(Error::usage(format!("fold {fold} of {folds} does not exist"))
            .cure("data.folds is at least 2, and data.fold counts from 0 to data.folds - 1"));
    }
    if folds > shuffled.len() {
        return Err(Error::new(format!("{} examinations cannot make {folds} folds", shuffled.len()))
            .cure("set data.folds to fewer, or use more data"));
    }
    let mut sizes = vec![0; folds];
    let mut sets = BTreeMap::new();
    for (exam, images) in shuffled {
        let (smallest, _) = sizes.iter().enumerate().min_by_key(|(_, size)| **size).unwrap_or((0, &0));
        sizes[smallest] += images;
        sets.insert(*exam, if smallest == fold { Set::Validation } else { Set::Train });
    }
    Ok(sets)
}

/// Test and validation are filled up to their numbers of images, as far as whole examinations fit; the rest trains.
fn by_targets(shuffled: &[(u32, usize)], validation: usize, test: usize) -> BTreeMap<u32, Set> {
    let (mut room_validation, mut room_test) = (validation, test);
    let mut sets = BTreeMap::new();
    for (exam, images) in shuffled {
        let set = if *images <= room_test {
            room_test -= images;
            Set::Test
        } else if *images <= room_validation {
            room_validation -= images;
            Set::Validation
        } else {
            Set::Train
        };
        sets.insert(*exam, set);
    }
    sets
}

/// `part / whole` of `total`, rounded, and at least 1 where a part is wanted at all.
fn share(total: usize, part: usize, whole: usize) -> usize {
    let rounded = (2 * total as u128 * part as u128 + whole as u128) / (2 * whole as u128);
    if part == 0 { 0 } else { (rounded as usize).max(1) }
}

/// Fisher-Yates on ChaCha8, written out so that no library version can change a split.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for last in (1..items.len()).rev() {
        items.swap(last, below(&mut rng, last as u64 + 1) as usize);
    }
}

/// Uniform below `bound`, without bias: the few highest draws that would favour small numbers are drawn again.
fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        let draw = rng.next_u64();
        if draw < fair {
            return draw % bound;
        }
    }
}

/// `file,exam,set`, a line a sample, in the samples' order.
pub fn manifest_csv(split: &Split, samples: &[Sample]) -> String {
    let mut sets: Vec<(usize, &str)> = Vec::with_capacity(samples.len());
    for (indices, name) in [(&split.train, "train"), (&split.validation, "validation"), (&split.test, "test")] {
        sets.extend(indices.iter().map(|i| (*i, name)));
    }
    sets.sort_unstable();
    let mut csv = String::from("file,exam,set\n");
    for (index, set) in sets {
        let Sample { file, exam, .. } = &samples[index];
        let quoted =
            if file.contains([',', '"']) { format!("\"{}\"", file.replace('"', "\"\"")) } else { file.clone() };
        csv.push_str(&format!("{quoted},{exam},{set}\n"));
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// HC18 as published: 642 examinations with 1 image, 141 with 2, 17 with 3, 6 with 4.
    fn published() -> Vec<u32> {
        let repeats = [(642, 1), (141, 2), (17, 3), (6, 4)];
        let counts = repeats.into_iter().flat_map(|(n, k)| std::iter::repeat_n(k, n));
        counts.enumerate().flat_map(|(exam, k)| std::iter::repeat_n(exam as u32, k)).collect()
    }

    fn exams_of(exams: &[u32], indices: &[usize]) -> BTreeSet<u32> {
        indices.iter().map(|i| exams[*i]).collect()
    }

    #[test]
    fn the_papers_counts_are_met_to_the_image() {
        let exams = published();
        assert_eq!(exams.len(), 999);
        let split = split(&exams, &"600/200/199".parse().unwrap(), 0, 0, 1).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (600, 200, 199));
        let split = super::split(&exams[..800], &"80/20".parse().unwrap(), 0, 0, 1).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (640, 160, 0));
    }

    #[test]
    fn five_folds_are_nearly_equal_and_validate_every_image_once() {
        let exams = published();
        let mut seen = vec![0; exams.len()];
        for fold in 0..5 {
            let split = split(&exams, &SplitRule::KFold, 5, fold, 7).unwrap();
            assert!((198..=202).contains(&split.validation.len()), "{}", split.validation.len());
            split.validation.iter().for_each(|i| seen[*i] += 1);
        }
        assert!(seen.iter().all(|n| *n == 1));
    }

    #[test]
    fn a_seed_gives_the_same_split_on_every_machine() {
        // Pinned: a change of these numbers changes every recorded run.
        let split = split(&(0..20).collect::<Vec<_>>(), &SplitRule::KFold, 5, 0, 42).unwrap();
        assert_eq!(split.validation, PINNED);
    }
    const PINNED: [usize; 4] = [7, 11, 13, 18];

    #[test]
    fn impossible_splits_are_refused() {
        assert!(split(&[1, 2, 3], &SplitRule::KFold, 5, 0, 1).is_err());
        assert!(split(&[1, 2, 3], &SplitRule::KFold, 3, 3, 1).is_err());
        assert!(split(&[1, 2, 3], &SplitRule::KFold, 1, 0, 1).is_err());
        assert!(split(&[1, 1, 1], &"80/20".parse().unwrap(), 0, 0, 1).is_err());
        assert!(split(&[], &"80/20".parse().unwrap(), 0, 0, 1).is_err());
        for text in ["", "80", "a/b", "80/0", "0/5", "1/2/3/4", "-1/2", "k-fold"] {
            assert!(text.parse::<SplitRule>().is_err(), "{text}");
        }
        for text in ["80/20", "600/200/199", "kfold"] {
            assert_eq!(text.parse::<SplitRule>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn no_examination_straddles_and_order_does_not_matter(
            counts in prop::collection::vec(1usize..4, 12..60), seed in any::<u64>(), rule in 0..3usize,
        ) {
            let exams: Vec<u32> =
                counts.iter().enumerate().flat_map(|(e, n)| std::iter::repeat_n(e as u32 * 3, *n)).collect();
            let rule: SplitRule = ["80/20", "600/200/199", "kfold"][rule].parse().unwrap();
            let one = split(&exams, &rule, 4, 1, seed).unwrap();
            prop_assert_eq!(one.train.len() + one.validation.len() + one.test.len(), exams.len());
            let sets = [&one.train, &one.validation, &one.test].map(|i| exams_of(&exams, i));
            prop_assert!(sets[0].is_disjoint(&sets[1]) && sets[0].is_disjoint(&sets[2]) && sets[1].is_disjoint(&sets[2]));
            let backwards: Vec<u32> = exams.iter().rev().copied().collect();
            let two = split(&backwards, &rule, 4, 1, seed).unwrap();
            prop_assert_eq!(exams_of(&backwards, &two.validation), sets[1].clone());
            prop_assert_eq!(exams_of(&backwards, &two.test), sets[2].clone());
        }
    }
}
