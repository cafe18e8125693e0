//! What things look like: semantic scopes, filled from `themes/*.toml`.
//!
//! A panel never names a colour; it asks for the style of a [`Scope`]. Colour carries status only where a glyph or a
//! word carries it too, so that [`Depth::None`] (NO_COLOR) loses nothing but beauty.

mod color;
mod file;

pub use color::{Depth, rgb};

use crate::Result;
use ratatui::style::{Modifier, Style};
use std::path::PathBuf;

/// Everything that has a look of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Scope {
    /// Plain text.
    Text,
    /// Text of second rank: units, labels, times.
    Dim,
    /// Figures that answer the question of the screen.
    Strong,
    /// Titles of panels.
    Title,
    /// Frames of panels.
    Border,
    /// The frame of the panel that has the keys.
    BorderFocus,
    /// Tabs that can be chosen.
    Tab,
    /// The tab that is shown.
    TabActive,
    /// The program's name.
    Brand,
    /// The selected row of the panel that has the keys.
    Selection,
    /// The selected row of a panel that has not.
    SelectionDim,
    /// Column headers.
    Header,
    /// A key in a hint.
    Key,
    /// What a key in a hint does.
    KeyLabel,
    /// A good end.
    Success,
    /// Something to look at.
    Warning,
    /// Something wrong.
    Error,
    /// Neutral news.
    Info,
    StatusQueued,
    StatusRunning,
    StatusPaused,
    StatusStopped,
    StatusFinished,
    StatusFailed,
    StatusCrashed,
    /// Axes and tick labels.
    ChartAxis,
    /// The curve of the training part.
    ChartTrain,
    /// The curve of the validation part.
    ChartValidation,
    /// The mark of the best epoch.
    ChartBest,
    /// Sparklines and histograms.
    Spark,
    /// Bars of progress, the done part.
    Progress,
    /// Bars of progress, the part to do.
    ProgressRest,
    /// Names of form fields.
    FieldName,
    /// Values of form fields.
    FieldValue,
    /// Values that differ from the recipe's own.
    FieldChanged,
    /// The value that is being edited.
    FieldActive,
    /// The text cursor.
    Cursor,
    /// A button.
    Button,
    /// The button that `enter` presses.
    ButtonFocus,
    /// The true ellipse over an image.
    PictureTruth,
    /// The predicted circumference over an image.
    PicturePrediction,
    /// The right ventricle over a slice of a heart.
    PictureRv,
    /// The myocardium.
    PictureMyo,
    /// The left ventricle.
    PictureLv,
    /// What speaks for a larger output.
    ExplainFor,
    /// What speaks against it.
    ExplainAgainst,
}

/// Every scope with its name in theme files.
pub const SCOPES: [(Scope, &str); 46] = [
    (Scope::Text, "text"),
    (Scope::Dim, "text.dim"),
    (Scope::Strong, "text.strong"),
    (Scope::Title, "title"),
    (Scope::Border, "border"),
    (Scope::BorderFocus, "border.focus"),
    (Scope::Tab, "tab"),
    (Scope::TabActive, "tab.active"),
    (Scope::Brand, "brand"),
    (Scope::Selection, "selection"),
    (Scope::SelectionDim, "selection.dim"),
    (Scope::Header, "header"),
    (Scope::Key, "key"),
    (Scope::KeyLabel, "key.label"),
    (Scope::Success, "success"),
    (Scope::Warning, "warning"),
    (Scope::Error, "error"),
    (Scope::Info, "info"),
    (Scope::StatusQueued, "status.queued"),
    (Scope::StatusRunning, "status.running"),
    (Scope::StatusPaused, "status.paused"),
    (Scope::StatusStopped, "status.stopped"),
    (Scope::StatusFinished, "status.finished"),
    (Scope::StatusFailed, "status.failed"),
    (Scope::StatusCrashed, "status.crashed"),
    (Scope::ChartAxis, "chart.axis"),
    (Scope::ChartTrain, "chart.train"),
    (Scope::ChartValidation, "chart.validation"),
    (Scope::ChartBest, "chart.best"),
    (Scope::Spark, "spark"),
    (Scope::Progress, "progress"),
    (Scope::ProgressRest, "progress.rest"),
    (Scope::FieldName, "field.name"),
    (Scope::FieldValue, "field.value"),
    (Scope::FieldChanged, "field.changed"),
    (Scope::FieldActive, "field.active"),
    (Scope::Cursor, "cursor"),
    (Scope::Button, "button"),
    (Scope::ButtonFocus, "button.focus"),
    (Scope::PictureTruth, "picture.truth"),
    (Scope::PicturePrediction, "picture.prediction"),
    (Scope::PictureRv, "picture.rv"),
    (Scope::PictureMyo, "picture.myo"),
    (Scope::PictureLv, "picture.lv"),
    (Scope::ExplainFor, "explain.for"),
    (Scope::ExplainAgainst, "explain.against"),
];

