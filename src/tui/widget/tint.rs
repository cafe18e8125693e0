//! See-through masks over the grey of a picture.

use crate::tui::theme::Depth;
use image::{GrayImage, imageops};
use ratatui::style::{Color, Style};

/// How much of a mask's colour shows where the mask is whole.
const OPACITY: f64 = 0.35;

/// A mask (255 inside), its colour, and the glyph of its border where there are no colours.
pub struct Coat {
    pub mask: GrayImage,
    /// Red where it names no colour.
    pub style: Style,
    pub glyph: char,
}

/// Masks made as large as a picture.
pub struct Tint<'a> {
    coats: Vec<(GrayImage, (u8, u8, u8), &'a Coat)>,
    depth: Depth,
}

/// What lies over a pixel: the coat that covers most of it, and the share that it covers, 255 for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wash {
    coat: usize,
    pub share: u8,
}

impl<'a> Tint<'a> {
    /// `coats` for a picture of `width` x `height`.
    pub fn new(coats: &'a [Coat], (width, height): (u32, u32), depth: Depth) -> Tint<'a> {
        let fitted = |coat: &'a Coat| {
            let shares = imageops::resize(&coat.mask, width, height, imageops::FilterType::Triangle);
            (shares, coat.style.fg.and_then(crate::tui::theme::rgb).unwrap_or((235, 90, 90)), coat)
        };
        Tint { coats: coats.iter().map(fitted).collect(), depth }
    }

    /// What lies over a pixel; nothing without masks, and beside the picture.
    pub fn at(&self, x: u32, y: u32) -> Wash {
        let share = |coat: usize| self.coats[coat].0.get_pixel_checked(x, y).map_or(0, |p| p.0[0]);
        let washes = (0..self.coats.len()).map(|coat| Wash { coat, share: share(coat) });
        washes.reduce(|a, b| if b.share > a.share { b } else { a }).unwrap_or_default()
    }

    /// The colour of a mask where most of a pixel is inside.
    pub fn style(&self, wash: Wash) -> Style {
        self.coats.get(wash.coat).filter(|_| wash.share >= 128).map_or(Style::new(), |(_, _, coat)| coat.style)
    }

    /// The glyph and colour of the mask whose border a pixel is: most of it is inside, but not most of one beside it.
    pub fn border(&self, x: u32, y: u32) -> Option<(char, Style)> {
        let inside = |x: u32, y: u32| Some(self.at(x, y)).filter(|w| w.share >= 128).map(|w| w.coat);
        let around = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        let coat = inside(x, y)?;
        let ends = !around.into_iter().all(|(x, y)| inside(x, y) == Some(coat));
        ends.then(|| (self.coats[coat].2.glyph, self.coats[coat].2.style))
    }

    /// `gray` under so much of a mask.
    pub fn rgb(&self, gray: u8, wash: Wash) -> [u8; 3] {
        let part = OPACITY * f64::from(wash.share) / 255.0;
        let (r, g, b) = self.coats.get(wash.coat).map_or((0, 0, 0), |(_, color, _)| *color);
        [r, g, b].map(|c| (f64::from(gray) * (1.0 - part) + f64::from(c) * part).round() as u8)
    }

    /// The same as the terminal can show it; nothing where it has too few greys for pictures.
    pub fn color(&self, gray: u8, wash: Wash) -> Option<Color> {
        let plain = self.depth.gray(gray)?;
        let [r, g, b] = self.rgb(gray, wash);
        if wash.share == 0 { Some(plain) } else { self.depth.reduce(Color::Rgb(r, g, b)) }
    }
}

/// One wash for pixels that share a colour: that of the most covered one, with the mean of the shares.
pub fn mean(washes: &[Wash]) -> Wash {
    let sum: u32 = washes.iter().map(|w| u32::from(w.share)).sum();
    let most = washes.iter().max_by_key(|w| w.share).copied().unwrap_or_default();
    Wash { share: (sum / washes.len().max(1) as u32) as u8, ..most }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coat(inside: impl Fn(u32) -> bool, color: Color, glyph: char) -> Coat {
        let mask = GrayImage::from_fn(8, 8, |x, _| image::Luma([if inside(x) { 255 } else { 0 }]));
        Coat { mask, style: Style::new().fg(color), glyph }
    }

    #[test]
    fn the_grey_shows_through_the_mask_and_is_untouched_beside_it() {
        let coats = [coat(|x| x < 4, Color::Rgb(200, 0, 0), 'x')];
        let tint = Tint::new(&coats, (8, 8), Depth::True);
        assert_eq!(tint.color(100, tint.at(0, 0)), Some(Color::Rgb(135, 65, 65)));
        assert_eq!(tint.color(100, tint.at(7, 0)), Some(Color::Rgb(100, 100, 100)));
        assert!(tint.border(3, 4).is_some() && tint.border(2, 4).is_none() && tint.border(4, 4).is_none());
        assert_eq!(Tint::new(&coats, (8, 8), Depth::None).color(100, tint.at(0, 0)), None);
        assert_eq!(Tint::new(&[], (8, 8), Depth::True).at(0, 0).share, 0);
    }

    #[test]
    fn masks_beside_each_other_keep_their_own_colours_and_a_border_between_them() {
        let coats = [coat(|x| x < 4, Color::Rgb(200, 0, 0), 'r'), coat(|x| x >= 4, Color::Rgb(0, 0, 200), 'l')];
        let tint = Tint::new(&coats, (8, 8), Depth::True);
        assert_eq!(tint.color(100, tint.at(0, 0)), Some(Color::Rgb(135, 65, 65)));
        assert_eq!(tint.color(100, tint.at(7, 0)), Some(Color::Rgb(65, 65, 135)));
        assert_eq!([3, 4].map(|x| tint.border(x, 4).map(|b| b.0)), [Some('r'), Some('l')]);
        assert_eq!(tint.border(2, 4), None);
    }
}
