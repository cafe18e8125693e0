//! How thick a wall around a cavity is, segment by segment: rays from the cavity's centre.

/// As in the 17-segment model of the left ventricle away from its apex.
pub const SEGMENTS: usize = 6;
const RAYS_PER_SEGMENT: usize = 12;
const STEP_MM: f64 = 0.25;
/// A metre from the centre; a header may claim pixels as large as houses.
const MOST_STEPS: u32 = 4000;
/// Fewer pixels of a cavity are a tip, through which no ray tells a thickness.
const LEAST_CAVITY_PX: usize = 5;

/// Mean thickness in mm of the wall in [`SEGMENTS`] equal sectors around the cavity's centroid; `None` without a cavity.
///
/// `labels` are `width_px` a row; `spacing_mm` is along x and y. A sector that the wall does not reach has thickness 0.
pub fn wall_thickness_mm(
    labels: &[u8],
    width_px: usize,
    spacing_mm: [f64; 2],
    wall: u8,
    cavity: u8,
) -> Option<[f64; SEGMENTS]> {
    let height_px = labels.len().checked_div(width_px)?;
    let (mut n, mut x_sum, mut y_sum) = (0, 0.0, 0.0);
    for (i, _) in labels.iter().enumerate().filter(|(_, label)| **label == cavity) {
        (n, x_sum, y_sum) = (n + 1, x_sum + (i % width_px) as f64, y_sum + (i / width_px) as f64);
    }
    if n < LEAST_CAVITY_PX {
        return None;
    }
    let (x0, y0) = (x_sum / n as f64, y_sum / n as f64);
    let mut thickness_mm = [0.0; SEGMENTS];
    for ray in 0..SEGMENTS * RAYS_PER_SEGMENT {
        let angle_rad = std::f64::consts::TAU * ray as f64 / (SEGMENTS * RAYS_PER_SEGMENT) as f64;
        let (dx, dy) = (angle_rad.cos() * STEP_MM / spacing_mm[0], angle_rad.sin() * STEP_MM / spacing_mm[1]);
        let mut steps = 0;
        for step in 0..MOST_STEPS {
            let (x, y) = ((x0 + dx * f64::from(step)).round(), (y0 + dy * f64::from(step)).round());
            if !(0.0..width_px as f64).contains(&x) || !(0.0..height_px as f64).contains(&y) {
                break;
            }
            steps += usize::from(labels[y as usize * width_px + x as usize] == wall);
        }
        thickness_mm[ray / RAYS_PER_SEGMENT] += steps as f64 * STEP_MM / RAYS_PER_SEGMENT as f64;
    }
    Some(thickness_mm)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring around (40, 35) px between two radii in mm.
    fn ring(spacing_mm: [f64; 2], inner_mm: f64, outer_mm: impl Fn(f64) -> f64) -> Vec<u8> {
        let mut labels = vec![0; 80 * 70];
        for (i, label) in labels.iter_mut().enumerate() {
            let (x, y) = (((i % 80) as f64 - 40.0) * spacing_mm[0], ((i / 80) as f64 - 35.0) * spacing_mm[1]);
            let r = x.hypot(y);
            *label = if r < inner_mm { 3 } else { 2 * u8::from(r < outer_mm(y.atan2(x))) };
        }
        labels
    }

    #[test]
    fn a_ring_is_as_thick_as_it_was_drawn_on_square_and_oblong_pixels() {
        for spacing_mm in [[1.5, 1.5], [1.25, 1.75]] {
            let labels = ring(spacing_mm, 20.0, |_| 32.0);
            let found = wall_thickness_mm(&labels, 80, spacing_mm, 2, 3).unwrap();
            assert!(found.iter().all(|mm| (mm - 12.0).abs() < 0.5), "{found:?}");
        }
    }

    #[test]
    fn a_bulge_thickens_its_own_segment_alone() {
        let labels = ring([1.0, 1.0], 15.0, |angle| if (0.0..1.047).contains(&angle) { 33.0 } else { 24.0 });
        let found = wall_thickness_mm(&labels, 80, [1.0, 1.0], 2, 3).unwrap();
        assert!((found[0] - 18.0).abs() < 1.0 && found[1..].iter().all(|mm| (mm - 9.0).abs() < 1.0), "{found:?}");
    }

    #[test]
    fn absurd_spacings_end_too() {
        let labels = ring([1.0, 1.0], 15.0, |_| 24.0);
        for mm in [1e-30, 1e30] {
            assert!(wall_thickness_mm(&labels, 80, [mm, mm], 2, 3).unwrap().iter().all(|t| t.is_finite()));
        }
    }

    #[test]
    fn without_a_cavity_there_is_no_thickness() {
        assert_eq!(wall_thickness_mm(&[2; 100], 10, [1.0, 1.0], 2, 3), None);
        assert_eq!(wall_thickness_mm(&[], 0, [1.0, 1.0], 2, 3), None);
    }
}
