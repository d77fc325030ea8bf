//! Validates the file and makes a usable configuration: defaults, URLs, secrets, and different accounts on both sides.

mod access;
mod principal;

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use url::Url;

use super::address::{is_loopback, reachable};
use super::file::{AccountFile, AmsV2File, ConfigFile, ServiceFile, StorageFile};
use super::policy;
use super::problem::{Document, Problem, Problems};
use super::storage_map::minor;
use super::template::PLACEHOLDER;
use super::{AccountConfig, AmsV2Config, Config, ServiceConfig, StorageConfig};
use super::{hooks, prices, roots, selection, storage_map, timetable};

/// The newest version of the API.
pub(super) const API_VERSION: &str = "2.19";

/// The default file of the ledger.
const LEDGER: &str = "mirror.ledger";
/// The variable that replaces the configured ledger. So a service can have its own folder for its data, with the same
/// configuration.
const LEDGER_VARIABLE: &str = "MEDIAMIRROR_LEDGER";

/// Checks and completes a configuration. A failed check does not stop the others. Returns `None` if a part is missing.
pub(super) fn config(file: &ConfigFile, document: &Document<'_>, problems: &mut Problems) -> Option<Config> {
    let written = document.directory().join(file.general.ledger.as_deref().unwrap_or(Path::new(LEDGER)));
    let named = std::env::var_os(LEDGER_VARIABLE).filter(|path| !path.is_empty());
    let ledger = named.map_or(written, PathBuf::from);
    if let (Some(source), Some(target)) = (&file.source, &file.target) {
        distinct(source, target, document, problems);
    }
    let roots = file.general.ca_file.as_ref().and_then(|file| problems.keep(roots::read(file, document)));
    let policy = policy::policy(&file.general, document, problems);
    let [source, target] = [("source", &file.source), ("target", &file.target)]
        .map(|(name, file)| Section { name, document, problems: &mut *problems }.account(file.as_ref()?));
    let storage_map = storage_map::read(file, document, problems);
    let is_media = file.source.as_ref().is_some_and(|source| !matches!(source.service, ServiceFile::Blobs));
    let blobs = selection::blobs(file.general.blobs.as_ref(), is_media, document, problems);
    let prices = prices::prices(file.general.prices.as_ref(), document, problems);
    let hooks = hooks::hooks(&file.hooks, document, problems);
    let roots = roots.unwrap_or_default();
    Some(Config { source: source?, target: target?, ledger, storage_map, policy, blobs, prices, roots, hooks })
}

/// Refuses a target that is the source.
fn distinct(source: &AccountFile, target: &AccountFile, document: &Document<'_>, problems: &mut Problems) {
    let remedy = "name another account in [target]; a mirror of an account in itself would overwrite it";
    let same = |a: Option<&Spanned<String>>, b: Option<&Spanned<String>>| {
        let text = |name: &Spanned<String>| name.get_ref().trim().trim_end_matches('/').to_ascii_lowercase();
        a.zip(b).is_some_and(|(a, b)| text(a) == text(b))
    };
    let one_service = match (&source.service, &target.service) {
        (ServiceFile::AmsV2(source), ServiceFile::AmsV2(target)) => {
            same(source.endpoint.as_ref(), target.endpoint.as_ref())
        }
        (ServiceFile::Blobs, ServiceFile::Blobs) => false,
        _ => {
            let problem = "`target.service`: source and target are libraries of different services";
            let place = document.span_of("target", "service");
            problems.push(document.error(&place, problem, "give both the same `service`"));
            return;
        }
    };
    if let Some(account) = &target.account
        && one_service
        && same(source.account.as_ref(), Some(account))
    {
        let problem = format!("`target.account`: the target is the source: media account {}", account.get_ref());
        problems.push(document.error(&account.span(), problem, remedy));
    }
    let storage = |file: &AccountFile| -> Vec<Spanned<String>> {
        let all = file.storage.iter().flat_map(Spanned::get_ref);
        all.filter_map(|storage| storage.account.clone()).collect()
    };
    let of_the_source = storage(source);
    for account in storage(target) {
        if of_the_source.iter().any(|other| same(Some(other), Some(&account))) {
            let problem =
                format!("`target.storage.account`: the storage account {} is also in the source", account.get_ref());
            problems.push(document.error(&account.span(), problem, remedy));
        }
    }
}

