//! Pictures painted for one size: half-blocks always, pixels where the terminal draws them, shades of glyphs without
//! colours.

use super::picture::{Oval, Picture, Request};
use super::tint::{Coat, Tint, mean};
use crate::tui::theme::Depth;
use image::{GrayImage, Rgb, RgbImage, imageops};
use ratatui::layout::Size;
use ratatui::style::{Color, Style};
use ratatui_image::picker::{Picker, ProtocolType};
use ratatui_image::{FilterType, Resize};

/// How pictures are painted.
#[derive(Clone)]
pub struct Brush {
    /// Kitty, sixel or iTerm2; `None` for half-blocks.
    pub pixels: Option<ProtocolType>,
    /// Four pixels a cell instead of two, where there are greys enough.
    pub fine: bool,
    /// Width and height of a cell in pixels.
    pub cell_px: (u16, u16),
    pub depth: Depth,
    pub truth: Style,
    pub prediction: Style,
    /// Of RV, MYO and LV.
    pub structures: [Style; 3],
}

/// Paints `gray` for the room that `request` has, `coats` (of the same size) over it.
///
/// # Errors
/// What the encoder says.
pub fn paint(gray: &GrayImage, coats: &[Coat], request: &Request, brush: &Brush) -> Result<Picture, String> {
    match brush.pixels {
        Some(protocol) => pixels(gray, coats, request, brush, protocol),
        None if brush.fine && brush.depth.gray(0).is_some() => Ok(quadrants(gray, coats, request, brush)),
        None => Ok(cells(gray, coats, request, brush)),
    }
}

/// The largest size of the shape of `wide` x `high` within `width` x `height`, at least 1 x 1.
pub fn within((wide, high): (u32, u32), width: u32, height: u32) -> (u32, u32) {
    let (w, h) = (f64::from(wide.max(1)), f64::from(high.max(1)));
    let scale = (f64::from(width) / w).min(f64::from(height) / h);
    (((w * scale).round() as u32).max(1), ((h * scale).round() as u32).max(1))
}

/// Points along every outline of `request` in target pixels, and whether each is a prediction's.
fn outlines(request: &Request, scale: (f64, f64), mut point: impl FnMut(i64, i64, bool)) {
    for oval in &request.ovals {
        trace(oval, scale, |x, y| point(x, y, oval.predicted));
    }
    let Some([left, top, right, bottom]) = request.frame else { return };
    let at = |x: f64, scale: f64| ((x + 0.5) * scale - 0.5).round() as i64;
    let (x0, x1, y0, y1) = (at(left, scale.0), at(right, scale.0), at(top, scale.1), at(bottom, scale.1));
    (x0..=x1).for_each(|x| [y0, y1].iter().for_each(|y| point(x, *y, false)));
    (y0..=y1).for_each(|y| [x0, x1].iter().for_each(|x| point(*x, y, false)));
}

/// Points along the oval, about half a target pixel apart, in target pixels.
fn trace(oval: &Oval, scale: (f64, f64), mut point: impl FnMut(i64, i64)) {
    let around = (oval.semi_axis_a_px * scale.0.max(scale.1) * 2.0 * std::f64::consts::PI * 2.0).clamp(16.0, 20_000.0);
    let (sin, cos) = oval.angle_rad.sin_cos();
    for i in 0..around as u64 {
        let turn = i as f64 / around;
        if oval.predicted && (turn * 24.0).fract() > 0.55 {
            continue;
        }
        let (s, c) = (turn * std::f64::consts::TAU).sin_cos();
        let (u, v) = (oval.semi_axis_a_px * c, oval.semi_axis_b_px * s);
        let x = (oval.center_x_px + u * cos - v * sin + 0.5) * scale.0 - 0.5;
        let y = (oval.center_y_px + u * sin + v * cos + 0.5) * scale.1 - 0.5;
        point(x.round() as i64, y.round() as i64);
    }
}

