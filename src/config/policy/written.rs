//! The operator's decisions in the file, and their checks. No message contains a value.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::super::file::GeneralFile;
use super::super::problem::{Document, Problem, Problems, REMEDY};
use super::super::selection::globs;
use super::{Accept, Adopt, Age, GuardLimits, Policy, Share, ShareError};
use crate::spelling::nearest;
use crate::verdict::Cause;

/// The default of `delete_after`.
const NEVER: &str = "never";

/// One entry of `accept`.
#[derive(Debug)]
pub(in super::super) enum AcceptFile {
    /// Only a code.
    Code(String),
    /// A code with its scope.
    Scoped(Scoped),
}

/// The table form of an entry.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Scoped {
    cause: Spanned<String>,
    names: Option<Spanned<Vec<Spanned<String>>>>,
    most: Option<NonZeroU64>,
}

impl<'de> Deserialize<'de> for AcceptFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = AcceptFile;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a code in quotes, or { cause = \"…\", names = [\"…\"], most = 3 }")
    }

    fn visit_str<E: de::Error>(self, code: &str) -> Result<AcceptFile, E> {
        Ok(AcceptFile::Code(code.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AcceptFile, A::Error> {
        Scoped::deserialize(de::value::MapAccessDeserializer::new(map)).map(AcceptFile::Scoped)
    }
}

/// `[guards]`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "they are the keys of the file")]
pub(in super::super) struct GuardsFile {
    max_withdraw: Option<Share>,
    max_shrink: Option<Share>,
    max_overwrite: Option<Share>,
    max_delete: Option<Share>,
}

impl GuardsFile {
    pub(in super::super) fn limits(&self) -> GuardLimits {
        let Self { max_withdraw, max_shrink, max_overwrite, max_delete } = *self;
        GuardLimits { max_withdraw, max_shrink, max_overwrite, max_delete }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShareVisitor)
    }
}

struct ShareVisitor;

impl Visitor<'_> for ShareVisitor {
    type Value = Share;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number, or a percentage in quotes")
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Share, E> {
        u64::try_from(count).map(Share::Count).map_err(|_| not_a_share())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Share, E> {
        text.parse().map_err(|_: ShareError| not_a_share())
    }
}

fn not_a_share<E: de::Error>() -> E {
    de::Error::custom(format!("neither a number nor a percentage{REMEDY}write a number such as 20, or \"10%\""))
}

/// Checks the operator's decisions. Invalid ones are left out.
pub(in super::super) fn policy(file: &GeneralFile, document: &Document<'_>, problems: &mut Problems) -> Policy {
    Policy {
        accept: file.accept.iter().filter_map(|entry| problems.keep(accepted(entry, document))).collect(),
        withhold: file.withhold.iter().filter_map(|entry| problems.keep(withheld(entry, document))).collect(),
        adopt: file.adopt.as_ref().and_then(|adopt| problems.keep(adopted(adopt, document))).unwrap_or_default(),
        guards: file.guards.limits(),
        delete_after: file.delete_after.as_ref().and_then(|age| problems.keep(delete_after(age, document))).flatten(),
    }
}

fn accepted(entry: &Spanned<AcceptFile>, document: &Document<'_>) -> Result<Accept, Problem> {
    Ok(match entry.get_ref() {
        AcceptFile::Code(code) => Accept { cause: cause(code, &entry.span(), document)?, names: None, most: None },
        AcceptFile::Scoped(scoped) => Accept {
            cause: cause(scoped.cause.get_ref(), &scoped.cause.span(), document)?,
            names: scoped
                .names
                .as_ref()
                .map(|names| globs("accept.names", names, "trailer-*", document))
                .transpose()?,
            most: scoped.most.map(NonZeroU64::get),
        },
    })
}

fn cause(code: &str, span: &Range<usize>, document: &Document<'_>) -> Result<Cause, Problem> {
    Cause::of_code(code).ok_or_else(|| {
        let codes: Vec<&str> = Cause::all().map(Cause::code).collect();
        let near = nearest(code, &codes).map_or_else(String::new, |code| format!("did you mean `{code}`? "));
        let remedy = format!("{near}`mediamirror explain` lists all codes");
        document.error(span, "`accept`: no cause has this code", remedy)
    })
}

fn withheld(entry: &Spanned<String>, document: &Document<'_>) -> Result<String, Problem> {
    if entry.get_ref().trim().is_empty() {
        let remedy = "write the name or the id of a source asset, or the id of a locator, or remove the entry";
        return Err(document.error(&entry.span(), "`withhold`: an empty entry", remedy));
    }
    // Unchanged, because a name can begin or end with a space.
    Ok(entry.get_ref().clone())
}

fn delete_after(age: &Spanned<String>, document: &Document<'_>) -> Result<Option<Age>, Problem> {
    if age.get_ref() == NEVER {
        return Ok(None);
    }
    age.get_ref().parse().map(Some).map_err(|_| {
        let remedy = "write a time of at least one day, such as \"7d\" or \"36h\", or \"never\"";
        document.error(&age.span(), "`delete_after`: not a time of at least one day", remedy)
    })
}

fn adopted(adopt: &Spanned<String>, document: &Document<'_>) -> Result<Adopt, Problem> {
    match adopt.get_ref().as_str() {
        "no" => Ok(Adopt::No),
        "equal" => Ok(Adopt::Equal),
        "overwrite" => Ok(Adopt::Overwrite),
        _ => Err(document.error(&adopt.span(), "`adopt`: unknown value", "write \"no\", \"equal\" or \"overwrite\"")),
    }
}
