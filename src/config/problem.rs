//! The problems of a configuration and their messages. A message only contains names of keys and kinds, never a value:
//! it could be a secret in the wrong place.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::excerpt::Excerpt;
use super::{ConfigError, ConfigErrors};
use crate::spelling::nearest;

/// The most problems that are reported together: enough for one round of corrections, and a limit for the time of the
/// check.
const MOST_PROBLEMS: usize = 50;

/// A problem at a position of the text.
#[derive(Debug)]
pub(super) struct Problem {
    at: usize,
    error: ConfigError,
}

/// The problems so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Keeps a problem.
    pub(super) fn push(&mut self, problem: Problem) {
        if !self.is_full() {
            self.0.push(problem);
        }
    }

    /// The value, if there is one; otherwise its problem is added.
    pub(super) fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.push(problem)).ok()
    }

    /// Is the maximum number of problems reached?
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_PROBLEMS
    }

    /// The result if there are no problems; otherwise all problems, in the order of the text.
    pub(super) fn finish<T>(mut self, made: Option<T>) -> Result<T, ConfigErrors> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => {
                self.0.sort_by_key(|problem| problem.at);
                Err(ConfigErrors(self.0.into_iter().map(|problem| problem.error).collect()))
            }
        }
    }
}

/// The text of a configuration and where it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'a> {
    text: &'a str,
    path: &'a Path,
}

impl<'a> Document<'a> {
    pub(super) fn new(text: &'a str, path: &'a Path) -> Self {
        Self { text, path }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The directory for relative paths.
    pub(super) fn directory(&self) -> &'a Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// A problem at those bytes.
    pub(super) fn error(&self, span: &Range<usize>, problem: impl Into<String>, remedy: impl Into<String>) -> Problem {
        let (place, excerpt) = (self.place(span.start), Some(Excerpt::of(self.text, span)));
        let error = ConfigError { place, problem: problem.into(), remedy: remedy.into(), excerpt };
        Problem { at: span.start, error }
    }

    /// A key is missing in the table at those bytes.
    pub(super) fn missing(&self, span: &Range<usize>, key: &str) -> Problem {
        let (problem, remedy) = missing(key);
        self.error_at_key(span, &problem, remedy)
    }

    /// The error of the TOML parser, with a remedy.
    pub(super) fn parse_error(&self, error: &toml::de::Error) -> Problem {
        let span = error.span().unwrap_or_default();
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        let (problem, remedy) = explain(&message);
        if message.starts_with(DUPLICATE) {
            // The second of two equal keys is not in the tree. It is a key, so the message may contain it.
            return self.error(&span, format!("`{}`: {problem}", &self.text[span.clone()]), remedy);
        }
        self.error_at_key(&span, &problem, remedy)
    }

    /// A problem at those bytes, with the key to which they belong.
    pub(super) fn error_at_key(&self, span: &Range<usize>, problem: &str, remedy: impl Into<String>) -> Problem {
        let path = self.path_of(span).map(|path| format!("`{path}`: "));
        self.error(span, path.unwrap_or_default() + problem, remedy)
    }

    /// The keys that lead to those bytes, such as `source.auth.kind`, of a key, of a value, or within a value.
    fn path_of(&self, span: &Range<usize>) -> Option<String> {
        // Also for a text that is not valid TOML, as far as it can be read.
        let (tree, _) = DeTable::parse_recoverable(self.text);
        path_in(tree.get_ref(), span)
    }

    /// The position of a key of a section; if the key is missing, the start of the section.
    pub(super) fn span_of(&self, section: &str, key: &str) -> Range<usize> {
        let (tree, _) = DeTable::parse_recoverable(self.text);
        let Some((header, value)) = tree.get_ref().get_key_value(section) else { return 0..0 };
        let key = value.get_ref().as_table().and_then(|table| table.get_key_value(key));
        key.map_or_else(|| header.span(), |(key, _)| key.span())
    }

    /// `file:line` of a byte.
    pub(super) fn place(&self, at: usize) -> String {
        let line = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }
}

fn path_in(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let holds = |place: Range<usize>| place.start <= span.start && span.end <= place.end;
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        // The span of a table is only that of its header: its contents can be anywhere.
        match within(value.get_ref(), span) {
            Some(rest) => Some(format!("{name}.{rest}")),
            None => (holds(key.span()) || holds(value.span())).then(|| name.to_string()),
        }
    })
}

