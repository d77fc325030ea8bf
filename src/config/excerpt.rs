//! Shows the wrong line of a configuration without its values: one of them could be a secret in the wrong place.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

/// What is shown instead of a value.
const HIDDEN: char = '…';
/// The length of the longest key of the configuration.
const LONGEST_KEY: usize = 24;

/// A line of a configuration, with a mark below a part of it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Excerpt {
    /// Number of the line, from 1.
    pub line: usize,
    /// The line. Each value is replaced by `…`.
    pub text: String,
    /// Where the marked part begins, in characters from 0.
    pub from: usize,
    /// How many characters are marked, one or more.
    pub length: usize,
}

impl Excerpt {
    /// The line in which those bytes of the text begin, with a mark below them.
    pub(super) fn of(text: &str, span: &Range<usize>) -> Self {
        let at = (0..=span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        let (mut shown, mut columns) = (Vec::new(), vec![0; line.len() + 1]);
        for (part, is_shown) in parts(line) {
            for (byte, column) in columns[part.clone()].iter_mut().enumerate() {
                *column = shown.len() + if is_shown { characters_before(&line[part.clone()], byte) } else { 0 };
            }
            if is_shown {
                shown.extend(line[part].chars());
            } else {
                shown.push(HIDDEN);
            }
        }
        *columns.last_mut().expect("one more than bytes") = shown.len();
        let from = columns[(at - begin).min(line.len())];
        let to = columns[span.end.saturating_sub(begin).min(line.len())];
        let line = text[..begin].matches('\n').count() + 1;
        Self { line, text: shown.into_iter().collect(), from, length: to.saturating_sub(from).max(1) }
    }
}

/// How many characters start before that byte.
fn characters_before(text: &str, byte: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < byte).count()
}

/// The parts of a line in their order, and whether they are shown: keys and punctuation are shown, values and comments
/// are not.
fn parts(line: &str) -> Vec<(Range<usize>, bool)> {
    let mut parts = Vec::new();
    let mut rest = 0;
    while let Some(first) = line[rest..].chars().next() {
        let (end, is_shown) = match first {
            '"' | '\'' => quoted(&mut parts, line, rest, first),
            '#' => (line.len(), false),
            _ if is_punctuation(first) => (rest + first.len_utf8(), true),
            _ => {
                let end = line[rest..].find(|c| is_punctuation(c) || matches!(c, '"' | '\'' | '#'));
                let end = end.map_or(line.len(), |end| rest + end);
                (end, is_key(line, rest, end))
            }
        };
        if end > rest {
            let from = parts.last().map_or(0, |(part, _): &(Range<usize>, bool)| part.end);
            parts.push((from..end, is_shown));
        }
        rest = end;
    }
    parts
}

/// Adds the opening quote and the text of a string; returns the end of the closing quote.
fn quoted(parts: &mut Vec<(Range<usize>, bool)>, line: &str, from: usize, quote: char) -> (usize, bool) {
    parts.push((from..from + 1, true));
    let (mut end, mut escaped) = (line.len(), false);
    for (at, c) in line[from + 1..].char_indices() {
        if c == quote && !escaped {
            end = from + 1 + at;
            break;
        }
        escaped = quote == '"' && c == '\\' && !escaped;
    }
    if end > from + 1 {
        parts.push((from + 1..end, false));
    }
    ((end + 1).min(line.len()), true)
}

fn is_punctuation(c: char) -> bool {
    c.is_whitespace() || "[]{},=.".contains(c)
}

/// Is it a key: followed by an equals sign or by a part of the same key, or in the header of a table? A pasted account
/// key ends with equals signs, too, so only texts that look like a key of the configuration are shown.
fn is_key(line: &str, from: usize, end: usize) -> bool {
    let word = &line[from..end];
    if word.len() > LONGEST_KEY || !word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return false;
    }
    let is_header = line.trim_start().starts_with('[') && !line.contains(['=', '"', '\'', ',']);
    let after = line[end..].trim_start();
    let before = line[..from].trim_end();
    let is_dotted = |before: &str| before.is_empty() || before.ends_with(['{', ',', '.']);
    is_header
        || (is_dotted(before) && (after.starts_with('=') || (after.starts_with('.') && line[end..].contains('='))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, marked: &str) -> (String, String) {
        let at = text.find(marked).unwrap();
        let excerpt = Excerpt::of(text, &(at..at + marked.len()));
        let mark: String = " ".repeat(excerpt.from) + &"^".repeat(excerpt.length);
        (format!("{} {}", excerpt.line, excerpt.text), mark)
    }

    #[test]
    fn keys_are_shown_and_values_are_not() {
        for (line, marked, shown, mark) in [
            ("account = \"west\"", "\"west\"", "account = \"…\"", "          ^^^"),
            ("acount = 'west' # mine", "acount", "acount = '…' …", "^^^^^^"),
            ("key = { file = \"a.key\", n = 7 }", "file", "key = { file = \"…\", n = … }", "        ^^^^"),
            ("[source.auth]", "[source.auth]", "[source.auth]", "^^^^^^^^^^^^^"),
            ("limits.blob = true", "true", "limits.blob = …", "              ^"),
            ("a = \"x\\\"hunter2\" ", "\"x\\\"hunter2\"", "a = \"…\" ", "    ^^^"),
            ("hunter2", "hunter2", "…", "^"),
            ("a = hunter2 hunter3", "hunter3", "a = … …", "      ^"),
            ("a = \"hunter2", "a", "a = \"…", "^"),
            ("[\"hunter2\"]", "\"hunter2\"", "[\"…\"]", " ^^^"),
            ("über = \"ü\"", "\"ü\"", "… = \"…\"", "    ^^^"),
            ("J1YpBsgLMTAQBfBiPb6IiOV6fpq==", "==", "…==", " ^^"),
            ("key = J1YpBsgL/MTAQ==", "J1YpBsgL/MTAQ==", "key = …==", "      ^^^"),
            ("[J1YpBsgL.deadbeef0]", "[", "[….…]", "^"),
            ("sv=2020-01-01&sig=hunter2%3D", "sv", "sv=…=…", "^^"),
            ("passwordpasswordpasswordpassword = 1", "1", "… = …", "    ^"),
        ] {
            let text = format!("# first\n{line}\nlast = 1\n");
            let expected = (format!("2 {shown}"), mark.to_owned());
            assert_eq!(excerpt(&text, marked), expected, "{line}");
        }
    }

    #[test]
    fn an_empty_text_and_bytes_after_its_end_can_be_marked() {
        let nothing = Excerpt { line: 1, text: String::new(), from: 0, length: 1 };
        assert_eq!(Excerpt::of("", &(0..0)), nothing);
        assert_eq!(Excerpt::of("a = 1", &(90..99)).line, 1);
    }
}
