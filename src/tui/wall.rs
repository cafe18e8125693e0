//! The picture on the screen: the one that is wanted, and the one that hangs until it comes.

use super::action::Effect;
use super::screen::Painter;
use super::theme::Scope;
use super::widget::picture::{Picture, Request};
use super::widget::text::wrap;
use ratatui::layout::Rect;
use std::sync::Arc;

#[derive(Default)]
pub struct Wall {
    wanted: Option<Request>,
    hung: Option<(Request, Result<Arc<Picture>, String>)>,
    /// `--images off`.
    pub off: bool,
}

impl Wall {
    /// What should hang here; asks for it to be painted if it is not already.
    pub fn want(&mut self, wanted: Option<Request>) -> Option<Effect> {
        if self.off || self.wanted == wanted {
            return None;
        }
        self.wanted = wanted;
        let wanted = self.wanted.as_ref()?;
        if self.hung.as_ref().is_some_and(|(request, _)| request == wanted) {
            return None;
        }
        Some(Effect::Draw(Box::new(wanted.clone())))
    }

    /// A painted picture; one that is not wanted any more is dropped.
    pub fn take(&mut self, request: Request, picture: Result<Arc<Picture>, String>) {
        if self.wanted.as_ref() == Some(&request) {
            self.hung = Some((request, picture));
        }
    }

    pub fn draw(&self, area: Rect, painter: &mut Painter) {
        if self.off {
            return painter.line(area, 0, "pictures are off (--images)", Scope::Dim);
        }
        match &self.hung {
            Some((_, Ok(picture))) => picture.render(area, painter.buf),
            Some((request, Err(error))) if self.wanted.as_ref() == Some(request) => {
                for (i, line) in wrap(error, area.width as usize).iter().enumerate() {
                    painter.line(area, i as u16, line, Scope::Error);
                }
            }
            _ => {}
        }
    }
}
