//! A form: named values that are edited in place, with help and with the error beside the field.

use super::text;
use crate::tui::theme::{Scope, Theme};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use tui_input::{Input, InputRequest, StateChanged};
use unicode_width::UnicodeWidthStr;

/// One value.
#[derive(Clone, Debug, Default)]
pub struct Field {
    pub name: String,
    pub help: String,
    pub input: Input,
    /// What it was before anyone changed it.
    pub initial: String,
    /// Words to cycle through with left and right; the value may still be typed where `free`.
    pub choices: Vec<String>,
    pub free: bool,
    /// Shown without being asked.
    pub matters: bool,
    pub error: Option<String>,
}

impl Field {
    pub fn new(name: &str, value: &str, help: &str) -> Field {
        Field {
            name: name.to_owned(),
            help: help.to_owned(),
            input: Input::from(value),
            initial: value.to_owned(),
            free: true,
            matters: true,
            ..Field::default()
        }
    }

    pub fn value(&self) -> &str {
        self.input.value()
    }

    pub fn changed(&self) -> bool {
        self.value() != self.initial
    }

    fn cycle(&mut self, by: isize) {
        let len = self.choices.len() as isize;
        let at = self.choices.iter().position(|c| c == self.value()).map_or(0, |i| i as isize + by);
        self.input = Input::from(self.choices[at.rem_euclid(len) as usize].as_str());
    }
}

/// The fields, and the one that has the keys. One place past the last field is the button.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pub fields: Vec<Field>,
    pub focus: usize,
    pub all: bool,
}

/// What a key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A value is another one now.
    Edited,
    /// The focus or the cursor moved.
    Moved,
    /// The button was pressed.
    Submitted,
    /// Not a key of the form.
    Ignored,
}

impl Form {
    /// The numbers of the fields in sight.
    pub fn shown(&self) -> Vec<usize> {
        let shown = |f: &Field| self.all || f.matters || f.changed() || f.error.is_some();
        self.fields.iter().enumerate().filter(|(_, f)| shown(f)).map(|(i, _)| i).collect()
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    pub fn field_mut(&mut self, name: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|f| f.name == name)
    }

    /// The focused field; none on the button.
    pub fn focused(&self) -> Option<&Field> {
        self.shown().get(self.focus).map(|&i| &self.fields[i])
    }

    pub fn on_button(&self) -> bool {
        self.focus >= self.shown().len()
    }

    pub fn paste(&mut self, pasted: &str) -> Outcome {
        let Some(&i) = self.shown().get(self.focus) else { return Outcome::Ignored };
        if !self.fields[i].free {
            return Outcome::Ignored;
        }
        for c in crate::text::line(pasted.trim()).chars() {
            self.fields[i].input.handle(InputRequest::InsertChar(c));
        }
        Outcome::Edited
    }

    pub fn key(&mut self, key: KeyEvent) -> Outcome {
        let shown = self.shown();
        let last = shown.len();
        match key.code {
            KeyCode::Up | KeyCode::BackTab => self.focus = self.focus.min(last).saturating_sub(1),
            KeyCode::Down => self.focus = (self.focus + 1).min(last),
            KeyCode::PageUp => self.focus = 0,
            KeyCode::PageDown => self.focus = last,
            KeyCode::Enter if self.on_button() => return Outcome::Submitted,
            KeyCode::Enter => self.focus = (self.focus + 1).min(last),
            _ => {
                let Some(&i) = shown.get(self.focus) else { return Outcome::Ignored };
                return self.fields[i].key(key);
            }
        }
        Outcome::Moved
    }
}

