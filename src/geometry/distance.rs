//! Exact Euclidean distances between sets of pixels.

use super::BitMask;
use super::bits::for_set;
use crate::error::Result;

/// So many points are looked up one by one; for more, one distance transform of the whole image is cheaper.
const POINTS_ONE_BY_ONE: usize = 10_000;

/// The square of every pixel's distance to the nearest set pixel, in px², row by row; `u64::MAX` where none is set.
///
/// Exact, in whole numbers and linear time: columns first, then the lower envelope of parabolas along rows (Meijster,
/// Roerdink & Hesselink, 2000).
pub fn squared_distance_transform_px2(mask: &BitMask) -> Vec<u64> {
    let (width, height) = (mask.width(), mask.height());
    // Farther than any pixel of the image can be.
    let far = (width + height) as i64;
    let mut along_columns = vec![far; width * height];
    let mut scan = |rows: &mut dyn Iterator<Item = usize>| {
        let mut since = vec![far; width];
        for y in rows {
            since.iter_mut().for_each(|d| *d = (*d + 1).min(far));
            for_set(mask.row(y), |x| since[x as usize] = 0);
            let row = &mut along_columns[y * width..(y + 1) * width];
            row.iter_mut().zip(&since).for_each(|(d, s)| *d = (*d).min(*s));
        }
    };
    scan(&mut (0..height));
    scan(&mut (0..height).rev());
    if mask.is_empty() {
        return vec![u64::MAX; width * height];
    }
    let mut squares = Vec::with_capacity(width * height);
    let (mut vertices, mut starts) = (vec![0usize; width], vec![0i64; width]);
    for column in along_columns.chunks_exact(width) {
        lower_envelope(column, &mut vertices, &mut starts, &mut squares);
    }
    squares
}

/// min over i of (x - i)² + column[i]², for every x.
fn lower_envelope(column: &[i64], vertices: &mut [usize], starts: &mut [i64], squares: &mut Vec<u64>) {
    let width = column.len() as i64;
    let at = |x: i64, i: usize| (x - i as i64).pow(2) + column[i] * column[i];
    let mut last = 0;
    (vertices[0], starts[0]) = (0, 0);
    for u in 1..column.len() {
        let mut kept = Some(last);
        while let Some(k) = kept
            && at(starts[k], vertices[k]) > at(starts[k], u)
        {
            kept = k.checked_sub(1);
        }
        match kept {
            None => {
                last = 0;
                (vertices[0], starts[0]) = (u, 0);
            }
            Some(k) => {
                last = k;
                // The first x from which u's parabola is the lower one.
                let (i, j) = (vertices[k] as i64, u as i64);
                let sum = j * j - i * i + column[u] * column[u] - column[vertices[k]] * column[vertices[k]];
                let start = 1 + sum.div_euclid(2 * (j - i));
                if start < width {
                    last += 1;
                    (vertices[last], starts[last]) = (u, start);
                }
            }
        }
    }
    let mut k = 0;
    for x in 0..width {
        while k < last && starts[k + 1] <= x {
            k += 1;
        }
        squares.push(at(x, vertices[k]) as u64);
    }
}

/// For every set pixel of `from`, row by row, the distance to the nearest set pixel of `to`, in px; nothing at all
/// where `to` is empty. Masks of one size.
pub fn distances_px(from: &BitMask, to: &BitMask) -> Result<Vec<f64>> {
    from.same_size(to)?;
    let squares = squared_distances_px2(from, to);
    Ok(squares.into_iter().map(|square| (square as f64).sqrt()).collect())
}

fn squared_distances_px2(from: &BitMask, to: &BitMask) -> Vec<u64> {
    let points = from.pixels();
    let filled: Vec<usize> = (0..to.height()).filter(|y| to.row(*y).iter().any(|word| *word != 0)).collect();
    let (Some(&top), Some(&bottom)) = (filled.first(), filled.last()) else { return Vec::new() };
    if points.len() > POINTS_ONE_BY_ONE {
        let all = squared_distance_transform_px2(to);
        return points.iter().map(|(x, y)| all[*y as usize * from.width() + *x as usize]).collect();
    }
    points.iter().map(|(x, y)| nearest_px2(to, *x as usize, *y as usize, top, bottom)).collect()
}