fn cells(gray: &GrayImage, coats: &[Coat], request: &Request, brush: &Brush) -> Picture {
    let (columns, rows) = (u32::from(request.columns), u32::from(request.rows));
    let (width, height) = within(gray.dimensions(), columns, rows * 2);
    let small = imageops::resize(gray, width, height, imageops::FilterType::Triangle);
    let tint = Tint::new(coats, (width, height), brush.depth);
    let scale = (f64::from(width) / f64::from(gray.width()), f64::from(height) / f64::from(gray.height()));
    let mut over: Vec<Option<bool>> = vec![None; (width * height) as usize];
    outlines(request, scale, |x, y, predicted| {
        if (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y) {
            over[(y as u32 * width + x as u32) as usize] = Some(predicted);
        }
    });
    // The cell at (x, y) holds the pixels (x, 2y) and, where there is one, (x, 2y + 1).
    let value = |x: u32, y: u32| small.get_pixel(x, y.min(height - 1)).0[0];
    let mark = |x: u32, y: u32| (y < height).then(|| over[(y * width + x) as usize]).flatten();
    let style_of = |predicted: bool| if predicted { brush.prediction } else { brush.truth };
    let mut cells = Vec::new();
    for y in (0..height).step_by(2) {
        for x in 0..width {
            let marks = (mark(x, y), mark(x, y + 1));
            let color_at = |y: u32| tint.color(value(x, y), tint.at(x, y));
            cells.push(match (color_at(y), color_at(y + 1)) {
                (Some(upper), Some(lower)) => {
                    let color = |mark: Option<bool>, gray: Color| mark.and_then(|m| style_of(m).fg).unwrap_or(gray);
                    let style = Style::new().fg(color(marks.0, upper)).bg(color(marks.1, lower));
                    // A picture that ends in the middle of a cell leaves its lower half to the background.
                    ('▀', if y + 1 < height { style } else { Style { bg: None, ..style } })
                }
                _ => match marks.0.or(marks.1) {
                    Some(predicted) => (if predicted { '+' } else { 'O' }, style_of(predicted)),
                    // Without greys a mask is its colour; its border is drawn too, for where there are no colours.
                    None => match tint.border(x, y).or_else(|| tint.border(x, y + 1)) {
                        Some(border) => border,
                        None => (shade(value(x, y), value(x, y + 1)), tint.style(tint.at(x, y))),
                    },
                },
            });
        }
    }
    Picture::Cells { width: width as u16, cells }
}

/// Glyphs by filled quadrants: 1 upper left, 2 upper right, 4 lower left, 8 lower right.
pub const QUADRANTS: [char; 16] = [' ', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█'];

/// Four pixels a cell in its two colours: the brighter ones in the mean of the bright, the others in the mean of the
/// dark. An ellipse takes the foreground of the cells it runs through.
fn quadrants(gray: &GrayImage, coats: &[Coat], request: &Request, brush: &Brush) -> Picture {
    let (width, height) = within(gray.dimensions(), u32::from(request.columns), u32::from(request.rows) * 2);
    let (across, down) = (width * 2, height.next_multiple_of(2));
    let small = imageops::resize(gray, across, down, imageops::FilterType::Triangle);
    let tint = Tint::new(coats, (across, down), brush.depth);
    let scale = (f64::from(across) / f64::from(gray.width()), f64::from(down) / f64::from(gray.height()));
    let mut over: Vec<Option<bool>> = vec![None; (across * down) as usize];
    outlines(request, scale, |x, y, predicted| {
        if (0..i64::from(across)).contains(&x) && (0..i64::from(down)).contains(&y) {
            over[(y as u32 * across + x as u32) as usize] = Some(predicted);
        }
    });
    let mut cells = Vec::new();
    for (row, column) in (0..down / 2).flat_map(|row| (0..width).map(move |column| (row, column))) {
        let places = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| (column * 2 + dx, row * 2 + dy));
        let values = places.map(|(x, y)| small.get_pixel(x, y).0[0]);
        let marks = places.map(|(x, y)| over[(y * across + x) as usize]);
        let mark = marks.into_iter().flatten().next();
        let (low, high) = values.iter().fold((255, 0), |(l, h), v| (l.min(*v), h.max(*v)));
        let middle = (u16::from(low) + u16::from(high)) / 2;
        let filled = |i: usize| match mark {
            Some(_) => marks[i] == mark,
            None => high - low > FLAT && u16::from(values[i]) > middle,
        };
        let mean_of = |of: bool| {
            let among: Vec<usize> = (0..4).filter(|&i| filled(i) == of).collect();
            let gray = among.iter().map(|&i| u32::from(values[i])).sum::<u32>() / among.len().max(1) as u32;
            let washes: Vec<_> = among.iter().map(|&i| tint.at(places[i].0, places[i].1)).collect();
            tint.color(gray as u8, mean(&washes))
        };
        let pattern = (0..4).filter(|&i| filled(i)).fold(0, |bits, i| bits | 1 << i);
        let foreground = match mark {
            Some(predicted) => {
                if predicted {
                    brush.prediction.fg
                } else {
                    brush.truth.fg
                }
            }
            None => mean_of(true).filter(|_| pattern != 0),
        };
        cells.push((QUADRANTS[pattern], Style { fg: foreground, bg: mean_of(false), ..Style::new() }));
    }
    Picture::Cells { width: width as u16, cells }
}

