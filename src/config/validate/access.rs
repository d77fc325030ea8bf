//! Checks how to sign in: each kind has the required keys, and no others.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml::Spanned;
use url::Url;

use super::Section;
use crate::config::AuthConfig;
use crate::config::file::{AuthFile, AuthKind, StorageFile};
use crate::config::problem::Problem;
use crate::config::secret::SecretSource;
use crate::config::sign_in::{SignIn, StorageCredential};
use crate::redact::Secret;

/// The resource of tokens for Media Services.
const RESOURCE: &str = "https://rest.media.azure.net";

/// The keys of a way to sign in, their positions, and the name of the table.
pub(super) struct Auth<'a> {
    name: &'static str,
    pub(super) kind: &'a Spanned<AuthKind>,
    pub(super) file: &'a AuthFile,
}

impl<'a> Auth<'a> {
    pub(super) fn new(name: &'static str, file: &'a AuthFile) -> Option<Self> {
        Some(Self { name, kind: file.kind.as_ref()?, file })
    }

    pub(super) fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    /// Every existing key with its position.
    fn written(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        let AuthFile { kind: _, token_url, resource, authority, tenant, client_id, secret, certificate, token_file } =
            self.file;
        let texts = [
            ("token_url", token_url),
            ("resource", resource),
            ("authority", authority),
            ("tenant", tenant),
            ("client_id", client_id),
        ];
        let texts = texts.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?.span())));
        let files = [("certificate", certificate), ("token_file", token_file)];
        let files = files.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?.span())));
        texts.chain(files).chain(secret.as_ref().map(|secret| ("secret", secret.span())))
    }

    /// The name of the kind.
    fn word(&self) -> &'static str {
        match self.kind.get_ref() {
            AuthKind::Acs => "acs",
            AuthKind::Entra => "entra",
            AuthKind::ManagedIdentity => "managed-identity",
            AuthKind::WorkloadIdentity => "workload-identity",
            AuthKind::AzureCli => "azure-cli",
            AuthKind::Environment => "environment",
        }
    }

    /// The allowed keys of the kind, in addition to `resource`.
    fn known(&self) -> &'static [&'static str] {
        match self.kind.get_ref() {
            AuthKind::Acs => &["token_url", "client_id", "secret"],
            AuthKind::Entra => &["authority", "tenant", "client_id", "secret", "certificate"],
            AuthKind::ManagedIdentity => &["client_id"],
            AuthKind::WorkloadIdentity => &["authority", "tenant", "client_id", "token_file"],
            AuthKind::AzureCli => &["tenant"],
            AuthKind::Environment => &[],
        }
    }
}

impl Section<'_> {
    /// How to request tokens for the media API.
    pub(super) fn auth(&mut self, file: &AuthFile, account: Option<&str>) -> Option<AuthConfig> {
        let auth = Auth::new("auth", file)?;
        if *auth.kind.get_ref() == AuthKind::Acs {
            self.refuse_others(&auth, false);
            let token_url = file.token_url.as_ref().and_then(|url| self.url_of(&auth, "token_url", url));
            let secret = self.secret_of(&auth);
            let client_id = match &file.client_id {
                Some(id) => self.keep(Self::name_of, &auth.key("client_id"), id),
                None => account.map(str::to_owned),
            };
            return Some(AuthConfig::Acs { token_url: token_url?, client_id: client_id?, secret: secret? });
        }
        self.refuse_others(&auth, true);
        let sign_in = self.sign_in(&auth);
        let resource = file.resource.as_ref().map_or_else(|| RESOURCE.to_owned(), |value| value.get_ref().clone());
        Some(AuthConfig::Entra { sign_in: sign_in?, resource })
    }

    /// How to sign in to a storage account: with exactly one of the account's key, a signature, and a sign-in.
    pub(super) fn storage_credential(&mut self, file: &StorageFile) -> Option<StorageCredential> {
        match (&file.key, &file.sas, &file.has_auth) {
            (Some(key), None, None) => {
                let (problem, remedy) = (
                    "the key is not in base64",
                    "copy the whole key again, from its first character to the `=` at its end",
                );
                let is_key = |text: &str| STANDARD.decode(text).is_ok();
                self.storage_secret("storage.key", key, is_key, (problem, remedy)).map(StorageCredential::Key)
            }
            (None, Some(sas), None) => {
                let (problem, remedy) = (
                    "not a shared access signature",
                    "copy the account's SAS token again, from `sv=` to the end of `sig=…`",
                );
                let is_sas = |text: &str| text.contains("sv=") && text.contains("&sig=");
                self.storage_secret("storage.sas", sas, is_sas, (problem, remedy)).map(StorageCredential::Sas)
            }
            (None, None, Some(_)) => self.storage_sign_in(file.auth.as_ref()?).map(StorageCredential::SignIn),
            _ => {
                let remedy = "write `key = …`, `sas = …` or `auth = …`, one of them";
                let span = file.account.as_ref().map(Spanned::span).unwrap_or_default();
                self.problems.push(self.error(&span, "storage", "it needs one credential", remedy));
                None
            }
        }
    }

    fn storage_secret(
        &mut self,
        key: &str,
        source: &Spanned<SecretSource>,
        is_usable: impl Fn(&str) -> bool,
        (problem, remedy): (&str, &str),
    ) -> Option<Secret> {
        let secret = self.secret(key, source);
        let secret = self.problems.keep(secret)?;
        let text = secret.expose().trim_start_matches('?');
        if !is_usable(text) {
            self.problems.push(self.error(&source.span(), key, problem, remedy));
            return None;
        }
        Some(Secret::new(text))
    }

    fn storage_sign_in(&mut self, file: &AuthFile) -> Option<SignIn> {
        let auth = Auth::new("storage.auth", file)?;
        if *auth.kind.get_ref() == AuthKind::Acs {
            let problem = "a storage account does not support this kind of sign-in";
            self.problems.push(self.error(&auth.kind.span(), "storage.auth.kind", problem, "use `entra`"));
            return None;
        }
        self.refuse_others(&auth, false);
        self.sign_in(&auth)
    }

    pub(super) fn url_of(&mut self, auth: &Auth<'_>, key: &str, url: &Spanned<String>) -> Option<Url> {
        self.keep(Self::url, &auth.key(key), url)
    }

    pub(super) fn secret_of(&mut self, auth: &Auth<'_>) -> Option<Secret> {
        let secret = self.secret(&auth.key("secret"), auth.file.secret.as_ref()?);
        self.problems.keep(secret)
    }

    /// Refuses the keys that this kind does not have.
    fn refuse_others(&mut self, auth: &Auth<'_>, with_resource: bool) {
        for (key, span) in auth.written() {
            if auth.known().contains(&key) || (with_resource && key == "resource") {
                continue;
            }
            let problem = format!("`kind = \"{}\"` has no such key", auth.word());
            let problem: Problem = self.error(&span, &auth.key(key), &problem, "remove the line");
            self.problems.push(problem);
        }
    }
}
