//! The structure of the TOML file. Nothing else is checked here.

mod access;
mod limits;
mod rate;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::hooks::HooksFile;
use super::policy::{AcceptFile, GuardsFile};
use super::prices::PricesFile;
use super::problem::{Document, Problems};
use super::selection::SelectionFile;
use crate::spelling::nearest;

pub(super) use access::{AuthFile, AuthKind, StorageFile};
pub(super) use limits::{LimitsFile, by_time};
pub(super) use rate::{RateFile, TimedRateFile, TimesFile};

/// The whole file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) general: GeneralFile,
    pub(super) source: Option<AccountFile>,
    pub(super) target: Option<AccountFile>,
    pub(super) hooks: HooksFile,
}

/// The keys for both sides.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GeneralFile {
    pub(super) ledger: Option<PathBuf>,
    pub(super) ca_file: Option<Spanned<PathBuf>>,
    pub(super) accept: Vec<Spanned<AcceptFile>>,
    pub(super) withhold: Vec<Spanned<String>>,
    pub(super) adopt: Option<Spanned<String>>,
    pub(super) delete_after: Option<Spanned<String>>,
    pub(super) guards: GuardsFile,
    pub(super) blobs: Option<Spanned<SelectionFile>>,
    pub(super) prices: Option<Spanned<PricesFile>>,
    /// These sections are read separately; they are fields so that they are suggested for unknown keys.
    #[serde(rename = "source")]
    _source: IgnoredAny,
    #[serde(rename = "target")]
    _target: IgnoredAny,
    #[serde(rename = "hooks")]
    _hooks: IgnoredAny,
}

/// `[source]` or `[target]`. A required field is `None` if it is missing or has another type, which is a problem.
#[derive(Debug)]
pub(super) struct AccountFile {
    /// The name of the library's account.
    pub(super) account: Option<Spanned<String>>,
    pub(super) service: ServiceFile,
    pub(super) streaming_url: Option<Spanned<String>>,
    pub(super) storage: Option<Spanned<Vec<StorageFile>>>,
    /// Source storage account -> target storage account.
    pub(super) storage_map: Option<Spanned<StorageMapFile>>,
    pub(super) limits: LimitsFile,
}

pub(super) type StorageMapFile = BTreeMap<Spanned<String>, Spanned<String>>;

/// The keys of a particular service.
#[derive(Debug)]
pub(super) enum ServiceFile {
    AmsV2(Box<AmsV2File>),
    Blobs,
}

/// The values of `service`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ServiceName {
    #[default]
    AmsV2,
    Blobs,
}

/// `[source]` of an account of Media Services v2, without its tables.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AmsV2Section {
    #[serde(rename = "service")]
    _service: IgnoredAny,
    account: Option<Spanned<String>>,
    endpoint: Option<Spanned<String>>,
    redirect_hosts: Option<Vec<Spanned<String>>>,
    api_version: Option<Spanned<String>>,
    streaming_url: Option<Spanned<String>>,
    storage_map: Option<Spanned<StorageMapFile>>,
    #[serde(rename = "auth")]
    _auth: IgnoredAny,
    #[serde(rename = "storage")]
    _storage: IgnoredAny,
    #[serde(rename = "limits")]
    _limits: IgnoredAny,
}

/// `[source]` of a storage account, without its tables.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BlobsSection {
    #[serde(rename = "service")]
    _service: IgnoredAny,
    streaming_url: Option<Spanned<String>>,
    #[serde(rename = "storage")]
    _storage: IgnoredAny,
    #[serde(rename = "limits")]
    _limits: IgnoredAny,
}

/// The keys of Media Services v2.
#[derive(Debug)]
pub(super) struct AmsV2File {
    pub(super) endpoint: Option<Spanned<String>>,
    pub(super) redirect_hosts: Option<Vec<Spanned<String>>>,
    pub(super) api_version: Option<Spanned<String>>,
    pub(super) auth: AuthFile,
}

impl AmsV2Section {
    const REQUIRED: &[&str] = &["account", "endpoint", "auth", "storage"];

    /// The side with only these keys and that sign-in.
    fn with(self, auth: AuthFile) -> AccountFile {
        let Self { account, endpoint, redirect_hosts, api_version, streaming_url, storage_map, .. } = self;
        let service = AmsV2File { endpoint, redirect_hosts, api_version, auth };
        AccountFile {
            account,
            service: ServiceFile::AmsV2(Box::new(service)),
            streaming_url,
            storage_map,
            storage: None,
            limits: LimitsFile::default(),
        }
    }
}