/// Differences of grey within a cell that nobody sees, and that need not be sent.
pub const FLAT: u8 = 6;

/// A glyph as bright as the mean of two grey values.
pub fn shade(upper: u8, lower: u8) -> char {
    const SHADES: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
    SHADES[(usize::from(upper) + usize::from(lower)) * SHADES.len() / 511]
}

fn pixels(
    gray: &GrayImage,
    coats: &[Coat],
    request: &Request,
    brush: &Brush,
    protocol: ProtocolType,
) -> Result<Picture, String> {
    let (wide, high) = brush.cell_px;
    let (width, height) = within(
        gray.dimensions(),
        u32::from(request.columns) * u32::from(wide),
        u32::from(request.rows) * u32::from(high),
    );
    let small = imageops::resize(gray, width, height, imageops::FilterType::Triangle);
    let tint = Tint::new(coats, (width, height), brush.depth);
    let mut image = RgbImage::from_fn(width, height, |x, y| Rgb(tint.rgb(small.get_pixel(x, y).0[0], tint.at(x, y))));
    let scale = (f64::from(width) / f64::from(gray.width()), f64::from(height) / f64::from(gray.height()));
    outlines(request, scale, |x, y, predicted| {
        let color = if predicted { Rgb([235, 90, 90]) } else { Rgb([80, 220, 120]) };
        for (dx, dy) in [(0, 0), (1, 0), (0, 1)] {
            let (x, y) = (x + dx, y + dy);
            if (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y) {
                image.put_pixel(x as u32, y as u32, color);
            }
        }
    });
    encoded(image, Size::new(request.columns, request.rows), brush, protocol)
}

