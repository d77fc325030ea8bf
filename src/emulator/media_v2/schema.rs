//! The entity types: their properties and navigations, since which x-ms-version each exists, and who may set it.

use super::value::Type;

/// Who may set a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The service alone; ignored in bodies, which real clients send in full.
    Server,
    /// A client, at creation; another value later is refused.
    Once,
    /// A client, at any time.
    Free,
}

/// A property of an entity type.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) ty: Type,
    pub(super) since: u8,
    pub(super) access: Access,
    pub(super) required: bool,
    /// Longest text accepted, in characters; 0 = any.
    pub(super) longest: usize,
    /// Numbers and booleans that are absent at creation start at zero rather than null.
    pub(super) zero: bool,
}

/// A navigation to related entities.
#[derive(Debug)]
pub(super) struct Nav {
    pub(super) name: &'static str,
    pub(super) since: u8,
    pub(super) many: bool,
    /// The set it leads to.
    pub(super) set: &'static str,
}

/// An entity type with its set.
#[derive(Debug)]
pub(super) struct Kind {
    /// Place in [`KINDS`].
    pub(super) index: usize,
    pub(super) set: &'static str,
    pub(super) name: &'static str,
    /// The `cid` of `nb:cid:UUID:…`; empty where the key is a plain name.
    pub(super) id: &'static str,
    pub(super) since: u8,
    /// Has collections, so that its payload is OData V3 (ISO dates even in verbose JSON).
    pub(super) wide: bool,
    /// The first is the key.
    pub(super) properties: &'static [Property],
    pub(super) navs: &'static [Nav],
    /// Text properties by which entities are found without a scan.
    pub(super) indexed: &'static [&'static str],
}

/// A `since` that no client can ask for: columns of the service's own.
pub(super) const HIDDEN: u8 = u8::MAX;

impl Kind {
    /// The column of a property.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.properties.iter().position(|p| p.name == name)
    }

    /// The column of a property as a client of that version sees the type.
    pub(super) fn visible(&self, name: &str, version: u8) -> Option<usize> {
        self.column(name).filter(|at| self.properties[*at].since <= version)
    }

    /// The navigation of that name as a client of that version sees the type.
    pub(super) fn nav(&self, name: &str, version: u8) -> Option<&'static Nav> {
        self.navs.iter().find(|n| n.name == name && n.since <= version)
    }

    /// The key in its canonical spelling, or nothing when it is ill-formed.
    pub(super) fn canonical(&self, key: &str) -> Option<String> {
        if self.id.is_empty() {
            return Some(key.to_owned());
        }
        let mut parts = key.splitn(4, ':');
        let known = parts.next()?.eq_ignore_ascii_case("nb")
            && parts.next()?.eq_ignore_ascii_case(self.id)
            && parts.next()?.eq_ignore_ascii_case("UUID");
        let guid = parts.next().filter(|_| known)?;
        Some(self.id_of(&canonical_guid(guid)?))
    }

    /// The id of a lower-case guid.
    pub(super) fn id_of(&self, guid: &str) -> String {
        format!("nb:{}:UUID:{guid}", self.id)
    }

    /// A new id.
    pub(super) fn new_id(&self) -> String {
        self.id_of(&uuid::Uuid::new_v4().to_string())
    }
}

/// A guid with hyphens in lower case, or nothing when it is none.
pub(super) fn canonical_guid(guid: &str) -> Option<String> {
    (guid.len() == 36).then(|| uuid::Uuid::try_parse(guid).ok())?.map(|g| g.to_string())
}

const fn property(name: &'static str, ty: Type, access: Access) -> Property {
    Property { name, ty, since: 0, access, required: false, longest: 0, zero: false }
}

impl Property {
    const fn since(mut self, version: u8) -> Self {
        self.since = version;
        self
    }
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
    const fn longest(mut self, characters: usize) -> Self {
        self.longest = characters;
        self
    }
    const fn zero(mut self) -> Self {
        self.zero = true;
        self
    }
}

