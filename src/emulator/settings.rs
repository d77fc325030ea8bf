//! The settings: regions, accounts, ports and the service model, from one TOML file or from the builder.

mod check;
mod error;
pub(crate) mod keys;
mod principals;
mod read;

pub use error::SettingsError;
pub use principals::{PrincipalSettings, Role, RoleAssignment};

use std::collections::BTreeMap;

use serde::Deserialize;

/// Everything that can be set. The default is two regions, `west` and `east`, with every limit off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The regions, source first by convention.
    pub regions: Vec<RegionSettings>,
    /// Port of the admin listener; 0 = any free one.
    pub admin_port: u16,
    /// The principals of Entra ID; none by default.
    pub principals: Vec<PrincipalSettings>,
}

/// One region.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionSettings {
    /// Its name, such as `west`.
    pub name: String,
    /// Media Services account name.
    pub account: String,
    /// Media account key in base64; made from the account's name when absent, so that it is stable.
    #[serde(default)]
    pub account_key: Option<String>,
    /// Data centre: locator ids are unique within one. Defaults to the region's name.
    #[serde(default)]
    pub data_center: Option<String>,
    /// Storage accounts; the first is the default one.
    pub storage: Vec<StorageSettings>,
    /// Ports; 0 = any free one.
    #[serde(default)]
    pub ports: Ports,
    /// Limits and behaviour of the media plane.
    #[serde(default)]
    pub media: MediaSettings,
}

/// Ports of a region's listeners; 0 = any free one.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    /// Token service.
    pub token: u16,
    /// Media front door.
    pub front: u16,
    /// Media cluster.
    pub cluster: u16,
    /// Blob service.
    pub blob: u16,
    /// Streaming host.
    pub streaming: u16,
}

/// One storage account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageSettings {
    /// Account name.
    pub account: String,
    /// Account key in base64; made from the name when absent.
    #[serde(default)]
    pub key: Option<String>,
    /// An independent blob service to use instead of the emulator's own, such as `http://127.0.0.1:10000/account`.
    #[serde(default)]
    pub external_url: Option<String>,
    /// Latency, rates and bandwidth.
    #[serde(default)]
    pub limits: BlobLimits,
    /// What it answers when the blob service of another account reads from it.
    #[serde(default)]
    pub source_access: SourceAccess,
    /// Whether its blobs have index tags, and who may read them.
    #[serde(default)]
    pub index_tags: TagSupport,
    /// Does it have a hierarchical namespace? Such an account has neither index tags nor page blobs.
    #[serde(default)]
    pub hierarchical: bool,
    /// May its containers be open to the public? New accounts of the service do not allow it.
    #[serde(default)]
    pub public_access: bool,
    /// The protection of containers, by their names.
    #[serde(default)]
    pub protected: BTreeMap<String, Protection>,
}

/// A protection that prevents clients from changing the blobs of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// It is the destination of object replication: nothing can be written. Existing blobs can be read, deleted, and
    /// moved to another tier.
    Replication,
    /// An immutability policy: blobs can be added, but not changed or deleted.
    Immutability,
    /// A legal hold: the same.
    LegalHold,
}

/// Whether the blobs of a storage account have index tags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagSupport {
    /// Yes; the permission `t` allows reading and setting them.
    #[default]
    Offered,
    /// Yes, and every request that reads or sets them is refused with 403.
    Refused,
    /// No, as with a hierarchical namespace: 409.
    None,
}

/// What a storage account answers when the blob service of another account reads from it, to copy. Requests of clients
/// are answered as usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceAccess {
    /// As for its clients.
    #[default]
    Open,
    /// 403: its firewall admits the clients and not the other service.
    Refused,
    /// 404: the other service finds no such account, as behind a private endpoint.
    Hidden,
}

/// The service model of a storage account. Zero = no limit.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobLimits {
    /// Added to every answer, milliseconds.
    pub latency_ms: u64,
    /// Requests per second before 503 `ServerBusy` ("Operations per second is over the account limit.").
    pub requests_per_second: u32,
    /// Bytes per second written by copies before 503 ("Ingress is over the account limit.").
    pub ingress_bytes_per_second: u64,
    /// Bytes per second read, by copies too, before 503 ("Egress is over the account limit.").
    pub egress_bytes_per_second: u64,
    /// Speed of one server-side copy, bytes per second; a synchronous copy answers only when it would be done.
    pub copy_bytes_per_second: u64,
    /// Speed of all server-side copies into the account together, bytes per second.
    pub account_copy_bytes_per_second: u64,
    /// Minimum time an asynchronous copy is pending, milliseconds.
    pub async_copy_min_ms: u64,
}

/// The service model and the documented switches of a media account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "documented switches of the service, each on or off by itself")]
pub struct MediaSettings {
    /// Added to every answer, milliseconds.
    pub latency_ms: u64,
    /// Requests per second before 503; zero = no limit.
    pub requests_per_second: u32,
    /// Life of a token, seconds (six hours by default, as the real service).
    pub token_lifetime_s: u64,
    /// Delay before a new SAS locator's policy takes effect, milliseconds (30,000 is realistic; 0 by default).
    pub sas_activation_ms: u64,
    /// Container names that cannot be derived from the asset's id, as in 2013.
    pub random_container_names: bool,
    /// `CreateFileInfos` also makes records for blobs in virtual folders.
    pub file_infos_in_folders: bool,
    /// `$batch` is refused with 501 (for clients that must fall back).
    pub refuse_batch: bool,
    /// The most operations in one `$batch`, including those of its changesets; more are refused with 400. A changeset
    /// has at most 100.
    pub batch_limit: usize,
    /// `$orderby` sorts inside a page only, as seen on the live service.
    pub page_local_orderby: bool,
    /// A read or streaming locator on an asset without files is refused, as one page documents.
    pub strict_locators: bool,
    /// Time an encoding job waits, milliseconds: half of it queued, half scheduled. A cancellation takes half of it.
    pub encode_queue_ms: u64,
    /// Duration of an encoding task with any input, milliseconds.
    pub encode_ms: u64,
    /// Additional duration per second of its input, milliseconds.
    pub encode_ms_per_input_second: u64,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            requests_per_second: 0,
            token_lifetime_s: 21_600,
            sas_activation_ms: 0,
            random_container_names: false,
            file_infos_in_folders: false,
            refuse_batch: false,
            batch_limit: 1000,
            page_local_orderby: false,
            strict_locators: false,
            encode_queue_ms: 400,
            encode_ms: 1_600,
            encode_ms_per_input_second: 0,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let region = |name: &str| RegionSettings {
            name: name.to_owned(),
            account: format!("media{name}"),
            account_key: None,
            data_center: None,
            storage: vec![StorageSettings {
                account: format!("store{name}"),
                key: None,
                external_url: None,
                limits: BlobLimits::default(),
                source_access: SourceAccess::Open,
                index_tags: TagSupport::Offered,
                hierarchical: false,
                public_access: false,
                protected: BTreeMap::new(),
            }],
            ports: Ports::default(),
            media: MediaSettings::default(),
        };
        Self { regions: vec![region("west"), region("east")], admin_port: 0, principals: Vec::new() }
    }
}