/// The square of the distance to the nearest set pixel, all of which lie in the rows `top` to `bottom`: row after row
/// away from `y`, until no row can hold a nearer one.
fn nearest_px2(mask: &BitMask, x: usize, y: usize, top: usize, bottom: usize) -> u64 {
    let mut best = u64::MAX;
    // Rows between `y` and the first that holds anything are passed over.
    let first = top.saturating_sub(y).max(y.saturating_sub(bottom));
    for away in first.. {
        let square = (away * away) as u64;
        if square >= best || (y + away > bottom && y < top + away) {
            break;
        }
        let mut look = |row: usize| {
            let reach = best - square;
            if let Some(aside) = nearest_in_row(mask.row(row), x, reach) {
                best = best.min(square + (aside * aside) as u64);
            }
        };
        if y + away <= bottom {
            look(y + away);
        }
        if away > 0 && y >= top + away {
            look(y - away);
        }
    }
    best
}

/// How far aside the nearest set pixel of a row lies, if the square of that is less than `reach_px2`.
fn nearest_in_row(row: &[u64], x: usize, reach_px2: u64) -> Option<usize> {
    let (word, bit) = (x / 64, x % 64);
    let right = row[word] >> bit;
    let left = row[word] << (63 - bit);
    let mut best = match (right, left) {
        (0, 0) => usize::MAX,
        _ => (if right == 0 { usize::MAX } else { right.trailing_zeros() as usize }).min(if left == 0 {
            usize::MAX
        } else {
            left.leading_zeros() as usize
        }),
    };
    // Words farther away, as long as their nearest pixel may be nearer.
    let near = |aside: usize, best: usize| aside < best && ((aside * aside) as u64) < reach_px2;
    for (k, bits) in row.iter().enumerate().skip(word + 1) {
        if !near(k * 64 - x, best) {
            break;
        }
        if *bits != 0 {
            best = best.min(k * 64 + bits.trailing_zeros() as usize - x);
            break;
        }
    }
    for (k, bits) in row.iter().enumerate().take(word).rev() {
        if !near(x - (k * 64 + 63), best) {
            break;
        }
        if *bits != 0 {
            best = best.min(x - (k * 64 + 63 - bits.leading_zeros() as usize));
            break;
        }
    }
    (best != usize::MAX).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn random(width: usize, height: usize, seed: u64, one_in: u64) -> BitMask {
        let mut mask = BitMask::empty(width, height);
        let mut state = seed;
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            mask.set(x, y, (state >> 33).is_multiple_of(one_in));
        }
        mask
    }

    fn by_trying_all(x: usize, y: usize, to: &[(u32, u32)]) -> u64 {
        let square = |p: &(u32, u32)| (p.0 as usize).abs_diff(x).pow(2) + (p.1 as usize).abs_diff(y).pow(2);
        to.iter().map(|p| square(p) as u64).min().unwrap_or(u64::MAX)
    }

    proptest! {
        #[test]
        fn both_ways_find_the_nearest_pixel(
            width in 1usize..200, height in 1usize..40, seed in any::<u64>(), rare in 0u32..12,
        ) {
            let (from, to) = (random(width, height, seed, 3), random(width, height, seed ^ 77, 1 << rare));
            let pixels = to.pixels();
            let transform = squared_distance_transform_px2(&to);
            for (i, square) in transform.iter().enumerate() {
                prop_assert_eq!(*square, by_trying_all(i % width, i / width, &pixels));
            }
            let expected: Vec<u64> = match to.is_empty() {
                true => Vec::new(),
                false => from.pixels().iter().map(|(x, y)| by_trying_all(*x as usize, *y as usize, &pixels)).collect(),
            };
            prop_assert_eq!(squared_distances_px2(&from, &to), expected);
        }
    }

    #[test]
    fn many_points_are_looked_up_in_the_transform_with_the_same_result() {
        let (from, to) = (BitMask::empty(150, 120).complement(), random(150, 120, 5, 900));
        assert!(from.count() > POINTS_ONE_BY_ONE);
        let expected: Vec<u64> =
            from.pixels().iter().map(|(x, y)| by_trying_all(*x as usize, *y as usize, &to.pixels())).collect();
        assert_eq!(squared_distances_px2(&from, &to), expected);
    }

    #[test]
    fn nothing_is_far_from_nothing_and_sizes_must_agree() {
        assert!(distances_px(&random(9, 9, 1, 2), &BitMask::empty(9, 9)).unwrap().is_empty());
        assert!(distances_px(&BitMask::empty(9, 9), &BitMask::empty(9, 8)).is_err());
        assert!(squared_distance_transform_px2(&BitMask::empty(0, 4)).is_empty());
        assert_eq!(squared_distance_transform_px2(&BitMask::empty(2, 1)), [u64::MAX; 2]);
    }
}
