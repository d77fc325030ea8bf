//! Reads the accounts and keys of the tutorial's `App.config`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use url::Url;

use super::{
    AccountConfig, AmsV2Config, AuthConfig, BlobsConfig, Config, ConfigError, Hooks, Limits, Policy, ServiceConfig,
    StorageConfig, StorageCredential, template, validate,
};
use crate::redact::Secret;

/// Why an `App.config` cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppConfigError {
    /// It is not XML.
    #[error("not valid XML at byte {position}")]
    Xml {
        /// Where the parser stopped. Its message is left out: it quotes the text, which may be a key.
        position: u64,
    },
    /// Required keys are missing or empty.
    #[error("appSettings lacks {}", .0.join(", "))]
    Missing(Vec<String>),
}

/// The account of one region of the tutorial.
#[derive(Debug, Clone, PartialEq)]
pub struct AppAccount {
    /// Media account.
    pub media_account: String,
    /// Its key.
    pub media_key: Secret,
    /// Storage account.
    pub storage_account: String,
    /// Its key.
    pub storage_key: Secret,
}

/// Both regions.
#[derive(Debug, Clone, PartialEq)]
pub struct AppConfig {
    /// Keys that end in `Source`.
    pub source: AppAccount,
    /// Keys that end in `Target`.
    pub target: AppAccount,
}

impl AppConfig {
    /// Reads the `<add key="…" value="…"/>` of an `App.config`, in any place. Values are trimmed: the tutorial's own
    /// example has stray spaces.
    ///
    /// # Errors
    /// It is not XML, or keys are missing; all of these are named.
    pub fn parse(text: &str) -> Result<Self, AppConfigError> {
        let settings = settings(text)?;
        let mut missing = Vec::new();
        let mut get = |name: String| {
            let found = settings.iter().rev().find(|(key, value)| *key == name && !value.is_empty());
            found.map_or_else(
                || {
                    missing.push(name);
                    String::new()
                },
                |(_, value)| value.clone(),
            )
        };
        let mut account = |side: &str| AppAccount {
            media_account: get(format!("MediaServicesAccountName{side}")),
            media_key: Secret::new(get(format!("MediaServicesAccountKey{side}"))),
            storage_account: get(format!("MediaServicesStorageAccountName{side}")),
            storage_key: Secret::new(get(format!("MediaServicesStorageAccountKey{side}"))),
        };
        let config = Self { source: account("Source"), target: account("Target") };
        if missing.is_empty() { Ok(config) } else { Err(AppConfigError::Missing(missing)) }
    }
}

impl AppConfig {
    /// Makes a configuration from it: both accounts of the real service, as in the tutorial's program.
    ///
    /// # Errors
    /// Both sides are the same account, or a name cannot be part of a host name.
    pub fn config(&self, ledger: PathBuf) -> Result<Config, ConfigError> {
        let (source, target) = (&self.source, &self.target);
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        if same(&source.media_account, &target.media_account) || same(&source.storage_account, &target.storage_account)
        {
            return Err(unusable("the target is the source", "name another account in the keys that end in `Target`"));
        }
        Ok(Config {
            source: source.config()?,
            target: target.config()?,
            ledger,
            policy: Policy::default(),
            hooks: Hooks::default(),
            storage_map: BTreeMap::new(),
            blobs: BlobsConfig::default(),
            prices: None,
            roots: Vec::new(),
        })
    }
}

impl AppAccount {
    fn config(&self) -> Result<AccountConfig, ConfigError> {
        let url = |text: &str| {
            let problem = format!("{text} is not a URL");
            Url::parse(text).map_err(|_| unusable(&problem, "check the account names"))
        };
        Ok(AccountConfig {
            account: self.media_account.clone(),
            service: ServiceConfig::AmsV2(AmsV2Config {
                endpoint: url(template::ENDPOINT)?,
                redirect_hosts: Vec::new(),
                api_version: validate::API_VERSION.to_owned(),
                auth: AuthConfig::Acs {
                    token_url: url(template::TOKEN_URL)?,
                    client_id: self.media_account.clone(),
                    secret: self.media_key.clone(),
                },
            }),
            storage: vec![StorageConfig {
                account: self.storage_account.clone(),
                endpoint: url(&format!("https://{}.blob.core.windows.net", self.storage_account))?,
                credential: StorageCredential::Key(self.storage_key.clone()),
            }],
            streaming_url: None,
            limits: Limits::default(),
        })
    }
}

fn unusable(problem: &str, remedy: &str) -> ConfigError {
    ConfigError {
        place: "appSettings".to_owned(),
        problem: problem.to_owned(),
        remedy: remedy.to_owned(),
        excerpt: None,
    }
}

