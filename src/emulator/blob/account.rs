//! One storage account of the emulator, and what the service itself does with it, without authorisation and limits.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use bytes::Bytes;

use super::content::Body;
use super::encryption::Encryption;
use super::kind::Kind;
use super::policies::{MAX_POLICIES, Policy};
use super::properties::{BlobHeaders, Pairs, Stamp};
use super::refusal::{CONTAINER_ALREADY_EXISTS, CONTAINER_NOT_FOUND, Refusal};
use super::sas::{Issuer, SigningKey};
use super::stored::{Blob, Container, Contents, Extras, ServiceProperties};
use crate::emulator::clock::Clock;
use crate::emulator::service_model::ServiceModel;
use crate::emulator::settings::{BlobLimits, Protection, Role, SourceAccess, TagSupport};
use crate::emulator::storage::{NewBlob, StorageError, StoredBlob, StoredPolicy};

/// The first `ETag`: it looks like those of the service, which count ticks.
const FIRST_ETAG: u64 = 0x08DC_0000_0000_0000;

/// One storage account.
pub(crate) struct BlobAccount {
    name: String,
    key: String,
    url: String,
    signing_key: SigningKey,
    clock: Clock,
    model: RwLock<Arc<ServiceModel>>,
    source_access: RwLock<SourceAccess>,
    index_tags: RwLock<TagSupport>,
    /// Does it have a hierarchical namespace?
    hierarchical: AtomicBool,
    public_access: AtomicBool,
    /// What protects containers, by their names.
    protected: RwLock<BTreeMap<String, Protection>>,
    /// The roles of principals, by the ids of their objects.
    roles: RwLock<BTreeMap<String, Role>>,
    pub(super) service_properties: RwLock<ServiceProperties>,
    containers: RwLock<BTreeMap<Box<str>, Arc<Container>>>,
    changes: AtomicU64,
    /// The headers last given to a blob: most blobs of a library have equal headers.
    usual_headers: RwLock<Arc<BlobHeaders>>,
}

impl std::fmt::Debug for BlobAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobAccount").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

