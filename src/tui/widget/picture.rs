//! A picture: what is wanted of it, and the painted one, which is drawn by copying its cells.
//!
//! Pictures are painted in the background ([`super::paint`]) for one size.

use super::sheet::Sheet;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;
use ratatui_image::protocol::Protocol;
use std::path::PathBuf;
use std::time::SystemTime;

/// An ellipse over the picture, in pixels of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oval {
    pub center_x_px: f64,
    pub center_y_px: f64,
    pub semi_axis_a_px: f64,
    pub semi_axis_b_px: f64,
    pub angle_rad: f64,
    /// Drawn in dashes, in the colour of predictions; else whole, in that of the truth.
    pub predicted: bool,
}

/// A predicted mask over the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Veil {
    /// The network's probabilities, as a picture of any size.
    pub probabilities: PathBuf,
    /// When they were written: a better epoch writes others in their place.
    pub written: SystemTime,
    /// Its largest part without holes, rather than all of it.
    pub processed: bool,
}

/// A picture that a screen wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub file: PathBuf,
    /// The room for it, in cells.
    pub columns: u16,
    pub rows: u16,
    pub ovals: Vec<Oval>,
    /// The annotation to which an ellipse is fitted, and drawn as the truth.
    pub ring: Option<PathBuf>,
    pub veil: Option<Veil>,
    /// The file is a volume, and this is wanted of it.
    pub slice: Option<Slice>,
    /// Left, top, right and bottom of a box that is drawn, in pixels of the file.
    pub frame: Option<[f64; 4]>,
    /// The image several times beside each other, maps over it.
    pub sheet: Option<Sheet>,
}

impl Request {
    /// The bare image of `file`, to fill `room`.
    pub fn of(file: PathBuf, room: Rect) -> Request {
        let (columns, rows) = (room.width, room.height);
        Request {
            file,
            columns,
            rows,
            ovals: Vec::new(),
            ring: None,
            veil: None,
            slice: None,
            frame: None,
            sheet: None,
        }
    }
}

/// A slice of a heart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// From 0, in the order of the file.
    pub z: usize,
    /// The label map that lies over it, and when it was written: a better epoch writes another in its place.
    pub labels: Option<(PathBuf, SystemTime)>,
    /// What preparation makes of it.
    pub prepared: Option<PreparedSlice>,
}

/// A heart in a data set's prepared arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedSlice {
    pub dataset: String,
    pub patient: String,
    /// `ED` or `ES`.
    pub phase: &'static str,
    /// Show what training sees in place of the file's slice; else only the box that is cut out of it.
    pub whole: bool,
}

/// A painted picture.
pub enum Picture {
    Cells {
        width: u16,
        cells: Vec<(char, Style)>,
    },
    Pixels(Box<Protocol>),
    /// Pictures beside each other, each in a room of so many columns, so many columns between them.
    Row {
        pictures: Vec<Picture>,
        columns: u16,
        between: u16,
    },
}

impl Picture {
    /// Copies the picture into the middle of `area`.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let size = match self {
            Picture::Cells { width, cells } => Size::new(*width, (cells.len() / (*width).max(1) as usize) as u16),
            Picture::Pixels(protocol) => protocol.size(),
            Picture::Row { pictures, columns, between } => {
                for (i, picture) in pictures.iter().enumerate() {
                    let left = i as u16 * (columns + between);
                    if left + columns <= area.width {
                        picture.render(Rect { x: area.x + left, width: *columns, ..area }, buf);
                    }
                }
                return;
            }
        };
        if size.width > area.width || size.height > area.height {
            // Painted for another size of the terminal; the right one is on its way.
            return;
        }
        let frame = Rect {
            x: area.x + (area.width - size.width) / 2,
            y: area.y + (area.height - size.height) / 2,
            width: size.width,
            height: size.height,
        };
        match self {
            Picture::Pixels(protocol) => {
                ratatui::widgets::Widget::render(ratatui_image::Image::new(protocol), frame, buf)
            }
            Picture::Cells { width, cells } => {
                for (i, (glyph, style)) in cells.iter().enumerate() {
                    let at = (frame.x + (i % *width as usize) as u16, frame.y + (i / *width as usize) as u16);
                    buf[at].set_char(*glyph).set_style(*style);
                }
            }
            Picture::Row { .. } => {}
        }
    }
}
