//! The parts of an entity type: properties, navigations, and who may set what.

use crate::emulator::media_account::guids::canonical_guid;
use crate::emulator::media_account::value::Type;

/// Who may set a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only the service; ignored in bodies, because real clients send all properties.
    Server,
    /// A client, at creation; later, another value is refused.
    Once,
    /// A client, at any time.
    Free,
}

/// A property of an entity type.
#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) ty: Type,
    pub(crate) since: u8,
    pub(crate) access: Access,
    pub(crate) required: bool,
    /// Longest text accepted, in characters; 0 = any.
    pub(crate) longest: usize,
    /// Numbers and booleans that are absent at creation have zero instead of null.
    pub(crate) zero: bool,
}

/// A navigation to related entities.
#[derive(Debug)]
pub(crate) struct Nav {
    pub(crate) name: &'static str,
    pub(crate) since: u8,
    pub(crate) many: bool,
    /// The target set.
    pub(crate) set: &'static str,
}

/// An entity type with its set.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Position in the list of all entity types.
    pub(crate) index: usize,
    pub(crate) set: &'static str,
    pub(crate) name: &'static str,
    /// The `cid` of `nb:cid:UUID:…`; empty if the key is a plain name.
    pub(crate) id: &'static str,
    pub(crate) since: u8,
    /// Has collections, so that its payload is OData V3 (ISO dates even in verbose JSON).
    pub(crate) wide: bool,
    /// The first is the key.
    pub(crate) properties: &'static [Property],
    pub(crate) navs: &'static [Nav],
    /// Text properties by which entities are found without a scan.
    pub(crate) indexed: &'static [&'static str],
}

/// A `since` that no client can request: internal columns of the service.
pub(crate) const HIDDEN: u8 = u8::MAX;

impl Kind {
    /// The column of a property.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.properties.iter().position(|p| p.name == name)
    }

    /// The column of a property in that version of the type.
    pub(crate) fn visible(&self, name: &str, version: u8) -> Option<usize> {
        self.column(name).filter(|at| self.properties[*at].since <= version)
    }

    /// The navigation of that name in that version of the type.
    pub(crate) fn nav(&self, name: &str, version: u8) -> Option<&'static Nav> {
        self.navs.iter().find(|n| n.name == name && n.since <= version)
    }

    /// The key in its canonical spelling, or `None` if it is invalid.
    pub(crate) fn canonical(&self, key: &str) -> Option<String> {
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
    pub(crate) fn id_of(&self, guid: &str) -> String {
        format!("nb:{}:UUID:{guid}", self.id)
    }

    /// A new id.
    pub(crate) fn new_id(&self) -> String {
        self.id_of(&uuid::Uuid::new_v4().to_string())
    }
}

pub(super) const fn property(name: &'static str, ty: Type, access: Access) -> Property {
    Property { name, ty, since: 0, access, required: false, longest: 0, zero: false }
}

impl Property {
    pub(super) const fn since(mut self, version: u8) -> Self {
        self.since = version;
        self
    }
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
    pub(super) const fn longest(mut self, characters: usize) -> Self {
        self.longest = characters;
        self
    }
    pub(super) const fn zero(mut self) -> Self {
        self.zero = true;
        self
    }
}

pub(super) const fn one(name: &'static str, set: &'static str, since: u8) -> Nav {
    Nav { name, since, many: false, set }
}
pub(super) const fn many(name: &'static str, set: &'static str, since: u8) -> Nav {
    Nav { name, since, many: true, set }
}
pub(super) const fn list(name: &'static str) -> Type {
    Type::Complex { name, many: true }
}
pub(super) const fn object(name: &'static str) -> Type {
    Type::Complex { name, many: false }
}
