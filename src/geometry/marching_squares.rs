//! The lines along which a map of values passes a level: marching squares, linear between pixels, in order.

use crate::error::{Error, Result};

/// One line. Inside (values of at least the level) lies on its right as it is drawn on the screen, y down: holes run
/// the other way round than what they are in.
#[derive(Clone, Debug, PartialEq)]
pub struct Polyline {
    /// (x, y) in px; the first is not repeated at the end.
    pub points: Vec<(f64, f64)>,
    /// Whether the last point is joined to the first; lines that meet the border of the image are open.
    pub closed: bool,
}

/// Every line at `level` through `values`, `height` rows of `width`, in the order of their first points, row by row.
///
/// Two pixels inside that touch at a corner only are kept apart. A NaN is outside.
pub fn marching_squares(values: &[f32], width: usize, height: usize, level: f32) -> Result<Vec<Polyline>> {
    if width.checked_mul(height) != Some(values.len()) {
        return Err(Error::new(format!("{} values are no image of {width}x{height} px", values.len())));
    }
    if width < 2 || height < 2 {
        return Ok(Vec::new());
    }
    let grid = Grid { values, width, height, level };
    // Every crossing is an edge between two pixels; each has at most one line that leads on from it.
    let mut next = vec![NONE; grid.edges()];
    let mut entered = vec![false; grid.edges()];
    for y in 0..height - 1 {
        for x in 0..width - 1 {
            grid.steps_in_cell(x, y, |from, to| {
                next[from] = to as u32;
                entered[to] = true;
            });
        }
    }
    let mut lines = Vec::new();
    // Open lines first: they begin where no other step ends.
    for open in [true, false] {
        for start in 0..next.len() {
            if next[start] != NONE && !(open && entered[start]) {
                lines.push((start, follow(&grid, &mut next, start)));
            }
        }
    }
    lines.sort_by_key(|(start, _)| *start);
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

const NONE: u32 = u32::MAX;

/// Takes the line that begins at `start` out of `next`.
fn follow(grid: &Grid, next: &mut [u32], start: usize) -> Polyline {
    let (mut points, mut edge) = (vec![grid.crossing(start)], start);
    loop {
        let to = std::mem::replace(&mut next[edge], NONE);
        match to {
            NONE => return Polyline { points, closed: false },
            to if to as usize == start => return Polyline { points, closed: true },
            to => {
                edge = to as usize;
                points.push(grid.crossing(edge));
            }
        }
    }
}

struct Grid<'a> {
    values: &'a [f32],
    width: usize,
    height: usize,
    level: f32,
}

