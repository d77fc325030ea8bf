//! Assets in little room, for orders that need all of them before the first is begun: one after the other in one stretch
//! of bytes, sixteen for an id and as many for a name as it has.

use jiff::Timestamp;

use super::super::compact::CompactId;
use crate::model::{AccountName, Asset, AssetEncryption, ContainerName};

/// How an id begins.
const GUID: u8 = 0;
/// How an id that is any other text begins.
const TEXT: u8 = 1;
/// How a container is told that is named after its asset, as the service names them.
const OWN: u8 = 2;
/// How a container is told that the service does not tell.
const NONE: u8 = 3;

/// All encryptions, told by their place here.
const ENCRYPTIONS: [AssetEncryption; 4] =
    [AssetEncryption::None, AssetEncryption::Storage, AssetEncryption::Common, AssetEncryption::Envelope];

/// Assets, each known by where it begins.
#[derive(Debug, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    /// The storage accounts that assets are in.
    accounts: Vec<AccountName>,
}

impl Packed {
    /// Adds an asset and tells where it begins: later ones begin further on.
    pub(super) fn push(&mut self, asset: &Asset) -> u64 {
        let at = self.bytes.len() as u64;
        let account = asset.storage_account.as_ref().map_or(0, |name| 1 + self.account(name));
        let id = CompactId::asset(&asset.id);
        self.text(asset.name.as_deref());
        self.id(&id);
        self.text(asset.alternate_id.as_deref());
        let (second, nanosecond) =
            asset.created.map_or((i64::MIN, 0), |created| (created.as_second(), created.subsec_nanosecond()));
        self.bytes.extend(second.to_le_bytes());
        self.bytes.extend(nanosecond.to_le_bytes());
        let encryption = ENCRYPTIONS.iter().position(|known| *known == asset.encryption);
        self.number(encryption.expect("every encryption is in the list"));
        self.number(account);
        match asset.container.as_ref().map(CompactId::container) {
            None => self.bytes.push(NONE),
            Some(container) if id.is_guid() && container == id => self.bytes.push(OWN),
            Some(container) => self.id(&container),
        }
        at
    }

    /// Gives back the room that is not needed.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// The asset that begins there.
    pub(super) fn asset(&self, at: u64) -> Asset {
        let mut rest = self.rest(at);
        let name = rest.text().map(str::to_owned);
        let id = rest.id();
        let alternate_id = rest.text().map(str::to_owned);
        let (second, nanosecond) = (i64::from_le_bytes(rest.array()), i32::from_le_bytes(rest.array()));
        let created = Timestamp::new(second, nanosecond).ok();
        let encryption = ENCRYPTIONS[rest.number()];
        let account = rest.number().checked_sub(1);
        let container = match rest.0[0] {
            NONE => None,
            OWN => Some(id.to_container()),
            _ => Some(rest.id().to_container()),
        };
        Asset {
            id: id.to_asset(),
            name,
            alternate_id,
            created,
            encryption,
            storage_account: account.map(|at| self.accounts[at].clone()),
            container,
        }
    }

    /// Hands the name to show of the asset that begins there to `use_it`.
    pub(super) fn with_label<T>(&self, at: u64, use_it: impl FnOnce(&str) -> T) -> T {
        let mut rest = self.rest(at);
        match rest.text() {
            Some(name) if !name.is_empty() => use_it(name),
            _ => use_it(rest.id().to_asset().as_str()),
        }
    }

    fn rest(&self, at: u64) -> Rest<'_> {
        Rest(&self.bytes[usize::try_from(at).expect("it began in memory")..])
    }

    fn account(&mut self, name: &AccountName) -> usize {
        self.accounts.iter().position(|known| known == name).unwrap_or_else(|| {
            self.accounts.push(name.clone());
            self.accounts.len() - 1
        })
    }

    fn id(&mut self, id: &CompactId) {
        match id {
            CompactId::Guid(guid) => {
                self.bytes.push(GUID);
                self.bytes.extend(guid);
            }
            CompactId::Text(text) => {
                self.bytes.push(TEXT);
                self.text(Some(text));
            }
        }
    }

    fn text(&mut self, text: Option<&str>) {
        self.number(text.map_or(0, |text| text.len() + 1));
        self.bytes.extend(text.unwrap_or_default().as_bytes());
    }

    /// Seven bits a byte, the last one below 128.
    fn number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.bytes.push(0x80 | u8::try_from(number & 0x7F).expect("seven bits"));
            number >>= 7;
        }
        self.bytes.push(u8::try_from(number).expect("seven bits"));
    }
}

/// What is still to be read. It was written here, so it is as it was written.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("as many as were taken")
    }

    fn number(&mut self) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let [byte] = self.array();
            number |= usize::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number().checked_sub(1)?;
        Some(std::str::from_utf8(self.take(length)).expect("it was a text"))
    }

    fn id(&mut self) -> CompactId {
        match self.array() {
            [GUID] => CompactId::Guid(self.array()),
            _ => CompactId::Text(self.text().unwrap_or_default().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::AssetId;

    const GUID_TEXT: &str = "0b2e5b1c-7f0a-4d4e-9a55-0123456789ab";

    fn usual(name: &str) -> Asset {
        Asset {
            id: AssetId::new(format!("nb:cid:UUID:{GUID_TEXT}")),
            name: Some(name.to_owned()),
            alternate_id: None,
            created: Timestamp::from_second(1_700_000_000).ok(),
            encryption: AssetEncryption::None,
            storage_account: Some(AccountName::new("store")),
            container: Some(ContainerName::new(format!("asset-{GUID_TEXT}"))),
        }
    }

    #[test]
    fn a_usual_asset_takes_a_few_tens_of_bytes() {
        let mut packed = Packed::default();
        packed.push(&usual("a film of twenty chr"));
        assert!(packed.bytes.len() <= 56, "{}", packed.bytes.len());
    }

    fn any_asset() -> impl Strategy<Value = Asset> {
        let id = prop_oneof![Just(format!("nb:cid:UUID:{GUID_TEXT}")), ".{0,20}"];
        let container =
            prop_oneof![Just(None), Just(Some(format!("asset-{GUID_TEXT}"))), proptest::option::of(".{0,200}")];
        let created = proptest::option::of((-2_000_000_000_i64..9_000_000_000, 0..1_000_000_000_i32));
        let account = proptest::option::of("[a-c]");
        let texts = (proptest::option::of(".{0,300}"), proptest::option::of(".{0,20}"));
        (id, container, created, account, texts, 0..ENCRYPTIONS.len()).prop_map(
            |(id, container, created, account, (name, alternate_id), encryption)| Asset {
                id: AssetId::new(id),
                name,
                alternate_id,
                created: created.map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap()),
                encryption: ENCRYPTIONS[encryption],
                storage_account: account.map(AccountName::new),
                container: container.map(ContainerName::new),
            },
        )
    }

    proptest! {
        #[test]
        fn every_asset_reads_back_as_it_was(assets in proptest::collection::vec(any_asset(), 1..8)) {
            let mut packed = Packed::default();
            let places: Vec<u64> = assets.iter().map(|asset| packed.push(asset)).collect();
            packed.shrink();
            for (asset, at) in assets.iter().zip(places) {
                prop_assert_eq!(&packed.asset(at), asset);
                packed.with_label(at, |label| assert_eq!(label, asset.label()));
            }
        }
    }
}
