//! How much of a map lies in a region: relevance mass accuracy and relevance rank accuracy (Arras et al. 2022).
//!
//! Both are 1 where all relevance, or all of the most relevant pixels, lie in the region, and the region's share of
//! the area where relevance is spread by chance.

/// The share of all relevance that lies in the region; `relevance` is nowhere negative.
///
/// `None` where there is no relevance at all, or where it is no number.
pub fn mass(relevance: &[f64], region: &[bool]) -> Option<f64> {
    let all: f64 = relevance.iter().sum();
    let inside: f64 = relevance.iter().zip(region).filter(|(_, inside)| **inside).map(|(r, _)| r).sum();
    (all.is_finite() && all > 0.0).then(|| inside / all)
}

/// Of the K most relevant pixels, K being the region's own number: the share that lies in the region. Where several
/// pixels are equal to the K-th, it is what a draw among them would give on average.
///
/// `None` where there is no relevance at all, where it is no number, or where the region is empty.
pub fn rank(relevance: &[f64], region: &[bool]) -> Option<f64> {
    let k = region.iter().filter(|inside| **inside).count();
    let all: f64 = relevance.iter().sum();
    if k == 0 || k > relevance.len() || !all.is_finite() || all == 0.0 {
        return None;
    }
    let mut sorted = relevance.to_vec();
    let (_, least, _) = sorted.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    let least = *least;
    let (mut above, mut above_inside, mut equal, mut equal_inside) = (0, 0, 0, 0);
    for (value, inside) in relevance.iter().zip(region) {
        if *value > least {
            above += 1;
            above_inside += usize::from(*inside);
        } else if *value == least {
            equal += 1;
            equal_inside += usize::from(*inside);
        }
    }
    let drawn = (k - above) as f64 / equal as f64 * equal_inside as f64;
    Some((above_inside as f64 + drawn) / k as f64)
}

/// The region's share of the area: what chance gives.
pub fn area(region: &[bool]) -> f64 {
    region.iter().filter(|inside| **inside).count() as f64 / region.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: [bool; 6] = [true, true, false, false, false, true];

    #[test]
    fn mass_and_rank_are_those_of_the_formulas() {
        let relevance = [4.0, 1.0, 3.0, 0.0, 0.0, 2.0];
        assert_eq!(mass(&relevance, &REGION), Some(0.7));
        // The three largest are pixels 0, 2 and 5.
        assert_eq!(rank(&relevance, &REGION), Some(2.0 / 3.0));
        assert_eq!(area(&REGION), 0.5);
    }

    #[test]
    fn all_in_the_region_is_one_and_none_is_zero() {
        let inside: Vec<f64> = REGION.iter().map(|i| f64::from(u8::from(*i))).collect();
        let outside: Vec<f64> = inside.iter().map(|i| 1.0 - i).collect();
        assert_eq!((mass(&inside, &REGION), rank(&inside, &REGION)), (Some(1.0), Some(1.0)));
        assert_eq!((mass(&outside, &REGION), rank(&outside, &REGION)), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn equal_relevance_everywhere_gives_the_share_of_the_area() {
        assert_eq!((mass(&[2.0; 6], &REGION), rank(&[2.0; 6], &REGION)), (Some(0.5), Some(0.5)));
        // One is certain, two of the other five are drawn.
        let one = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        assert_eq!(rank(&one, &REGION), Some(2.0 / 5.0 * 3.0 / 3.0));
    }

    #[test]
    fn a_map_of_zeros_or_of_no_numbers_and_an_empty_region_have_no_answer() {
        assert_eq!((mass(&[0.0; 6], &REGION), rank(&[0.0; 6], &REGION)), (None, None));
        assert_eq!((mass(&[f64::NAN; 6], &REGION), rank(&[f64::NAN; 6], &REGION)), (None, None));
        assert_eq!((mass(&[1.0; 6], &[false; 6]), rank(&[1.0; 6], &[false; 6])), (Some(0.0), None));
    }
}