impl Grid<'_> {
    /// Edge 2i leads from pixel i to the one on its right, 2i + 1 to the one below it.
    fn edges(&self) -> usize {
        2 * self.width * self.height
    }

    fn inside(&self, x: usize, y: usize) -> bool {
        self.values[y * self.width + x] >= self.level
    }

    /// Where the values pass the level on an edge.
    fn crossing(&self, edge: usize) -> (f64, f64) {
        let (x, y) = (edge / 2 % self.width, edge / 2 / self.width);
        let (u, v) = if edge.is_multiple_of(2) { (x + 1, y) } else { (x, y + 1) };
        let value = |x: usize, y: usize| f64::from(self.values[y.min(self.height - 1) * self.width + x]);
        let share = (f64::from(self.level) - value(x, y)) / (value(u, v) - value(x, y));
        let share = if (0.0..=1.0).contains(&share) { share } else { 0.5 };
        (x as f64 + share * (u - x) as f64, y as f64 + share * (v - y) as f64)
    }

    /// The steps from edge to edge in the cell between four pixels, inside on the right.
    fn steps_in_cell(&self, x: usize, y: usize, mut step: impl FnMut(usize, usize)) {
        let corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)].map(|(x, y)| self.inside(x, y));
        if corners == [corners[0]; 4] {
            return;
        }
        let pixel = y * self.width + x;
        // Edges of the cell, clockwise on the screen; edge k leads from corner k to corner k + 1.
        let edges = [2 * pixel, 2 * (pixel + 1) + 1, 2 * (pixel + self.width), 2 * pixel + 1];
        for from in 0..4 {
            // Clockwise from outside to inside: a line enters the cell here, with inside on its right …
            if corners[from] || !corners[(from + 1) % 4] {
                continue;
            }
            // … and leaves where the inside that begins here ends.
            for ahead in 1..4 {
                let to = (from + ahead) % 4;
                if corners[to] && !corners[(to + 1) % 4] {
                    step(edges[to], edges[from]);
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Ellipse, coverage, outline_at_level};

    fn length_and_area(line: &Polyline) -> (f64, f64) {
        let next = line.points.iter().cycle().skip(1);
        let pairs = line.points.iter().zip(next);
        let pairs = pairs.take(if line.closed { line.points.len() } else { line.points.len() - 1 });
        pairs.fold((0.0, 0.0), |(length, area), (p, q)| {
            (length + (q.0 - p.0).hypot(q.1 - p.1), area + 0.5 * (p.0 * q.1 - q.0 * p.1))
        })
    }

    #[test]
    fn a_disc_has_one_closed_line_of_its_length_and_area() {
        let disc = Ellipse::new(40.3, 30.7, 20.0, 15.0, 0.4);
        let lines = marching_squares(&coverage(&disc, 90, 64), 90, 64, 0.5).unwrap();
        assert!(lines.len() == 1 && lines[0].closed);
        let (length, area) = length_and_area(&lines[0]);
        // Corners below a pixel make the line a little longer than the curve.
        assert!((length / disc.circumference_exact_px() - 1.0).abs() < 0.005, "{length}");
        assert!((area.abs() - disc.area_px2()).abs() < 2.0, "{area}");
    }

    #[test]
    fn the_border_opens_a_line_and_a_hole_turns_the_other_way() {
        let ring: Vec<f32> = (0..30 * 30)
            .map(|i| ((i % 30) as f32 - 15.0).hypot((i / 30) as f32 - 15.0))
            .map(|r| 3.0 - (r - 8.0).abs())
            .collect();
        let lines = marching_squares(&ring, 30, 30, 0.0).unwrap();
        assert_eq!(lines.iter().map(|line| line.closed).collect::<Vec<_>>(), [true, true]);
        let areas: Vec<f64> = lines.iter().map(|line| length_and_area(line).1).collect();
        assert!(areas[0] > 300.0 && areas[1] < -60.0, "{areas:?}");

        let cut = coverage(&Ellipse::new(0.0, 20.0, 12.0, 12.0, 0.0), 30, 40);
        let lines = marching_squares(&cut, 30, 40, 0.5).unwrap();
        assert!(lines.len() == 1 && !lines[0].closed);
    }

    #[test]
    fn the_points_are_those_of_the_outline() {
        let values: Vec<f32> = (0u32..50 * 40).map(|i| (i.wrapping_mul(2654435761) >> 8) as f32 / 16777216.0).collect();
        let mut joined: Vec<(f64, f64)> =
            marching_squares(&values, 50, 40, 0.6).unwrap().into_iter().flat_map(|line| line.points).collect();
        let mut alone = outline_at_level(&values, 50, 40, 0.6).unwrap();
        joined.sort_by(|a, b| a.partial_cmp(b).unwrap());
        alone.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(joined, alone);
    }

    #[test]
    fn corners_that_touch_are_kept_apart() {
        let lines =
            marching_squares(&[0., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 0.], 4, 4, 0.5).unwrap();
        assert_eq!(lines.iter().map(|line| line.points.len()).collect::<Vec<_>>(), [4, 4]);
        assert!(marching_squares(&[0.0; 5], 2, 2, 0.5).is_err());
        assert!(marching_squares(&[1.0], 1, 1, 0.5).unwrap().is_empty());
    }
}
