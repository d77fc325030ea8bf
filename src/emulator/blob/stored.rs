//! The stored data of a storage account: containers, blobs and their descriptions.
//!
//! A library has millions of blobs, so a blob is small: copies share headers, metadata and content, and attributes that
//! few blobs have are boxed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::content::{Block, Body};
use super::encryption::Encryption;
use super::kind::Kind;
use super::lease::{self, Lease};
use super::pending::{CopyRecord, CopySource, CopyState, Outcome, PendingCopy};
use super::policies::Policy;
use super::properties::{BlobHeaders, Pairs, PublicAccess, Stamp, Tier};
use super::refusal::{BLOB_ARCHIVED, BLOB_IS_SEALED, BLOB_NOT_FOUND, CONTAINER_NOT_FOUND, PENDING_COPY, Refusal};

/// The attributes that few blobs have.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    pub(super) tags: Option<Pairs>,
    pub(super) tier: Option<Tier>,
    pub(super) copy: Option<CopyRecord>,
    pub(super) lease: Option<Lease>,
    pub(super) encryption: Option<Encryption>,
    pub(super) kind: Kind,
}

/// One committed blob.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) body: Body,
    pub(super) headers: Arc<BlobHeaders>,
    pub(super) metadata: Option<Pairs>,
    pub(super) extras: Option<Box<Extras>>,
    pub(super) etag: u64,
    /// Seconds since 1970, at the precision of the service.
    pub(super) modified: u32,
    pub(super) created: u32,
}

impl Blob {
    pub(super) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    pub(super) fn tags(&self) -> Option<&Pairs> {
        self.extras.as_ref()?.tags.as_ref()
    }

    pub(super) fn tier(&self) -> Option<Tier> {
        self.extras.as_ref()?.tier
    }

    pub(super) fn copy(&self) -> Option<&CopyRecord> {
        self.extras.as_ref()?.copy.as_ref()
    }

    /// Its type.
    pub(super) fn kind(&self) -> Kind {
        self.extras.as_ref().map_or(Kind::Block, |extras| extras.kind)
    }

    /// Sets its type and the attributes of the type.
    pub(super) fn set_kind(&mut self, kind: Kind) {
        if self.kind() != kind {
            self.extras().kind = kind;
        }
    }

    /// 409 for an operation that needs a block blob.
    pub(super) fn refuse_other_than_block(&self) -> Result<(), Refusal> {
        self.kind().refuse_other_type(Kind::Block)
    }

    /// How it is encrypted, if not with the account's own key.
    pub(super) fn encryption(&self) -> Option<&Encryption> {
        self.extras.as_ref()?.encryption.as_ref()
    }

    /// Records a change of content or description.
    pub(super) fn touch(&mut self, stamp: Stamp) {
        self.etag = stamp.etag;
        self.modified = stamp.seconds();
    }

    /// Removes the copy properties, as a later write does.
    pub(super) fn forget_copy(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.copy = None;
        }
    }

    /// Its lease at a moment of elapsed time.
    pub(super) fn lease_at(&self, elapsed: i64) -> lease::At {
        lease::At::new(self.extras.as_ref().and_then(|extras| extras.lease), elapsed)
    }

    /// Gives it another lease, or none.
    pub(super) fn set_lease(&mut self, lease: Option<Lease>) {
        if lease.is_some() || self.extras.is_some() {
            self.extras().lease = lease;
        }
    }

    /// Ends a copy into it, unless another copy or an abort replaced it.
    fn end_copy(&mut self, pending: &PendingCopy, outcome: Outcome) {
        let Some(record) = self.extras.as_mut().and_then(|extras| extras.copy.as_mut()) else { return };
        if !matches!(&record.state, CopyState::Pending(current) if current.id == pending.id) {
            return;
        }
        record.state = outcome.state(pending.stamp.seconds());
        if matches!(record.state, CopyState::Success { .. }) {
            self.body = pending.body.clone();
            self.headers = Arc::clone(&pending.headers);
            self.metadata.clone_from(&pending.metadata);
            self.set_kind(pending.kind);
        }
        self.touch(pending.stamp);
    }

    /// 409 if the blob is archived, for operations that need its content or change more than tags or tier.
    pub(super) fn refuse_archived(&self) -> Result<(), Refusal> {
        if self.tier() == Some(Tier::Archive) { Err(BLOB_ARCHIVED) } else { Ok(()) }
    }

    /// 409 for changes to the content of a sealed append blob. It can only be deleted and created again.
    pub(super) fn refuse_sealed(&self) -> Result<(), Refusal> {
        if matches!(self.kind(), Kind::Append { sealed: true, .. }) { Err(BLOB_IS_SEALED) } else { Ok(()) }
    }

    /// 409 while a copy into it is pending.
    pub(super) fn refuse_pending(&self) -> Result<(), Refusal> {
        if self.copy().is_some_and(CopyRecord::is_pending) { Err(PENDING_COPY) } else { Ok(()) }
    }
}

