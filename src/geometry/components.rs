//! Connected components of a mask, by runs of pixels and union-find; holes.

use super::BitMask;
use super::bits::Run;

/// Which neighbours hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Those that share an edge.
    Four,
    /// Those that share an edge or a corner.
    Eight,
}

impl Connectivity {
    /// What the background of a mask of this connectivity has, so that a closed line parts inside from outside.
    pub fn of_background(self) -> Connectivity {
        match self {
            Connectivity::Four => Connectivity::Eight,
            Connectivity::Eight => Connectivity::Four,
        }
    }
}

/// The components of a mask, numbered in the order of their first pixels, row by row.
pub struct Components {
    width: usize,
    height: usize,
    runs: Vec<Run>,
    /// The component of every run.
    labels: Vec<u32>,
    pixels: Vec<usize>,
}

impl Components {
    pub fn of(mask: &BitMask, connectivity: Connectivity) -> Components {
        let runs = mask.runs();
        // Diagonal neighbours are runs that touch when one of them is a pixel longer at both ends.
        let reach = match connectivity {
            Connectivity::Four => 0,
            Connectivity::Eight => 1,
        };
        let mut parents: Vec<u32> = (0..runs.len() as u32).collect();
        let mut above = 0;
        for (i, run) in runs.iter().enumerate() {
            // `above` is the first run that may touch this one: both rows are sorted, so it only moves on.
            while above < i
                && (runs[above].y + 1 < run.y || runs[above].y + 1 == run.y && runs[above].end + reach <= run.start)
            {
                above += 1;
            }
            let touching = runs[above..i].iter().take_while(|o| o.y + 1 == run.y && o.start < run.end + reach);
            for j in above..above + touching.count() {
                join(&mut parents, j as u32, i as u32);
            }
        }
        let mut labels = vec![0; runs.len()];
        let mut pixels = Vec::new();
        for i in 0..runs.len() {
            let root = root(&mut parents, i as u32) as usize;
            // The root is the first run of its component, so that it has its number already.
            if root == i {
                labels[i] = pixels.len() as u32;
                pixels.push(0);
            } else {
                labels[i] = labels[root];
            }
            pixels[labels[i] as usize] += runs[i].pixels();
        }
        Components { width: mask.width(), height: mask.height(), runs, labels, pixels }
    }

    pub fn count(&self) -> usize {
        self.pixels.len()
    }

    /// The number of pixels of every component.
    pub fn pixels(&self) -> &[usize] {
        &self.pixels
    }

    /// The component of most pixels; of equal ones the first.
    pub fn largest(&self) -> Option<usize> {
        (0..self.count()).max_by_key(|i| (self.pixels[*i], std::cmp::Reverse(*i)))
    }

    /// The pixels of component `i`; none where there is no such component.
    pub fn mask(&self, i: usize) -> BitMask {
        let mut mask = BitMask::empty(self.width, self.height);
        let mine = self.runs.iter().zip(&self.labels).filter(|(_, label)| **label as usize == i);
        mine.for_each(|(run, _)| mask.set_run(*run));
        mask
    }
}

/// The largest component, or nothing of an empty mask.
pub fn largest_component(mask: &BitMask, connectivity: Connectivity) -> BitMask {
    let components = Components::of(mask, connectivity);
    match (components.count(), components.largest()) {
        (1, _) | (_, None) => mask.clone(),
        (_, Some(largest)) => components.mask(largest),
    }
}

/// The mask without holes: what is not set and not joined to the border of the image becomes set.
pub fn fill_holes(mask: &BitMask, connectivity: Connectivity) -> BitMask {
    let (width, height) = (mask.width() as u32, mask.height() as u32);
    let background = Components::of(&mask.complement(), connectivity.of_background());
    let mut open = vec![false; background.count()];
    for (run, label) in background.runs.iter().zip(&background.labels) {
        open[*label as usize] |= run.y == 0 || run.y + 1 == height || run.start == 0 || run.end == width;
    }
    let mut filled = mask.clone();
    let closed = background.runs.iter().zip(&background.labels).filter(|(_, label)| !open[**label as usize]);
    closed.for_each(|(run, _)| filled.set_run(*run));
    filled
}

fn root(parents: &mut [u32], mut i: u32) -> u32 {
    while parents[i as usize] != i {
        parents[i as usize] = parents[parents[i as usize] as usize];
        i = parents[i as usize];
    }
    i
}

