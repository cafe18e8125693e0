//! A see-through mask over the grey of a picture.

use crate::tui::theme::Depth;
use image::{GrayImage, imageops};
use ratatui::style::{Color, Style};

/// How much of the mask's colour shows where the mask is whole.
const OPACITY: f64 = 0.35;

/// A mask made as large as a picture, and its colour.
pub struct Tint {
    /// The share of each pixel that is inside, 255 for all.
    shares: Option<GrayImage>,
    color: (u8, u8, u8),
    depth: Depth,
}

impl Tint {
    /// `mask` (255 inside) for a picture of `width` x `height`, in the colour of `style`; red where it names none.
    pub fn new(mask: Option<&GrayImage>, (width, height): (u32, u32), style: Style, depth: Depth) -> Tint {
        let shares = mask.map(|mask| imageops::resize(mask, width, height, imageops::FilterType::Triangle));
        Tint { shares, color: style.fg.and_then(crate::tui::theme::rgb).unwrap_or((235, 90, 90)), depth }
    }

    /// The share of a pixel that is inside; 0 without a mask, and beside it.
    pub fn share(&self, x: u32, y: u32) -> u8 {
        self.shares.as_ref().and_then(|shares| shares.get_pixel_checked(x, y)).map_or(0, |p| p.0[0])
    }

    /// Whether most of a pixel is inside, but not most of one beside it.
    pub fn is_border(&self, x: u32, y: u32) -> bool {
        let inside = |x: u32, y: u32| self.share(x, y) >= 128;
        let around = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        inside(x, y) && !around.into_iter().all(|(x, y)| inside(x, y))
    }

    /// `gray` under so much of the mask.
    pub fn rgb(&self, gray: u8, share: u8) -> [u8; 3] {
        let part = OPACITY * f64::from(share) / 255.0;
        let (r, g, b) = self.color;
        [r, g, b].map(|c| (f64::from(gray) * (1.0 - part) + f64::from(c) * part).round() as u8)
    }

    /// The same as the terminal can show it; nothing where it has too few greys for pictures.
    pub fn color(&self, gray: u8, share: u8) -> Option<Color> {
        let plain = self.depth.gray(gray)?;
        let [r, g, b] = self.rgb(gray, share);
        if share == 0 { Some(plain) } else { self.depth.reduce(Color::Rgb(r, g, b)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grey_shows_through_the_mask_and_is_untouched_beside_it() {
        let mask = GrayImage::from_fn(8, 8, |x, _| image::Luma([if x < 4 { 255 } else { 0 }]));
        let red = Style::new().fg(Color::Rgb(200, 0, 0));
        let tint = Tint::new(Some(&mask), (8, 8), red, Depth::True);
        assert_eq!(tint.color(100, tint.share(0, 0)), Some(Color::Rgb(135, 65, 65)));
        assert_eq!(tint.color(100, tint.share(7, 0)), Some(Color::Rgb(100, 100, 100)));
        assert!(tint.is_border(3, 4) && !tint.is_border(2, 4) && !tint.is_border(4, 4));
        assert_eq!(Tint::new(Some(&mask), (8, 8), red, Depth::None).color(100, 255), None);
        assert_eq!(Tint::new(None, (8, 8), red, Depth::True).share(0, 0), 0);
    }
}