const fn one(name: &'static str, set: &'static str, since: u8) -> Nav {
    Nav { name, since, many: false, set }
}
const fn many(name: &'static str, set: &'static str, since: u8) -> Nav {
    Nav { name, since, many: true, set }
}
const fn list(name: &'static str) -> Type {
    Type::Complex { name, many: true }
}
const fn object(name: &'static str) -> Type {
    Type::Complex { name, many: false }
}

use Access::{Free, Once, Server};
use Type::{Bool, Date, Double, Int, Long, Text};

/// `Assets`.
pub(super) static ASSETS: Kind = Kind {
    index: 0,
    set: "Assets",
    name: "Asset",
    id: "cid",
    since: 0,
    wide: false,
    properties: &[
        property("Id", Text, Server),
        property("State", Int, Once).zero(),
        property("Created", Date, Server),
        property("LastModified", Date, Server),
        property("AlternateId", Text, Free).longest(4000),
        property("Name", Text, Free).longest(512),
        property("Options", Int, Once).zero(),
        property("Uri", Text, Server).since(2),
        property("StorageAccountName", Text, Once).since(2),
        property("FormatOption", Int, Once).zero().since(16),
    ],
    navs: &[
        many("Locators", "Locators", 0),
        many("ContentKeys", "ContentKeys", 0),
        many("Files", "Files", 0),
        many("ParentAssets", "Assets", 0),
        many("DeliveryPolicies", "AssetDeliveryPolicies", 7),
        many("AssetFilters", "AssetFilters", 11),
        one("StorageAccount", "StorageAccounts", 2),
    ],
    indexed: &["AlternateId", "Name"],
};

/// `Files`.
pub(super) static FILES: Kind = Kind {
    index: 1,
    set: "Files",
    name: "AssetFile",
    id: "cid",
    since: 0,
    wide: false,
    properties: &[
        property("Id", Text, Server),
        property("Name", Text, Once).required().longest(260),
        property("ContentFileSize", Long, Free).zero(),
        property("ParentAssetId", Text, Once).required(),
        property("EncryptionVersion", Text, Free),
        property("EncryptionScheme", Text, Free),
        property("IsEncrypted", Bool, Free).zero(),
        property("EncryptionKeyId", Text, Free),
        property("InitializationVector", Text, Free),
        property("IsPrimary", Bool, Free).zero(),
        property("LastModified", Date, Server),
        property("Created", Date, Server),
        property("MimeType", Text, Free).longest(4000),
        property("ContentChecksum", Text, Free).longest(4000),
        property("Options", Int, Free).zero().since(16),
    ],
    navs: &[],
    indexed: &["ParentAssetId"],
};

/// `AccessPolicies`.
pub(super) static POLICIES: Kind = Kind {
    index: 2,
    set: "AccessPolicies",
    name: "AccessPolicy",
    id: "pid",
    since: 0,
    wide: false,
    properties: &[
        property("Id", Text, Server),
        property("Created", Date, Server),
        property("LastModified", Date, Server),
        property("Name", Text, Once).longest(4000),
        property("DurationInMinutes", Double, Once).required(),
        property("Permissions", Int, Once).zero(),
    ],
    navs: &[],
    indexed: &["Name"],
};

/// `Locators`.
pub(super) static LOCATORS: Kind = Kind {
    index: 3,
    set: "Locators",
    name: "Locator",
    id: "lid",
    since: 0,
    wide: false,
    properties: &[
        property("Id", Text, Once),
        property("ExpirationDateTime", Date, Free),
        property("Type", Int, Once).zero(),
        property("Path", Text, Server),
        property("BaseUri", Text, Server),
        property("ContentAccessComponent", Text, Server),
        property("AccessPolicyId", Text, Once).required(),
        property("AssetId", Text, Once).required(),
        property("StartTime", Date, Free),
        property("Name", Text, Free).longest(4000).since(2),
    ],
    navs: &[one("AccessPolicy", "AccessPolicies", 0), one("Asset", "Assets", 0)],
    indexed: &["AssetId", "AccessPolicyId"],
};

/// `StorageAccounts`.
pub(super) static STORAGE: Kind = Kind {
    index: 4,
    set: "StorageAccounts",
    name: "StorageAccount",
    id: "",
    since: 2,
    wide: false,
    properties: &[
        property("Name", Text, Server),
        property("IsDefault", Bool, Server).zero(),
        property("BytesUsed", Long, Server).since(5),
    ],
    navs: &[],
    indexed: &[],
};

