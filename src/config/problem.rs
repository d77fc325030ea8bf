//! Where in a configuration something is wrong, and what to say about it. Of the text only the names of keys and kinds are
//! repeated, never a value: it may be a secret that was put in the wrong place.

use std::ops::Range;
use std::path::Path;

use super::ConfigError;

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

    /// The directory relative paths are relative to.
    pub(super) fn directory(&self) -> &'a Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Something is wrong at those bytes.
    pub(super) fn error(
        &self,
        span: &Range<usize>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ConfigError {
        ConfigError { place: self.place(span.start), problem: problem.into(), remedy: remedy.into() }
    }

    /// What the TOML parser found, with a remedy.
    pub(super) fn parse_error(&self, error: &toml::de::Error) -> ConfigError {
        let start = error.span().map_or(0, |span| span.start);
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        let (problem, remedy) = explain(&message);
        let table = self.table_at(start);
        let problem = if table.is_empty() { problem } else { format!("{problem} (in `{table}`)") };
        ConfigError { place: self.place(start), problem, remedy }
    }

    /// `file:line` of a byte.
    pub(super) fn place(&self, at: usize) -> String {
        let line = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }

    /// The header of the table that byte is in, such as `[source.auth]`; empty at the top.
    fn table_at(&self, at: usize) -> &'a str {
        let end = self.text[at.min(self.text.len())..].find('\n').map_or(self.text.len(), |length| at + length);
        self.text[..end]
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| is_header(line))
            .map_or("", |line| line.split('#').next().unwrap_or_default().trim_end())
    }
}

/// A list can stand in a line of its own, too; its values are not told.
fn is_header(line: &str) -> bool {
    let name = line.split('#').next().unwrap_or_default().trim_end();
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']');
    name.is_some_and(|name| name.chars().all(in_name))
}

/// The parser's message, and what to do about it.
fn explain(message: &str) -> (String, String) {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let mut names = quoted(rest);
        let unknown = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        return (format!("unknown key `{unknown}`"), suggestion(unknown, &known));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let mut names = quoted(rest);
        let unknown = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        return (format!("unknown value `{unknown}`"), suggestion(unknown, &known));
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        let name = quoted(rest).next().unwrap_or_default();
        return (format!("key `{name}` is missing"), format!("add `{name}`; `mediamirror init` writes an example"));
    }
    if message.starts_with("duplicate key") {
        return (message.to_owned(), "keep one of them".to_owned());
    }
    if let Some((problem, remedy)) = message.split_once(REMEDY) {
        return (problem.to_owned(), remedy.to_owned());
    }
    (hide_values(message), "correct that line; `mediamirror init` writes an example".to_owned())
}

/// Between problem and remedy in the messages of our own deserialisers.
pub(super) const REMEDY: &str = " ~remedy~ ";

/// The words in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// "invalid type: string "x", expected y" repeats the value; only what was expected is told.
fn hide_values(message: &str) -> String {
    let invalid = message.starts_with("invalid type") || message.starts_with("invalid value");
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if invalid => format!("this value is of the wrong kind: expected {}", in_words(expected)),
        _ => message.to_owned(),
    }
}

/// The kind of a value as people call it.
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
    let near = known.iter().map(|name| (distance(unknown, name), *name)).min();
    match near {
        Some((distance, name)) if distance <= (name.len() / 3).max(1) => format!("did you mean `{name}`?"),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// Edit distance where two swapped neighbours count as one edit (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut cost = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            cost[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = cost[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let best = replaced.min(cost[i - 1][j] + 1).min(cost[i][j - 1] + 1);
                if swapped { best.min(cost[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    cost[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_edits() {
        assert_eq!(distance("acount", "account"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("token", "token"), 0);
        assert_eq!(distance("url", "uri"), 1);
        assert_eq!(distance("flie", "file"), 1);
    }

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        assert_eq!(suggestion("acount", &["account", "auth"]), "did you mean `account`?");
        assert_eq!(suggestion("zebra", &["account", "auth"]), "known here: account, auth");
    }

    #[test]
    fn a_list_on_a_line_of_its_own_is_no_table() {
        let text = "[source.auth]\nsecret = { command = [\n[\"hunter2\"]\n] }\n";
        let document = Document::new(text, Path::new("mirror.toml"));
        assert_eq!(document.table_at(text.find("hunter2").unwrap()), "[source.auth]");
        let text = "[[source.storage]] # the only one\nkey = 1\n";
        assert_eq!(Document::new(text, Path::new("m")).table_at(text.len() - 3), "[[source.storage]]");
    }

    #[test]
    fn values_of_the_wrong_kind_are_not_repeated() {
        assert_eq!(
            hide_values("invalid type: string \"hunter2, expected x\", expected a boolean"),
            "this value is of the wrong kind: expected true or false"
        );
    }
}