impl Field {
    fn key(&mut self, key: KeyEvent) -> Outcome {
        let cycles = !self.choices.is_empty();
        match key.code {
            KeyCode::Left if cycles => self.cycle(-1),
            KeyCode::Right | KeyCode::Char(' ') if cycles => self.cycle(1),
            KeyCode::Char('z') if key.modifiers == KeyModifiers::CONTROL => {
                self.input = Input::from(self.initial.as_str());
            }
            KeyCode::Char(_) | KeyCode::Backspace | KeyCode::Delete if !self.free => return Outcome::Ignored,
            _ => {
                return match edit(&mut self.input, key) {
                    Some(change) if change.value => Outcome::Edited,
                    Some(_) => Outcome::Moved,
                    None => Outcome::Ignored,
                };
            }
        }
        Outcome::Edited
    }
}

/// What `key` does to a line of text, in the ways of readline.
pub fn edit(input: &mut Input, key: KeyEvent) -> Option<StateChanged> {
    use InputRequest as R;
    let held = key.modifiers - KeyModifiers::SHIFT;
    let word = held == KeyModifiers::CONTROL || held == KeyModifiers::ALT;
    let request = match (key.code, held) {
        (KeyCode::Char(c), KeyModifiers::NONE) => R::InsertChar(c),
        (KeyCode::Backspace, KeyModifiers::NONE) => R::DeletePrevChar,
        (KeyCode::Backspace, _) | (KeyCode::Char('w'), KeyModifiers::CONTROL) => R::DeletePrevWord,
        (KeyCode::Delete, _) => R::DeleteNextChar,
        (KeyCode::Left, _) if word => R::GoToPrevWord,
        (KeyCode::Right, _) if word => R::GoToNextWord,
        (KeyCode::Left, _) => R::GoToPrevChar,
        (KeyCode::Right, _) => R::GoToNextChar,
        (KeyCode::Home, _) | (KeyCode::Char('a'), KeyModifiers::CONTROL) => R::GoToStart,
        (KeyCode::End, _) | (KeyCode::Char('e'), KeyModifiers::CONTROL) => R::GoToEnd,
        (KeyCode::Char('u'), KeyModifiers::CONTROL) => R::DeleteLine,
        (KeyCode::Char('k'), KeyModifiers::CONTROL) => R::DeleteTillEnd,
        _ => return None,
    };
    input.handle(request)
}

/// Draws the fields and the button; returns the number of the field on each row of `area`, for the mouse.
pub fn render(form: &Form, button: &str, active: bool, area: Rect, buf: &mut Buffer, theme: &Theme) -> Vec<usize> {
    let shown = form.shown();
    let names = shown.iter().map(|&i| form.fields[i].name.width()).max().unwrap_or(0).min(area.width as usize / 2);
    let rows = (area.height as usize).saturating_sub(2);
    let first = form.focus.saturating_sub(rows * 2 / 3).min(shown.len().saturating_sub(rows));
    let mut drawn = Vec::new();
    for (line, (place, &i)) in shown.iter().enumerate().skip(first).take(rows).enumerate() {
        let focused = active && place == form.focus;
        field_line(&form.fields[i], focused, names, Rect { y: area.y + line as u16, height: 1, ..area }, buf, theme);
        drawn.push(place);
    }
    let right = area.x + area.width.saturating_sub(1);
    if first > 0 {
        buf[(right, area.y)].set_char('↑').set_style(theme.style(Scope::Dim));
    }
    if first + rows < shown.len() {
        buf[(right, area.y + rows as u16 - 1)].set_char('↓').set_style(theme.style(Scope::Dim));
    }
    let y = area.y + (drawn.len() as u16 + 1).min(area.height.saturating_sub(1));
    let pressed = active && form.on_button();
    let style = theme.style(if pressed { Scope::ButtonFocus } else { Scope::Button });
    let label = if pressed { format!(" ▸ {button} ") } else { format!(" [ {button} ] ") };
    buf.set_stringn(area.x + 1, y, label, area.width as usize - 1, style);
    while drawn.len() < usize::from(y - area.y) {
        drawn.push(usize::MAX);
    }
    drawn.push(shown.len());
    drawn
}

