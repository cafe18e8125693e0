//! A question before something is lost, and the box that it and the help stand in.

use super::text;
use crate::tui::theme::{Scope, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

/// A question with its consequences; `yes` names the act, never just "yes".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub title: String,
    pub lines: Vec<String>,
    pub yes: &'static str,
}

/// A box of at most `width` x `height` in the middle of `area`, emptied.
pub fn popup(title: &str, width: u16, height: u16, area: Rect, buf: &mut Buffer, theme: &Theme) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let frame = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(frame, buf);
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.style(Scope::BorderFocus))
        .title(Line::styled(format!(" {title} "), theme.style(Scope::Title)));
    let inner = block.inner(frame);
    block.render(frame, buf);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// Draws the question over everything else.
pub fn render(question: &Question, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let width = 64.min(area.width.saturating_sub(4));
    let lines: Vec<String> = question
        .lines
        .iter()
        .flat_map(|l| if l.is_empty() { vec![String::new()] } else { text::wrap(l, width as usize - 4) })
        .collect();
    let inner = popup(&question.title, width, lines.len() as u16 + 4, area, buf, theme);
    for (i, line) in lines.iter().enumerate() {
        buf.set_stringn(inner.x, inner.y + i as u16, line, inner.width as usize, theme.style(Scope::Text));
    }
    let keys = Line::from(vec![
        Span::styled("y", theme.style(Scope::Key)),
        Span::styled(format!(" {}   ", question.yes), theme.style(Scope::Text)),
        Span::styled("n", theme.style(Scope::Key)),
        Span::styled(" or ", theme.style(Scope::KeyLabel)),
        Span::styled("esc", theme.style(Scope::Key)),
        Span::styled(" leave it", theme.style(Scope::KeyLabel)),
    ]);
    buf.set_line(inner.x, inner.y + inner.height.saturating_sub(1), &keys, inner.width);
}
