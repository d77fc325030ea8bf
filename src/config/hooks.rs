//! The hooks that run when a command ends: commands of the operator, and a webhook.

use std::num::NonZeroU64;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use toml::Spanned;
use url::Url;

use super::address::reachable;
use super::problem::{Document, Problem, Problems};
use super::secret::SecretSource;
use crate::redact::Secret;

/// The default time limit of a command.
const PATIENCE: Duration = Duration::from_mins(1);
/// The prefix of a webhook's secret in the specification of Standard Webhooks.
const SECRET_PREFIX: &str = "whsec_";
/// The shortest key by that specification, in bytes.
const SHORTEST_KEY: usize = 24;

/// The hooks that run when a command ends.
#[derive(Debug, Clone)]
pub struct Hooks {
    /// Run after exit code 0: a program and its arguments.
    pub on_success: Option<Vec<String>>,
    /// Run after any other exit code.
    pub on_failure: Option<Vec<String>>,
    /// Run if the command has a finding that is owed.
    pub on_finding: Option<Vec<String>>,
    /// The time limit of each of them.
    pub patience: Duration,
    /// Notified when a command ends.
    pub webhook: Option<Webhook>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { on_success: None, on_failure: None, on_finding: None, patience: PATIENCE, webhook: None }
    }
}

/// An address to which the result of each command is posted.
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    /// The key that signs the posts.
    pub key: Option<WebhookKey>,
    /// The address as configured, if it is a secret, so that it is masked everywhere.
    _text: Option<Secret>,
}

impl Webhook {
    /// The address. It may be a secret: only its host may be shown.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// The key of a webhook.
#[derive(Clone)]
pub struct WebhookKey {
    bytes: Vec<u8>,
    /// The key as configured, so that it is masked everywhere.
    _text: Secret,
}

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(crate::redact::REDACTED)
    }
}

impl WebhookKey {
    /// Reads a text of `whsec_` and base64; `None` if it is invalid or too short.
    pub fn parse(text: Secret) -> Option<Self> {
        let bytes = BASE64.decode(text.expose().strip_prefix(SECRET_PREFIX)?).ok()?;
        (bytes.len() >= SHORTEST_KEY).then_some(Self { bytes, _text: text })
    }

    /// The key itself, for signing.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

/// `[hooks]`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HooksFile {
    on_success: Option<Spanned<Vec<String>>>,
    on_failure: Option<Spanned<Vec<String>>>,
    on_finding: Option<Spanned<Vec<String>>>,
    timeout_seconds: Option<NonZeroU64>,
    webhook: Option<Spanned<WebhookFile>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookFile {
    url: Spanned<UrlFile>,
    secret: Option<Spanned<SecretSource>>,
}

/// An address, or the place of a secret with the address.
#[derive(Debug)]
enum UrlFile {
    Plain(String),
    Secret(SecretSource),
}

impl<'de> Deserialize<'de> for UrlFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UrlVisitor)
    }
}

struct UrlVisitor;

impl<'de> Visitor<'de> for UrlVisitor {
    type Value = UrlFile;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an address in quotes, or { file = \"…\" } if it holds a secret")
    }

    fn visit_str<E: de::Error>(self, url: &str) -> Result<UrlFile, E> {
        Ok(UrlFile::Plain(url.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UrlFile, A::Error> {
        SecretSource::deserialize(de::value::MapAccessDeserializer::new(map)).map(UrlFile::Secret)
    }
}

/// Checks the hooks, and fetches their secrets.
pub(super) fn hooks(file: &HooksFile, document: &Document<'_>, problems: &mut Problems) -> Hooks {
    let mut command = |command: Option<&Spanned<Vec<String>>>, key: &str| {
        let command = command?;
        if command.get_ref().first().is_none_or(|program| program.trim().is_empty()) {
            let (problem, remedy) =
                ("no program", "write a program and its arguments, such as [\"/usr/local/bin/page\"]");
            problems.push(document.error(&command.span(), format!("`hooks.{key}`: {problem}"), remedy));
        }
        Some(command.get_ref().clone())
    };
    let on_success = command(file.on_success.as_ref(), "on_success");
    let on_failure = command(file.on_failure.as_ref(), "on_failure");
    let on_finding = command(file.on_finding.as_ref(), "on_finding");
    let webhook = file.webhook.as_ref().and_then(|file| problems.keep(webhook(file.get_ref(), document)));
    let patience = file.timeout_seconds.map_or(PATIENCE, |seconds| Duration::from_secs(seconds.get()));
    Hooks { on_success, on_failure, on_finding, patience, webhook }
}

fn webhook(file: &WebhookFile, document: &Document<'_>) -> Result<Webhook, Problem> {
    let key = file.secret.as_ref().map(|source| key(source, document)).transpose()?;
    let span = file.url.span();
    let fail = |problem: &str, remedy: &str| document.error(&span, format!("`hooks.webhook.url`: {problem}"), remedy);
    let (text, secret) = match file.url.get_ref() {
        UrlFile::Plain(text) => (text.trim().to_owned(), None),
        UrlFile::Secret(source) => {
            let secret = source.fetch(document, &span, "hooks.webhook.url")?;
            (secret.expose().to_owned(), Some(secret))
        }
    };
    let url = Url::parse(&text).map_err(|_| fail("not a URL", "write it as https://host/path"))?;
    if secret.is_none() && url.query().is_some() {
        return Err(fail("has a query, which may be a secret", "write the URL into a file: { file = \"…\" }"));
    }
    match reachable(&url) {
        Ok(()) => Ok(Webhook { url, key, _text: secret }),
        Err((problem, remedy)) => Err(fail(problem, remedy)),
    }
}

fn key(source: &Spanned<SecretSource>, document: &Document<'_>) -> Result<WebhookKey, Problem> {
    let name = "hooks.webhook.secret";
    let text = source.get_ref().fetch(document, &source.span(), name)?;
    WebhookKey::parse(text).ok_or_else(|| {
        let problem =
            format!("`{name}`: it is not `{SECRET_PREFIX}` followed by base64 of {SHORTEST_KEY} bytes or more");
        document.error(&source.span(), problem, "make one: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"")
    })
}
