//! How many colours the terminal shows, and the nearest one it has.

use ratatui::style::Color;

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// NO_COLOR, or a terminal that calls itself dumb.
    None,
    /// The sixteen of every terminal.
    Sixteen,
    /// Sixteen, a 6x6x6 cube and 24 greys.
    Indexed,
    /// 24 bits.
    True,
}

/// The levels of each channel of the 6x6x6 cube of 256-colour terminals.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Depth {
    /// From the environment alone: the terminal is never asked.
    pub fn of_environment() -> Depth {
        let var = |name: &str| std::env::var(name).unwrap_or_default();
        Depth::of(&var("NO_COLOR"), &var("COLORTERM"), &var("TERM"))
    }

    /// From NO_COLOR (<https://no-color.org>: set and not empty), COLORTERM and TERM.
    pub fn of(no_color: &str, colorterm: &str, term: &str) -> Depth {
        let direct = ["kitty", "ghostty", "alacritty", "wezterm", "foot", "direct"];
        match () {
            () if !no_color.is_empty() || term == "dumb" => Depth::None,
            () if matches!(colorterm, "truecolor" | "24bit") || direct.iter().any(|t| term.contains(t)) => Depth::True,
            () if term.contains("256color") => Depth::Indexed,
            () => Depth::Sixteen,
        }
    }

    /// `color`, or the nearest one this depth has; nothing without colours.
    pub fn reduce(self, color: Color) -> Option<Color> {
        match (self, color) {
            (Depth::None, _) => None,
            (Depth::Indexed, Color::Rgb(r, g, b)) => Some(indexed(r, g, b)),
            (Depth::Sixteen, Color::Rgb(r, g, b)) => Some(sixteen(r, g, b)),
            (Depth::Sixteen, Color::Indexed(i)) if i >= 16 => {
                let (r, g, b) = rgb_of_index(i);
                Some(sixteen(r, g, b))
            }
            _ => Some(color),
        }
    }

    /// A grey value as a colour of this depth; nothing where greys would be too few to see a picture.
    pub fn gray(self, value: u8) -> Option<Color> {
        match self {
            Depth::None | Depth::Sixteen => None,
            Depth::Indexed => Some(indexed(value, value, value)),
            Depth::True => Some(Color::Rgb(value, value, value)),
        }
    }
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    square(a.0, b.0) + square(a.1, b.1) + square(a.2, b.2)
}

fn rgb_of_index(index: u8) -> (u8, u8, u8) {
    match index {
        232.. => {
            let level = 8 + 10 * (index - 232);
            (level, level, level)
        }
        16.. => {
            let n = usize::from(index - 16);
            (CUBE[n / 36], CUBE[n / 6 % 6], CUBE[n % 6])
        }
        _ => ANSI[usize::from(index)],
    }
}

/// Red, green and blue of a colour, xterm's where the terminal has its own; nothing of the terminal's default.
pub fn rgb(color: Color) -> Option<(u8, u8, u8)> {
    let named = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match color {
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index) => Some(rgb_of_index(index)),
        color => named.iter().position(|n| *n == color).map(|i| ANSI[i]),
    }
}

fn indexed(r: u8, g: u8, b: u8) -> Color {
    let level = |v: u8| (0..6).min_by_key(|&i| CUBE[i].abs_diff(v)).unwrap_or(0);
    let cube = (16 + 36 * level(r) + 6 * level(g) + level(b)) as u8;
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let gray = 232 + (mean.saturating_sub(3) / 10).min(23) as u8;
    let nearest = [cube, gray].into_iter().min_by_key(|&i| distance(rgb_of_index(i), (r, g, b)));
    Color::Indexed(nearest.unwrap_or(cube))
}

/// xterm's own sixteen.
const ANSI: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

fn sixteen(r: u8, g: u8, b: u8) -> Color {
    let nearest = (0..16u8).min_by_key(|&i| distance(ANSI[usize::from(i)], (r, g, b)));
    Color::Indexed(nearest.unwrap_or(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_how_many_colours_there_are() {
        assert_eq!(Depth::of("1", "truecolor", "xterm-256color"), Depth::None);
        assert_eq!(Depth::of("", "truecolor", "xterm"), Depth::True);
        assert_eq!(Depth::of("", "", "screen-256color"), Depth::Indexed);
        assert_eq!(Depth::of("", "", "linux"), Depth::Sixteen);
        assert_eq!(Depth::of("", "", "dumb"), Depth::None);
    }

    #[test]
    fn named_colours_are_those_of_xterm() {
        assert_eq!(rgb(Color::LightRed), Some((255, 0, 0)));
        assert_eq!(rgb(Color::Indexed(232)), Some((8, 8, 8)));
        assert_eq!((rgb(Color::Rgb(1, 2, 3)), rgb(Color::Reset)), (Some((1, 2, 3)), None));
    }

    #[test]
    fn exact_colours_of_the_cube_and_the_grey_ramp_are_found() {
        assert_eq!(Depth::Indexed.reduce(Color::Rgb(95, 135, 215)), Some(Color::Indexed(68)));
        assert_eq!(Depth::Indexed.gray(8), Some(Color::Indexed(232)));
        assert_eq!(Depth::Indexed.gray(128), Some(Color::Indexed(244)));
        assert_eq!(Depth::Indexed.gray(255), Some(Color::Indexed(231)));
        assert_eq!(Depth::Sixteen.reduce(Color::Rgb(250, 5, 5)), Some(Color::Indexed(9)));
        assert_eq!(Depth::Sixteen.reduce(Color::Cyan), Some(Color::Cyan));
    }
}
