//! TOML and `--set` in, a resolved recipe out; a wrong key or type names the right one.

use super::{Recipe, key, keys, shipped};
use crate::error::{Error, IoContext, Result};
use crate::text;
use std::path::Path;
use toml::{Table, Value};

impl Recipe {
    /// The shipped recipe of that name, or the user's own file.
    pub fn load(name_or_path: &str) -> Result<Recipe> {
        if let Some(text) = shipped::text(name_or_path) {
            return Recipe::parse(text, name_or_path);
        }
        let path = Path::new(name_or_path);
        if path.extension().is_none() && !path.exists() {
            let names = shipped();
            let near = text::nearest(name_or_path, names.iter().map(|s| s.name.as_str()));
            let cure = match near {
                Some(near) => format!("did you mean {near}? (or give the path of a recipe file)"),
                None => "give one of `hcwb run recipes`, or the path of a recipe file".into(),
            };
            return Err(Error::usage(format!("no recipe is called {}", text::line(name_or_path))).cure(cure));
        }
        let text = std::fs::read_to_string(path).doing("read the recipe", path)?;
        Recipe::parse(&text, name_or_path)
    }

    /// A recipe from TOML text. `origin` is the shipped name or the file's path: it names the recipe
    /// unless the text does, and stands in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Recipe> {
        let wrong = |what: String| Error::usage(what).at(origin);
        let given: Table = toml::from_str(text).map_err(|e: toml::de::Error| {
            wrong(format!("the recipe is not valid TOML: {}", text::line(e.message()))).because(e)
        })?;
        let mut recipe = Recipe::default();
        for (name, value) in leaves(&given) {
            recipe.put(&name, value).map_err(|e| e.at(origin))?;
        }
        if recipe.name.is_empty() {
            let stem = Path::new(origin).file_stem().map(|s| s.to_string_lossy().into_owned());
            recipe.name = stem.unwrap_or_default();
        }
        recipe.check().map_err(|e| e.at(origin))?;
        Ok(recipe)
    }

    /// `set("train.lr", "1e-4")`. The value is read as TOML where it is TOML, as a word otherwise.
    /// On an error the recipe is what it was.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let mut changed = self.clone();
        changed.put(key, scalar(value))?;
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// `key=value`, as `--set` takes it.
    pub fn set_pair(&mut self, pair: &str) -> Result<()> {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Error::usage(format!("`{}` is no key=value", text::line(pair))).cure("write --set train.lr=1e-4")
        })?;
        self.set(key.trim(), value.trim())
    }

    /// The value at `key` as `--set` would take it; `None` if there is no such key.
    pub fn get(&self, key: &str) -> Option<String> {
        let table = self.table();
        match at(&table, key)? {
            Value::String(word) => Some(word.clone()),
            Value::Table(_) => None,
            other => Some(other.to_string()),
        }
    }

    /// The whole recipe, every default written out.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.table()).expect("a recipe holds only words, numbers and lists of numbers")
    }

    fn table(&self) -> Table {
        Table::try_from(self).expect("a recipe holds only words, numbers and lists of numbers")
    }

    /// Replaces one value, its key and type checked, its range not.
    fn put(&mut self, key: &str, value: Value) -> Result<()> {
        let mut table = self.table();
        let Some(known) = key::find(key) else {
            let near = text::nearest(key, keys().iter().map(|k| k.name)).or_else(|| {
                // `lr` alone is a frequent slip.
                keys().iter().map(|k| k.name).find(|name| name.rsplit('.').next() == Some(key))
            });
            let cure = match near {
                Some(near) => format!("did you mean {near}?"),
                None => "`hcwb run keys` lists every key".into(),
            };
            return Err(Error::usage(format!("a recipe has no key `{}`", text::line(key))).cure(cure));
        };
        let slot = at_mut(&mut table, key).expect("every listed key has a field (see the test)");
        let value = coerce(slot, value).map_err(|found| {
            Error::usage(format!("{key} wants {}, not {}", wanted(slot), text::line(&found)))
                .cure(format!("{key}: {}", known.help))
        })?;
        *slot = value;
        let read = |t: Table| t.try_into::<Recipe>();
        *self = read(table).map_err(|e| {
            Error::usage(format!("{key}: {}", text::line(e.message()))).cure(format!("{key}: {}", known.help))
        })?;
        Ok(())
    }
}

