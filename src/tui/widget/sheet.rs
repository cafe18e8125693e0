//! An image several times beside each other, a map over each: pictures in colour, where [`super::paint`] paints greys.

use super::paint::{Brush, FLAT, QUADRANTS, encoded, shade, within};
use super::picture::{Picture, Request};
use crate::explain::picture::{Look, Map, overlay};
use image::imageops::{self, FilterType};
use image::{GrayImage, RgbImage};
use ratatui::layout::Size;
use ratatui::style::{Color, Style};
use std::sync::Arc;

/// Panes from left to right.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub panes: Vec<Pane>,
    /// Of each pane, in cells.
    pub columns: u16,
    /// Cells between two panes.
    pub between: u16,
    pub look: Look,
}

/// One picture of a sheet.
#[derive(Clone, Debug, Default)]
pub struct Pane {
    /// Shown in place of the file's image, stretched to its shape.
    pub still: Option<Arc<GrayImage>>,
    pub map: Option<Arc<Map>>,
    /// Nothing is there yet.
    pub empty: bool,
}

impl PartialEq for Sheet {
    fn eq(&self, other: &Sheet) -> bool {
        let layout = |s: &Sheet| (s.columns, s.between, s.look);
        layout(self) == layout(other) && self.panes == other.panes
    }
}

impl PartialEq for Pane {
    /// Maps and stills are made once, so that it is enough whether they are the same.
    fn eq(&self, other: &Pane) -> bool {
        let map = |p: &Pane| p.map.as_ref().map(Arc::as_ptr);
        let still = |p: &Pane| p.still.as_ref().map(Arc::as_ptr);
        (map(self), still(self), self.empty) == (map(other), still(other), other.empty)
    }
}

/// Paints a sheet over `gray`, the image of the request's file.
///
/// # Errors
/// What the encoder of the terminal's protocol says.
pub fn paint(gray: &GrayImage, sheet: &Sheet, request: &Request, brush: &Brush) -> Result<Picture, String> {
    let nothing = || Picture::Cells { width: 1, cells: Vec::new() };
    let pane = |pane: &Pane| {
        if pane.empty {
            return Ok(nothing());
        }
        let (width, height) = gray.dimensions();
        let image = match &pane.still {
            Some(still) => &imageops::resize(still.as_ref(), width, height, FilterType::Nearest),
            None => gray,
        };
        let color = match &pane.map {
            Some(map) => overlay(image, map, sheet.look),
            None => RgbImage::from_fn(width, height, |x, y| image::Rgb([image.get_pixel(x, y).0[0]; 3])),
        };
        colored(&color, sheet.columns, request.rows, brush)
    };
    let pictures = sheet.panes.iter().map(pane).collect::<Result<_, _>>()?;
    Ok(Picture::Row { pictures, columns: sheet.columns, between: sheet.between })
}

/// An image in colour for a room of so many cells.
///
/// # Errors
/// What the encoder of the terminal's protocol says.
pub fn colored(image: &RgbImage, columns: u16, rows: u16, brush: &Brush) -> Result<Picture, String> {
    let fit = |wide: u32, high: u32| within(image.dimensions(), u32::from(columns) * wide, u32::from(rows) * high);
    let resized = |(width, height)| imageops::resize(image, width, height, FilterType::Triangle);
    if let Some(protocol) = brush.pixels {
        let small = resized(fit(u32::from(brush.cell_px.0), u32::from(brush.cell_px.1)));
        return encoded(small, Size::new(columns, rows), brush, protocol);
    }
    let (width, height) = fit(1, 2);
    let greys = brush.depth.gray(0).is_some();
    // Two pixels a cell, or four where they are wanted and there are colours enough.
    let across = if brush.fine && greys { 2 } else { 1 };
    let (wide, high) = (width * across, height.next_multiple_of(2));
    let small = resized((wide, high));
    let mut cells = Vec::new();
    for (y, x) in (0..high / 2).flat_map(|y| (0..width).map(move |x| (y * 2, x * across))) {
        let at = |dx: u32, dy: u32| small.get_pixel(x + dx, y + dy).0;
        cells.push(match (greys, across) {
            (true, 2) => quadrant([at(0, 0), at(1, 0), at(0, 1), at(1, 1)], brush),
            (true, _) => ('▀', style(at(0, 0), at(0, 1), brush)),
            (false, _) => glyph(at(0, 0), at(0, 1), brush),
        });
    }
    Ok(Picture::Cells { width: width as u16, cells })
}

fn style(upper: [u8; 3], lower: [u8; 3], brush: &Brush) -> Style {
    let color = |[r, g, b]: [u8; 3]| brush.depth.reduce(Color::Rgb(r, g, b));
    Style { fg: color(upper), bg: color(lower), ..Style::new() }
}

