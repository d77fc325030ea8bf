//! The contents of an account, read from the emulator's own stores: without client, requests and planner.

use std::collections::BTreeMap;

use mediamirror::emulator::{AssetLook, Described, LocatorLook};

use crate::world::World;

/// The region that is mirrored, and the one that it is mirrored to.
pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

/// The storage account of each region.
pub(crate) const STORES: [&str; 2] = ["storewest", "storeeast"];

/// Characters that the name of a new file record must not have (documented).
const NOT_POSTED: &str = "!*'();:@&=+$,/?%#[]\"";

/// The prefix of the access policies of the program's locators.
const OUR_POLICY: &str = "mediamirror read ";
/// The prefix of the marks of copies of this source account.
const OUR_MARK: &str = "mediamirror:mediawest;";

/// A blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlobLook {
    pub(crate) bytes: [u8; 32],
    pub(crate) described: Described,
}

impl BlobLook {
    pub(crate) fn is_archived(&self) -> bool {
        self.described.tier.as_deref() == Some("Archive")
    }
}

/// An asset with its blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) look: AssetLook,
    /// `None` if its container does not exist.
    pub(crate) blobs: Option<BTreeMap<String, BlobLook>>,
}

/// The content of a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: String,
    pub(crate) retired: bool,
    /// The source's own alternate id.
    pub(crate) original: Option<String>,
}

impl Thing {
    pub(crate) fn id(&self) -> &str {
        &self.look.id
    }

    pub(crate) fn name(&self) -> &str {
        self.look.name.as_deref().unwrap_or("(no name)")
    }

    /// Its streaming locators.
    pub(crate) fn locators(&self) -> impl Iterator<Item = &LocatorLook> {
        self.look.locators.iter().filter(|locator| locator.streaming)
    }

    pub(crate) fn is_protected(&self) -> bool {
        !self.look.content_keys.is_empty() || !self.look.delivery_policies.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blobs.as_ref().is_none_or(BTreeMap::is_empty)
    }

    /// Its blobs; none if it has no container.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = (&String, &BlobLook)> {
        self.blobs.iter().flatten()
    }

    /// Does a file record have no blob?
    pub(crate) fn lacks_a_blob(&self) -> bool {
        self.look.files.iter().any(|file| !self.blobs().any(|(name, _)| *name == file.name))
    }

    /// Does it have a file record that cannot be made again? Its blob is missing, and its name is not allowed in a new
    /// record.
    pub(crate) fn has_a_record_that_cannot_be_made(&self) -> bool {
        let lacks = |name: &str| !self.blobs().any(|(blob, _)| blob == name);
        self.look.files.iter().any(|file| file.name.contains(|c| NOT_POSTED.contains(c)) && lacks(&file.name))
    }

    /// The source asset of which it is our complete copy.
    pub(crate) fn origin(&self) -> Option<Origin> {
        let mut fields = self.look.alternate_id.as_deref()?.strip_prefix(OUR_MARK)?.splitn(4, ';');
        let (source, own, retired, original) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        (own == self.look.id).then(|| Origin {
            source: source.to_owned(),
            retired: !retired.is_empty(),
            original: (!original.is_empty()).then(|| original.to_owned()),
        })
    }
}

/// Does a locator use one of our policies?
pub(crate) fn is_ours(locator: &LocatorLook) -> bool {
    locator.access_policy.as_deref().is_some_and(|policy| policy.starts_with(OUR_POLICY))
}

/// All assets of an account, in creation order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Library(pub(crate) Vec<Thing>);

impl Library {
    pub(crate) fn of(world: &World, region: usize) -> Self {
        let emulator = &world.emulator;
        let blob = |container: &str, name: String| {
            let bytes = emulator.fingerprint(STORES[region], container, &name)?;
            let described = emulator.describe(STORES[region], container, &name)?;
            Some((name, BlobLook { bytes, described }))
        };
        let thing = |look: AssetLook| {
            let names = emulator.blobs(STORES[region], &look.container);
            let blobs = names.map(|names| names.into_iter().filter_map(|name| blob(&look.container, name)).collect());
            Thing { look, blobs }
        };
        Self(emulator.operator(region).assets().into_iter().map(thing).collect())
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Thing> {
        self.0.iter().find(|thing| thing.id() == id)
    }

    /// The asset that a locator is on, and the locator.
    pub(crate) fn holder(&self, guid: &str) -> Option<(&Thing, &LocatorLook)> {
        self.locators().find(|(_, locator)| locator.guid == guid)
    }

    /// All streaming locators with their assets.
    pub(crate) fn locators(&self) -> impl Iterator<Item = (&Thing, &LocatorLook)> {
        self.0.iter().flat_map(|thing| thing.locators().map(move |locator| (thing, locator)))
    }

    /// The complete copies of a source asset.
    pub(crate) fn copies_of(&self, source: &str) -> Vec<&Thing> {
        self.0.iter().filter(|thing| thing.origin().is_some_and(|origin| origin.source == source)).collect()
    }

    /// All complete copies of ours.
    pub(crate) fn copies(&self) -> impl Iterator<Item = (&Thing, Origin)> {
        self.0.iter().filter_map(|thing| Some((thing, thing.origin()?)))
    }
}