/// `StreamingEndpoints`.
pub(super) static ENDPOINTS: Kind = Kind {
    index: 5,
    set: "StreamingEndpoints",
    name: "StreamingEndpoint",
    id: "oid",
    since: 7,
    wide: true,
    properties: &[
        property("Id", Text, Server),
        property("Name", Text, Once).required(),
        property("Description", Text, Free),
        property("Created", Date, Server),
        property("LastModified", Date, Server),
        property("State", Text, Server),
        property("HostName", Text, Server),
        property("ScaleUnits", Int, Free).zero(),
        property("CustomHostNames", list("Edm.String"), Free),
        property(
            "AccessControl",
            object("Microsoft.Cloud.Media.Vod.Rest.Data.Models.StreamingEndpointAccessControl"),
            Free,
        ),
        property(
            "CacheControl",
            object("Microsoft.Cloud.Media.Vod.Rest.Data.Models.StreamingEndpointCacheControl"),
            Free,
        ),
        property(
            "CrossSiteAccessPolicies",
            object("Microsoft.Cloud.Media.Vod.Rest.Data.Models.CrossSiteAccessPolicies"),
            Free,
        ),
        property("CdnEnabled", Bool, Free).zero().since(9),
        property("CdnProvider", Text, Free).since(15),
        property("CdnProfile", Text, Free).since(15),
        property("FreeTrialEndTime", Date, Server).since(15),
        property("StreamingEndpointVersion", Text, Free).since(15),
    ],
    navs: &[],
    indexed: &["Name"],
};

/// `Operations`.
pub(super) static OPERATIONS: Kind = Kind {
    index: 6,
    set: "Operations",
    name: "Operation",
    id: "opid",
    since: 2,
    wide: false,
    properties: &[
        property("Id", Text, Server),
        property("State", Text, Server),
        property("TargetEntityId", Text, Server),
        property("ErrorCode", Text, Server),
        property("ErrorMessage", Text, Server),
    ],
    navs: &[],
    indexed: &[],
};

/// `MediaProcessors`.
pub(super) static PROCESSORS: Kind = Kind {
    index: 7,
    set: "MediaProcessors",
    name: "MediaProcessor",
    id: "mpid",
    since: 0,
    wide: false,
    properties: &[
        property("Id", Text, Server),
        property("Description", Text, Server),
        property("Name", Text, Server),
        property("Sku", Text, Server),
        property("Vendor", Text, Server),
        property("Version", Text, Server),
    ],
    navs: &[],
    indexed: &["Name"],
};

/// `Jobs`.
pub(super) static JOBS: Kind = Kind {
    index: 8,
    set: "Jobs",
    name: "Job",
    id: "jid",
    since: 0,
    wide: true,
    properties: &[
        property("Id", Text, Server),
        property("Name", Text, Once).longest(4000),
        property("Created", Date, Server),
        property("LastModified", Date, Server),
        property("EndTime", Date, Server),
        property("Priority", Int, Free).zero(),
        property("RunningDuration", Double, Server).zero(),
        property("StartTime", Date, Server),
        property("State", Int, Server).zero(),
        property("TemplateId", Text, Once),
        property(
            "JobNotificationSubscriptions",
            list("Microsoft.Cloud.Media.Vod.Rest.Data.Models.JobNotificationSubscription"),
            Once,
        )
        .since(1),
    ],
    navs: &[many("Tasks", "Tasks", 0), many("OutputMediaAssets", "Assets", 0), many("InputMediaAssets", "Assets", 0)],
    indexed: &[],
};