impl BlobAccount {
    /// An empty account. `url` is `http://host:port/account` without a trailing slash.
    pub(crate) fn new(name: &str, key_base64: &str, url: &str, limits: &BlobLimits, clock: &Clock) -> Self {
        Self {
            name: name.to_owned(),
            key: key_base64.to_owned(),
            url: url.to_owned(),
            signing_key: SigningKey::from_base64(key_base64),
            clock: clock.clone(),
            model: RwLock::new(Arc::new(ServiceModel::new(limits))),
            source_access: RwLock::default(),
            index_tags: RwLock::default(),
            hierarchical: AtomicBool::new(false),
            public_access: AtomicBool::new(false),
            protected: RwLock::default(),
            roles: RwLock::default(),
            service_properties: RwLock::default(),
            containers: RwLock::default(),
            changes: AtomicU64::new(0),
            usual_headers: RwLock::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Its current limits and delays.
    pub(super) fn model(&self) -> Arc<ServiceModel> {
        Arc::clone(&self.model.read().expect("one pointer is never left half done"))
    }

    /// Sets its limits and delays.
    pub(crate) fn set_limits(&self, limits: &BlobLimits) {
        *self.model.write().expect("one pointer is never left half done") = Arc::new(ServiceModel::new(limits));
    }

    /// How it answers when other accounts' services read from it.
    pub(super) fn source_access(&self) -> SourceAccess {
        *self.source_access.read().expect("one word is never left half done")
    }

    /// Sets how it answers when other accounts' services read from it.
    pub(crate) fn set_source_access(&self, access: SourceAccess) {
        *self.source_access.write().expect("one word is never left half done") = access;
    }

    /// Does it have a hierarchical namespace?
    pub(super) fn is_hierarchical(&self) -> bool {
        self.hierarchical.load(Ordering::Relaxed)
    }

    /// Gives the empty account a hierarchical namespace.
    pub(crate) fn make_hierarchical(&self) {
        self.hierarchical.store(true, Ordering::Relaxed);
    }

    /// Whether its blobs have index tags: with a hierarchical namespace, they have none.
    pub(super) fn index_tags(&self) -> TagSupport {
        if self.is_hierarchical() {
            return TagSupport::None;
        }
        *self.index_tags.read().expect("one word is never left half done")
    }

    /// Sets whether it has index tags, or refuses them.
    pub(crate) fn set_index_tags(&self, support: TagSupport) {
        *self.index_tags.write().expect("one word is never left half done") = support;
    }

    /// Can its containers be public?
    pub(super) fn allows_public_access(&self) -> bool {
        self.public_access.load(Ordering::Relaxed)
    }

    /// Allows or forbids public containers in it.
    pub(crate) fn allow_public_access(&self, allowed: bool) {
        self.public_access.store(allowed, Ordering::Relaxed);
    }

    /// What protects a container.
    pub(super) fn protection(&self, container: &str) -> Option<Protection> {
        self.protected.read().expect("the map is never left half done").get(container).copied()
    }

    /// Protects a container, or removes the protection.
    pub(crate) fn protect(&self, container: &str, protection: Option<Protection>) {
        let mut protected = self.protected.write().expect("the map is never left half done");
        match protection {
            Some(protection) => protected.insert(container.to_owned(), protection),
            None => protected.remove(container),
        };
    }

    /// Gives a principal a role, or takes it away.
    pub(crate) fn assign_role(&self, object_id: &str, role: Option<Role>) {
        let mut roles = self.roles.write().expect("the map is never left half done");
        match role {
            Some(role) => roles.insert(object_id.to_owned(), role),
            None => roles.remove(object_id),
        };
    }

    pub(crate) fn create_container(&self, container: &str) -> Result<(), StorageError> {
        self.add_container(container, None).map(drop).map_err(|_| StorageError::ContainerExists(container.to_owned()))
    }

    pub(crate) fn delete_container(&self, container: &str) -> Result<(), StorageError> {
        self.remove_container(container, |_| Ok(())).map_err(|_| StorageError::NoContainer(container.to_owned()))
    }

    pub(crate) fn delete_blob(&self, container: &str, name: &str) -> Result<(), StorageError> {
        let missing = |_| StorageError::NoContainer(container.to_owned());
        let found = self.container(container).map_err(missing)?;
        let removed = found.lock_to_change(self.elapsed()).map_err(missing)?.blobs.remove(name);
        removed.map(drop).ok_or_else(|| StorageError::NoBlob(name.to_owned()))
    }

    /// A copy of the account with only one container.
    pub(crate) fn with_only(&self, container: &str) -> Option<Self> {
        let held = self.container(container).ok()?;
        let copy = held.twin(self.elapsed()).ok()?;
        let twin = Self::new(&self.name, &self.key, &self.url, &BlobLimits::default(), &self.clock);
        twin.roles.write().expect("the map is never left half done").clone_from(&self.roles.read().expect("the same"));
        twin.containers.write().expect("the map is never left half done").insert(container.into(), copy);
        Some(twin)
    }

    pub(crate) fn container_exists(&self, container: &str) -> bool {
        self.container(container).is_ok()
    }

    pub(crate) fn list_blobs(&self, container: &str) -> Result<Vec<StoredBlob>, StorageError> {
        let missing = |_| StorageError::NoContainer(container.to_owned());
        let found = self.container(container).map_err(missing)?;
        let contents = found.lock_at(self.elapsed()).map_err(missing)?;
        let blobs = contents.blobs.iter().filter(|(_, blob)| blob.kind() != Kind::Directory);
        Ok(blobs.map(|(name, blob)| stored(name, blob)).collect())
    }

    pub(crate) fn put_blob(&self, container: &str, name: &str, blob: NewBlob) -> Result<(), StorageError> {
        let missing = |_| StorageError::NoContainer(container.to_owned());
        let headers = BlobHeaders {
            content_type: blob.content_type.map(Into::into),
            cache_control: blob.cache_control.map(Into::into),
            ..BlobHeaders::default()
        };
        let headers = self.share(headers.with_default_type());
        let extras = pairs(blob.tags).map(|tags| Box::new(Extras { tags: Some(tags), ..Extras::default() }));
        let made = self.make_blob(Body::from(blob.content), headers, pairs(blob.metadata), extras);
        let found = self.container(container).map_err(missing)?;
        found.lock_to_change(self.elapsed()).map_err(missing)?.put(name, made, self.elapsed());
        Ok(())
    }

    pub(crate) fn read_blob(
        &self,
        container: &str,
        name: &str,
        offset: u64,
        length: u64,
    ) -> Result<(StoredBlob, Bytes), StorageError> {
        let blob = self.find(container, name)?;
        blob.refuse_archived().map_err(|_| StorageError::Archived(name.to_owned()))?;
        if matches!(blob.encryption(), Some(Encryption::CustomerKey(_))) {
            return Err(StorageError::KeyRequired(name.to_owned()));
        }
        let total = blob.body.len();
        let from = offset.min(total);
        Ok((stored(name, &blob), blob.body.read(from, from.saturating_add(length).min(total))))
    }

    pub(crate) fn copy_within(&self, from: (&str, &str), to: (&str, &str)) -> Result<(), StorageError> {
        let mut blob = self.find(from.0, from.1)?;
        let stamp = self.stamp();
        blob.touch(stamp);
        blob.created = stamp.seconds();
        blob.forget_copy();
        let missing = |_| StorageError::NoContainer(to.0.to_owned());
        let found = self.container(to.0).map_err(missing)?;
        blob.set_lease(None);
        found.lock_to_change(self.elapsed()).map_err(missing)?.put(to.1, blob, self.elapsed());
        Ok(())
    }

    /// A digest of a blob's content by origin: equal for copies, made without producing synthetic bytes.
    pub(crate) fn fingerprint(&self, container: &str, name: &str) -> Result<[u8; 32], StorageError> {
        Ok(self.find(container, name)?.body.fingerprint())
    }

    pub(crate) fn set_policy(&self, container: &str, id: &str, policy: StoredPolicy) -> Result<(), StorageError> {
        let missing = |_| StorageError::NoContainer(container.to_owned());
        let found = self.container(container).map_err(missing)?;
        let mut contents = found.lock().map_err(missing)?;
        contents.policies.retain(|known| known.id != id);
        if contents.policies.len() >= MAX_POLICIES {
            return Err(StorageError::TooManyPolicies(container.to_owned()));
        }
        // The service's own policies have no start: it is in the URL and must not be in both.
        let active_from = policy.start.map(jiff::Timestamp::as_millisecond);
        let policy = Policy::new(id, StoredPolicy { start: None, ..policy });
        contents.policies.push(Policy { active_from, ..policy });
        Ok(())
    }

    pub(crate) fn remove_policy(&self, container: &str, id: &str) -> Result<(), StorageError> {
        let missing = |_| StorageError::NoContainer(container.to_owned());
        let found = self.container(container).map_err(missing)?;
        found.lock().map_err(missing)?.policies.retain(|known| known.id != id);
        Ok(())
    }

    fn find(&self, container: &str, name: &str) -> Result<Blob, StorageError> {
        let missing = |_| StorageError::NoContainer(container.to_owned());
        let found = self.container(container).map_err(missing)?;
        let contents = found.lock_at(self.elapsed()).map_err(missing)?;
        contents.blobs.get(name).cloned().ok_or_else(|| StorageError::NoBlob(name.to_owned()))
    }

    /// A container that exists.
    pub(super) fn container(&self, name: &str) -> Result<Arc<Container>, Refusal> {
        let containers = self.containers.read().expect("the map is never left half done");
        containers.get(name).map(Arc::clone).ok_or(CONTAINER_NOT_FOUND)
    }

    /// A new container.
    pub(super) fn add_container(&self, name: &str, metadata: Option<Pairs>) -> Result<Arc<Container>, Refusal> {
        let stamp = self.stamp();
        let mut containers = self.containers.write().expect("the map is never left half done");
        if containers.contains_key(name) {
            return Err(CONTAINER_ALREADY_EXISTS);
        }
        let made = Container::new(name, metadata, stamp, self.is_hierarchical());
        containers.insert(name.into(), Arc::clone(&made));
        Ok(made)
    }

    /// Removes a container with all its blobs, if its contents pass a check.
    pub(super) fn remove_container(
        &self,
        name: &str,
        check: impl FnOnce(&Contents) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let container = self.container(name)?;
        container.delete_if(self.elapsed(), check)?;
        self.containers.write().expect("the map is never left half done").remove(name);
        Ok(())
    }

    /// Up to `most` containers from the name `from` on.
    pub(super) fn containers_from(&self, from: &str, most: usize) -> Vec<Arc<Container>> {
        let containers = self.containers.read().expect("the map is never left half done");
        containers
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .take(most)
            .map(|(_, container)| Arc::clone(container))
            .collect()
    }

    /// Milliseconds since its clock was started. Copies are timed with it.
    pub(super) fn elapsed(&self) -> i64 {
        self.clock.elapsed_millis()
    }

    /// The `ETag` and time of a change that happens now.
    pub(super) fn stamp(&self) -> Stamp {
        let etag = FIRST_ETAG + self.changes.fetch_add(1, Ordering::Relaxed);
        Stamp { etag, millis: self.now() }
    }

    /// A blob made now.
    pub(super) fn make_blob(
        &self,
        body: Body,
        headers: Arc<BlobHeaders>,
        metadata: Option<Pairs>,
        extras: Option<Box<Extras>>,
    ) -> Blob {
        let stamp = self.stamp();
        let at = stamp.seconds();
        Blob { body, headers, metadata, extras, etag: stamp.etag, modified: at, created: at }
    }

    /// The same headers, shared by consecutive blobs with equal headers.
    pub(super) fn share(&self, headers: BlobHeaders) -> Arc<BlobHeaders> {
        {
            let usual = self.usual_headers.read().expect("one pointer is never left half done");
            if **usual == headers {
                return Arc::clone(&usual);
            }
        }
        let headers = Arc::new(headers);
        *self.usual_headers.write().expect("one pointer is never left half done") = Arc::clone(&headers);
        headers
    }
}

impl Issuer for BlobAccount {
    fn account(&self) -> &str {
        &self.name
    }

    fn key(&self) -> &SigningKey {
        &self.signing_key
    }

    fn policy(&self, container: &str, id: &str) -> Option<Policy> {
        let container = self.container(container).ok()?;
        let contents = container.lock().ok()?;
        contents.policies.iter().find(|policy| policy.id == id).cloned()
    }

    fn role(&self, object_id: &str) -> Option<Role> {
        self.roles.read().expect("the map is never left half done").get(object_id).copied()
    }

    fn now(&self) -> i64 {
        self.clock.unix_millis()
    }
}

fn stored(name: &str, blob: &Blob) -> StoredBlob {
    StoredBlob {
        name: name.to_owned(),
        length: blob.body.len(),
        content_type: blob.headers.content_type.as_deref().map(str::to_owned),
    }
}

/// Pairs as blobs store them; `None` if there are none.
pub(super) fn pairs(map: BTreeMap<String, String>) -> Option<Pairs> {
    (!map.is_empty()).then(|| map.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
}