/// The smaller root becomes the root of both.
fn join(parents: &mut [u32], i: u32, j: u32) {
    let (a, b) = (root(parents, i), root(parents, j));
    parents[a.max(b) as usize] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(rows: &[&str]) -> BitMask {
        let width = rows[0].len();
        let values: Vec<u8> =
            rows.iter().flat_map(|row| row.bytes()).map(|b| if b == b'#' { 255 } else { 0 }).collect();
        BitMask::from_bytes(&values, width, rows.len(), 128).unwrap()
    }

    #[test]
    fn a_diagonal_is_one_component_by_corners_and_many_by_edges() {
        let mask = drawn(&["#...", ".#..", "..#.", "...#"]);
        assert_eq!(Components::of(&mask, Connectivity::Eight).count(), 1);
        assert_eq!(Components::of(&mask, Connectivity::Four).count(), 4);
    }

    #[test]
    fn a_comb_is_joined_at_its_back() {
        let mask = drawn(&["#.#.#", "#.#.#", "#####"]);
        assert_eq!(Components::of(&mask, Connectivity::Four).pixels(), [11]);
        let mask = drawn(&["#####", "#.#.#", "#.#.#", "..#.."]);
        assert_eq!(Components::of(&mask, Connectivity::Four).pixels(), [12]);
    }

    #[test]
    fn the_largest_component_stays_and_of_equal_ones_the_first() {
        let mask = drawn(&["##..#", ".....", "##..#"]);
        assert_eq!(largest_component(&mask, Connectivity::Eight), drawn(&["##...", ".....", "....."]));
        assert!(largest_component(&BitMask::empty(9, 9), Connectivity::Eight).is_empty());
    }

    #[test]
    fn holes_are_filled_and_bays_are_not() {
        let mask = drawn(&["####.", "#..#.", "####.", "#..#.", "#..#."]);
        let filled = drawn(&["####.", "####.", "####.", "#..#.", "#..#."]);
        assert_eq!(fill_holes(&mask, Connectivity::Eight), filled);
        // A diagonal slit lets the background out only where corners join it.
        let slit = drawn(&[".##.", "#..#", "#..#", ".###"]);
        assert_eq!(fill_holes(&slit, Connectivity::Eight).count(), slit.count() + 4);
        assert_eq!(fill_holes(&slit, Connectivity::Four), slit);
    }

    proptest! {
        #[test]
        fn components_are_those_of_a_flood_fill(
            width in 1usize..90, height in 1usize..14, seed in any::<u64>(), density in 0u8..=255, eight in any::<bool>(),
        ) {
            let mut state = seed;
            let values: Vec<u8> = (0..width * height).map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                if ((state >> 33) as u8) < density { 255 } else { 0 }
            }).collect();
            let mask = BitMask::from_bytes(&values, width, height, 128).unwrap();
            let connectivity = if eight { Connectivity::Eight } else { Connectivity::Four };
            let components = Components::of(&mask, connectivity);
            prop_assert_eq!(components.pixels(), &flood(&values, width, height, eight)[..]);
            let union = (0..components.count()).map(|i| components.mask(i).count()).sum::<usize>();
            prop_assert_eq!(union, mask.count());
        }
    }

    /// Sizes of the components in the order of their first pixels.
    fn flood(values: &[u8], width: usize, height: usize, eight: bool) -> Vec<usize> {
        let mut seen = vec![false; values.len()];
        let mut sizes = Vec::new();
        for start in 0..values.len() {
            if values[start] == 0 || seen[start] {
                continue;
            }
            let (mut stack, mut size) = (vec![start], 0);
            seen[start] = true;
            while let Some(i) = stack.pop() {
                size += 1;
                let (x, y) = ((i % width) as isize, (i / width) as isize);
                for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                    let (u, v) = (x + dx, y + dy);
                    let near = eight || dx == 0 || dy == 0;
                    if near && u >= 0 && v >= 0 && u < width as isize && v < height as isize {
                        let j = v as usize * width + u as usize;
                        if values[j] != 0 && !seen[j] {
                            seen[j] = true;
                            stack.push(j);
                        }
                    }
                }
            }
            sizes.push(size);
        }
        sizes
    }
}