fn within(value: &DeValue<'_>, span: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => path_in(table, span),
        DeValue::Array(values) => values.iter().find_map(|value| within(value.get_ref(), span)),
        _ => None,
    }
}

/// The parser's message, and what to do about it.
fn explain(message: &str) -> (String, String) {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let mut names = quoted(rest);
        let unknown = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        return ("unknown key".to_owned(), suggestion(unknown, &known));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let mut names = quoted(rest);
        let unknown = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        return (format!("unknown value `{unknown}`"), suggestion(unknown, &known));
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        let name = quoted(rest).next().unwrap_or_default();
        return missing(name);
    }
    if message.starts_with(DUPLICATE) {
        return ("this key is given twice".to_owned(), "keep one of them".to_owned());
    }
    if let Some((problem, remedy)) = message.split_once(REMEDY) {
        return (problem.to_owned(), remedy.to_owned());
    }
    (hide_values(message), "correct that line; `mediamirror init` writes an example".to_owned())
}

fn missing(key: &str) -> (String, String) {
    (format!("key `{key}` is missing"), format!("add `{key}`; `mediamirror init` writes an example"))
}

/// The separator of problem and remedy in the messages of our own deserialisers.
pub(super) const REMEDY: &str = " ~remedy~ ";

/// The parser's message for a duplicate key of a table.
const DUPLICATE: &str = "duplicate key";

/// The parser's message if one of several names is expected and the value has another type.
const NO_CHOICE: &str = "wanted string or table";

/// The words in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// "invalid type: string "x", expected y" contains the value; only the expected type is kept.
fn hide_values(message: &str) -> String {
    let invalid = message.starts_with("invalid type") || message.starts_with("invalid value");
    let of_kind = |expected: &str| format!("this value is of the wrong kind: expected {}", in_words(expected));
    if message == NO_CHOICE {
        return of_kind("string");
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if invalid => of_kind(expected),
        _ => message.to_owned(),
    }
}

/// The type of a value in words.
fn in_words(kind: &str) -> &str {
    match kind {
        "a string" | "path string" | "string" => "a text in quotes",
        "a sequence" => "a list in brackets",
        "a boolean" => "true or false",
        "a nonzero usize" | "a nonzero u64" => "a whole number above zero",
        "usize" | "u64" | "u32" => "a whole number",
        other => other,
    }
}

/// The nearest of the names, or all of them.
fn suggestion(unknown: &str, known: &[&str]) -> String {
    match nearest(unknown, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_name_is_suggested_and_a_different_one_is_not() {
        assert_eq!(suggestion("acount", &["account", "auth"]), "did you mean `account`?");
        assert_eq!(suggestion("zebra", &["account", "auth"]), "known here: account, auth");
    }

    #[test]
    fn the_keys_of_bytes_are_found() {
        let text = "a = 1\n[b]\nc = { d = [\n[2],\n{ e = 3 }] }\n[b.f]\n[[g]]\nh.i = 4\n[[g]]\nj = 5\n";
        let path = |needle: &str| {
            let at = text.find(needle).unwrap();
            Document::new(text, Path::new("m")).path_of(&(at..at + needle.len()))
        };
        for (needle, expected) in [
            ("1", "a"),
            ("[b]", "b"),
            ("2", "b.c.d"),
            ("e", "b.c.d.e"),
            ("3", "b.c.d.e"),
            ("[b.f]", "b.f"),
            ("4", "g.h.i"),
            ("j", "g.j"),
        ] {
            assert_eq!(path(needle).as_deref(), Some(expected), "{needle}");
        }
        assert_eq!(path(text), None, "all of it is no key's");
    }

    #[test]
    fn values_of_the_wrong_type_are_not_in_messages() {
        assert_eq!(
            hide_values("invalid type: string \"hunter2, expected x\", expected a boolean"),
            "this value is of the wrong kind: expected true or false"
        );
        assert_eq!(hide_values(NO_CHOICE), "this value is of the wrong kind: expected a text in quotes");
    }
}