/// Blocks uploaded but not committed, by id.
pub(super) type Uncommitted = BTreeMap<Box<str>, Block>;

/// The contents of a container.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) blobs: BTreeMap<Box<str>, Blob>,
    pub(super) uncommitted: BTreeMap<Box<str>, Uncommitted>,
    pub(super) metadata: Option<Pairs>,
    pub(super) policies: Vec<Policy>,
    pub(super) public: Option<PublicAccess>,
    pub(super) lease: Option<Lease>,
    pub(super) etag: u64,
    pub(super) modified: u32,
    /// Does its account have a hierarchical namespace?
    pub(super) hierarchical: bool,
    /// When each pending copy into this container ends.
    pub(super) due: BTreeSet<(i64, Box<str>)>,
    deleted: bool,
}

impl Contents {
    /// A committed blob.
    pub(super) fn blob(&self, name: &str) -> Result<&Blob, Refusal> {
        self.blobs.get(name).ok_or(BLOB_NOT_FOUND)
    }

    /// A committed blob to change.
    pub(super) fn blob_mut(&mut self, name: &str) -> Result<&mut Blob, Refusal> {
        self.blobs.get_mut(name).ok_or(BLOB_NOT_FOUND)
    }

    /// Stores a blob at a moment of elapsed time and replaces an existing one. It keeps the creation time, an active
    /// lease, and the tier unless the new blob has one, and removes the uncommitted blocks.
    pub(super) fn put(&mut self, name: &str, mut blob: Blob, elapsed: i64) {
        self.uncommitted.remove(name);
        self.make_directories(name, &blob);
        if let Some(old) = self.blobs.get_mut(name) {
            blob.created = old.created;
            blob.set_lease(old.lease_at(elapsed).after_write());
            if let (None, Some(tier), Kind::Block) = (blob.tier(), old.tier(), blob.kind()) {
                blob.extras().tier = Some(tier);
            }
            *old = blob;
        } else {
            self.blobs.insert(name.into(), blob);
        }
    }
}

/// One container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) name: Box<str>,
    contents: Mutex<Contents>,
    /// Containers that may have pending copies from this one.
    readers: Mutex<Vec<Weak<Container>>>,
}

impl Container {
    pub(super) fn new(name: &str, metadata: Option<Pairs>, stamp: Stamp, hierarchical: bool) -> Arc<Self> {
        let contents = Contents {
            blobs: BTreeMap::new(),
            uncommitted: BTreeMap::new(),
            metadata,
            policies: Vec::new(),
            public: None,
            lease: None,
            etag: stamp.etag,
            modified: stamp.seconds(),
            hierarchical,
            due: BTreeSet::new(),
            deleted: false,
        };
        Arc::new(Self { name: name.into(), contents: Mutex::new(contents), readers: Mutex::default() })
    }

