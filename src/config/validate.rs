//! From the file as written to a configuration that can be used: defaults, URLs, secrets, and that the target is not the
//! source.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml::Spanned;
use url::Url;

use super::file::{AccountFile, AmsV2File, AuthFile, AuthKind, ConfigFile, ServiceFile, StorageFile};
use super::policy;
use super::problem::Document;
use super::roots;
use super::template::PLACEHOLDER;
use super::{AccountConfig, AmsV2Config, AuthConfig, Config, ConfigError, ServiceConfig, StorageConfig};

/// The newest version of the API.
pub(super) const API_VERSION: &str = "2.19";
/// The hosts the real front door redirects to.
pub(super) const REDIRECT_HOSTS: [&str; 2] = ["*.cloudapp.net", "*.media.azure.net"];
/// The resource Media Services tokens are for.
const RESOURCE: &str = "https://rest.media.azure.net";

/// Checks and completes a configuration.
pub(super) fn config(file: &ConfigFile, document: &Document<'_>) -> Result<Config, ConfigError> {
    let ledger = document.directory().join(&file.general.ledger);
    distinct(file, document)?;
    let roots = file.general.ca_file.as_ref().map(|file| roots::read(file, document)).transpose()?;
    let policy = policy::policy(&file.general, document)?;
    Ok(Config {
        source: Section { name: "source", document }.account(&file.source)?,
        target: Section { name: "target", document }.account(&file.target)?,
        ledger,
        policy,
        roots: roots.unwrap_or_default(),
    })
}

/// Refuses a target that is the source, before any secret is fetched.
fn distinct(file: &ConfigFile, document: &Document<'_>) -> Result<(), ConfigError> {
    let remedy = "name another account in [target]; a mirror of an account in itself would overwrite it";
    let same = |a: &Spanned<String>, b: &Spanned<String>| {
        a.get_ref().trim_end_matches('/').eq_ignore_ascii_case(b.get_ref().trim_end_matches('/'))
    };
    let (source, target) = (&file.source, &file.target);
    let one_service = match (&source.service, &target.service) {
        (ServiceFile::AmsV2(source), ServiceFile::AmsV2(target)) => same(&source.endpoint, &target.endpoint),
        (ServiceFile::Blobs, ServiceFile::Blobs) => false,
        _ => {
            let problem = "`target.service`: source and target are libraries of different services";
            return Err(document.error(&target.account.span(), problem, "give both the same `service`"));
        }
    };
    if one_service && same(&source.account, &target.account) {
        return Err(document.error(
            &target.account.span(),
            format!("`target.account`: the target is the source: media account {}", target.account.get_ref()),
            remedy,
        ));
    }
    for storage in target.storage.get_ref() {
        if source.storage.get_ref().iter().any(|other| same(&other.account, &storage.account)) {
            return Err(document.error(
                &storage.account.span(),
                format!(
                    "`target.storage.account`: the storage account {} is the source's as well",
                    storage.account.get_ref()
                ),
                remedy,
            ));
        }
    }
    Ok(())
}

/// Is the host this machine itself?
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// One side of the file.
struct Section<'a> {
    name: &'static str,
    document: &'a Document<'a>,
}

