//! A ratatui backend that sends as few bytes as it can, and none when nothing changed.
//!
//! Three things cost bytes in a live frame besides the changed cells: styles (only what differs from the style sent last
//! is sent, also from frame to frame), cursor moves (the shortest that gets there) and the brackets of the synchronized
//! update (only around a frame that has something in it).

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";

/// What the terminal was last told.
#[derive(Clone, Copy, PartialEq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

/// Collects a frame, then writes it at once.
pub struct Screen<W: Write> {
    out: W,
    frame: Vec<u8>,
    pen: Pen,
    /// Where the terminal's cursor is, if that is known.
    at: Option<(u16, u16)>,
    cursor_shown: bool,
    size: fn() -> io::Result<WindowSize>,
}

/// Size of the terminal on standard output, from the kernel; the terminal itself is not asked.
pub fn terminal_size() -> io::Result<WindowSize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout())?;
    Ok(WindowSize {
        columns_rows: Size::new(size.ws_col, size.ws_row),
        pixels: Size::new(size.ws_xpixel, size.ws_ypixel),
    })
}

impl<W: Write> Screen<W> {
    /// A screen whose cursor has just been hidden.
    pub fn new(out: W, size: fn() -> io::Result<WindowSize>) -> Self {
        Screen { out, frame: Vec::with_capacity(32 << 10), pen: PLAIN, at: None, cursor_shown: false, size }
    }

    /// Forgets what the terminal was told, after somebody else wrote to it.
    pub fn forget(&mut self) {
        self.frame.extend_from_slice(b"\x1b[m");
        self.pen = PLAIN;
        self.at = None;
    }

    fn go_to(&mut self, x: u16, y: u16) {
        match self.at {
            Some(at) if at == (x, y) => {}
            Some((column, row)) if row == y && x > column => {
                self.escape(format_args!("{}C", Count(x - column)));
            }
            Some((_, row)) if row == y => self.escape(format_args!("{}G", Count(x + 1))),
            _ if x == 0 => self.escape(format_args!("{}H", Count(y + 1))),
            _ => self.escape(format_args!("{};{}H", Count(y + 1), Count(x + 1))),
        }
        self.at = Some((x, y));
    }

    fn escape(&mut self, rest: std::fmt::Arguments) {
        self.frame.extend_from_slice(b"\x1b[");
        self.frame.write_fmt(rest).expect("writing to memory cannot fail");
    }

    fn use_pen(&mut self, pen: Pen) {
        if pen == self.pen {
            return;
        }
        if pen == PLAIN {
            self.frame.extend_from_slice(b"\x1b[m");
            self.pen = pen;
            return;
        }
        let mut from = self.pen;
        let mut codes = String::new();
        // Bold and dim share one switch, so losing either may take the other with it: starting over is as short.
        if !(from.modifier - pen.modifier).is_empty() {
            codes.push('0');
            from = PLAIN;
        }
        for (modifier, code) in [
            (Modifier::BOLD, "1"),
            (Modifier::DIM, "2"),
            (Modifier::ITALIC, "3"),
            (Modifier::UNDERLINED, "4"),
            (Modifier::REVERSED, "7"),
            (Modifier::CROSSED_OUT, "9"),
        ] {
            if pen.modifier.contains(modifier) && !from.modifier.contains(modifier) {
                push(&mut codes, code);
            }
        }
        if pen.fg != from.fg {
            color(&mut codes, pen.fg, 30);
        }
        if pen.bg != from.bg {
            color(&mut codes, pen.bg, 40);
        }
        self.escape(format_args!("{codes}m"));
        self.pen = pen;
    }
}

/// A parameter whose default is 1.
struct Count(u16);

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == 1 { Ok(()) } else { self.0.fmt(f) }
    }
}

fn push(codes: &mut String, code: &str) {
    if !codes.is_empty() {
        codes.push(';');
    }
    codes.push_str(code);
}

