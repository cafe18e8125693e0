//! Theme files: where they are found, what may stand in them, and the error that names file and key.

use super::{SCOPES, user_folder};
use crate::error::{Error, IoContext, Result};
use crate::text;
use include_dir::{Dir, include_dir};
use ratatui::style::{Color, Modifier, Style};
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use toml::{Table, Value};

static SHIPPED: Dir = include_dir!("$CARGO_MANIFEST_DIR/themes");

const MODIFIERS: [(&str, Modifier); 6] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
    ("crossed-out", Modifier::CROSSED_OUT),
];

/// A theme inherits from a theme that inherits ... this often at most.
const DEEPEST: usize = 8;

pub fn shipped() -> Vec<String> {
    let stem = |f: &include_dir::File| f.path().file_stem().map(|s| s.to_string_lossy().into_owned());
    let mut names: Vec<String> = SHIPPED.files().filter_map(stem).collect();
    names.sort();
    names
}

/// The styles of the theme `name`, with all it inherits.
pub fn resolve(name: &str) -> Result<[Style; SCOPES.len()]> {
    let mut layers = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next {
        let (origin, text) = read(&name)?;
        if layers.len() == DEEPEST {
            return Err(Error::usage("`inherits` goes round in a circle").at(origin));
        }
        let layer = Layer::parse(&origin, &text)?;
        next = layer.inherits.clone();
        layers.push(layer);
    }
    let mut palette = BTreeMap::new();
    for layer in layers.iter().rev() {
        layer.extend_palette(&mut palette)?;
    }
    let mut styles = [None; SCOPES.len()];
    for layer in layers.iter().rev() {
        layer.apply(&palette, &mut styles)?;
    }
    let mut whole = [Style::default(); SCOPES.len()];
    for (i, style) in styles.into_iter().enumerate() {
        whole[i] = style.ok_or_else(|| {
            Error::usage(format!("the theme gives scopes.\"{}\" no style", SCOPES[i].1))
                .at(&layers[0].origin)
                .cure("add the scope, or `inherits = \"default\"` at the top of the file")
        })?;
    }
    Ok(whole)
}

/// The file that bears `name`, and its text.
fn read(name: &str) -> Result<(String, String)> {
    let path = Path::new(name);
    if name.ends_with(".toml") || path.components().count() > 1 {
        let text = std::fs::read_to_string(path).doing("read the theme", path)?;
        return Ok((name.to_owned(), text));
    }
    if let Some(own) = user_folder().map(|folder| folder.join(format!("{name}.toml"))).filter(|p| p.is_file()) {
        let text = std::fs::read_to_string(&own).doing("read the theme", &own)?;
        return Ok((own.display().to_string(), text));
    }
    let file = format!("{name}.toml");
    if let Some(text) = SHIPPED.get_file(&file).and_then(|f| f.contents_utf8()) {
        return Ok((format!("themes/{file}"), text.to_owned()));
    }
    let known = shipped();
    let hint = match text::nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("choose one of {}, or give the path of a .toml file", known.join(", ")),
    };
    Err(Error::usage(format!("there is no theme called `{}`", text::line(name))).cure(hint))
}

/// One file.
struct Layer {
    origin: String,
    inherits: Option<String>,
    palette: Table,
    scopes: Table,
}