fn field_line(field: &Field, focused: bool, names: usize, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let wide = area.width as usize;
    buf.set_string(area.x, area.y, if focused { "›" } else { " " }, theme.style(Scope::Key));
    let name = text::left(&field.name, names);
    buf.set_stringn(area.x + 2, area.y, name, wide.saturating_sub(2), theme.style(Scope::FieldName));
    let x = area.x + 2 + names as u16 + 2;
    let room = wide.saturating_sub(names + 4);
    let scope = if field.changed() { Scope::FieldChanged } else { Scope::FieldValue };
    let mut style = theme.style(scope);
    if focused {
        style = style.patch(theme.style(Scope::FieldActive));
    }
    // The value may take what the error leaves, at least a third.
    let for_value = match &field.error {
        Some(error) => room.saturating_sub(error.width() + 4).max(room / 3),
        None => room,
    };
    let (value, cursor) = window(&field.input, for_value.saturating_sub(2), focused);
    let end = buf.set_stringn(x, area.y, &value, for_value, style).0;
    if focused && field.free {
        let at = x + cursor as u16;
        if at < area.x + area.width {
            buf[(at, area.y)].set_style(theme.style(Scope::Cursor));
        }
    }
    let (note, scope) = match &field.error {
        Some(error) => (format!("✘ {error}"), Scope::Error),
        None if focused && !field.choices.is_empty() => ("‹ › to choose".to_owned(), Scope::Dim),
        None if field.changed() => (format!("was {}", field.initial), Scope::Dim),
        None => return,
    };
    let at = end + 2;
    let room = (area.x + area.width).saturating_sub(at) as usize;
    buf.set_stringn(at, area.y, text::fit(&note, room), room, theme.style(scope));
}

/// The part of the value around the cursor that fits, and the cursor's column in it.
fn window(input: &Input, width: usize, focused: bool) -> (String, usize) {
    if !focused {
        return (text::fit(input.value(), width).into_owned(), 0);
    }
    let scroll = input.visual_scroll(width);
    let value: String = input.value().chars().skip(scroll).collect();
    (text::fit(&value, width + 1).into_owned(), input.visual_cursor().saturating_sub(scroll))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(form: &mut Form, code: KeyCode) -> Outcome {
        form.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn form() -> Form {
        let mut loss = Field::new("train.loss", "mse", "");
        (loss.choices, loss.free) = (vec!["mse".into(), "mae".into(), "huber".into()], false);
        let mut rare = Field::new("train.optimizer", "adam", "");
        rare.matters = false;
        Form { fields: vec![Field::new("train.lr", "1e-3", ""), rare, loss], ..Form::default() }
    }

    #[test]
    fn keys_edit_cycle_and_submit() {
        let mut form = form();
        assert_eq!(press(&mut form, KeyCode::Backspace), Outcome::Edited);
        assert_eq!(press(&mut form, KeyCode::Char('4')), Outcome::Edited);
        assert_eq!((form.fields[0].value(), form.fields[0].changed()), ("1e-4", true));
        assert_eq!(press(&mut form, KeyCode::Down), Outcome::Moved);
        assert_eq!(form.focused().unwrap().name, "train.loss", "what does not matter is not in the way");
        press(&mut form, KeyCode::Left);
        assert_eq!(form.focused().unwrap().value(), "huber");
        press(&mut form, KeyCode::Right);
        assert_eq!(form.focused().unwrap().value(), "mse");
        assert_eq!(press(&mut form, KeyCode::Char('x')), Outcome::Ignored, "only its words");
        press(&mut form, KeyCode::Enter);
        assert!(form.on_button());
        assert_eq!(press(&mut form, KeyCode::Enter), Outcome::Submitted);
    }

    #[test]
    fn tabbed_open_it_shows_all_and_a_changed_value_stays_in_sight() {
        let mut form = form();
        assert_eq!(form.shown(), [0, 2]);
        form.all = true;
        assert_eq!(form.shown(), [0, 1, 2]);
        form.fields[1].input = Input::from("sgd");
        form.all = false;
        assert_eq!(form.shown(), [0, 1, 2]);
    }
}
