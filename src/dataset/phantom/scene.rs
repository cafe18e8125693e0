//! What the scanner shows: a sector of tissue, the skull as a bright ring with gaps, shadows behind it, the midline.

use super::anatomy::{Head, normal_within};
use super::speckle::Field;
use super::{HEIGHT_PX, WIDTH_PX};
use crate::geometry::Ellipse;
use image::{GrayImage, Luma};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::f64::consts::TAU;

/// Cells of the beam's grid: this many px in depth, and so many beams over the sector.
const DEPTH_STEP_PX: f64 = 1.6;
const BEAMS: usize = 320;

/// A convex probe above the image: beams start on an arc around `(x, y)`.
struct Probe {
    x: f64,
    y: f64,
    near_px: f64,
    far_px: f64,
    half_angle_rad: f64,
}

/// One scan line: where it enters and leaves the head, and how much passes.
#[derive(Clone, Copy)]
struct Beam {
    entry_px: f64,
    exit_px: f64,
    /// Amplitude that passes the near and the far side of the skull.
    through_entry: f64,
    through_exit: f64,
}

/// A place on the outline where the skull is thin (a suture, a fontanelle).
struct Gap {
    at_rad: f64,
    width_rad: f64,
    depth: f64,
}

/// An echo inside the head, in its own axes (fractions of the semi-axes).
struct Echo {
    u: f64,
    v: f64,
    half_u: f64,
    half_v: f64,
    amplitude: f64,
}

/// Draws the image of `head`.
pub fn render(head: &Head) -> GrayImage {
    let mut rng = ChaCha8Rng::from_seed(head.scene_seed);
    let probe = Probe::over(&head.ellipse, &mut rng);
    let depths = ((probe.far_px - probe.near_px) / DEPTH_STEP_PX) as usize + 2;
    let speckle = Field::rayleigh(&mut rng, depths, BEAMS);
    let tissue = Field::tissue(&mut rng, depths / 4 + 2, BEAMS / 4, 6, 0.55);
    let gaps = gaps(&mut rng);
    let beams = beams(&probe, &head.ellipse, &mut rng);
    let echoes = echoes(&mut rng);
    let fluid: f64 = rng.random_range(0.15..0.9); // how dark it is around the head
    let around: f64 = rng.random_range(0.13..0.28);
    let inside: f64 = rng.random_range(0.03..0.10);
    let skull: f64 = rng.random_range(0.8..1.5);
    let gain: f64 = rng.random_range(0.75..1.05);
    // The skull is 1 to 2 mm thick, blurred by the beam.
    let half_thickness_px = (0.9 / head.pixel_size_mm).clamp(3.0, 7.0) * rng.random_range(0.8..1.2);

    let ellipse = &head.ellipse;
    let (sin, cos) = ellipse.angle_rad.sin_cos();
    let (a, b) = (ellipse.semi_axis_a_px, ellipse.semi_axis_b_px);
    let mut image = GrayImage::new(WIDTH_PX, HEIGHT_PX);
    for (y, row) in image.rows_mut().enumerate() {
        let y = y as f64;
        for (x, pixel) in row.enumerate() {
            let x = x as f64;
            let (px, py) = (x - probe.x, y - probe.y);
            let (radius, angle) = (px.hypot(py), px.atan2(py));
            if radius < probe.near_px || radius > probe.far_px || angle.abs() > probe.half_angle_rad {
                continue;
            }
            let depth = (radius - probe.near_px) / DEPTH_STEP_PX;
            let line = (angle / probe.half_angle_rad + 1.0) / 2.0 * (BEAMS - 1) as f64;
            let beam = beams[line as usize];
            let texture = f64::from(tissue.at(depth as f32 / 4.0, line as f32 / 4.0));

            let (dx, dy) = (x - ellipse.center_x_px, y - ellipse.center_y_px);
            let (u, v) = ((dx * cos + dy * sin) / a, (dy * cos - dx * sin) / b);
            let level = u.hypot(v).max(1e-9);
            let (nu, nv) = (u / a, v / b);
            let slope = nu.hypot(nv) / level;
            let distance = (level - 1.0) / slope; // signed, in px, negative inside

            let mut amplitude = if level > 1.0 {
                // Fluid lies close to the head, the wall of the uterus farther away.
                let wall = 1.0 - fluid * (-(level - 1.0) * 6.0).exp();
                around * texture * texture * wall
            } else {
                let echo: f64 = echoes.iter().map(|echo| echo.at(u, v)).sum();
                inside * texture + echo
            };
            if distance.abs() < 30.0 {
                // The outline is the skull's outer edge: the echo's middle lies half a thickness inside.
                let across = (distance + half_thickness_px) / half_thickness_px;
                let profile = (-across * across).exp();
                // A skull that faces the beam answers; one along it hardly does.
                let (gx, gy) = (nu * cos - nv * sin, nu * sin + nv * cos);
                let facing = ((gx * px + gy * py) / (gx.hypot(gy) * radius).max(1e-12)).abs();
                let outline = v.atan2(u);
                let thin: f64 = gaps.iter().map(|gap| gap.at(outline)).product();
                amplitude += skull * profile * (0.12 + 0.88 * facing.powf(1.5)) * thin;
            }
            if radius > beam.entry_px + half_thickness_px {
                amplitude *= beam.through_entry;
            }
            if radius > beam.exit_px + half_thickness_px {
                amplitude *= beam.through_exit;
            }
            let lit = amplitude * f64::from(speckle.at(depth as f32, line as f32));
            // Logarithmic compression over some 40 dB.
            let grey = gain * (1.0 + 60.0 * lit).ln() / 61f64.ln();
            *pixel = Luma([(grey * 235.0).clamp(0.0, 255.0) as u8]);
        }
    }
    overlay(&mut image, &mut rng);
    image
}