/// The code of a colour; `base` is 30 for the foreground and 40 for the background.
fn color(codes: &mut String, color: Color, base: u16) {
    let plain = |n: u16| (base + n).to_string();
    let light = |n: u16| (base + 60 + n).to_string();
    push(
        codes,
        &match color {
            Color::Reset => plain(9),
            Color::Black => plain(0),
            Color::Red => plain(1),
            Color::Green => plain(2),
            Color::Yellow => plain(3),
            Color::Blue => plain(4),
            Color::Magenta => plain(5),
            Color::Cyan => plain(6),
            Color::Gray => plain(7),
            Color::DarkGray => light(0),
            Color::LightRed => light(1),
            Color::LightGreen => light(2),
            Color::LightYellow => light(3),
            Color::LightBlue => light(4),
            Color::LightMagenta => light(5),
            Color::LightCyan => light(6),
            Color::White => light(7),
            Color::Indexed(n @ 0..=7) => plain(n.into()),
            Color::Indexed(n @ 8..=15) => light(u16::from(n) - 8),
            Color::Indexed(n) => format!("{};5;{n}", base + 8),
            Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
        },
    );
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let columns = (self.size)()?.columns_rows.width;
        for (x, y, cell) in content {
            self.go_to(x, y);
            self.use_pen(Pen { fg: cell.fg, bg: cell.bg, modifier: cell.modifier });
            let symbol = cell.symbol();
            self.frame.extend_from_slice(symbol.as_bytes());
            // A wide or composed symbol, a picture's escape sequence or the last column leave the cursor who knows where.
            let plain = !symbol.starts_with('\x1b') && symbol.chars().count() == 1 && symbol.width() == 1;
            self.at = (plain && x + 1 < columns).then_some((x + 1, y));
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.cursor_shown, false) {
            self.frame.extend_from_slice(b"\x1b[?25l");
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.cursor_shown, true) {
            self.frame.extend_from_slice(b"\x1b[?25h");
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        let (x, y) = self.at.unwrap_or_default();
        Ok(Position { x, y })
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        self.go_to(x, y);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.forget();
        self.frame.extend_from_slice(b"\x1b[2J");
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        Ok((self.size)()?.columns_rows)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        (self.size)()
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        self.frame.splice(0..0, SYNC_BEGIN.iter().copied());
        self.frame.extend_from_slice(SYNC_END);
        let written = self.out.write_all(&self.frame).and_then(|()| self.out.flush());
        self.frame.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::{Style, Stylize};
    use ratatui::text::Line;
    use ratatui::{Terminal, TerminalOptions, Viewport};
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Wire(Rc<RefCell<Vec<u8>>>);

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn small() -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: Size::new(20, 4), pixels: Size::default() })
    }

    fn show(terminal: &mut Terminal<Screen<Wire>>, wire: &Wire, lines: [Line<'static>; 4]) -> Vec<u8> {
        wire.0.borrow_mut().clear();
        terminal
            .draw(|frame| {
                for (y, line) in lines.into_iter().enumerate() {
                    frame.buffer_mut().set_line(0, y as u16, &line, 20);
                }
            })
            .unwrap();
        wire.0.borrow().clone()
    }

    #[test]
    fn an_unchanged_frame_sends_nothing_and_a_changed_figure_little() {
        let wire = Wire::default();
        let options = TerminalOptions { viewport: Viewport::Fullscreen };
        let mut terminal = Terminal::with_options(Screen::new(wire.clone(), small), options).unwrap();
        let lines = |n: u32| {
            [Line::from("hcwb".bold().cyan()), Line::from(format!("step {n}")), Line::default(), Line::default()]
        };
        assert!(!show(&mut terminal, &wire, lines(100)).is_empty());
        assert_eq!(show(&mut terminal, &wire, lines(100)), b"");
        assert_eq!(show(&mut terminal, &wire, lines(109)), b"\x1b[?2026h\x1b[8G9\x1b[?2026l");
        assert_eq!(show(&mut terminal, &wire, lines(207)), b"\x1b[?2026h\x1b[6G2\x1b[C7\x1b[?2026l");
    }

    /// Draws random frames through a real emulator, and compares every cell with what was meant.
    #[test]
    fn what_arrives_on_the_terminal_is_what_was_drawn() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let wire = Wire::default();
        let options = TerminalOptions { viewport: Viewport::Fullscreen };
        let mut terminal = Terminal::with_options(Screen::new(wire.clone(), small), options).unwrap();
        let mut emulator = vt100::Parser::new(4, 20, 0);
        let colors = [Color::Reset, Color::Red, Color::DarkGray, Color::Indexed(200), Color::Rgb(1, 2, 3)];
        let modifiers = [Modifier::empty(), Modifier::BOLD, Modifier::REVERSED | Modifier::BOLD, Modifier::UNDERLINED];
        let mut meant = vec![("a".to_owned(), Style::default()); 80];
        for _ in 0..200 {
            for _ in 0..rng.random_range(0..30) {
                let style = Style::new()
                    .fg(colors[rng.random_range(0..5)])
                    .bg(colors[rng.random_range(0..5)])
                    .add_modifier(modifiers[rng.random_range(0..4)]);
                let glyph = ["x", "⣿", "─", "9"][rng.random_range(0..4)];
                meant[rng.random_range(0..80)] = (glyph.to_owned(), style);
            }
            wire.0.borrow_mut().clear();
            terminal
                .draw(|frame| {
                    for (i, (glyph, style)) in meant.iter().enumerate() {
                        frame.buffer_mut()[((i % 20) as u16, (i / 20) as u16)].set_symbol(glyph).set_style(*style);
                    }
                })
                .unwrap();
            emulator.process(&wire.0.borrow());
            for (i, (glyph, style)) in meant.iter().enumerate() {
                let cell = emulator.screen().cell((i / 20) as u16, (i % 20) as u16).unwrap();
                assert_eq!(cell.contents(), glyph);
                assert_eq!(cell.bold(), style.add_modifier.contains(Modifier::BOLD));
                assert_eq!(cell.inverse(), style.add_modifier.contains(Modifier::REVERSED));
                assert_eq!(cell.underline(), style.add_modifier.contains(Modifier::UNDERLINED));
                let seen = |color| match color {
                    vt100::Color::Default => Color::Reset,
                    vt100::Color::Idx(1) => Color::Red,
                    vt100::Color::Idx(8) => Color::DarkGray,
                    vt100::Color::Idx(n) => Color::Indexed(n),
                    vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
                };
                let meant = (style.fg.unwrap_or_default(), style.bg.unwrap_or_default());
                assert_eq!((seen(cell.fgcolor()), seen(cell.bgcolor())), meant);
            }
        }
    }
}