/// A part of a section that is read separately is replaced by a placeholder in its table.
struct Reader<'a> {
    document: &'a Document<'a>,
    problems: &'a mut Problems,
}

/// Reads the structure. A part that is missing or has another type is a problem and is left out; `None` if it is not
/// TOML.
pub(super) fn read(document: &Document<'_>, problems: &mut Problems) -> Option<ConfigFile> {
    let tree = problems.keep(DeTable::parse(document.text()).map_err(|error| document.parse_error(&error)))?;
    let whole = tree.span();
    let mut tree = tree.into_inner();
    let mut reader = Reader { document, problems };
    let [source, target] = ["source", "target"].map(|side| reader.take(&mut tree, side));
    let hooks = reader.take(&mut tree, "hooks").map(|hooks| reader.hooks(hooks)).unwrap_or_default();
    reader.refuse_lists(&mut tree, &["guards", "blobs", "prices"]);
    let general = reader.table(Spanned::new(whole, tree), &["source", "target"]);
    let [source, target] = [source, target].map(|section| section.and_then(|section| reader.account(section)));
    Some(ConfigFile { general, source, target, hooks })
}

impl Reader<'_> {
    /// Reads one side with the keys of its service.
    fn account(&mut self, section: Spanned<DeTable<'_>>) -> Option<AccountFile> {
        let service = match section.get_ref().get("service") {
            Some(name) => {
                let name = ServiceName::deserialize(ValueDeserializer::from(name.clone()));
                self.problems.keep(name.map_err(|error| self.document.parse_error(&error)))?
            }
            None => ServiceName::default(),
        };
        let span = section.span();
        let mut table = section.into_inner();
        let limits = self.take(&mut table, "limits").map(|limits| self.limits(limits)).unwrap_or_default();
        let storage = self.storage(&mut table);
        Some(match service {
            ServiceName::AmsV2 => {
                let auth = self.take(&mut table, "auth").map(|auth| self.auth(auth));
                let keys: AmsV2Section = self.table(Spanned::new(span, table), AmsV2Section::REQUIRED);
                AccountFile { storage, limits, ..keys.with(auth.unwrap_or_default()) }
            }
            ServiceName::Blobs => {
                let BlobsSection { streaming_url, .. } = self.table(Spanned::new(span, table), &["storage"]);
                AccountFile { streaming_url, ..self.blobs(storage, limits) }
            }
        })
    }

    /// A library that is a storage account has the account's name.
    fn blobs(&mut self, storage: Option<Spanned<Vec<StorageFile>>>, limits: LimitsFile) -> AccountFile {
        if let Some(several) = storage.as_ref().filter(|storage| storage.get_ref().len() != 1) {
            let problem = "a library of service `blobs` is one storage account";
            self.problems.push(self.document.error_at_key(&several.span(), problem, "write `storage` exactly once"));
        }
        let only = storage.as_ref().and_then(|storage| storage.get_ref().first());
        let account = only.and_then(|storage| storage.account.clone());
        AccountFile { account, service: ServiceFile::Blobs, streaming_url: None, storage_map: None, storage, limits }
    }

    /// The storage accounts; `None` if one of them has another type, or if there are none.
    fn storage(&mut self, table: &mut DeTable<'_>) -> Option<Spanned<Vec<StorageFile>>> {
        let value = placeholder(table, "storage")?;
        let span = value.span();
        let DeValue::Array(elements) = value.into_inner() else {
            self.wrong_kind(&span, "a list in brackets");
            return None;
        };
        let read = elements.into_iter().map(|element| {
            let storage = self.as_table(element)?;
            let span = storage.span();
            let mut table = storage.into_inner();
            let auth = self.take(&mut table, "auth").map(|auth| self.auth(auth));
            let read: StorageFile = self.table(Spanned::new(span, table), &["account"]);
            Some(StorageFile { auth, ..read })
        });
        let read: Vec<Option<StorageFile>> = read.collect();
        Some(Spanned::new(span, read.into_iter().collect::<Option<_>>()?))
    }

    /// A way to sign in, with the keys that its kind needs.
    fn auth(&mut self, auth: Spanned<DeTable<'_>>) -> AuthFile {
        let required = access::required(auth.get_ref());
        self.table(auth, required)
    }

    fn hooks(&mut self, hooks: Spanned<DeTable<'_>>) -> HooksFile {
        let span = hooks.span();
        let mut table = hooks.into_inner();
        self.refuse_lists(&mut table, &["webhook"]);
        self.table(Spanned::new(span, table), &[])
    }

    fn limits(&mut self, limits: Spanned<DeTable<'_>>) -> LimitsFile {
        let span = limits.span();
        let mut table = limits.into_inner();
        self.refuse_lists(&mut table, &["media", "blob"]);
        self.table(Spanned::new(span, table), &[])
    }

    /// Takes the table of that key out of another one.
    fn take<'t>(&mut self, table: &mut DeTable<'t>, key: &str) -> Option<Spanned<DeTable<'t>>> {
        let value = placeholder(table, key)?;
        self.as_table(value)
    }

    fn as_table<'t>(&mut self, value: Spanned<DeValue<'t>>) -> Option<Spanned<DeTable<'t>>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => return Some(Spanned::new(span, table)),
            DeValue::Array(_) => self.list_for_table(&span),
            _ => self.wrong_kind(&span, "a table"),
        }
        None
    }

    /// Refuses lists: a derived deserialiser would accept a list instead of a table.
    fn refuse_lists(&mut self, table: &mut DeTable<'_>, keys: &[&str]) {
        for key in keys {
            if let Some(list) = table.get(*key).filter(|value| matches!(value.get_ref(), DeValue::Array(_))) {
                let span = list.span();
                self.list_for_table(&span);
                table.remove(*key);
            }
        }
    }

    fn list_for_table(&mut self, span: &Range<usize>) {
        let problem = "a list where a table is expected";
        let remedy = "write its keys in braces, or below one `[header]`";
        self.problems.push(self.document.error_at_key(span, problem, remedy));
    }

    fn wrong_kind(&mut self, span: &Range<usize>, expected: &str) {
        let problem = format!("this value is of the wrong kind: expected {expected}");
        let remedy = "correct that line; `mediamirror init` writes an example";
        self.problems.push(self.document.error_at_key(span, &problem, remedy));
    }

    /// Reads a table. Each key that cannot be read, and each missing required one, is a problem and is left out.
    fn table<T: DeserializeOwned + Default>(&mut self, table: Spanned<DeTable<'_>>, required: &[&str]) -> T {
        let span = table.span();
        let mut table = table.into_inner();
        let missing: Vec<&str> = required.iter().filter(|key| !table.contains_key(**key)).copied().collect();
        let (mut removed, mut reported) = (Vec::new(), Vec::<Range<usize>>::new());
        let read = loop {
            if self.problems.is_full() {
                return T::default();
            }
            let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(ValueDeserializer::from(value)) {
                Ok(read) => break read,
                Err(error) => error,
            };
            let at = error.span().unwrap_or_default();
            // A key that is missing only because it was removed is not another problem.
            if !reported.iter().any(|inner| at.start <= inner.start && inner.end <= at.end) {
                self.problems.push(self.document.parse_error(&error));
            }
            match remove_at(&mut table, &at) {
                Some(key) => removed.push(key),
                None => break T::default(),
            }
            reported.push(at);
        };
        // A key with a misspelt name is not reported as missing, too.
        for key in missing.into_iter().filter(|key| !removed.iter().any(|name| nearest(name, &[*key]).is_some())) {
            self.problems.push(self.document.missing(&span, key));
        }
        read
    }
}

