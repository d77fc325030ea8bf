//! Foreign text on a terminal: in names and messages of others, every character is escaped that controls a terminal, so
//! that none can move the cursor, or hide or forge a line.

use std::borrow::Cow;

/// A text that is part of one line: line breaks are escaped, too.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, acts)
}

/// A text of several lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && acts(c))
}

/// JSON whose strings have no characters that control a terminal. Those that JSON itself escapes are already escaped.
pub fn json(text: &str) -> Cow<'_, str> {
    let acts = |c| c != '\n' && acts(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    // All of them are below U+10000, so one escape is enough.
    let escape = |c| if acts(c) { format!("\\u{:04x}", u32::from(c)) } else { String::from(c) };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Does it control a terminal? These are control characters (with which escape sequences start), separators that some
/// terminals treat as a line break, and formatting characters that change the direction of text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, acts: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_control_characters_are_escaped() {
        assert_eq!(line("a\u{1b}[2J\r\n\tb\u{9b}1mc\u{202e}d"), "a\\u{1b}[2J\\r\\n\\tb\\u{9b}1mc\\u{202e}d");
        assert_eq!(lines("a\nb\u{7f}"), "a\nb\\u{7f}");
        for harmless in ["Grüße, 漢字 🎬 שלום", "=1+1", "%2e%2e/?#", "a\\b"] {
            assert_eq!(line(harmless), harmless);
        }
    }

    proptest! {
        #[test]
        fn no_text_puts_a_control_character_on_a_line(text: String) {
            prop_assert!(!line(&text).contains(acts));
            prop_assert!(!lines(&text).contains(|c| c != '\n' && acts(c)));
        }

        #[test]
        fn json_has_the_same_meaning_with_escapes(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = super::json(&json);
            prop_assert!(!shown.contains(acts), "{}", shown);
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
