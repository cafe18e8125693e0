//! Text from files, made safe for a terminal, and words near to a misspelt one.

use std::borrow::Cow;

/// `text` without control characters, so that no file can steer a terminal.
///
/// Tabs become a space; C0, DEL, C1 and the bidirectional overrides are dropped; line breaks stay
/// only where `keep_lines` says so.
pub fn safe(text: &str, keep_lines: bool) -> Cow<'_, str> {
    let bad = |c: char| {
        (c.is_control() && !(keep_lines && c == '\n')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter_map(|c| if c == '\t' { Some(' ') } else { (!bad(c)).then_some(c) }).collect())
}

/// One line of `text`, safe for a terminal.
pub fn line(text: &str) -> Cow<'_, str> {
    safe(text, false)
}

/// The candidate nearest to `word`, if any is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(word, c), c))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_pass() {
        assert_eq!(line("a\x1b[31mb\nc\u{9b}d\te\u{202e}"), "a[31mbcd e");
        assert_eq!(safe("a\nb\x07", true), "a\nb");
        assert!(matches!(line("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_nearest_word_is_suggested_only_when_near() {
        assert_eq!(nearest("train.btach", ["train.batch", "train.lr", "seed"]), Some("train.batch"));
        assert_eq!(nearest("xyzzy", ["train.batch", "seed"]), None);
    }
}
