//! The configuration: a TOML file, the environment and flags, validated into a pair of accounts.
//!
//! Every message names the file and the line, the key, and what to do. Secrets are never in the file itself.

mod address;
pub mod app_config;
mod credentials;
mod excerpt;
mod file;
mod fingerprint;
#[cfg(test)]
mod fuzz;
mod hooks;
mod place;
pub mod policy;
mod prices;
mod problem;
mod roots;
mod secret;
pub mod secret_places;
mod selection;
mod sign_in;
mod storage_map;
pub mod system_limits;
pub mod template;
#[cfg(test)]
mod tests;
mod timetable;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use schemars::JsonSchema;
use serde::Serialize;

pub use address::is_loopback;
pub use excerpt::Excerpt;
pub use hooks::{Hooks, Webhook, WebhookKey};
pub use place::{Part, account_of, place};
pub use policy::Policy;
pub use prices::Prices;
pub use sign_in::certificate::ClientCertificate;
pub use sign_in::{IdentityService, Proof, SignIn, StorageCredential, is_link_local};

use crate::files;
use crate::model::{AccountName, ContainerName, Selection};
use crate::redact::Secret;
use crate::throttle::{LaneLimits, Timetables};

/// A problem of a configuration, with its place and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, thiserror::Error)]
#[error("{place}: {problem}\n  remedy: {remedy}")]
pub struct ConfigError {
    /// File and line, or the flag or variable.
    pub place: String,
    /// The problem.
    pub problem: String,
    /// What to do.
    pub remedy: String,
    /// The line, if it is in a file.
    pub excerpt: Option<Excerpt>,
}

/// Why a configuration cannot be used: all its problems (the first 50), in the order of the file. There is at least
/// one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// The problems, in the order of the file.
    pub fn all(&self) -> &[ConfigError] {
        &self.0
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n")
}

/// A validated configuration: two accounts, and how to mirror one to the other.
#[derive(Debug, Clone)]
pub struct Config {
    /// Read only.
    pub source: AccountConfig,
    /// Written.
    pub target: AccountConfig,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The target storage account for new copies, by the storage account of the source asset. Other copies are created
    /// in the target's default storage account.
    pub storage_map: BTreeMap<AccountName, AccountName>,
    /// The decisions of the operator.
    pub policy: Policy,
    /// Settings for a storage account as a library.
    pub blobs: BlobsConfig,
    /// What requests cost; `None` if it is not configured.
    pub prices: Option<Prices>,
    /// Certificate authorities to trust in addition to the system's.
    pub roots: Vec<CertificateDer<'static>>,
    /// The hooks that run when a command ends.
    pub hooks: Hooks,
}

/// Settings for a storage account as a library.
#[derive(Debug, Clone, Default)]
pub struct BlobsConfig {
    /// Which blobs belong to the library.
    pub selection: Selection,
    /// The containers whose folders are assets.
    pub split: BTreeSet<ContainerName>,
}

/// The account of a library, and its storage.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// Its name: the media account's, or that of the storage account if that is the library.
    pub account: String,
    /// The service of the library.
    pub service: ServiceConfig,
    /// Storage accounts; the first is the default one for new assets.
    pub storage: Vec<StorageConfig>,
    /// Streaming host to print URLs with, if it is not the account's own; scheme and host.
    pub streaming_url: Option<url::Url>,
    /// Limits of the three lanes.
    pub limits: Limits,
}

/// The service of a library, and how to reach it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ServiceConfig {
    /// Azure Media Services v2.
    AmsV2(AmsV2Config),
    /// A storage account whose containers are the assets.
    Blobs,
}

impl ServiceConfig {
    /// The settings of Media Services v2, if this is the service.
    pub fn ams_v2(&self) -> Option<&AmsV2Config> {
        match self {
            Self::AmsV2(settings) => Some(settings),
            Self::Blobs => None,
        }
    }
}

/// How to reach an account of Media Services v2.
#[derive(Debug, Clone)]
pub struct AmsV2Config {
    /// Root of the media API, with trailing slash, such as `https://media.windows.net/api/`.
    pub endpoint: url::Url,
    /// Further hosts (`host` or `host:port`, `*.suffix` allowed) the API may redirect to.
    pub redirect_hosts: Vec<String>,
    /// `x-ms-version` to speak.
    pub api_version: String,
    /// How tokens are had.
    pub auth: AuthConfig,
}

/// How tokens for the media API are requested.
#[derive(Debug, Clone)]
pub enum AuthConfig {
    /// Access Control Service (2012–2018): account name and key.
    Acs {
        /// Full token URL, ending in `/v2/OAuth2-13`.
        token_url: url::Url,
        /// Account name.
        client_id: String,
        /// Account key.
        secret: Secret,
    },
    /// Entra ID.
    Entra {
        /// Who signs in, and how.
        sign_in: SignIn,
        /// What the token is for, such as `https://rest.media.azure.net`.
        resource: String,
    },
}

