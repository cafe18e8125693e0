//! Settings of an analyzer: `key=value`, read with a default and checked where they are read.

use crate::error::{Error, Result};
use crate::text;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What was set; keys that an analyzer does not know never get in.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The later of two values counts; nothing is checked yet.
    pub fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.to_owned());
    }

    /// Whether it was set at all.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// As it was written.
    pub fn word<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.0.get(key).map_or(default, String::as_str)
    }

    /// One of `words`; the first is the default. Fails on any other.
    pub fn one_of(&self, key: &str, words: &[&'static str]) -> Result<&'static str> {
        let given = self.word(key, words[0]);
        words.iter().copied().find(|w| *w == given).ok_or_else(|| wrong(key, given, &one_of(words)))
    }

    /// Fails on anything but `true` and `false`.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let words = if default { ["true", "false"] } else { ["false", "true"] };
        Ok(self.one_of(key, &words)? == "true")
    }

    /// Fails on what is no number, and outside the range.
    pub fn number(&self, key: &str, default: f64, range: RangeInclusive<f64>) -> Result<f64> {
        let Some(given) = self.0.get(key) else { return Ok(default) };
        let wants = || format!("a number from {} to {}", range.start(), range.end());
        given.parse().ok().filter(|v| range.contains(v)).ok_or_else(|| wrong(key, given, &wants()))
    }

    /// Fails on what is no whole number, and outside the range.
    pub fn count(&self, key: &str, default: usize, range: RangeInclusive<usize>) -> Result<usize> {
        let Some(given) = self.0.get(key) else { return Ok(default) };
        let wants = || format!("a whole number from {} to {}", range.start(), range.end());
        given.parse().ok().filter(|v| range.contains(v)).ok_or_else(|| wrong(key, given, &wants()))
    }

    /// Any whole number from 0 on; 0 where none was set.
    pub fn seed(&self) -> Result<u64> {
        let given = self.word("seed", "0");
        given.parse().map_err(|_| wrong("seed", given, "a whole number"))
    }
}

/// `key` cannot be `given`.
pub fn wrong(key: &str, given: &str, wants: &str) -> Error {
    Error::usage(format!("{key} cannot be `{}`", text::line(given))).cure(format!("use {wants}"))
}

fn one_of(words: &[&str]) -> String {
    match words {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => words.join(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_has_its_default_and_what_is_wrong_is_named() {
        let mut settings = Settings::default();
        assert_eq!(settings.number("sigma", 0.25, 0.0..=10.0).unwrap(), 0.25);
        settings.set("sigma", "11");
        let error = settings.number("sigma", 0.25, 0.0..=10.0).unwrap_err();
        assert!(error.what.contains("sigma") && error.cure.unwrap().contains("0 to 10"));
        settings.set("sigma", "NaN");
        assert!(settings.number("sigma", 0.25, 0.0..=10.0).is_err());
        settings.set("start", "half");
        let error = settings.one_of("start", &["one", "output"]).unwrap_err();
        assert_eq!(error.cure.unwrap(), "use one or output");
    }
}