impl Probe {
    /// Placed so that the sector holds the head, often just barely.
    fn over(head: &Ellipse, rng: &mut ChaCha8Rng) -> Probe {
        let x = f64::from(WIDTH_PX) / 2.0 + normal_within(rng, [0.0, 40.0, -120.0, 120.0]);
        let above = rng.random_range(120.0..420.0);
        let needed = (0..48)
            .map(|i| head.point(f64::from(i) * TAU / 48.0))
            .map(|(px, py)| (px - x).atan2(py + above).abs())
            .fold(0.0, f64::max);
        let half_angle_rad = (needed * rng.random_range(0.97..1.3)).clamp(0.45, 1.25);
        let far_px = f64::from(HEIGHT_PX) + above + rng.random_range(-30.0..60.0);
        Probe { x, y: -above, near_px: above + rng.random_range(-40.0..12.0), far_px, half_angle_rad }
    }
}

fn gaps(rng: &mut ChaCha8Rng) -> Vec<Gap> {
    let count = rng.random_range(2..5);
    (0..count)
        .map(|_| Gap {
            at_rad: rng.random_range(0.0..TAU),
            width_rad: rng.random_range(0.04..0.22),
            depth: rng.random_range(0.5..0.95),
        })
        .collect()
}

impl Gap {
    /// What is left of the skull's echo at `outline_rad`.
    fn at(&self, outline_rad: f64) -> f64 {
        let turn = (outline_rad - self.at_rad).rem_euclid(TAU);
        let away = turn.min(TAU - turn) / self.width_rad;
        1.0 - self.depth * (-away * away).exp()
    }
}

