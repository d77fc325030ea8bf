//! One authorised request, and the checks that operations share.

use std::sync::{Arc, MutexGuard};

use axum::body::{Body, to_bytes};
use bytes::Bytes;

use super::account::BlobAccount;
use super::ask::Ask;
use super::conditions::Conditions;
use super::content::{Body as Content, Piece};
use super::kind::Kind;
use super::lease::{self, Leased};
use super::properties::BlobHeaders;
use super::protection::{self, Write};
use super::refusal::{NO_TAGS, PERMISSION_MISMATCH, Refusal, TOO_LARGE, UNAUTHORIZED_OVERWRITE};
use super::sas::{Grant, Issuer as _};
use super::stored::{Blob, Container, Contents};
use super::surroundings::Surroundings;
use crate::emulator::directory::Principal;
use crate::emulator::faults::plan::{CopyFate, Pretence};
use crate::emulator::settings::{Protection, TagSupport};

/// How a request was authorised.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) grant: Grant,
    /// By the account key, which also permits reading sources in the same account.
    pub(super) by_account_key: bool,
    /// The principal of the token, if there is one.
    pub(super) principal: Option<Principal>,
}

/// One authorised request.
pub(super) struct Call<'r> {
    pub(super) around: &'r dyn Surroundings,
    pub(super) account: &'r BlobAccount,
    pub(super) ask: Ask<'r>,
    pub(super) authority: Authority,
    /// The result that a fault plan sets for an asynchronous copy.
    pub(super) fate: Option<CopyFate>,
    /// What is stored instead of the acknowledged content, if a fault plan says so.
    pub(super) pretence: Option<Pretence>,
}

