//! The entity types: their properties and navigations, since which x-ms-version each exists, and who may set it.

mod entities;

pub(super) use self::entities::{
    ASSETS, DELIVERY, ENDPOINTS, FILES, JOBS, KEYS, LOCATORS, NOTIFICATIONS, OPERATIONS, POLICIES, PROCESSORS, STORAGE,
    TASKS,
};
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

/// Every entity type, in the order of [`Kind::index`].
pub(super) static KINDS: [&Kind; 13] = [
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
    &DELIVERY,
];

/// The type behind a set's name, as a client of that version sees the service.
pub(super) fn kind(set: &str, version: u8) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.set == set && k.since <= version).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_at_its_index_and_its_indexes_are_text_columns() {
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
