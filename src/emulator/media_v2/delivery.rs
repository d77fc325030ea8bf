//! Asset delivery policies, and what they mean for the streaming host.
//!
//! Source: "Configure asset delivery policies" (REST and .NET) of the Media Services v2 documents, and the live tests of
//! the .NET SDK.

use super::errors::ApiError;
use crate::emulator::media_account::guids::guid_of_id;
use crate::emulator::media_account::schema::{ASSETS, DELIVERY, KEYS};
use crate::emulator::media_account::store::{Row, State};
use crate::emulator::media_account::value::Value;

/// A streaming protocol, as the flags of `AssetDeliveryProtocol` name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Smooth = 0x1,
    Dash = 0x2,
    Hls = 0x4,
    /// Files as they are.
    Progressive = 0x10,
}

impl Protocol {
    /// Its name in messages and in the paths of the streaming host.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Smooth => "smooth",
            Self::Dash => "dash",
            Self::Hls => "hls",
            Self::Progressive => "progressive",
        }
    }
}

/// `AssetDeliveryProtocol` of all protocols.
const ALL_PROTOCOLS: i32 = 0xFFFF;
/// All published flags; 8 is HDS, which the streaming host does not support.
const KNOWN_PROTOCOLS: i32 = 0x1F;

/// Values of `AssetDeliveryPolicyType`.
const BLOCKED: i32 = 1;
const NO_DYNAMIC_ENCRYPTION: i32 = 2;

/// A way of dynamic encryption: its policy type, and the content key type it needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Encryption {
    policy_type: i32,
    policy_name: &'static str,
    key_type: i32,
    key_name: &'static str,
    /// Its name in an HLS playlist.
    pub(crate) hls_method: &'static str,
}

/// All of them.
static ENCRYPTIONS: [Encryption; 3] = [
    Encryption {
        policy_type: 3,
        policy_name: "DynamicEnvelopeEncryption",
        key_type: 4,
        key_name: "EnvelopeEncryption",
        hls_method: "AES-128",
    },
    Encryption {
        policy_type: 4,
        policy_name: "DynamicCommonEncryption",
        key_type: 0,
        key_name: "CommonEncryption",
        hls_method: "SAMPLE-AES-CTR",
    },
    Encryption {
        policy_type: 5,
        policy_name: "DynamicCommonEncryptionCbcs",
        key_type: 6,
        key_name: "CommonEncryptionCbcs",
        hls_method: "SAMPLE-AES",
    },
];

impl Encryption {
    fn of(policy: &Row) -> Option<&'static Self> {
        let policy_type = policy.int(TYPE);
        ENCRYPTIONS.iter().find(|encryption| encryption.policy_type == policy_type)
    }
}

const TYPE: &str = "AssetDeliveryPolicyType";
const PROTOCOL: &str = "AssetDeliveryProtocol";
const CONFIGURATION: &str = "AssetDeliveryConfiguration";
/// The key of a configuration's base URL for key requests.
const BASE_URL: i64 = 2;

/// Refuses a policy with values that have no meaning.
pub(super) fn check_policy(policy: &Row) -> Result<(), ApiError> {
    let invalid = |name: &str| Err(ApiError::bad(format!("The value of property '{name}' is invalid.")));
    let (kind, protocols) = (policy.int(TYPE), policy.int(PROTOCOL));
    if !matches!(kind, BLOCKED | NO_DYNAMIC_ENCRYPTION) && Encryption::of(policy).is_none() {
        return invalid(TYPE);
    }
    if protocols <= 0 || (protocols != ALL_PROTOCOLS && protocols & !KNOWN_PROTOCOLS != 0) {
        return invalid(PROTOCOL);
    }
    let configuration = policy.text(CONFIGURATION);
    if !configuration.is_empty() && entries(configuration).is_none() {
        return invalid(CONFIGURATION);
    }
    Ok(())
}

/// A policy as a client would have made it: with encryption, it names the account's key delivery service.
pub(super) fn made_policy(account: &str, (policy_type, protocols): (i32, i32), guid: &str) -> Row {
    let row = Row::new(&DELIVERY)
        .with("Id", Value::text(DELIVERY.id_of(guid)))
        .with("Name", Value::text("Library"))
        .with(PROTOCOL, Value::Int(protocols))
        .with(TYPE, Value::Int(policy_type));
    if Encryption::of(&row).is_none() {
        return row;
    }
    let url = format!("https://{account}.keydelivery.mediaservices.windows.net/");
    let configuration = serde_json::json!([{ "Key": BASE_URL, "Value": url }]).to_string();
    row.with(CONFIGURATION, Value::text(configuration))
}