/// One side of the file.
struct Section<'a> {
    name: &'static str,
    document: &'a Document<'a>,
    problems: &'a mut Problems,
}

impl Section<'_> {
    fn account(&mut self, file: &AccountFile) -> Option<AccountConfig> {
        // If the account is the storage account, the check of the storage account reports it.
        let account = match &file.service {
            ServiceFile::AmsV2(_) => file.account.as_ref().and_then(|name| self.keep(Self::name_of, "account", name)),
            ServiceFile::Blobs => file.account.as_ref().map(|name| name.get_ref().trim().to_owned()),
        };
        let service = match &file.service {
            ServiceFile::AmsV2(service) => self.ams_v2(service, account.as_deref()).map(ServiceConfig::AmsV2),
            ServiceFile::Blobs => Some(ServiceConfig::Blobs),
        };
        let storage = file.storage.as_ref().and_then(|files| self.storage_accounts(files));
        let streaming_url = file.streaming_url.as_ref().and_then(|url| self.keep(Self::url, "streaming_url", url));
        Some(AccountConfig {
            account: account?,
            service: service?,
            storage: storage?,
            streaming_url,
            limits: timetable::limits(self.name, &file.limits, self.document, self.problems),
        })
    }

    /// The result of a check of a value; `None` if it is a problem.
    fn keep<T>(
        &mut self,
        check: impl FnOnce(&Self, &str, &Spanned<String>) -> Result<T, Problem>,
        key: &str,
        value: &Spanned<String>,
    ) -> Option<T> {
        let checked = check(self, key, value);
        self.problems.keep(checked)
    }

    fn ams_v2(&mut self, file: &AmsV2File, account: Option<&str>) -> Option<AmsV2Config> {
        let endpoint = file.endpoint.as_ref().and_then(|url| self.keep(Self::url, "endpoint", url)).map(with_slash);
        let redirect_hosts = match &file.redirect_hosts {
            None => Some(Vec::new()),
            Some(hosts) => {
                let hosts: Vec<_> = hosts.iter().map(|host| self.keep(Self::host, "redirect_hosts", host)).collect();
                hosts.into_iter().collect()
            }
        };
        let auth = self.auth(&file.auth, account);
        let api_version = match &file.api_version {
            None => Some(API_VERSION.to_owned()),
            Some(version) => self.keep(Self::api_version, "api_version", version),
        };
        Some(AmsV2Config {
            auth: auth?,
            endpoint: endpoint?,
            redirect_hosts: redirect_hosts?,
            api_version: api_version?,
        })
    }

    fn storage_accounts(&mut self, files: &Spanned<Vec<StorageFile>>) -> Option<Vec<StorageConfig>> {
        if files.get_ref().is_empty() {
            let remedy = format!("add [[{}.storage]] with `account` and a credential", self.name);
            self.problems.push(self.error(&files.span(), "storage", "there is no storage account", &remedy));
        }
        let mut accounts: Vec<StorageConfig> = Vec::new();
        let mut complete = !files.get_ref().is_empty();
        for file in files.get_ref() {
            let Some(storage) = self.storage(file) else {
                complete = false;
                continue;
            };
            if let Some(account) = &file.account
                && accounts.iter().any(|other| other.account.eq_ignore_ascii_case(&storage.account))
            {
                let problem = format!("{} is given twice", storage.account);
                self.problems.push(self.error(&account.span(), "storage.account", &problem, "keep one of them"));
            }
            accounts.push(storage);
        }
        complete.then_some(accounts)
    }

    fn storage(&mut self, file: &StorageFile) -> Option<StorageConfig> {
        let credential = self.storage_credential(file);
        let account = file.account.as_ref().and_then(|name| self.keep(Self::name_of, "storage.account", name));
        let endpoint = match (&file.endpoint, &account) {
            (Some(endpoint), _) => self.keep(Self::url, "storage.endpoint", endpoint),
            (None, Some(_)) => self.keep(Self::host_of_account, "storage.account", file.account.as_ref()?),
            (None, None) => None,
        };
        let mut endpoint = endpoint?;
        let path = endpoint.path().trim_end_matches('/').to_owned();
        endpoint.set_path(&path);
        Some(StorageConfig { account: account?, endpoint, credential: credential? })
    }

    /// The address of the service for a storage account of that name.
    fn host_of_account(&self, key: &str, name: &Spanned<String>) -> Result<Url, Problem> {
        let account = name.get_ref().trim();
        Url::parse(&format!("https://{account}.blob.core.windows.net"))
            .map_err(|_| self.error(&name.span(), key, "not a storage account's name", "correct it"))
    }

    fn api_version(&self, key: &str, version: &Spanned<String>) -> Result<String, Problem> {
        if minor(version.get_ref()).is_some() {
            return Ok(version.get_ref().clone());
        }
        let (problem, remedy) = ("not a version of the v2 API", "use 2.0 to 2.19, in quotes");
        Err(self.error(&version.span(), key, problem, remedy))
    }

    fn secret(
        &self,
        key: &str,
        source: &Spanned<super::secret::SecretSource>,
    ) -> Result<crate::redact::Secret, Problem> {
        source.get_ref().fetch(self.document, &source.span(), &format!("{}.{key}", self.name))
    }

    /// A name that is not empty.
    fn name_of(&self, key: &str, value: &Spanned<String>) -> Result<String, Problem> {
        let name = value.get_ref().trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            let of_an_account = key.ends_with("account");
            let remedy = if of_an_account { "write the account's name" } else { "write only the name or the id" };
            return Err(self.error(&value.span(), key, "empty, or has spaces in it", remedy));
        }
        if name.starts_with(PLACEHOLDER) {
            let problem = "still the placeholder that `mediamirror init` wrote";
            return Err(self.error(&value.span(), key, problem, "replace it with the account's name"));
        }
        Ok(name.to_owned())
    }

    /// An allowed URL: https, or http to this machine itself.
    fn url(&self, key: &str, value: &Spanned<String>) -> Result<Url, Problem> {
        let span = value.span();
        let url = Url::parse(value.get_ref().trim())
            .map_err(|error| self.error(&span, key, &format!("not a URL: {error}"), "write it as https://host/path"))?;
        reachable(&url).map_err(|(problem, remedy)| self.error(&span, key, problem, remedy))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            let remedy = "write scheme, host and path only; secrets have their own keys";
            return Err(self.error(&span, key, "has a user, a query or a fragment", remedy));
        }
        Ok(url)
    }

    /// A `host`, `host:port` or `*.suffix`.
    fn host(&self, key: &str, value: &Spanned<String>) -> Result<String, Problem> {
        let host = value.get_ref().trim();
        let bare = host.strip_prefix("*.").unwrap_or(host);
        // `*` alone, or a wildcard for a whole top-level domain, would send tokens to any host.
        let wide = host.starts_with('*') && !bare.contains('.');
        if bare.is_empty() || bare.contains(['*', '/', '@', ' ']) || wide {
            let remedy = "write `host`, `host:port` or `*.domain.tld`";
            return Err(self.error(&value.span(), key, "not a host", remedy));
        }
        Ok(host.to_ascii_lowercase())
    }

    fn error(&self, span: &Range<usize>, key: &str, problem: &str, remedy: &str) -> Problem {
        self.document.error(span, format!("`{}.{key}`: {problem}", self.name), remedy)
    }
}

fn with_slash(mut endpoint: Url) -> Url {
    if !endpoint.path().ends_with('/') {
        endpoint.set_path(&format!("{}/", endpoint.path()));
    }
    endpoint
}
