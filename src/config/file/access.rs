//! The keys for signing in.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;
use toml::de::DeTable;

use crate::config::secret::SecretSource;

/// `[source.auth]`, or `auth` in `[[source.storage]]`. The required keys depend on the kind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct AuthFile {
    pub(in crate::config) kind: Option<Spanned<AuthKind>>,
    pub(in crate::config) token_url: Option<Spanned<String>>,
    pub(in crate::config) resource: Option<Spanned<String>>,
    pub(in crate::config) authority: Option<Spanned<String>>,
    pub(in crate::config) tenant: Option<Spanned<String>>,
    pub(in crate::config) client_id: Option<Spanned<String>>,
    pub(in crate::config) secret: Option<Spanned<SecretSource>>,
    pub(in crate::config) certificate: Option<Spanned<PathBuf>>,
    pub(in crate::config) token_file: Option<Spanned<PathBuf>>,
}

/// The ways to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum AuthKind {
    Acs,
    Entra,
    ManagedIdentity,
    WorkloadIdentity,
    AzureCli,
    Environment,
}

/// `[[source.storage]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct StorageFile {
    pub(in crate::config) account: Option<Spanned<String>>,
    pub(in crate::config) endpoint: Option<Spanned<String>>,
    pub(in crate::config) key: Option<Spanned<SecretSource>>,
    pub(in crate::config) sas: Option<Spanned<SecretSource>>,
    /// Is there one? It is read separately.
    #[serde(rename = "auth")]
    pub(in crate::config) has_auth: Option<IgnoredAny>,
    #[serde(skip)]
    pub(in crate::config) auth: Option<AuthFile>,
}

/// The required keys of a way to sign in, by its kind.
pub(super) fn required(auth: &DeTable<'_>) -> &'static [&'static str] {
    match auth.get("kind").and_then(|kind| kind.get_ref().as_str()) {
        Some("acs") => &["token_url", "secret"],
        Some("entra") if auth.contains_key("certificate") => &["tenant", "client_id"],
        Some("entra") => &["tenant", "client_id", "secret"],
        // For the others, the environment can have the values; an unknown kind is a separate problem.
        Some(_) => &[],
        None => &["kind"],
    }
}
