//! Foreign text on a terminal: names and messages that others wrote are shown with every character escaped that a terminal
//! acts upon, so that none of them moves the cursor, hides a line, or forges one.

use std::borrow::Cow;

/// A text that is part of one line: line breaks are escaped, too.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, acts)
}

/// A text of several lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && acts(c))
}

/// JSON whose strings hold nothing that a terminal acts upon. What JSON itself escapes is escaped there already.
pub fn json(text: &str) -> Cow<'_, str> {
    let acts = |c| c != '\n' && acts(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    // All of them are below U+10000, where one escape says a character.
    let escape = |c| if acts(c) { format!("\\u{:04x}", u32::from(c)) } else { String::from(c) };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Does a terminal do anything else with it than show it? Control characters (escape sequences begin with one), the
/// separators that some take for a line break, and the formatting characters by which text changes its direction.
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
    fn control_characters_are_escaped_and_everything_else_stays() {
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
        fn json_says_the_same_with_and_without_its_escapes(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = super::json(&json);
            prop_assert!(!shown.contains(acts), "{}", shown);
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
