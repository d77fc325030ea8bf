//! The entity types themselves, property by property in the order in which the service wrote them.

use super::kind::Access::{Free, Once, Server};
use super::kind::{HIDDEN, Kind, list, many, object, one, property};
use crate::emulator::media_account::value::Type::{Bool, Date, Double, Int, Long, Text};

/// `Assets`.
pub(crate) static ASSETS: Kind = Kind {
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
pub(crate) static FILES: Kind = Kind {
    index: 1,
    set: "Files",
    name: "AssetFile",
    id: "cid",
    since: 0,
    wide: false,
    properties: &[
        property("Id", Text, Server),
        property("Name", Text, Free).required().longest(260),
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
pub(crate) static POLICIES: Kind = Kind {
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
pub(crate) static LOCATORS: Kind = Kind {
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
    indexed: &["AssetId"],
};

/// `StorageAccounts`.
pub(crate) static STORAGE: Kind = Kind {
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
pub(crate) static ENDPOINTS: Kind = Kind {
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
pub(crate) static OPERATIONS: Kind = Kind {
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
pub(crate) static PROCESSORS: Kind = Kind {
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
pub(crate) static JOBS: Kind = Kind {
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
pub(crate) static TASKS: Kind = Kind {
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
        property("RunMs", Long, Server).since(HIDDEN),
    ],
    navs: &[many("OutputMediaAssets", "Assets", 0), many("InputMediaAssets", "Assets", 0)],
    indexed: &["JobId"],
};

/// `NotificationEndPoints`.
pub(crate) static NOTIFICATIONS: Kind = Kind {
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
pub(crate) static KEYS: Kind = Kind {
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
        property("TrackIdentifiers", Text, Free).since(16),
    ],
    navs: &[],
    indexed: &[],
};

/// `AssetDeliveryPolicies`.
pub(crate) static DELIVERY: Kind = Kind {
    index: 12,
    set: "AssetDeliveryPolicies",
    name: "AssetDeliveryPolicy",
    id: "adpid",
    since: 7,
    wide: false,
    properties: &[
        property("Id", Text, Server),
        property("Name", Text, Free),
        property("AssetDeliveryProtocol", Int, Free).zero(),
        property("AssetDeliveryPolicyType", Int, Free).zero(),
        property("AssetDeliveryConfiguration", Text, Free),
        property("Created", Date, Server),
        property("LastModified", Date, Server),
    ],
    navs: &[],
    indexed: &[],
};

/// `ContentKeyAuthorizationPolicies`.
pub(crate) static KEY_POLICIES: Kind = Kind {
    index: 13,
    set: "ContentKeyAuthorizationPolicies",
    name: "ContentKeyAuthorizationPolicy",
    id: "ckpid",
    since: 7,
    wide: false,
    properties: &[property("Id", Text, Server), property("Name", Text, Free)],
    navs: &[many("Options", "ContentKeyAuthorizationPolicyOptions", 7)],
    indexed: &[],
};

/// `ContentKeyAuthorizationPolicyOptions`.
pub(crate) static KEY_OPTIONS: Kind = Kind {
    index: 14,
    set: "ContentKeyAuthorizationPolicyOptions",
    name: "ContentKeyAuthorizationPolicyOption",
    id: "ckpoid",
    since: 7,
    wide: true,
    properties: &[
        property("Id", Text, Server),
        property("Name", Text, Free),
        property("KeyDeliveryType", Int, Once).zero(),
        property("KeyDeliveryConfiguration", Text, Free),
        property(
            "Restrictions",
            list("Microsoft.Cloud.Media.Vod.Rest.Data.Models.ContentKeyAuthorizationPolicyRestriction"),
            Free,
        ),
    ],
    navs: &[],
    indexed: &[],
};