/// `value` in the type of `slot`, or a description of what was found instead.
fn coerce(slot: &Value, value: Value) -> std::result::Result<Value, String> {
    match (slot, value) {
        (Value::Float(_), Value::Integer(n)) => Ok(Value::Float(n as f64)),
        (Value::String(_), v @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_))) => {
            Ok(Value::String(v.to_string()))
        }
        // 224x224, as `data prepare --size` writes it.
        (Value::Array(_), Value::String(s)) => {
            let sides: Option<Vec<Value>> =
                s.split('x').map(|side| side.trim().parse().ok().map(Value::Integer)).collect();
            sides.map(Value::Array).ok_or(format!("`{s}`"))
        }
        (slot, value) if std::mem::discriminant(slot) == std::mem::discriminant(&value) => Ok(value),
        (_, value) => Err(format!("`{value}`")),
    }
}

fn wanted(slot: &Value) -> &'static str {
    match slot {
        Value::Float(_) => "a number",
        Value::Integer(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "width and height such as [128, 128]",
        _ => "a word",
    }
}

/// `text` as a TOML value, or as a plain word.
fn scalar(text: &str) -> Value {
    let parsed: Option<Table> = toml::from_str(&format!("v = {text}")).ok();
    match parsed.and_then(|mut t| if t.len() == 1 { t.remove("v") } else { None }) {
        Some(Value::Datetime(_) | Value::Table(_)) | None => Value::String(text.to_owned()),
        Some(value) => value,
    }
}

/// Dotted names and values of everything that is not a table.
fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => {
                found.extend(leaves(inner).into_iter().map(|(rest, v)| (format!("{name}.{rest}"), v)));
            }
            value => found.push((name.clone(), value.clone())),
        }
    }
    found
}

fn at<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((part, rest)) => at(table.get(part)?.as_table()?, rest),
        None => table.get(key),
    }
}

fn at_mut<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        Some((part, rest)) => at_mut(table.get_mut(part)?.as_table_mut()?, rest),
        None => table.get_mut(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_key_is_a_field_and_every_field_is_listed() {
        let table = Recipe::default().table();
        let mut fields: Vec<String> = leaves(&table).into_iter().map(|(name, _)| name).collect();
        let mut listed: Vec<String> = keys().iter().map(|k| k.name.to_owned()).collect();
        fields.sort();
        listed.sort();
        assert_eq!(fields, listed);
    }

    #[test]
    fn an_unknown_key_suggests_the_right_one() {
        let error = Recipe::parse("[train]\nbtach = 8\n", "mine.toml").unwrap_err();
        assert!(error.what.contains("train.btach"), "{error}");
        assert_eq!(error.cure.as_deref(), Some("did you mean train.batch?"));
        let error = Recipe::default().set("lr", "1").unwrap_err();
        assert_eq!(error.cure.as_deref(), Some("did you mean train.lr?"));
    }

    #[test]
    fn a_wrong_value_leaves_the_recipe_as_it_was() {
        let mut recipe = Recipe::default();
        for (key, value) in [("train.lr", "fast"), ("train.batch", "-1"), ("train.lr", "nan"), ("data.size", "12")] {
            assert!(recipe.set(key, value).is_err(), "{key}={value}");
        }
        assert_eq!(recipe, Recipe::default());
        recipe.set("train.lr", "1e-4").unwrap();
        recipe.set("data.size", "224x224").unwrap();
        recipe.set("train.loss", "mae").unwrap();
        recipe.set("data.dataset", "2024").unwrap();
        assert_eq!((recipe.train.lr, recipe.data.size, recipe.train.loss.as_str()), (1e-4, [224, 224], "mae"));
        assert_eq!(recipe.data.dataset, "2024");
    }

    #[test]
    fn a_recipe_survives_being_written_and_read() {
        let mut recipe = Recipe { name: "mine".into(), ..Recipe::default() };
        recipe.set("train.lr", "0.0003").unwrap();
        assert_eq!(Recipe::parse(&recipe.to_toml(), "mine.toml").unwrap(), recipe);
        assert_eq!(recipe.get("train.lr").as_deref(), Some("0.0003"));
        assert_eq!(recipe.get("train"), None);
    }
}
