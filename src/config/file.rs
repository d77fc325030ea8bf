//! The configuration as it is written: the shape of the TOML file, nothing checked beyond it.

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::policy::{AcceptFile, GuardsFile};
use super::problem::Document;
use super::secret::SecretSource;
use super::{ConfigError, Limits};
use crate::throttle::LaneLimits;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    #[serde(default = "default_ledger")]
    pub(super) ledger: PathBuf,
    pub(super) ca_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) accept: Vec<Spanned<AcceptFile>>,
    #[serde(default)]
    pub(super) withhold: Vec<Spanned<String>>,
    pub(super) adopt: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) guards: GuardsFile,
    pub(super) source: AccountFile,
    pub(super) target: AccountFile,
}

/// `[source]` or `[target]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountFile {
    pub(super) account: Spanned<String>,
    pub(super) endpoint: Spanned<String>,
    pub(super) redirect_hosts: Option<Vec<Spanned<String>>>,
    pub(super) api_version: Option<Spanned<String>>,
    pub(super) streaming_url: Option<Spanned<String>>,
    pub(super) auth: AuthFile,
    pub(super) storage: Spanned<Vec<StorageFile>>,
    #[serde(default)]
    pub(super) limits: LimitsFile,
}

/// `[source.auth]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthFile {
    pub(super) kind: Spanned<AuthKind>,
    pub(super) token_url: Spanned<String>,
    pub(super) client_id: Option<Spanned<String>>,
    pub(super) secret: Spanned<SecretSource>,
    pub(super) resource: Option<Spanned<String>>,
}

/// The kinds of token services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AuthKind {
    Acs,
    Entra,
}

/// `[[source.storage]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StorageFile {
    pub(super) account: Spanned<String>,
    pub(super) endpoint: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<SecretSource>>,
    pub(super) sas: Option<Spanned<SecretSource>>,
}

/// `[source.limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsFile {
    media: LaneFile,
    blob: LaneFile,
    pending_copies: Option<NonZeroUsize>,
}

/// The limits of one lane; what is left out keeps the lane's own default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LaneFile {
    requests_per_second: Option<NonZeroU64>,
    bytes_per_second: Option<NonZeroU64>,
    in_flight: Option<NonZeroUsize>,
}

impl LimitsFile {
    /// The default limits with what is written here put over them.
    pub(super) fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            media: self.media.over(default.media),
            blob: self.blob.over(default.blob),
            pending_copies: self.pending_copies.map_or(default.pending_copies, NonZeroUsize::get),
        }
    }
}

impl LaneFile {
    fn over(&self, lane: LaneLimits) -> LaneLimits {
        LaneLimits {
            requests_per_second: self.requests_per_second.or(lane.requests_per_second),
            bytes_per_second: self.bytes_per_second.or(lane.bytes_per_second),
            in_flight: self.in_flight.map_or(lane.in_flight, NonZeroUsize::get),
        }
    }
}

fn default_ledger() -> PathBuf {
    PathBuf::from("mirror.ledger")
}

/// Reads the shape.
pub(super) fn parse(document: &Document<'_>) -> Result<ConfigFile, ConfigError> {
    let refuse = |error: toml::de::Error| document.parse_error(&error);
    let tree = DeTable::parse(document.text()).map_err(refuse)?;
    // A derived deserialiser takes a list for a table, its values in the order of the fields.
    if let Some(list) = list_for_table(tree.get_ref()) {
        let (problem, remedy) =
            ("a list where a table is expected", "write its keys in braces, or below one `[header]`");
        return Err(document.error_at_key(&list, problem, remedy));
    }
    ConfigFile::deserialize(toml::Deserializer::from(tree)).map_err(refuse)
}

/// Where a list stands for a table.
fn list_for_table(table: &DeTable<'_>) -> Option<Range<usize>> {
    let is_table = |key: &str| matches!(key, "source" | "target" | "auth" | "limits" | "media" | "blob" | "guards");
    table.iter().find_map(|(key, value)| match value.get_ref() {
        DeValue::Table(inner) => list_for_table(inner),
        DeValue::Array(_) if is_table(key.get_ref()) => Some(value.span()),
        DeValue::Array(tables) if key.get_ref() == "storage" => {
            tables.iter().find_map(|element| match element.get_ref() {
                DeValue::Array(_) => Some(element.span()),
                _ => None,
            })
        }
        _ => None,
    })
}
