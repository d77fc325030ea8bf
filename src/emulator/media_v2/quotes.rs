//! Strings in single quotes, which the service's JSON reader accepts, although JSON does not have them.

use std::fmt::Write as _;

/// The same document with every string in double quotes; `None` if a string does not end.
pub(super) fn in_double_quotes(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 64);
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '"' | '\'') => {
                quote = Some(character);
                out.push('"');
            }
            (Some(open), close) if open == close => {
                quote = None;
                out.push('"');
            }
            (Some(_), '"') => out.push_str("\\\""),
            (Some(_), '\\') => match characters.next()? {
                '\'' => out.push('\''),
                escaped => out.extend(['\\', escaped]),
            },
            // That reader also accepts line ends and tabs inside strings.
            (Some(_), other) if other.is_control() => {
                write!(out, "\\u{:04x}", u32::from(other)).expect("writing to a string never fails");
            }
            (_, other) => out.push(other),
        }
    }
    quote.is_none().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<serde_json::Value> {
        serde_json::from_str(&in_double_quotes(text)?).ok()
    }

    #[test]
    fn a_string_in_single_quotes_is_read_as_one_in_double_quotes() {
        let expected = serde_json::json!({ "a": "{\"b\": 'c'}\n", "d": "it's", "e": 1 });
        assert_eq!(read("{'a':'{\"b\": \\'c\\'}\n', \"d\":\"it's\", \"e\":1}"), Some(expected));
    }

    #[test]
    fn an_unterminated_string_is_not_read() {
        for text in ["{'a':'b}", "{'a':\"b'}", "'\\"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
