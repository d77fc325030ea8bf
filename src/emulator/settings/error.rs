//! An error in a file of settings or fault rules: its place, the problem, and the remedy.

use std::fmt;
use std::path::Path;

/// An error in the settings: its place, the problem, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The file, if the settings came from one.
    pub file: Option<String>,
    /// The line, counted from 1, if it is known.
    pub line: Option<usize>,
    /// The key, such as `regions[0].account`.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for SettingsError {}

impl SettingsError {
    /// Reads a file; `what` names its content in errors.
    pub(crate) fn text_of(path: &Path, what: &str) -> Result<String, Self> {
        std::fs::read_to_string(path).map_err(|error| Self {
            file: Some(path.display().to_string()),
            line: None,
            key: String::new(),
            problem: format!("cannot be read: {error}"),
            remedy: format!("name a readable TOML file of {what}"),
        })
    }

    /// The same error, found in that file.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self { file: Some(path.display().to_string()), ..self }
    }

    /// An error of the TOML parser, with line, key and remedy.
    pub(crate) fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map(|span| span.start.min(text.len()));
        let line = start.map(|start| text[..start].matches('\n').count() + 1);
        let written = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
        let key = written.split_once('=').map_or(written, |(key, _)| key).trim().trim_matches(['[', ']']).to_owned();
        let message = error.message().to_owned();
        let remedy = if message.starts_with("unknown field") || message.starts_with("unknown variant") {
            "remove it or write one of those expected"
        } else if message.starts_with("missing field") {
            "add the missing key to this table"
        } else if message.starts_with("invalid type") || message.starts_with("invalid value") {
            "give a value of the kind expected"
        } else {
            "correct the TOML there"
        };
        Self { file: None, line, key, problem: message, remedy: remedy.to_owned() }
    }
}