fn beams(probe: &Probe, head: &Ellipse, rng: &mut ChaCha8Rng) -> Vec<Beam> {
    let (sin, cos) = head.angle_rad.sin_cos();
    let in_units =
        |x: f64, y: f64| ((x * cos + y * sin) / head.semi_axis_a_px, (y * cos - x * sin) / head.semi_axis_b_px);
    let origin = in_units(probe.x - head.center_x_px, probe.y - head.center_y_px);
    // Some beams lose more: bone that lies across, air at the probe.
    let shadows: Vec<(f64, f64, f64)> = (0..rng.random_range(1..4))
        .map(|_| (rng.random_range(-1.0..1.0), rng.random_range(0.02..0.09), rng.random_range(0.3..0.85)))
        .collect();
    (0..BEAMS)
        .map(|i| {
            let place = 2.0 * i as f64 / (BEAMS - 1) as f64 - 1.0;
            let (sa, ca) = (place * probe.half_angle_rad).sin_cos();
            let direction = in_units(sa, ca);
            // |origin + r direction| = 1
            let quadratic = direction.0.powi(2) + direction.1.powi(2);
            let half_linear = origin.0 * direction.0 + origin.1 * direction.1;
            let constant = origin.0.powi(2) + origin.1.powi(2) - 1.0;
            let discriminant = half_linear * half_linear - quadratic * constant;
            let shadow: f64 =
                shadows.iter().map(|(at, width, loss)| 1.0 - loss * (-((place - at) / width).powi(2)).exp()).product();
            if discriminant <= 0.0 {
                let never = f64::INFINITY;
                return Beam { entry_px: never, exit_px: never, through_entry: 1.0, through_exit: 1.0 };
            }
            let root = discriminant.sqrt();
            // 1 where the beam goes through the middle, 0 where it grazes the head: grazing beams are bent away.
            let central = (root / quadratic.sqrt()).min(1.0);
            Beam {
                entry_px: (-half_linear - root) / quadratic,
                exit_px: (-half_linear + root) / quadratic,
                through_entry: (0.45 + 0.5 * central) * shadow,
                through_exit: 0.25 + 0.6 * central,
            }
        })
        .collect()
}

/// Midline with breaks, the two walls of the cavum beside it, and the choroid plexus.
fn echoes(rng: &mut ChaCha8Rng) -> Vec<Echo> {
    let mut echoes = Vec::new();
    let pieces = rng.random_range(3..6);
    for piece in 0..pieces {
        let u = -0.7 + 1.4 * (f64::from(piece) + rng.random_range(0.2..0.8)) / f64::from(pieces);
        let amplitude = rng.random_range(0.15..0.6);
        echoes.push(Echo {
            u,
            v: rng.random_range(-0.02..0.02),
            half_u: rng.random_range(0.06..0.16),
            half_v: 0.014,
            amplitude,
        });
    }
    let cavum = rng.random_range(0.25..0.5);
    for side in [-1.0, 1.0] {
        let amplitude = rng.random_range(0.1..0.35);
        echoes.push(Echo { u: cavum, v: 0.07 * side, half_u: 0.08, half_v: 0.014, amplitude });
        let (half_u, half_v) = (rng.random_range(0.10..0.2), rng.random_range(0.05..0.12));
        let amplitude = rng.random_range(0.02..0.12);
        echoes.push(Echo {
            u: rng.random_range(-0.5..-0.1),
            v: side * rng.random_range(0.25..0.5),
            half_u,
            half_v,
            amplitude,
        });
    }
    echoes
}

impl Echo {
    fn at(&self, u: f64, v: f64) -> f64 {
        let (du, dv) = ((u - self.u) / self.half_u, (v - self.v) / self.half_v);
        let square = du * du + dv * dv;
        if square > 9.0 { 0.0 } else { self.amplitude * (-square).exp() }
    }
}

/// What scanners draw over the picture: the grey scale at the left, and the blackened corner where a name stood.
fn overlay(image: &mut GrayImage, rng: &mut ChaCha8Rng) {
    for y in 24..162 {
        let grey = 255 - (y - 24) * 255 / 138;
        for x in 3..9 {
            image.put_pixel(x, y, Luma([grey as u8]));
        }
    }
    if rng.random::<f64>() < 0.8 {
        let (left, top) = (rng.random_range(600..700), rng.random_range(430..500));
        for y in top..HEIGHT_PX - 20 {
            for x in left..WIDTH_PX - 6 {
                image.put_pixel(x, y, Luma([0]));
            }
        }
    }
}