impl Section<'_> {
    fn account(&self, file: &AccountFile) -> Result<AccountConfig, ConfigError> {
        let account = self.name_of("account", &file.account)?;
        let service = match &file.service {
            ServiceFile::AmsV2(service) => ServiceConfig::AmsV2(self.ams_v2(service, &account)?),
            ServiceFile::Blobs => ServiceConfig::Blobs,
        };
        Ok(AccountConfig {
            account,
            service,
            storage: self.storage_accounts(&file.storage)?,
            streaming_url: file.streaming_url.as_ref().map(|url| self.url("streaming_url", url)).transpose()?,
            limits: file.limits.limits(),
        })
    }

    fn ams_v2(&self, file: &AmsV2File, account: &str) -> Result<AmsV2Config, ConfigError> {
        let mut endpoint = self.url("endpoint", &file.endpoint)?;
        if !endpoint.path().ends_with('/') {
            endpoint.set_path(&format!("{}/", endpoint.path()));
        }
        let redirect_hosts = match &file.redirect_hosts {
            None => REDIRECT_HOSTS.map(str::to_owned).to_vec(),
            Some(hosts) => hosts.iter().map(|host| self.host(host)).collect::<Result<_, _>>()?,
        };
        Ok(AmsV2Config {
            auth: self.auth(&file.auth, account)?,
            endpoint,
            redirect_hosts,
            api_version: self.api_version(file.api_version.as_ref())?,
        })
    }

    fn auth(&self, file: &AuthFile, account: &str) -> Result<AuthConfig, ConfigError> {
        let token_url = self.url("auth.token_url", &file.token_url)?;
        let secret = self.secret("auth.secret", &file.secret)?;
        let client_id = file.client_id.as_ref().map(|id| self.name_of("auth.client_id", id)).transpose()?;
        match file.kind.get_ref() {
            AuthKind::Acs => {
                if let Some(resource) = &file.resource {
                    return Err(self.error(
                        &resource.span(),
                        "auth.resource",
                        "only `entra` has one",
                        "remove the line",
                    ));
                }
                Ok(AuthConfig::Acs { token_url, client_id: client_id.unwrap_or_else(|| account.to_owned()), secret })
            }
            AuthKind::Entra => Ok(AuthConfig::Entra {
                token_url,
                client_id: client_id.ok_or_else(|| {
                    self.error(
                        &file.kind.span(),
                        "auth.client_id",
                        "missing",
                        "add the application id of the principal",
                    )
                })?,
                secret,
                resource: file.resource.as_ref().map_or_else(|| RESOURCE.to_owned(), |value| value.get_ref().clone()),
            }),
        }
    }

    fn storage_accounts(&self, files: &Spanned<Vec<StorageFile>>) -> Result<Vec<StorageConfig>, ConfigError> {
        if files.get_ref().is_empty() {
            let remedy = format!("add [[{}.storage]] with `account` and `key`", self.name);
            return Err(self.error(&files.span(), "storage", "there is no storage account", &remedy));
        }
        let mut accounts: Vec<StorageConfig> = Vec::new();
        for file in files.get_ref() {
            let storage = self.storage(file)?;
            if accounts.iter().any(|other| other.account == storage.account) {
                let problem = format!("{} is there twice", storage.account);
                return Err(self.error(&file.account.span(), "storage.account", &problem, "keep one of them"));
            }
            accounts.push(storage);
        }
        Ok(accounts)
    }

    fn storage(&self, file: &StorageFile) -> Result<StorageConfig, ConfigError> {
        let account = self.name_of("storage.account", &file.account)?;
        let mut endpoint = match &file.endpoint {
            Some(endpoint) => self.url("storage.endpoint", endpoint)?,
            None => Url::parse(&format!("https://{account}.blob.core.windows.net")).map_err(|_| {
                self.error(&file.account.span(), "storage.account", "not a storage account's name", "correct it")
            })?,
        };
        let path = endpoint.path().trim_end_matches('/').to_owned();
        endpoint.set_path(&path);
        let key = self.storage_secret(file)?;
        Ok(StorageConfig { account, endpoint, key })
    }

    /// The account's key, or the signature that stands in for it.
    fn storage_secret(&self, file: &StorageFile) -> Result<crate::redact::Secret, ConfigError> {
        let (source, name, problem, remedy) = match (&file.key, &file.sas) {
            (Some(key), None) => {
                let remedy = "copy the whole key again, from its first character to the `=` at its end";
                (key, "storage.key", "the key is not in base64", remedy)
            }
            (None, Some(sas)) => {
                let remedy = "copy the account's SAS token again, from `sv=` to the end of `sig=…`";
                (sas, "storage.sas", "not a shared access signature", remedy)
            }
            _ => {
                let remedy = "write `key = …` or `sas = …`, one of them";
                return Err(self.error(&file.account.span(), "storage", "it needs one credential", remedy));
            }
        };
        let secret = self.secret(name, source)?;
        let text = secret.expose().trim_start_matches('?');
        let usable = if file.key.is_some() {
            STANDARD.decode(text).is_ok()
        } else {
            text.contains("sv=") && text.contains("&sig=")
        };
        if !usable {
            return Err(self.error(&source.span(), name, problem, remedy));
        }
        Ok(crate::redact::Secret::new(text))
    }

    fn api_version(&self, version: Option<&Spanned<String>>) -> Result<String, ConfigError> {
        let Some(version) = version else { return Ok(API_VERSION.to_owned()) };
        let minor = version.get_ref().strip_prefix("2.").and_then(|minor| minor.parse::<u8>().ok());
        if minor.is_some_and(|minor| minor <= 19) {
            return Ok(version.get_ref().clone());
        }
        Err(self.error(&version.span(), "api_version", "not a version of the v2 API", "use 2.0 to 2.19, in quotes"))
    }

    fn secret(
        &self,
        key: &str,
        source: &Spanned<super::secret::SecretSource>,
    ) -> Result<crate::redact::Secret, ConfigError> {
        source.get_ref().fetch(self.document, &source.span(), &format!("{}.{key}", self.name))
    }

    /// A name that is not empty.
    fn name_of(&self, key: &str, value: &Spanned<String>) -> Result<String, ConfigError> {
        let name = value.get_ref().trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(self.error(&value.span(), key, "empty, or has spaces in it", "write the account's name"));
        }
        if name.starts_with(PLACEHOLDER) {
            let problem = "still the placeholder that `mediamirror init` wrote";
            return Err(self.error(&value.span(), key, problem, "replace it with the account's name"));
        }
        Ok(name.to_owned())
    }

    /// A URL that may be asked: https, or http to this machine itself.
    fn url(&self, key: &str, value: &Spanned<String>) -> Result<Url, ConfigError> {
        let span = value.span();
        let url = Url::parse(value.get_ref().trim())
            .map_err(|error| self.error(&span, key, &format!("not a URL: {error}"), "write it as https://host/path"))?;
        if url.host().is_none() || !matches!(url.scheme(), "http" | "https") {
            return Err(self.error(&span, key, "not an http address", "write it as https://host/path"));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(self.error(&span, key, "http would send keys in the clear", "write https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            let remedy = "write scheme, host and path only; secrets have their own keys";
            return Err(self.error(&span, key, "has a user, a query or a fragment", remedy));
        }
        Ok(url)
    }

    /// A `host`, `host:port` or `*.suffix`.
    fn host(&self, value: &Spanned<String>) -> Result<String, ConfigError> {
        let host = value.get_ref().trim();
        let bare = host.strip_prefix("*.").unwrap_or(host);
        // `*` alone, or a wildcard for a whole top-level domain, would hand tokens to anybody.
        let wide = host.starts_with('*') && !bare.contains('.');
        if bare.is_empty() || bare.contains(['*', '/', '@', ' ']) || wide {
            let remedy = "write `host`, `host:port` or `*.domain.tld`";
            return Err(self.error(&value.span(), "redirect_hosts", "not a host", remedy));
        }
        Ok(host.to_ascii_lowercase())
    }

    fn error(&self, span: &Range<usize>, key: &str, problem: &str, remedy: &str) -> ConfigError {
        self.document.error(span, format!("`{}.{key}`: {problem}", self.name), remedy)
    }
}