/// An image as large as it is to be shown, in the words of the terminal's protocol.
///
/// # Errors
/// What the encoder says.
pub fn encoded(image: RgbImage, room: Size, brush: &Brush, protocol: ProtocolType) -> Result<Picture, String> {
    // Made from a size, never by asking the terminal.
    #[allow(deprecated)]
    let mut picker = Picker::from_fontsize(brush.cell_px.into());
    picker.set_protocol_type(protocol);
    let made = picker.new_protocol(image.into(), room, Resize::Fit(Some(FilterType::Triangle)));
    made.map(|p| Picture::Pixels(Box::new(p))).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use std::path::PathBuf;

    fn brush(depth: Depth, pixels: Option<ProtocolType>) -> Brush {
        let (truth, prediction) = (Style::new().fg(Color::Green), Style::new().fg(Color::Red));
        Brush { pixels, fine: false, cell_px: (8, 16), depth, truth, prediction, structures: [prediction; 3] }
    }

    fn coat(mask: GrayImage) -> Coat {
        Coat { mask, style: Style::new().fg(Color::Red), glyph: 'x' }
    }

    fn request(ovals: Vec<Oval>) -> Request {
        Request { ovals, ..Request::of(PathBuf::new(), Rect::new(0, 0, 40, 20)) }
    }

    fn circle(predicted: bool, radius: f64) -> Oval {
        Oval {
            center_x_px: 99.5,
            center_y_px: 99.5,
            semi_axis_a_px: radius,
            semi_axis_b_px: radius,
            angle_rad: 0.0,
            predicted,
        }
    }

    #[test]
    fn the_ellipse_lies_where_it_belongs_in_every_kind_of_picture() {
        let gray = GrayImage::from_pixel(200, 200, image::Luma([255]));
        let Ok(Picture::Cells { width, cells }) =
            paint(&gray, &[], &request(vec![circle(false, 50.0)]), &brush(Depth::True, None))
        else {
            panic!("half-blocks are cells");
        };
        assert_eq!((width, cells.len()), (40, 800));
        // Radius 50 of 200 px is 10 of 40 columns: the leftmost point lies at column 20 - 10.
        let row = &cells[10 * 40..11 * 40];
        let green: Vec<usize> = (0..40).filter(|&x| row[x].1.fg == Some(Color::Green)).collect();
        assert!(green.contains(&10) && green.contains(&29) && green.len() <= 4, "{green:?}");
        let Ok(Picture::Cells { cells, .. }) =
            paint(&gray, &[], &request(vec![circle(false, 50.0)]), &brush(Depth::None, None))
        else {
            panic!("glyphs are cells");
        };
        assert_eq!((cells[10 * 40 + 10].0, cells[10 * 40 + 20].0), ('O', '@'));
        assert!(cells.iter().all(|c| c.1.fg.is_none() || c.0 == 'O'));
    }

    #[test]
    fn a_mask_lies_where_it_belongs_in_every_kind_of_picture() {
        // Inside: the left half, columns 0 to 19.
        let gray = GrayImage::from_pixel(200, 200, image::Luma([100]));
        let mask = GrayImage::from_fn(200, 200, |x, _| image::Luma([if x < 100 { 255 } else { 0 }]));
        let plain = Color::Rgb(100, 100, 100);
        for fine in [false, true] {
            let fine = Brush { fine, ..brush(Depth::True, None) };
            let Ok(Picture::Cells { width: 40, cells }) = paint(&gray, &[coat(mask.clone())], &request(vec![]), &fine)
            else {
                panic!("half-blocks are cells");
            };
            for (x, inside) in [(0, true), (15, true), (25, false), (39, false)] {
                let Some(color @ Color::Rgb(r, g, _)) = cells[10 * 40 + x].1.bg else { panic!("{x}: no colour") };
                assert_eq!((color != plain, r > g), (inside, inside), "column {x}: {color:?}");
            }
        }
        let Ok(Picture::Cells { cells, .. }) =
            paint(&gray, &[coat(mask.clone())], &request(vec![]), &brush(Depth::None, None))
        else {
            panic!("glyphs are cells");
        };
        let border: Vec<usize> = (0..40).filter(|x| cells[10 * 40 + x].0 == 'x').collect();
        assert_eq!(border, [0, 19], "the image's edge ends a mask too");
        assert!(cells[10 * 40 + 10].1.fg.is_some() && cells[10 * 40 + 30].1.fg.is_none());
    }

    #[test]
    fn quadrants_show_an_edge_within_a_cell_and_a_thin_ellipse() {
        // Dark to the left of x = 101: the edge lies in the middle of a cell of 5 px.
        let gray = GrayImage::from_fn(200, 200, |x, _| image::Luma([if x < 102 { 20 } else { 220 }]));
        let fine = Brush { fine: true, ..brush(Depth::True, None) };
        let Ok(Picture::Cells { width, cells }) = paint(&gray, &[], &request(vec![circle(false, 50.0)]), &fine) else {
            panic!("quadrants are cells");
        };
        assert_eq!((width, cells.len()), (40, 800));
        let (glyph, style) = cells[2 * 40 + 20];
        assert_eq!(glyph, '▐');
        let (Some(Color::Rgb(bright, ..)), Some(Color::Rgb(dark, ..))) = (style.fg, style.bg) else {
            panic!("{style:?}")
        };
        assert!(bright > 200 && dark < 80, "{bright} {dark}");
        assert_eq!(cells[2 * 40 + 3].0, ' ', "even cells are one colour");
        let (glyph, style) = cells[10 * 40 + 10];
        assert_eq!(style.fg, Some(Color::Green));
        assert!("▌▐▘▖▝▗".contains(glyph), "{glyph}: half a cell wide");
    }

    #[test]
    fn every_picture_protocol_fits_its_room_without_asking_the_terminal() {
        let gray = GrayImage::from_pixel(800, 540, image::Luma([90]));
        let mask = GrayImage::from_pixel(800, 540, image::Luma([255]));
        for protocol in [ProtocolType::Kitty, ProtocolType::Sixel, ProtocolType::Iterm2] {
            let Ok(Picture::Pixels(made)) = paint(
                &gray,
                &[coat(mask.clone())],
                &request(vec![circle(true, 50.0)]),
                &brush(Depth::True, Some(protocol)),
            ) else {
                panic!("{protocol:?}");
            };
            assert!(made.size().width <= 40 && made.size().height <= 20, "{protocol:?} {:?}", made.size());
        }
    }

    #[test]
    fn a_picture_for_another_size_is_not_drawn_over_its_neighbours() {
        let gray = GrayImage::from_pixel(20, 20, image::Luma([255]));
        let picture = paint(&gray, &[], &request(vec![]), &brush(Depth::True, None)).unwrap();
        let mut buf = Buffer::empty(Rect::new(0, 0, 30, 10));
        picture.render(Rect::new(5, 2, 10, 5), &mut buf);
        assert_eq!(buf, Buffer::empty(Rect::new(0, 0, 30, 10)));
    }
}