impl AuthConfig {
    /// The service that issues the tokens.
    pub fn token_service(&self) -> Option<&url::Url> {
        match self {
            Self::Acs { token_url, .. } => Some(token_url),
            Self::Entra { sign_in, .. } => sign_in.token_service(),
        }
    }
}

/// A storage account.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Account name.
    pub account: String,
    /// `https://<account>.blob.core.windows.net`, or `http://127.0.0.1:port/account`; no trailing slash.
    pub endpoint: url::Url,
    /// How to sign in.
    pub credential: StorageCredential,
}

/// Limits of one account's lanes, and how many asynchronous copies may be pending in it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The media API.
    pub media: LaneLimits,
    /// The rates of the media API that depend on the time of day.
    pub media_timetables: Timetables,
    /// Each storage account: the rates are those of the whole account, the requests in flight are counted separately
    /// for its reads and its writes.
    pub blob: LaneLimits,
    /// The rates of each storage account that depend on the time of day.
    pub blob_timetables: Timetables,
    /// Asynchronous copies pending at once.
    pub pending_copies: usize,
}

/// The services process pending copies of an account one after the other, so more would not be faster (guess, to be
/// measured on live accounts).
const DEFAULT_PENDING_COPIES: usize = 2_000;
/// The most requests in flight to a media account: what it may accept per second if an answer takes a quarter of a
/// second (guess). The actual number depends on the latency.
const DEFAULT_MEDIA_IN_FLIGHT: usize = 512;

impl Default for Limits {
    fn default() -> Self {
        Self {
            media: LaneLimits { in_flight: DEFAULT_MEDIA_IN_FLIGHT, ..LaneLimits::default() },
            media_timetables: Timetables::default(),
            blob: LaneLimits::default(),
            blob_timetables: Timetables::default(),
            pending_copies: DEFAULT_PENDING_COPIES,
        }
    }
}

/// Limits from the command line, which replace those of the configuration. A rate is valid all day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitOverrides {
    /// Requests per second of each storage account.
    pub requests_per_second: Option<NonZeroU64>,
    /// Requests in flight of each storage account's reads and of its writes.
    pub in_flight: Option<usize>,
    /// Bytes per second that copies may move.
    pub bytes_per_second: Option<NonZeroU64>,
    /// Asynchronous copies pending at once.
    pub pending_copies: Option<usize>,
}

impl LimitOverrides {
    /// Replaces the limits by those that are set here.
    #[must_use]
    pub fn over(&self, mut limits: Limits) -> Limits {
        if let Some(rate) = self.requests_per_second {
            limits.blob.requests_per_second = Some(rate);
            limits.blob_timetables.requests = None;
        }
        if let Some(slots) = self.in_flight {
            limits.blob.in_flight = slots;
        }
        if let Some(rate) = self.bytes_per_second {
            limits.blob.bytes_per_second = Some(rate);
            limits.blob_timetables.bytes = None;
        }
        if let Some(copies) = self.pending_copies {
            limits.pending_copies = copies;
        }
        limits
    }
}

impl Config {
    /// Reads, checks and completes the configuration of that file; relative paths in it are relative to it.
    ///
    /// # Errors
    /// All problems, each with its line and its remedy.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Self::parse(&read_text(path)?, path)
    }

    /// The same for a run in the other direction. It drops the operator's lists, which name assets of the source,
    /// `adopt`, and the accepted causes: they apply only to nightly runs.
    #[must_use]
    pub fn turned(self) -> Self {
        let storage_map = self.storage_map.into_iter().map(|(source, target)| (target, source)).collect();
        let policy = Policy { guards: self.policy.guards, ..Policy::default() };
        Self { source: self.target, target: self.source, storage_map, policy, ..self }
    }

    /// As [`Config::load`], for a text that was read from `path`.
    ///
    /// # Errors
    /// All problems, each with its line and its remedy.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigErrors> {
        let document = problem::Document::new(text, path);
        let mut problems = problem::Problems::default();
        let file = file::read(&document, &mut problems);
        let config = file.and_then(|file| validate::config(&file, &document, &mut problems));
        problems.finish(config)
    }
}

/// Reads the text of a configuration.
fn read_text(path: &Path) -> Result<String, ConfigError> {
    files::read(path, files::LARGEST_TEXT).map_err(|error| ConfigError {
        place: path.display().to_string(),
        problem: format!("failed to read the configuration: {error}"),
        remedy: "write one with `mediamirror init`, or name another with --config".to_owned(),
        excerpt: None,
    })
}

/// The hooks of a configuration that has other errors; `None` if they cannot be read.
pub fn hooks_of(path: &Path) -> Option<Hooks> {
    let text = files::read(path, files::LARGEST_TEXT).ok()?;
    let document = problem::Document::new(&text, path);
    let file = file::read(&document, &mut problem::Problems::default())?;
    let mut problems = problem::Problems::default();
    let hooks = hooks::hooks(&file.hooks, &document, &mut problems);
    problems.finish(Some(hooks)).ok()
}