/// Takes a value out of a table and puts a placeholder there, so that its key is not missing.
fn placeholder<'t>(table: &mut DeTable<'t>, key: &str) -> Option<Spanned<DeValue<'t>>> {
    let value = table.get_mut(key)?;
    let left = Spanned::new(value.span(), DeValue::Boolean(true));
    Some(std::mem::replace(value, left))
}

/// Removes the key (or the element of a list) at those bytes. Returns the key's name.
fn remove_at(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let holds = |place: Range<usize>| place.start <= span.start && span.end <= place.end;
    for (key, value) in table.iter_mut() {
        let within = match value.get_mut() {
            DeValue::Table(inner) => remove_at(inner, span).is_some(),
            DeValue::Array(elements) => remove_element(elements, span),
            _ => false,
        };
        if within {
            return Some(key.get_ref().to_string());
        }
    }
    let key = table.iter().find(|(key, value)| holds(key.span()) || holds(value.span()));
    let key = key.map(|(key, _)| key.get_ref().to_string())?;
    table.remove(key.as_str());
    Some(key)
}

fn remove_element(elements: &mut DeArray<'_>, span: &Range<usize>) -> bool {
    let holds = |place: Range<usize>| place.start <= span.start && span.end <= place.end;
    for element in elements.iter_mut() {
        if let DeValue::Table(inner) = element.get_mut()
            && remove_at(inner, span).is_some()
        {
            return true;
        }
    }
    let before = elements.len();
    for element in std::mem::replace(elements, DeArray::new()) {
        if !holds(element.span()) {
            elements.push(element);
        }
    }
    elements.len() < before
}