/// The (key, value) pairs of a configuration: `[{"Key":2,"Value":"…"}]`.
fn entries(configuration: &str) -> Option<Vec<(i64, String)>> {
    let list: Vec<serde_json::Value> = serde_json::from_str(configuration).ok()?;
    // The .NET reader also accepts a number in quotes, which amspy sends.
    let key = |key: &serde_json::Value| key.as_i64().or_else(|| key.as_str()?.parse().ok());
    list.iter().map(|entry| Some((key(&entry["Key"])?, entry["Value"].as_str()?.to_owned()))).collect()
}

/// Refuses to link a policy that encrypts to an asset without the content key it needs (text as the live tests saw it).
pub(super) fn check_link(state: &State, asset: &str, policy: &str) -> Result<(), ApiError> {
    let Some(encryption) = state.get(&DELIVERY, policy).and_then(Encryption::of) else { return Ok(()) };
    if key(state, asset, encryption.key_type).is_some() {
        return Ok(());
    }
    Err(ApiError::bad(format!(
        "Cannot set an AssetDeliveryPolicy specifying AssetDeliveryPolicyType.{} when no ContentKey with ContentKeyType.{} \
         is linked to it",
        encryption.policy_name, encryption.key_name
    )))
}

/// The asset's content key of that type.
fn key<'s>(state: &'s State, asset: &str, key_type: i32) -> Option<&'s Row> {
    let keys = state.linked(asset, "ContentKeys").iter().filter_map(|key| state.get(&KEYS, key));
    keys.into_iter().find(|key| key.int("ContentKeyType") == key_type)
}

/// How the streaming host delivers an asset in one protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    Clear,
    Encrypted(ContentKey),
    Refused(&'static str),
}

/// The content key that an encrypted delivery uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContentKey {
    pub(crate) encryption: &'static Encryption,
    /// The key's guid.
    pub(crate) guid: String,
    /// The URL for players' key requests.
    pub(crate) url: String,
    /// The key as the client stored it, encrypted.
    pub(crate) sealed: String,
}

/// The protection of an asset according to its delivery policies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Protection {
    /// (protocol flags, delivery), one for each linked policy.
    rules: Vec<(i32, Delivery)>,
    /// The blobs themselves are encrypted.
    storage_encrypted: bool,
}

impl Protection {
    /// Reads the protection of an asset as it is now.
    ///
    /// The documents require a new locator after a policy was added or changed. They do not say how an older locator
    /// behaves; here all locators use the asset's current policies.
    pub(super) fn of(state: &State, asset: &str) -> Self {
        let policies = state.linked(asset, "DeliveryPolicies").iter().filter_map(|policy| state.get(&DELIVERY, policy));
        Self {
            rules: policies.map(|policy| (policy.int(PROTOCOL), delivery(state, asset, policy))).collect(),
            storage_encrypted: state.get(&ASSETS, asset).is_some_and(|asset| asset.int("Options") == 1),
        }
    }

    /// Is no delivery policy linked?
    pub(crate) fn is_open(&self) -> bool {
        self.rules.is_empty()
    }

    /// How a protocol is delivered.
    ///
    /// "Any protocols that are not defined in a delivery policy will be blocked from streaming. The exception to this is if
    /// you have no asset delivery policy defined at all. Then, all protocols will be allowed in the clear." Content keys
    /// alone protect nothing. A storage-encrypted asset cannot be streamed without a policy; with one, the service removes
    /// the storage encryption first.
    pub(crate) fn delivery(&self, protocol: Protocol) -> Delivery {
        match (self.storage_encrypted, self.is_open()) {
            (true, true) => return Delivery::Refused("the asset is storage-encrypted and has no delivery policy"),
            (true, false) => return Delivery::Refused("this emulator does not remove storage encryption"),
            (false, true) => return Delivery::Clear,
            (false, false) => {}
        }
        let rules = self.rules.iter().filter(|(protocols, _)| protocols & protocol as i32 != 0);
        let mut found = Delivery::Refused("no delivery policy of the asset defines the protocol");
        for (number, (_, rule)) in rules.enumerate() {
            // Two policies for one protocol are not documented: the one that protects more is used.
            if number == 0 || strength(rule) > strength(&found) {
                found = rule.clone();
            }
        }
        match found {
            // Dynamic encryption is documented only for Smooth, HLS and DASH.
            Delivery::Encrypted(_) if protocol == Protocol::Progressive => {
                Delivery::Refused("files cannot be delivered with dynamic encryption")
            }
            other => other,
        }
    }
}

fn strength(delivery: &Delivery) -> u8 {
    match delivery {
        Delivery::Clear => 0,
        Delivery::Encrypted(_) => 1,
        Delivery::Refused(_) => 2,
    }
}