impl Call<'_> {
    pub(super) fn now(&self) -> i64 {
        self.account.now()
    }

    /// See [`BlobAccount::elapsed`].
    pub(super) fn elapsed(&self) -> i64 {
        self.account.elapsed()
    }

    /// The container the request names.
    pub(super) fn container(&self) -> Result<Arc<Container>, Refusal> {
        self.account.container(self.ask.container()?)
    }

    /// Checks a write to a blob that may exist: permission, conditions, protection, pending copies, tier, seal, lease.
    pub(super) fn check_replace(&self, contents: &Contents) -> Result<(), Refusal> {
        let existing = contents.blobs.get(self.ask.blob()?);
        if existing.is_some() && !self.authority.grant.any_of("w") {
            return Err(UNAUTHORIZED_OVERWRITE);
        }
        Conditions::of(self.ask.headers).check_write(existing)?;
        contents.check_path(self.ask.blob()?)?;
        self.check_protection(if existing.is_some() { Write::Change } else { Write::New })?;
        existing.map_or(Ok(()), Blob::refuse_pending)?;
        existing.map_or(Ok(()), Blob::refuse_archived)?;
        existing.map_or(Ok(()), Blob::refuse_sealed)?;
        self.check_lease_to_write(existing)
    }

    /// 409 if the protection of the container forbids the write.
    pub(super) fn check_protection(&self, write: Write) -> Result<(), Refusal> {
        protection::check(self.protection()?, write)
    }

    /// What protects the container that the request names.
    pub(super) fn protection(&self) -> Result<Option<Protection>, Refusal> {
        Ok(self.account.protection(self.ask.container()?))
    }

    /// Checks that the blob has the type that the operation needs.
    pub(super) fn check_type(&self, contents: &Contents, kind: Kind) -> Result<(), Refusal> {
        contents.blobs.get(self.ask.blob()?).map_or(Ok(()), |blob| blob.kind().refuse_other_type(kind))
    }

    /// Checks the lease id the request carries, or does not carry, for a read of a blob.
    pub(super) fn check_lease_to_read(&self, blob: &Blob) -> Result<(), Refusal> {
        blob.lease_at(self.elapsed()).check_read(lease::id_sent(&self.ask)?, Leased::Blob)
    }

    /// The same for a write to a blob that may exist; a blob that does not exist has no lease.
    pub(super) fn check_lease_to_write(&self, blob: Option<&Blob>) -> Result<(), Refusal> {
        let elapsed = self.elapsed();
        let lease = blob.map_or(lease::At::new(None, elapsed), |blob| blob.lease_at(elapsed));
        lease.check_write(lease::id_sent(&self.ask)?, Leased::Blob)
    }

    /// Checks the lease id in a request on a container, except its deletion: if there is one, it must be that of the
    /// lease.
    pub(super) fn check_container_lease(&self, contents: &Contents) -> Result<(), Refusal> {
        let lease = lease::At::new(contents.lease, self.elapsed());
        lease.check_read(lease::id_sent(&self.ask)?, Leased::Container)
    }

    /// Checks the permission to write tags.
    pub(super) fn check_tags_allowed(&self) -> Result<(), Refusal> {
        if self.ask.headers.contains_key("x-ms-tags") { self.check_tags() } else { Ok(()) }
    }

    /// Checks the permission for index tags, and that the account has them.
    pub(super) fn check_tags(&self) -> Result<(), Refusal> {
        match self.account.index_tags() {
            TagSupport::None => Err(NO_TAGS),
            TagSupport::Offered if self.authority.grant.any_of("t") => Ok(()),
            TagSupport::Offered | TagSupport::Refused => Err(PERMISSION_MISMATCH),
        }
    }

    /// Stores a blob and replaces an existing one, if that is still allowed.
    pub(super) fn replace(&self, container: &Container, blob: Blob) -> Result<(), Refusal> {
        let mut contents = container.lock_to_change(self.elapsed())?;
        self.check_replace(&contents)?;
        if self.stores() {
            contents.put(self.ask.blob()?, blob, self.elapsed());
        }
        Ok(())
    }

    /// Is anything stored? A fault plan can require that a write is only acknowledged.
    pub(super) fn stores(&self) -> bool {
        self.pretence != Some(Pretence::Nothing)
    }

    /// The content and headers that are really stored.
    pub(super) fn stored(&self, content: Content, headers: Arc<BlobHeaders>) -> (Content, Arc<BlobHeaders>) {
        match self.pretence {
            None | Some(Pretence::Nothing) => (content, headers),
            Some(Pretence::Truncated) => (content.first_half(), headers),
            Some(Pretence::Other) => {
                let headers = BlobHeaders { content_md5: None, ..BlobHeaders::clone(&headers) };
                (content.exchanged(), self.account.share(headers))
            }
        }
    }

    /// The pieces of a block that are really stored.
    pub(super) fn stored_block(&self, pieces: Box<[Piece]>) -> Box<[Piece]> {
        if self.pretence.is_none() {
            return pieces;
        }
        let (content, _) = self.stored(Content::of(pieces), Arc::default());
        content.slice(0, content.len()).into()
    }

    /// Changes the committed blob after checking existence, conditions, protection, pending copies, lease, and the
    /// given check.
    pub(super) fn change_if<T>(
        &self,
        check: impl FnOnce(&Blob) -> Result<(), Refusal>,
        change: impl FnOnce(&mut Blob) -> T,
    ) -> Result<T, Refusal> {
        self.describe_if(|blob| self.check_protection(Write::Change).and_then(|()| check(blob)), change)
    }

    /// The same for a change of neither the content nor the entity tag, which protections allow.
    pub(super) fn describe_if<T>(
        &self,
        check: impl FnOnce(&Blob) -> Result<(), Refusal>,
        change: impl FnOnce(&mut Blob) -> T,
    ) -> Result<T, Refusal> {
        let container = self.container()?;
        let mut contents: MutexGuard<'_, Contents> = container.lock_to_change(self.elapsed())?;
        let blob = contents.blob_mut(self.ask.blob()?)?;
        Conditions::of(self.ask.headers).check_write(Some(blob))?;
        blob.refuse_directory()?;
        blob.refuse_pending()?;
        check(blob)?;
        self.check_lease_to_write(Some(blob))?;
        if !self.stores() {
            return Ok(change(&mut blob.clone()));
        }
        blob.set_lease(blob.lease_at(self.elapsed()).after_write());
        Ok(change(blob))
    }
}

/// The request's body, if it is not larger than `most`.
pub(super) async fn read_body(body: Body, most: usize) -> Result<Bytes, Refusal> {
    to_bytes(body, most).await.map_err(|_| TOO_LARGE)
}
