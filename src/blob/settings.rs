//! Settings of a whole storage account: rules for the pages of other sites (CORS), and the static website.

use azure_storage_blob::models::{BlobServiceProperties, CorsRule, StaticWebsite};

use super::account::BlobAccount;
use super::properties::control_call;
use super::write::write_call;
use crate::error::Error;

/// Settings of a storage account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// The rules for the pages of other sites; the first matching one applies.
    pub cors: Vec<Cors>,
    /// The static website; `None`: there is none.
    pub website: Option<Website>,
}

/// A rule for the pages of other sites. Lists are in the service's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<String>,
    methods: Vec<String>,
    headers: Vec<String>,
    exposed: Vec<String>,
    seconds: i32,
}

/// The documents of a static website.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Website {
    index: Option<String>,
    default_path: Option<String>,
    not_found: Option<String>,
}

impl From<BlobServiceProperties> for AccountSettings {
    fn from(read: BlobServiceProperties) -> Self {
        let website = read.static_website.filter(|website| website.enabled == Some(true));
        Self {
            cors: read.cors.unwrap_or_default().into_iter().map(Cors::from).collect(),
            website: website.map(|website| Website {
                index: some(website.index_document),
                default_path: some(website.default_index_document_path),
                not_found: some(website.error_document404_path),
            }),
        }
    }
}

impl From<AccountSettings> for BlobServiceProperties {
    /// Settings that it does not contain do not change.
    fn from(settings: AccountSettings) -> Self {
        let enabled = Some(settings.website.is_some());
        let website = settings.website.map_or_else(StaticWebsite::default, |website| StaticWebsite {
            index_document: website.index,
            default_index_document_path: website.default_path,
            error_document404_path: website.not_found,
            ..StaticWebsite::default()
        });
        Self {
            cors: Some(settings.cors.into_iter().map(CorsRule::from).collect()),
            static_website: Some(StaticWebsite { enabled, ..website }),
            ..Self::default()
        }
    }
}

impl From<CorsRule> for Cors {
    fn from(rule: CorsRule) -> Self {
        Self {
            origins: list(rule.allowed_origins),
            methods: list(rule.allowed_methods),
            headers: list(rule.allowed_headers),
            exposed: list(rule.exposed_headers),
            seconds: rule.max_age_in_seconds.unwrap_or_default(),
        }
    }
}

impl From<Cors> for CorsRule {
    fn from(rule: Cors) -> Self {
        Self {
            allowed_origins: Some(rule.origins.join(",")),
            allowed_methods: Some(rule.methods.join(",")),
            allowed_headers: Some(rule.headers.join(",")),
            exposed_headers: Some(rule.exposed.join(",")),
            max_age_in_seconds: Some(rule.seconds),
        }
    }
}

/// Splits a comma-separated list.
fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// A text, or `None` if it is empty.
fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl BlobAccount {
    /// What is set for the account.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn settings(&self) -> Result<AccountSettings, Error> {
        let call = control_call("GetBlobServiceProperties", "read the settings of account", self.name().as_str());
        let read = self.read.run(call, |_| async move { Ok(self.service.get_properties(None).await?.into_model()?) });
        Ok(read.await?.into())
    }

    /// Sets rules for the pages of other sites and the static website; other settings do not change.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn set_settings(&self, settings: &AccountSettings) -> Result<(), Error> {
        let call = write_call("SetBlobServiceProperties", "set the settings of account", self.name().as_str(), 0);
        let written = self.write.run(call, |_| async move {
            let wanted = BlobServiceProperties::from(settings.clone());
            self.service.set_properties(wanted.try_into()?, None).await?;
            Ok(())
        });
        Ok(written.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::fake::{Fake, answer};

    const READ: &str = "<?xml version=\"1.0\"?><StorageServiceProperties><Logging><Version>1.0</Version><Delete>true</Delete>\
        <Read>true</Read><Write>true</Write><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></Logging>\
        <Cors><CorsRule><AllowedOrigins>https://a.example, https://b.example</AllowedOrigins><AllowedMethods>GET,HEAD</AllowedMethods>\
        <AllowedHeaders>range</AllowedHeaders><ExposedHeaders/><MaxAgeInSeconds>60</MaxAgeInSeconds></CorsRule></Cors>\
        <StaticWebsite><Enabled>true</Enabled><IndexDocument>index.html</IndexDocument></StaticWebsite>\
        </StorageServiceProperties>";

    #[tokio::test]
    async fn settings_are_read_and_written_without_other_settings() {
        let fake = Fake::new([answer(200, &[]).with_body(READ.to_owned()), answer(202, &[])]);
        let account = fake.account("acct");
        let settings = account.settings().await.unwrap();
        assert_eq!(settings.cors[0].origins, ["https://a.example", "https://b.example"]);
        account.set_settings(&settings).await.unwrap();
        let sent = &fake.asked()[1];
        assert_eq!(sent.url.query(), Some("comp=properties&restype=service"));
        assert!(
            sent.body.contains("<AllowedOrigins>https://a.example,https://b.example</AllowedOrigins>"),
            "{}",
            sent.body
        );
        assert!(
            sent.body.contains("<IndexDocument>index.html</IndexDocument>") && !sent.body.contains("Logging"),
            "{}",
            sent.body
        );
        let again: BlobServiceProperties = azure_core::xml::from_xml(sent.body.as_bytes()).unwrap();
        assert_eq!(AccountSettings::from(again), settings);
    }

    #[test]
    fn a_disabled_website_is_none_with_any_documents() {
        let website =
            StaticWebsite { enabled: Some(false), index_document: Some("i".to_owned()), ..StaticWebsite::default() };
        let read = BlobServiceProperties { static_website: Some(website), ..BlobServiceProperties::default() };
        assert_eq!(AccountSettings::from(read), AccountSettings::default());
        let nothing = BlobServiceProperties::from(AccountSettings::default());
        assert_eq!(
            (nothing.cors.map(|rules| rules.len()), nothing.static_website.and_then(|site| site.enabled)),
            (Some(0), Some(false))
        );
    }
}