fn delivery(state: &State, asset: &str, policy: &Row) -> Delivery {
    if policy.int(TYPE) == NO_DYNAMIC_ENCRYPTION {
        return Delivery::Clear;
    }
    let Some(encryption) = Encryption::of(policy) else {
        return Delivery::Refused("a delivery policy of the asset blocks the protocol");
    };
    let Some(key) = key(state, asset, encryption.key_type) else {
        return Delivery::Refused("the asset lacks the content key that its delivery policy needs");
    };
    let guid = guid_of_id(key.key()).to_owned();
    let url = acquisition_url(policy.text(CONFIGURATION), &guid);
    Delivery::Encrypted(ContentKey { encryption, guid, url, sealed: key.text("EncryptedContentKey").to_owned() })
}

/// The URL for players' key requests: the first URL of the configuration. Configuration key 2 is a base URL, to which
/// the key's id is appended.
fn acquisition_url(configuration: &str, guid: &str) -> String {
    let entries = entries(configuration).unwrap_or_default();
    match entries.into_iter().find(|(_, value)| value.contains("://")) {
        Some((BASE_URL, value)) => format!("{value}?KID={guid}"),
        Some((_, value)) => value,
        None => format!("urn:uuid:{guid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::media_account::store::Journal;

    const ASSET: &str = "nb:cid:UUID:1";

    /// An asset with these (protocols, type) policies and these key types.
    fn protection(policies: &[(i32, i32)], key_types: &[i32]) -> Protection {
        let (mut state, mut journal) = (State::new(), Journal::default());
        state.insert(Row::new(&ASSETS).with("Id", Value::text(ASSET)), &mut journal);
        let mut ids: [Vec<std::sync::Arc<str>>; 2] = [Vec::new(), Vec::new()];
        for (protocols, kind) in policies {
            let row = Row::new(&DELIVERY)
                .with("Id", Value::text(DELIVERY.new_id()))
                .with(PROTOCOL, Value::Int(*protocols))
                .with(TYPE, Value::Int(*kind));
            ids[0].push(row.key().into());
            state.insert(row, &mut journal);
        }
        for kind in key_types {
            let row = Row::new(&KEYS)
                .with("Id", Value::text(KEYS.new_id()))
                .with("ContentKeyType", Value::Int(*kind))
                .with("EncryptedContentKey", Value::text("sealed"));
            ids[1].push(row.key().into());
            state.insert(row, &mut journal);
        }
        let [policies, keys] = ids;
        state.link(ASSET, "DeliveryPolicies", policies, &mut journal);
        state.link(ASSET, "ContentKeys", keys, &mut journal);
        Protection::of(&state, ASSET)
    }

    /// The delivery of Smooth, DASH, HLS and files: c(lear), e(ncrypted) or r(efused).
    fn outcomes(protection: &Protection) -> String {
        [Protocol::Smooth, Protocol::Dash, Protocol::Hls, Protocol::Progressive]
            .map(|protocol| match protection.delivery(protocol) {
                Delivery::Clear => 'c',
                Delivery::Encrypted(_) => 'e',
                Delivery::Refused(_) => 'r',
            })
            .iter()
            .collect()
    }

    #[test]
    fn policies_apply_to_each_protocol() {
        for (policies, keys, expected) in [
            (&[][..], &[][..], "cccc"),
            (&[][..], &[0, 4][..], "cccc"),
            (&[(7, 2)][..], &[][..], "cccr"),
            (&[(0xFFFF, 2)][..], &[4][..], "cccc"),
            (&[(4, 3)][..], &[4][..], "rrer"),
            (&[(4, 3)][..], &[0][..], "rrrr"),
            (&[(1, 4), (6, 3)][..], &[0, 4][..], "eeer"),
            (&[(0xFFFF, 1)][..], &[4][..], "rrrr"),
            (&[(0xFFFF, 3)][..], &[4][..], "eeer"),
            (&[(7, 2), (4, 3), (1, 1)][..], &[4][..], "rcer"),
            (&[(0x10, 2)][..], &[][..], "rrrc"),
            (&[(4, 5)][..], &[6][..], "rrer"),
        ] {
            assert_eq!(outcomes(&protection(policies, keys)), expected, "{policies:?} {keys:?}");
        }
    }

    #[test]
    fn a_player_requests_the_key_from_the_url_of_the_configuration() {
        assert_eq!(
            acquisition_url(r#"[{"Key":3,"Value":"aXY="},{"Key":2,"Value":"https://k/"}]"#, "g"),
            "https://k/?KID=g"
        );
        assert_eq!(acquisition_url(r#"[{"Key":1,"Value":"https://k/exact"}]"#, "g"), "https://k/exact");
        assert_eq!(acquisition_url("", "g"), "urn:uuid:g");
    }
}