/// Four pixels in two colours: the brighter ones in the mean of the bright, the others in that of the dark.
fn quadrant(pixels: [[u8; 3]; 4], brush: &Brush) -> (char, Style) {
    // The channel in which they differ most tells them apart: a map's colours may be equally bright.
    let spread = |c: usize| {
        let (low, high) = pixels.iter().fold((255, 0), |(l, h), p| (l.min(p[c]), h.max(p[c])));
        (high - low, (u16::from(low) + u16::from(high)) / 2, c)
    };
    let (difference, middle, channel) = (0..3).map(spread).max().unwrap_or_default();
    let filled = |p: &[u8; 3]| difference > FLAT && u16::from(p[channel]) > middle;
    let mean = |of: bool| {
        let among: Vec<_> = pixels.iter().filter(|p| filled(p) == of).collect();
        let sum = |c: usize| among.iter().map(|p| u32::from(p[c])).sum::<u32>();
        [0, 1, 2].map(|c| (sum(c) / among.len().max(1) as u32) as u8)
    };
    let pattern = (0..4).filter(|&i| filled(&pixels[i])).fold(0, |bits, i| bits | 1 << i);
    let style = style(mean(true), mean(false), brush);
    (QUADRANTS[pattern], if pattern == 0 { Style { fg: None, ..style } } else { style })
}

/// Without colours enough for pictures: `+` where a map is strongly for, `-` where it is against, else how bright it is.
fn glyph(upper: [u8; 3], lower: [u8; 3], brush: &Brush) -> (char, Style) {
    let warmth = |[r, _, b]: [u8; 3]| i32::from(r) - i32::from(b);
    let warm = (warmth(upper) + warmth(lower)) / 2;
    let colored = |color| Style { fg: brush.depth.reduce(color), ..Style::new() };
    match warm {
        60.. => ('+', colored(Color::Rgb(213, 94, 0))),
        ..=-60 => ('-', colored(Color::Rgb(0, 114, 178))),
        _ => (shade(upper[1], lower[1]), Style::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Depth;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui_image::picker::ProtocolType;
    use std::path::PathBuf;

    fn brush(depth: Depth, fine: bool, pixels: Option<ProtocolType>) -> Brush {
        let (truth, prediction) = (Style::new(), Style::new());
        Brush { pixels, fine, cell_px: (8, 16), depth, truth, prediction, structures: [prediction; 3] }
    }

    /// Three panes of 10 cells: the image, a map for the left half and against the right, and none yet.
    fn painted(brush: &Brush) -> Picture {
        let gray = GrayImage::from_pixel(80, 80, image::Luma([100]));
        let map = Some(Arc::new(Map::new(&[1.0, -1.0], [1, 2, 1])));
        let panes = vec![Pane::default(), Pane { map, ..Pane::default() }, Pane { empty: true, ..Pane::default() }];
        let sheet = Sheet { panes, columns: 10, between: 2, look: Look::default() };
        let request = Request::of(PathBuf::new(), Rect::new(0, 0, 34, 5));
        paint(&gray, &sheet, &request, brush).unwrap()
    }

    fn drawn(picture: &Picture) -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, 34, 5));
        picture.render(*buf.area(), &mut buf);
        buf
    }

    #[test]
    fn panes_stand_beside_each_other_and_a_map_has_two_colours() {
        for fine in [false, true] {
            let buf = drawn(&painted(&brush(Depth::True, fine, None)));
            let rgb = |x: u16| match buf[(x, 2)].bg {
                Color::Rgb(r, _, b) => (r, b),
                other => panic!("{x}: {other:?}"),
            };
            assert_eq!(rgb(4), (100, 100));
            let ((left_red, left_blue), (right_red, right_blue)) = (rgb(13), rgb(20));
            assert!(left_red > left_blue + 100 && right_blue > right_red + 100);
            assert_eq!((buf[(10, 2)].symbol(), buf[(11, 2)].bg), (" ", Color::Reset));
            assert!((24..34).all(|x| buf[(x, 2)].bg == Color::Reset));
        }
    }

    #[test]
    fn without_colours_signs_say_what_speaks_for_and_against() {
        let buf = drawn(&painted(&brush(Depth::None, true, None)));
        assert_eq!([13, 20].map(|x| buf[(x, 2)].symbol()), ["+", "-"]);
        assert_eq!(buf[(4, 2)].symbol(), shade(100, 100).to_string());
    }

    #[test]
    fn every_picture_protocol_has_its_panes() {
        for protocol in [ProtocolType::Kitty, ProtocolType::Sixel, ProtocolType::Iterm2] {
            let Picture::Row { pictures, .. } = painted(&brush(Depth::True, false, Some(protocol))) else {
                panic!("a sheet is a row");
            };
            let size = |p: &Picture| match p {
                Picture::Pixels(made) => (made.size().width, made.size().height),
                _ => (0, 0),
            };
            assert_eq!(pictures.iter().map(size).collect::<Vec<_>>(), [(10, 5), (10, 5), (0, 0)]);
        }
    }
}
