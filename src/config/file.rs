//! The configuration as it is written: the shape of the TOML file, nothing checked beyond it.

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::policy::{AcceptFile, GuardsFile};
use super::problem::Document;
use super::secret::SecretSource;
use super::{ConfigError, Limits};
use crate::throttle::LaneLimits;

/// The whole file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) general: GeneralFile,
    pub(super) source: AccountFile,
    pub(super) target: AccountFile,
}

/// What concerns both sides.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GeneralFile {
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
    /// Both sides are read apart; they are here for what is suggested instead of an unknown key.
    #[serde(default, rename = "source")]
    _source: IgnoredAny,
    #[serde(default, rename = "target")]
    _target: IgnoredAny,
}

/// `[source]` or `[target]`.
#[derive(Debug)]
pub(super) struct AccountFile {
    /// The name of the library's account.
    pub(super) account: Spanned<String>,
    pub(super) service: ServiceFile,
    pub(super) streaming_url: Option<Spanned<String>>,
    pub(super) storage: Spanned<Vec<StorageFile>>,
    pub(super) limits: LimitsFile,
}

/// What is particular to a service.
#[derive(Debug)]
pub(super) enum ServiceFile {
    AmsV2(Box<AmsV2File>),
    Blobs,
}

/// The services, as `service` names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ServiceName {
    #[default]
    AmsV2,
    Blobs,
}

/// The one key that decides which others there are.
#[derive(Debug, Deserialize)]
struct ServiceKey {
    #[serde(default)]
    service: ServiceName,
}

/// `[source]` of an account of Media Services v2.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AmsV2Section {
    #[serde(default, rename = "service")]
    _service: ServiceName,
    account: Spanned<String>,
    endpoint: Spanned<String>,
    redirect_hosts: Option<Vec<Spanned<String>>>,
    api_version: Option<Spanned<String>>,
    streaming_url: Option<Spanned<String>>,
    auth: AuthFile,
    storage: Spanned<Vec<StorageFile>>,
    #[serde(default)]
    limits: LimitsFile,
}

/// `[source]` of a storage account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlobsSection {
    #[serde(default, rename = "service")]
    _service: ServiceName,
    storage: Spanned<Vec<StorageFile>>,
    #[serde(default)]
    limits: LimitsFile,
}

/// The keys of Media Services v2.
#[derive(Debug)]
pub(super) struct AmsV2File {
    pub(super) endpoint: Spanned<String>,
    pub(super) redirect_hosts: Option<Vec<Spanned<String>>>,
    pub(super) api_version: Option<Spanned<String>>,
    pub(super) auth: AuthFile,
}

impl From<AmsV2Section> for AccountFile {
    fn from(section: AmsV2Section) -> Self {
        let AmsV2Section {
            account, endpoint, redirect_hosts, api_version, streaming_url, auth, storage, limits, ..
        } = section;
        let service = AmsV2File { endpoint, redirect_hosts, api_version, auth };
        Self { account, service: ServiceFile::AmsV2(Box::new(service)), streaming_url, storage, limits }
    }
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
    let whole = tree.span();
    let mut tree = tree.into_inner();
    let [source, target] = ["source", "target"].map(|side| (side, tree.remove(side)));
    let general =
        GeneralFile::deserialize(toml::Deserializer::from(Spanned::new(whole.clone(), tree))).map_err(refuse)?;
    let side = |(name, section): (&str, Option<_>)| {
        let section = section.ok_or_else(|| {
            let remedy = format!("add `{name}`; `mediamirror init` writes an example");
            document.error(&whole, format!("key `{name}` is missing"), remedy)
        });
        account(document, section?)
    };
    Ok(ConfigFile { general, source: side(source)?, target: side(target)? })
}

/// Reads one side, as its service has it.
fn account(document: &Document<'_>, section: Spanned<DeValue<'_>>) -> Result<AccountFile, ConfigError> {
    let refuse = |error: toml::de::Error| document.parse_error(&error);
    let service = ServiceKey::deserialize(ValueDeserializer::from(section.clone())).map_err(refuse)?.service;
    match service {
        ServiceName::AmsV2 => {
            AmsV2Section::deserialize(ValueDeserializer::from(section)).map(AccountFile::from).map_err(refuse)
        }
        ServiceName::Blobs => {
            let section = BlobsSection::deserialize(ValueDeserializer::from(section)).map_err(refuse)?;
            let [storage] = section.storage.get_ref().as_slice() else {
                let problem = "a library of service `blobs` is one storage account";
                return Err(document.error_at_key(&section.storage.span(), problem, "write `storage` exactly once"));
            };
            let account = storage.account.clone();
            let BlobsSection { storage, limits, .. } = section;
            Ok(AccountFile { account, service: ServiceFile::Blobs, streaming_url: None, storage, limits })
        }
    }
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