impl Layer {
    fn parse(origin: &str, text: &str) -> Result<Layer> {
        let mut table: Table = text
            .parse()
            .map_err(|e: toml::de::Error| Error::usage(format!("not TOML: {}", e.message())).at(origin).because(e))?;
        let mut part = |key: &str| match table.remove(key) {
            None => Ok(Table::new()),
            Some(Value::Table(part)) => Ok(part),
            Some(_) => Err(Error::usage(format!("`{key}` must be a table")).at(origin)),
        };
        let (palette, scopes) = (part("palette")?, part("scopes")?);
        let inherits = match table.remove("inherits") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(Error::usage("`inherits` must be the name of a theme").at(origin)),
        };
        match table.keys().next() {
            Some(key) => Err(unknown(origin, "key", key, ["inherits", "palette", "scopes"].into_iter())),
            None => Ok(Layer { origin: origin.to_owned(), inherits, palette, scopes }),
        }
    }

    fn extend_palette(&self, palette: &mut BTreeMap<String, Color>) -> Result<()> {
        for (name, value) in &self.palette {
            let key = format!("palette.{name}");
            let word = value.as_str().ok_or_else(|| self.bad(&key, "must be a colour"))?;
            palette.insert(name.clone(), self.color(&key, word, &BTreeMap::new())?);
        }
        Ok(())
    }

    fn apply(&self, palette: &BTreeMap<String, Color>, styles: &mut [Option<Style>; SCOPES.len()]) -> Result<()> {
        for (name, value) in &self.scopes {
            let Some(place) = SCOPES.iter().position(|(_, n)| n == name) else {
                return Err(unknown(&self.origin, "scope", name, SCOPES.iter().map(|(_, n)| *n)));
            };
            let key = format!("scopes.\"{name}\"");
            let table = value
                .as_table()
                .ok_or_else(|| self.bad(&key, "must look like { fg = \"red\", modifiers = [\"bold\"] }"))?;
            styles[place] = Some(self.style(&key, table, palette)?);
        }
        Ok(())
    }

    fn style(&self, key: &str, table: &Table, palette: &BTreeMap<String, Color>) -> Result<Style> {
        let mut style = Style::default();
        for (name, value) in table {
            let here = format!("{key}.{name}");
            match name.as_str() {
                "fg" | "bg" => {
                    let word = value.as_str().ok_or_else(|| self.bad(&here, "must be a colour"))?;
                    let color = Some(self.color(&here, word, palette)?);
                    *(if name == "fg" { &mut style.fg } else { &mut style.bg }) = color;
                }
                "modifiers" => {
                    let words = value.as_array().ok_or_else(|| self.bad(&here, "must be a list of words"))?;
                    for word in words {
                        let word = word.as_str().unwrap_or_default();
                        let found = MODIFIERS.iter().find(|(name, _)| *name == word);
                        let (_, modifier) = found.ok_or_else(|| {
                            unknown(&self.origin, &format!("modifier in {here}"), word, MODIFIERS.iter().map(|m| m.0))
                        })?;
                        style = style.add_modifier(*modifier);
                    }
                }
                _ => {
                    return Err(unknown(
                        &self.origin,
                        &format!("key in {key}"),
                        name,
                        ["fg", "bg", "modifiers"].into_iter(),
                    ));
                }
            }
        }
        Ok(style)
    }

    /// A name of the palette, of the sixteen colours, a number of the 256, or `#rrggbb`.
    fn color(&self, key: &str, word: &str, palette: &BTreeMap<String, Color>) -> Result<Color> {
        if let Some(color) = palette.get(word) {
            return Ok(*color);
        }
        Color::from_str(word).map_err(|_| {
            self.bad(key, &format!("`{}` is no colour", text::line(word)))
                .cure("give #rrggbb, a name of the palette, or one of the 16 (red, light-red, dark-gray ...)")
        })
    }

    fn bad(&self, key: &str, why: &str) -> Error {
        Error::usage(format!("{key} {why}")).at(&self.origin)
    }
}

fn unknown<'a>(origin: &str, what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let error = Error::usage(format!("unknown {what} `{}`", text::line(word))).at(origin);
    match text::nearest(word, known) {
        Some(near) => error.cure(format!("did you mean `{near}`?")),
        None => error.cure("take it out"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        let error = resolve(path.to_str().unwrap()).unwrap_err();
        assert!(error.file.is_some(), "{error}");
        format!("{} | {}", error.what, error.cure.unwrap_or_default())
    }

    #[test]
    fn a_bad_theme_is_an_error_that_names_the_key() {
        let base = "inherits = \"default\"\n";
        assert!(
            fault(&format!("{base}[scopes]\n\"tab.actve\" = {{}}")).contains("`tab.actve` | did you mean `tab.active`")
        );
        assert!(
            fault(&format!("{base}[scopes]\ntitle = {{ fg = \"blurple\" }}")).contains("scopes.\"title\".fg `blurple`")
        );
        assert!(
            fault(&format!("{base}[scopes]\ntitle = {{ modifiers = [\"blod\"] }}"))
                .contains("`blod` | did you mean `bold`")
        );
        assert!(fault(&format!("{base}[palette]\nink = 3")).contains("palette.ink"));
        assert!(fault("[scopes]\ntitle = {}").contains("scopes.\"text\" no style"));
        assert!(fault("inherit = \"default\"").contains("did you mean `inherits`"));
        assert!(fault("= 3").contains("not TOML"));
    }

    #[test]
    fn a_theme_that_does_not_exist_is_named_with_the_nearest_one() {
        let error = resolve("drak").unwrap_err();
        assert_eq!(error.cure.as_deref(), Some("did you mean `dark`?"));
        assert!(resolve("no/such.toml").unwrap_err().file.is_some());
    }

    #[test]
    fn a_theme_of_ones_own_changes_only_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "inherits = \"dark\"\n[palette]\nown = \"#010203\"\n[scopes]\ntitle = { fg = \"own\" }")
            .unwrap();
        let (mine, dark) = (resolve(path.to_str().unwrap()).unwrap(), resolve("dark").unwrap());
        let title = SCOPES.iter().position(|(_, n)| *n == "title").unwrap();
        assert_eq!(mine[title].fg, Some(Color::Rgb(1, 2, 3)));
        assert!((0..SCOPES.len()).all(|i| i == title || mine[i] == dark[i]));
    }
}