/// `Tasks`.
pub(super) static TASKS: Kind = Kind {
    index: 9,
    set: "Tasks",
    name: "Task",
    id: "tid",
    since: 0,
    wide: true,
    properties: &[
        property("Id", Text, Server),
        property("Configuration", Text, Once).longest(100_000),
        property("EndTime", Date, Server),
        property("ErrorDetails", list("Microsoft.Cloud.Media.Vod.Rest.Data.Models.ErrorDetail"), Server),
        property("HistoricalEvents", list("Microsoft.Cloud.Media.Vod.Rest.Data.Models.TaskHistoricalEvent"), Server),
        property("MediaProcessorId", Text, Once).required(),
        property("Name", Text, Once).longest(4000),
        property("PerfMessage", Text, Server),
        property("Priority", Int, Once).zero(),
        property("Progress", Double, Server).zero(),
        property("RunningDuration", Double, Server).zero(),
        property("StartTime", Date, Server),
        property("State", Int, Server).zero(),
        property("TaskBody", Text, Once).required(),
        property("Options", Int, Once).zero(),
        property("EncryptionKeyId", Text, Once),
        property("EncryptionScheme", Text, Once),
        property("EncryptionVersion", Text, Once),
        property("InitializationVector", Text, Once),
        property(
            "TaskNotificationSubscriptions",
            list("Microsoft.Cloud.Media.Vod.Rest.Data.Models.TaskNotificationSubscription"),
            Once,
        )
        .since(13),
        property("JobId", Text, Server).since(HIDDEN),
    ],
    navs: &[many("OutputMediaAssets", "Assets", 0), many("InputMediaAssets", "Assets", 0)],
    indexed: &["JobId"],
};

/// `NotificationEndPoints`.
pub(super) static NOTIFICATIONS: Kind = Kind {
    index: 10,
    set: "NotificationEndPoints",
    name: "NotificationEndPoint",
    id: "nepid",
    since: 1,
    wide: false,
    properties: &[
        property("Id", Text, Server),
        property("Name", Text, Free).longest(4000),
        property("Created", Date, Server),
        property("EndPointAddress", Text, Once).required(),
        property("EndPointType", Int, Once).zero(),
    ],
    navs: &[],
    indexed: &[],
};

/// `ContentKeys`.
pub(super) static KEYS: Kind = Kind {
    index: 11,
    set: "ContentKeys",
    name: "ContentKey",
    id: "kid",
    since: 0,
    wide: false,
    properties: &[
        property("Id", Text, Once).required(),
        property("Created", Date, Server),
        property("LastModified", Date, Server),
        property("ContentKeyType", Int, Once).zero(),
        property("EncryptedContentKey", Text, Once).required(),
        property("Name", Text, Free),
        property("ProtectionKeyId", Text, Once).required(),
        property("ProtectionKeyType", Int, Once).zero(),
        property("Checksum", Text, Once),
        property("AuthorizationPolicyId", Text, Free).since(3),
    ],
    navs: &[],
    indexed: &[],
};

/// Every entity type, in the order of [`Kind::index`].
pub(super) static KINDS: [&Kind; 12] = [
    &ASSETS,
    &FILES,
    &POLICIES,
    &LOCATORS,
    &STORAGE,
    &ENDPOINTS,
    &OPERATIONS,
    &PROCESSORS,
    &JOBS,
    &TASKS,
    &NOTIFICATIONS,
    &KEYS,
];

/// The type behind a set's name, as a client of that version sees the service.
pub(super) fn kind(set: &str, version: u8) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.set == set && k.since <= version).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_index_and_its_indexes_are_text_columns() {
        for (at, kind) in KINDS.iter().enumerate() {
            assert_eq!(kind.index, at, "{}", kind.set);
            for name in kind.indexed {
                let column = kind.column(name).expect("indexed column exists");
                assert_eq!(kind.properties[column].ty, Type::Text);
            }
        }
    }

    #[test]
    fn keys_are_folded_to_their_canonical_spelling() {
        let guid = "CC27435D-1500-80C3-5690-F1E4FD03B5FD";
        assert_eq!(
            ASSETS.canonical(&format!("nb:cid:UUID:{guid}")).unwrap(),
            "nb:cid:UUID:cc27435d-1500-80c3-5690-f1e4fd03b5fd"
        );
        assert_eq!(ASSETS.canonical("notAValidId"), None);
        assert_eq!(ASSETS.canonical(&format!("nb:lid:UUID:{guid}")), None);
        assert_eq!(STORAGE.canonical("store"), Some("store".to_owned()));
    }
}