/// Every key with its value.
fn settings(text: &str) -> Result<Vec<(String, String)>, AppConfigError> {
    let mut reader = Reader::from_str(text);
    let mut settings = Vec::new();
    loop {
        let event = reader.read_event();
        let position = reader.error_position();
        let not_xml = AppConfigError::Xml { position };
        let Ok(event) = event else { return Err(not_xml) };
        match event {
            Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == b"add" => {
                settings.extend(setting(&element).map_err(|_| not_xml)?);
            }
            Event::Eof => return Ok(settings),
            _ => {}
        }
    }
}

/// The key and value of one `<add>`; `None` if it does not have both (a connection string, an assembly).
fn setting(element: &BytesStart<'_>) -> Result<Option<(String, String)>, quick_xml::Error> {
    let (mut key, mut value) = (None, None);
    for attribute in element.attributes() {
        let attribute = attribute?;
        let slot = match attribute.key.local_name().as_ref() {
            b"key" => &mut key,
            b"value" => &mut value,
            _ => continue,
        };
        let text = attribute.normalized_value(XmlVersion::Implicit1_0)?;
        *slot = Some(text.trim().to_owned());
    }
    Ok(key.zip(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in the tutorial, stray spaces included.
    const TUTORIAL: &str = r#"<?xml version="1.0"?><configuration><appSettings>
      <add key="MediaServicesAccountNameSource" value="west"/>
      <add key="MediaServicesAccountKeySource" value="a2V5"/>
      <add key="MediaServicesStorageAccountNameSource" value="storewest"/>
      <add key="MediaServicesStorageAccountKeySource" value="c3RvcmU="/>
      <add key="MediaServicesAccountNameTarget" value="east" />
      <add key="MediaServicesAccountKeyTarget" value=" a2V5Mg==" />
      <add key="MediaServicesStorageAccountNameTarget" value=" storeeast" />
      <add key="MediaServicesStorageAccountKeyTarget" value=" c3RvcmUy&#10;" />
    </appSettings><connectionStrings><add name="db" connectionString="x"/></connectionStrings></configuration>"#;

    #[test]
    fn the_tutorials_keys_are_read_and_trimmed() {
        let config = AppConfig::parse(TUTORIAL).unwrap();
        assert_eq!(config.source.media_account, "west");
        assert_eq!(config.source.storage_key.expose(), "c3RvcmU=");
        assert_eq!(config.target.media_key.expose(), "a2V5Mg==");
        assert_eq!(config.target.storage_account, "storeeast");
        assert_eq!(config.target.storage_key.expose(), "c3RvcmUy");
    }

    #[test]
    fn every_missing_key_is_named() {
        let text = TUTORIAL.replace("KeyTarget", "KeyTraget").replace("value=\"west\"", "value=\" \"");
        let Err(AppConfigError::Missing(missing)) = AppConfig::parse(&text) else { panic!("it must be refused") };
        assert_eq!(
            missing,
            ["MediaServicesAccountNameSource", "MediaServicesAccountKeyTarget", "MediaServicesStorageAccountKeyTarget"]
        );
    }

    #[test]
    fn a_text_that_is_not_xml_is_refused_with_its_place() {
        let broken = AppConfig::parse("<configuration><add key=\"x\"</configuration>");
        assert!(matches!(broken, Err(AppConfigError::Xml { .. })), "{broken:?}");
        let unclosed = AppConfig::parse("<a><b></a>");
        assert!(matches!(unclosed, Err(AppConfigError::Xml { .. })), "{unclosed:?}");
    }

    #[test]
    fn it_gives_two_accounts_of_the_real_service() {
        let config = AppConfig::parse(TUTORIAL).unwrap().config("l".into()).unwrap();
        assert_eq!(config.source.service.ams_v2().unwrap().endpoint.as_str(), "https://media.windows.net/api/");
        assert_eq!(config.target.storage[0].endpoint.as_str(), "https://storeeast.blob.core.windows.net/");
        let same = AppConfig::parse(&TUTORIAL.replace("\"east\"", "\"west\"")).unwrap();
        assert!(same.config("l".into()).unwrap_err().problem.contains("the target is the source"));
    }

    #[test]
    fn names_that_differ_only_in_case_are_one_account() {
        let config = AppConfig::parse(TUTORIAL).unwrap();
        let shouted = |name: &str| name.to_ascii_uppercase();
        let storage = AppAccount { storage_account: shouted(&config.source.storage_account), ..config.target.clone() };
        let media = AppAccount { media_account: shouted(&config.source.media_account), ..config.target.clone() };
        for target in [storage, media] {
            AppConfig { target, ..config.clone() }.config("mirror.ledger".into()).unwrap_err();
        }
    }

    #[test]
    fn keys_are_not_printed() {
        assert!(!format!("{:?}", AppConfig::parse(TUTORIAL).unwrap()).contains("c3RvcmU"));
    }
}
