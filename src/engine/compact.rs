//! Ids, texts and moments in little room: a library of a million assets is known by its ids, most of which are GUIDs behind
//! a fixed prefix, its names and its dates.

use std::num::{NonZeroU64, NonZeroUsize};

use jiff::Timestamp;

use crate::model::{AssetId, ContainerName, LocatorId};

/// What the service puts before the GUID of an asset.
const ASSET: &str = "nb:cid:UUID:";
/// What the service puts before the GUID of an asset's container.
const CONTAINER: &str = "asset-";
/// A locator's id is a GUID alone.
const LOCATOR: &str = "";

/// An id that reads back exactly as it was: sixteen bytes where it is the usual prefix and a lower-case GUID, else its
/// text. Texts of different kinds are never compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum CompactId {
    /// The GUID behind the prefix of its kind.
    Guid([u8; 16]),
    /// Any other text.
    Text(Box<str>),
}

impl CompactId {
    /// An asset's.
    pub(crate) fn asset(id: &AssetId) -> Self {
        Self::new(ASSET, id.as_str())
    }

    /// The asset's that a text names.
    pub(crate) fn asset_named(id: &str) -> Self {
        Self::new(ASSET, id)
    }

    /// A locator's.
    pub(crate) fn locator(id: &LocatorId) -> Self {
        Self::new(LOCATOR, id.as_str())
    }

    /// A container's.
    pub(crate) fn container(name: &ContainerName) -> Self {
        Self::new(CONTAINER, name.as_str())
    }

    /// The asset's id as it was.
    pub(crate) fn to_asset(&self) -> AssetId {
        AssetId::new(self.text(ASSET))
    }

    /// The locator's id as it was.
    pub(crate) fn to_locator(&self) -> LocatorId {
        LocatorId::new(self.text(LOCATOR))
    }

    /// The container's name as it was.
    pub(crate) fn to_container(&self) -> ContainerName {
        ContainerName::new(self.text(CONTAINER))
    }

    /// Is it the usual kind? Two of them are equal where their GUIDs are, whatever they are ids of.
    pub(crate) fn is_guid(&self) -> bool {
        matches!(self, Self::Guid(_))
    }

    fn new(prefix: &str, id: &str) -> Self {
        let guid = id.strip_prefix(prefix).and_then(|guid| {
            let parsed = uuid::Uuid::try_parse(guid).ok()?;
            let mut spelled = uuid::Uuid::encode_buffer();
            // Braces, capitals and missing hyphens would not read back.
            (parsed.hyphenated().encode_lower(&mut spelled) == guid).then(|| parsed.into_bytes())
        });
        guid.map_or_else(|| Self::Text(id.into()), Self::Guid)
    }

    fn text(&self, prefix: &str) -> String {
        match self {
            Self::Guid(bytes) => format!("{prefix}{}", uuid::Uuid::from_bytes(*bytes)),
            Self::Text(text) => text.to_string(),
        }
    }
}

/// Texts one after the other in one stretch of bytes. One that is the same as the one before takes no room.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    last: Option<Text>,
}

/// Where a text is in its [`Texts`]: behind its length, which is why this is never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text(NonZeroUsize);

/// Bytes that tell a text's length.
const LENGTH: usize = size_of::<u32>();

impl Texts {
    /// Keeps a text.
    pub(crate) fn push(&mut self, text: &str) -> Text {
        if let Some(last) = self.last
            && self.get(last) == text
        {
            return last;
        }
        let length = u32::try_from(text.len()).expect("an answer is smaller than 4 GiB, and so is a text in it");
        self.bytes.extend(length.to_le_bytes());
        let at = Text(NonZeroUsize::new(self.bytes.len()).expect("a length was just written"));
        self.bytes.extend(text.as_bytes());
        self.last = Some(at);
        at
    }

    /// The text that is there.
    pub(crate) fn get(&self, Text(at): Text) -> &str {
        let (length, rest) = self.bytes[at.get() - LENGTH..].split_at(LENGTH);
        let length = u32::from_le_bytes(length.try_into().expect("as many as were taken"));
        std::str::from_utf8(&rest[..length as usize]).expect("it was a text")
    }

    /// Gives back the room that is not needed.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }
}

/// A moment to the 100 nanoseconds that the service keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

/// Nanoseconds of a tick.
const TICK: i128 = 100;

impl Moment {
    /// Cut to whole ticks.
    pub(crate) fn new(moment: Timestamp) -> Self {
        let ticks = (moment.as_nanosecond() - Timestamp::MIN.as_nanosecond()) / TICK;
        let ticks = u64::try_from(ticks).expect("twenty thousand years have fewer ticks");
        Self(NonZeroU64::MIN.saturating_add(ticks))
    }

    /// As it was.
    pub(crate) fn timestamp(self) -> Timestamp {
        let since_the_first = i128::from(self.ticks() - 1) * TICK;
        Timestamp::from_nanosecond(Timestamp::MIN.as_nanosecond() + since_the_first).expect("it was a moment")
    }

    /// A number above zero, the greater the later.
    pub(crate) fn ticks(self) -> u64 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_reads_back_as_it_was() {
        for id in [
            "nb:cid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            "nb:cid:UUID:0B2E5B1C-7F0A-4D4E-9A55-0123456789AB",
            "nb:cid:UUID:{0b2e5b1c-7f0a-4d4e-9a55-0123456789ab}",
            "nb:cid:UUID:0b2e5b1c7f0a4d4e9a550123456789ab",
            "nb:pid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            "0b2e5b1c-7f0a-4d4e-9a55-0123456789ab",
            "",
        ] {
            assert_eq!(CompactId::asset(&AssetId::new(id)).to_asset().as_str(), id);
            assert_eq!(CompactId::locator(&LocatorId::new(id)).to_locator().as_str(), id);
            assert_eq!(CompactId::container(&ContainerName::new(id)).to_container().as_str(), id);
        }
    }

    #[test]
    fn a_usual_id_needs_no_text() {
        let id = AssetId::new("nb:cid:UUID:0b2e5b1c-7f0a-4d4e-9a55-0123456789ab");
        assert!(matches!(CompactId::asset(&id), CompactId::Guid(_)));
        assert!(size_of::<Option<CompactId>>() <= 24);
    }

    #[test]
    fn texts_read_back_and_repeated_ones_take_no_room() {
        let mut texts = Texts::default();
        let kept: Vec<Text> = ["play", "play", "", "ü", "play"].map(|text| texts.push(text)).into();
        texts.shrink();
        assert_eq!(kept.iter().map(|text| texts.get(*text)).collect::<Vec<_>>(), ["play", "play", "", "ü", "play"]);
        assert_eq!(kept[0], kept[1]);
        assert_eq!(texts.bytes.len(), 4 * LENGTH + "playüplay".len());
    }

    #[test]
    fn moments_of_the_service_read_back() {
        for text in
            ["2026-01-02T03:04:05.1234567Z", "9999-12-30T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.9Z"]
        {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(Moment::new(moment).timestamp(), moment, "{text}");
        }
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            let there_and_back = Moment::new(edge).timestamp();
            assert!((there_and_back.as_nanosecond() - edge.as_nanosecond()).abs() < TICK);
        }
    }
}