/// A style for every scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    pub name: String,
    pub depth: Depth,
    styles: [Style; SCOPES.len()],
}

impl Theme {
    /// The theme called `name`: a path to a `.toml` file, a user's own from the configuration folder, or a shipped one.
    ///
    /// # Errors
    /// A name that nothing bears, an unreadable file, an unknown scope, colour or modifier, a scope without a style:
    /// each with the file and the key.
    pub fn load(name: &str, depth: Depth) -> Result<Theme> {
        let styles = file::resolve(name)?;
        Ok(Theme { name: name.to_owned(), depth, styles }.at_depth())
    }

    /// The shipped 16-colour theme.
    pub fn standard(depth: Depth) -> Theme {
        Theme::load("default", depth).expect("the default theme is embedded, and a test loads it")
    }

    /// The names of the shipped themes.
    pub fn shipped() -> Vec<String> {
        file::shipped()
    }

    pub fn style(&self, scope: Scope) -> Style {
        self.styles[scope as usize]
    }

    /// Brings colours down to what the terminal can show; without any, what only colour showed becomes an attribute.
    fn at_depth(mut self) -> Theme {
        for style in &mut self.styles {
            style.fg = style.fg.and_then(|c| self.depth.reduce(c));
            style.bg = style.bg.and_then(|c| self.depth.reduce(c));
        }
        if self.depth == Depth::None {
            let reversed = Style::new().add_modifier(Modifier::REVERSED);
            for scope in
                [Scope::Selection, Scope::TabActive, Scope::Cursor, Scope::ButtonFocus, Scope::Key, Scope::FieldActive]
            {
                let modifiers = match scope {
                    Scope::Key => Style::new().add_modifier(Modifier::BOLD),
                    Scope::FieldActive => Style::new().add_modifier(Modifier::UNDERLINED),
                    _ => reversed,
                };
                self.styles[scope as usize] = modifiers;
            }
        }
        self
    }
}

/// Where users keep themes of their own: `$XDG_CONFIG_HOME/hcwb/themes`.
pub fn user_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config"))).map(|c| c.join("hcwb/themes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_stand_in_the_order_of_their_numbers() {
        for (number, (scope, name)) in SCOPES.iter().enumerate() {
            assert_eq!(*scope as usize, number, "{name}");
        }
    }

    #[test]
    fn every_shipped_theme_gives_every_scope_a_style() {
        assert!(Theme::shipped().len() >= 2);
        for name in Theme::shipped() {
            let theme = Theme::load(&name, Depth::True).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(theme.name, name);
        }
    }

    #[test]
    fn no_color_leaves_no_colour_but_keeps_the_selection_visible() {
        for name in Theme::shipped() {
            let theme = Theme::load(&name, Depth::None).unwrap();
            for (scope, _) in SCOPES {
                assert_eq!((theme.style(scope).fg, theme.style(scope).bg), (None, None), "{name} {scope:?}");
            }
            assert!(theme.style(Scope::Selection).add_modifier.contains(Modifier::REVERSED));
        }
    }
}
