//! Where a secret comes from: a file that only its owner can read, a variable, or a command. Never the configuration
//! itself.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::credentials::{self, Unreadable};
use super::problem::{Document, Problem, REMEDY};
use crate::command;
use crate::redact::Secret;

/// The largest secret, in bytes; a token has a few thousand.
const LARGEST: u64 = 64 << 10;

/// The place of a secret in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SecretSource {
    /// The content of a file, relative to the configuration, or of the credential with its name.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// The output of a command.
    Command(Vec<String>),
}

/// The three forms, for the deserialiser.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Forms {
    file: Option<PathBuf>,
    env: Option<String>,
    command: Option<Vec<String>>,
}

/// The allowed forms of a secret.
const FORMS: &str = "{ file = \"…\" }, { env = \"…\" } or { command = [\"…\"] }";

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(FORMS)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretSource, A::Error> {
        let forms = Forms::deserialize(de::value::MapAccessDeserializer::new(map))?;
        match (forms.file, forms.env, forms.command) {
            (Some(file), None, None) => Ok(SecretSource::File(file)),
            (None, Some(name), None) => Ok(SecretSource::Env(name)),
            (None, None, Some(command)) if !command.is_empty() => Ok(SecretSource::Command(command)),
            _ => Err(de::Error::custom(format!("a secret has exactly one place{REMEDY}write {FORMS}"))),
        }
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretSource, E> {
        Err(in_the_open())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretSource, E> {
        Err(in_the_open())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretSource, E> {
        Err(in_the_open())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretSource, E> {
        Err(in_the_open())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<SecretSource, A::Error> {
        Err(in_the_open())
    }
}

/// The refusal of a secret written in the configuration. It does not contain the secret.
fn in_the_open<E: de::Error>() -> E {
    de::Error::custom(format!(
        "a secret must not be written in the configuration itself{REMEDY}\
         put it into a file only you can read (chmod 600) and write {{ file = \"…\" }}, or use {{ env = \"…\" }} or \
         {{ command = [\"…\"] }}"
    ))
}

impl SecretSource {
    /// Fetches the secret. `key` is the key's full name, for messages.
    pub(super) fn fetch(&self, document: &Document<'_>, span: &Range<usize>, key: &str) -> Result<Secret, Problem> {
        let fail = |(problem, remedy): (String, String)| document.error(span, format!("`{key}`: {problem}"), remedy);
        let value = match self {
            Self::File(path) => read_file(&document.directory().join(path)),
            Self::Env(name) => std::env::var(name).map_err(|_| {
                (format!("the variable {name} is not set"), format!("export {name}, or name another source"))
            }),
            Self::Command(command) => command::output(command, command::PATIENCE)
                .map_err(|error| (error.to_string(), format!("run {} by hand and read its message", command[0]))),
        }
        .map_err(fail)?;
        let value = value.trim();
        if value.is_empty() {
            return Err(fail((format!("{self} is empty"), "put the secret there".to_owned())));
        }
        Ok(Secret::new(value))
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(name) => write!(f, "the variable {name}"),
            Self::Command(command) => write!(f, "the output of {}", command[0]),
        }
    }
}

/// The content of a secret file, if nobody else can read it.
fn read_file(path: &Path) -> Result<String, (String, String)> {
    credentials::read(path, LARGEST).map_err(|Unreadable { path, error, remedy }| {
        (format!("failed to read the secret file {}: {error}", path.display()), remedy)
    })
}