    /// Another container with the same contents. Pending copies continue in both.
    pub(super) fn twin(&self, elapsed: i64) -> Result<Arc<Self>, Refusal> {
        let contents = self.lock_at(elapsed)?;
        let contents = Contents {
            blobs: contents.blobs.clone(),
            uncommitted: BTreeMap::new(),
            metadata: contents.metadata.clone(),
            policies: contents.policies.clone(),
            public: contents.public,
            due: contents.due.clone(),
            ..*contents
        };
        Ok(Arc::new(Self { name: self.name.clone(), contents: Mutex::new(contents), readers: Mutex::default() }))
    }

    /// Its contents, even if it was deleted.
    fn peek(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("no operation panics while it holds a container")
    }

    /// Its contents; 404 if it was deleted while the request was on its way.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, Contents>, Refusal> {
        let contents = self.peek();
        if contents.deleted { Err(CONTAINER_NOT_FOUND) } else { Ok(contents) }
    }

    /// Its contents at `elapsed`: copies that have ended by then are completed first.
    pub(super) fn lock_at(&self, elapsed: i64) -> Result<MutexGuard<'_, Contents>, Refusal> {
        self.settle(elapsed);
        self.lock()
    }

    /// The same for a change: copies from here that have ended by then are completed before their source changes.
    pub(super) fn lock_to_change(&self, elapsed: i64) -> Result<MutexGuard<'_, Contents>, Refusal> {
        self.settle_readers(elapsed);
        self.lock_at(elapsed)
    }

    /// Deletes it, if its contents pass a check.
    pub(super) fn delete_if(
        &self,
        elapsed: i64,
        check: impl FnOnce(&Contents) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.settle_readers(elapsed);
        let mut contents = self.lock()?;
        check(&contents)?;
        contents.deleted = true;
        contents.due.clear();
        contents.uncommitted.clear();
        let blobs = std::mem::take(&mut contents.blobs);
        drop(contents);
        drop(blobs);
        Ok(())
    }

    /// Records that a copy from here into `reader` is pending.
    pub(super) fn read_by(&self, reader: &Arc<Self>) {
        let mut readers = self.readers.lock().expect("the list of readers is never left half done");
        readers.retain(|known| known.strong_count() > 0);
        if !readers.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(reader))) {
            readers.push(Arc::downgrade(reader));
        }
    }

    fn settle_readers(&self, elapsed: i64) {
        let readers = {
            let mut readers = self.readers.lock().expect("the list of readers is never left half done");
            if readers.is_empty() {
                return;
            }
            readers.retain(|known| known.strong_count() > 0);
            readers.clone()
        };
        readers.iter().filter_map(Weak::upgrade).for_each(|reader| reader.settle(elapsed));
    }

    /// Completes the copies into this container that have ended by `elapsed`. It never locks two containers at the same
    /// time.
    fn settle(&self, elapsed: i64) {
        let over: Vec<_> = {
            let mut contents = self.peek();
            if contents.due.first().is_none_or(|(due, _)| *due > elapsed) {
                return;
            }
            let later = contents.due.split_off(&(elapsed + 1, "".into()));
            let over = std::mem::replace(&mut contents.due, later);
            over.into_iter()
                .filter_map(|(_, name)| Some((contents.blobs.get(&name)?.copy()?.pending()?, name)))
                .collect()
        };
        for (pending, name) in over {
            let outcome = pending.outcome();
            if let Some(blob) = self.peek().blobs.get_mut(&name) {
                blob.end_copy(&pending, outcome);
            }
        }
    }
}

impl CopySource for Container {
    fn etag_of(&self, name: &str) -> Option<u64> {
        self.peek().blobs.get(name).map(|blob| blob.etag)
    }
}

/// The settings of an account.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServiceProperties {
    /// The values of each rule, in the order in which the service writes them.
    pub(super) cors: Vec<[String; 5]>,
    /// Names and values of the existing elements.
    pub(super) website: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_needs_little_memory_besides_its_name() {
        // A B-tree node is about half full when names arrive in order: twice this must stay under 250 bytes.
        assert!(size_of::<(Box<str>, Blob)>() <= 104, "{} bytes", size_of::<(Box<str>, Blob)>());
    }
}
