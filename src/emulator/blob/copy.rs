//! Copies inside the service: Put Blob From URL, Put Block From URL, Copy Blob, Copy Blob From URL and Abort Copy.
//!
//! A copy shares the source's content by reference. A synchronous copy is answered when a real copy would be done.

use std::sync::Arc;
use std::time::Duration;

use super::call::Call;
use super::content::Body;
use super::describe::{Reply, blob_headers, extras, metadata, tags};
use super::integrity;
use super::kind::Kind;
use super::operation::Operation;
use super::pending::{CopyRecord, CopyState, PendingCopy, copy_id_text};
use super::properties::{BlobHeaders, Pairs};
use super::read::{Range, parse_range};
use super::refusal::{
    COPY_ID_MISMATCH, INVALID_RANGE, LEASE_NOT_INFINITE, NO_PAGE_BLOBS, NO_PENDING_COPY, Refusal, TOO_LARGE_TO_COPY,
};
use super::source::Source;
use super::stored::{Blob, Contents, Extras};
use super::upload::{block_id, stage};
use crate::emulator::faults::plan::CopyFate;
use crate::emulator::http::Response;

/// The largest source of Put Blob From URL.
const MAX_PUT_BLOB_FROM_URL: u64 = 5000 * 1024 * 1024;
/// The largest source of Copy Blob From URL.
const MAX_COPY_FROM_URL: u64 = 256 * 1024 * 1024;
/// The largest block.
const MAX_BLOCK: u64 = 4000 * 1024 * 1024;
/// The largest content that is produced to check a client's checksum; the checksum of larger content is not checked.
const MAX_CHECKED: u64 = 64 * 1024 * 1024;

/// Waits as long as a real copy would take.
async fn transfer(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// The tags of a copy: those in the request, or the source's if requested.
fn copied_tags(call: &Call<'_>, source: &Source<'_>) -> Result<Option<Pairs>, Refusal> {
    call.check_tags_allowed()?;
    let copy = call.ask.header("x-ms-copy-source-tag-option").is_some_and(|option| option.eq_ignore_ascii_case("COPY"));
    if !copy {
        return tags(&call.ask);
    }
    source.check_tags_readable()?;
    Ok(source.blob.tags().cloned())
}

/// Compares the source's bytes with the client's checksums.
fn check_source(call: &Call<'_>, body: &Body, from: u64, to: u64) -> Result<(), Refusal> {
    if to - from > MAX_CHECKED || !integrity::source_checksums_sent(call) {
        return Ok(());
    }
    integrity::check_source(call, &body.read(from, to))
}

/// Checks all conditions of a copy into a blob before it starts; they are checked again at its end.
fn admit_copy(call: &Call<'_>, source: &Source<'_>, bytes: u64) -> Result<(), Refusal> {
    let container = call.container()?;
    call.check_replace(&*container.lock_at(call.elapsed())?)?;
    source.admit_egress(bytes)?;
    call.account.model().admit_ingress(bytes).map_err(Refusal::busy)
}

/// Put Blob From URL.
pub(super) async fn put_blob_from_url(call: &Call<'_>) -> Result<Response, Refusal> {
    let source = Source::open(call, Operation::PutBlobFromUrl)?;
    let bytes = source.blob.body.len();
    if bytes > MAX_PUT_BLOB_FROM_URL {
        return Err(TOO_LARGE_TO_COPY);
    }
    admit_copy(call, &source, bytes)?;
    check_source(call, &source.blob.body, 0, bytes)?;
    let headers = headers_from_url(call, &source)?;
    let md5 = headers.content_md5.clone();
    let (metadata, extras) = (sent_metadata(call, &source)?, extras(&call.ask, copied_tags(call, &source)?)?);
    transfer(call.account.model().copy_time(bytes)).await;
    let (body, headers) = call.stored(source.blob.body.joined(), headers);
    let blob = call.account.make_blob(body, headers, metadata, extras);
    let reply = Reply::new(201).version(blob.etag, blob.modified).with("x-ms-request-server-encrypted", "true");
    call.replace(&*call.container()?, blob)?;
    Ok(reply.md5("content-md5", md5.as_deref()).done())
}

/// The headers in the request, and the source's for the others, unless the client excludes them.
fn headers_from_url(call: &Call<'_>, source: &Source<'_>) -> Result<Arc<BlobHeaders>, Refusal> {
    let sent = blob_headers(&call.ask)?;
    let keep =
        call.ask.header("x-ms-copy-source-blob-properties").is_none_or(|keep| !keep.eq_ignore_ascii_case("false"));
    Ok(match (keep, sent.is_empty()) {
        (true, true) => Arc::clone(&source.blob.headers),
        (true, false) => {
            let merged = sent.or(&source.blob.headers);
            if merged == *source.blob.headers { Arc::clone(&source.blob.headers) } else { call.account.share(merged) }
        }
        (false, _) => call.account.share(sent.with_default_type()),
    })
}

/// Put Block From URL.
pub(super) async fn put_block_from_url(call: &Call<'_>) -> Result<Response, Refusal> {
    block_id(call)?;
    let source = Source::open(call, Operation::PutBlockFromUrl)?;
    let (from, to) = source_range(call, source.blob.body.len())?;
    call.container()?;
    source.admit_egress(to - from)?;
    call.account.model().admit_ingress(to - from).map_err(Refusal::busy)?;
    check_source(call, &source.blob.body, from, to)?;
    transfer(call.account.model().copy_time(to - from)).await;
    stage(call, source.blob.body.slice(from, to).into())?;
    Ok(Reply::new(201).with("x-ms-request-server-encrypted", "true").done())
}

/// The range of the source to copy, as `from..to`.
fn source_range(call: &Call<'_>, length: u64) -> Result<(u64, u64), Refusal> {
    let (from, to) = match call.ask.header("x-ms-source-range") {
        None => (0, length),
        Some(text) => match parse_range(text, length).ok_or_else(|| Refusal::header("x-ms-source-range"))? {
            Range::Within(from, to) => (from, to),
            Range::Outside => return Err(INVALID_RANGE.of_source()),
        },
    };
    if from == to || to - from > MAX_BLOCK { Err(INVALID_RANGE) } else { Ok((from, to)) }
}

/// The metadata in the request; shared with the source if it is equal.
fn sent_metadata(call: &Call<'_>, source: &Source<'_>) -> Result<Option<Pairs>, Refusal> {
    let sent = metadata(call.ask.headers)?;
    Ok(if sent == source.blob.metadata { source.blob.metadata.clone() } else { sent })
}

/// The metadata of a Copy Blob: the request's, or the source's if the request has none.
fn copied_metadata(call: &Call<'_>, source: &Source<'_>) -> Result<Option<Pairs>, Refusal> {
    Ok(sent_metadata(call, source)?.or_else(|| source.blob.metadata.clone()))
}

fn new_copy_id() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}

/// Copy Blob From URL: synchronous, small sources only.
pub(super) async fn copy_from_url(call: &Call<'_>) -> Result<Response, Refusal> {
    let source = Source::open(call, Operation::CopyFromUrl)?;
    let bytes = source.blob.body.len();
    if bytes > MAX_COPY_FROM_URL {
        return Err(TOO_LARGE_TO_COPY);
    }
    // It copies only block blobs to block blobs.
    source.blob.refuse_other_than_block()?;
    admit_copy(call, &source, bytes)?;
    check_target_type(call, Kind::Block)?;
    check_source(call, &source.blob.body, 0, bytes)?;
    let (metadata, extras) = (copied_metadata(call, &source)?, extras(&call.ask, copied_tags(call, &source)?)?);
    transfer(call.account.model().copy_time(bytes)).await;
    let headers = Arc::clone(&source.blob.headers);
    let md5 = headers.content_md5.clone();
    let (body, headers) = call.stored(source.blob.body.clone(), headers);
    let mut blob = call.account.make_blob(body, headers, metadata, extras);
    let (id, at) = (new_copy_id(), blob.modified);
    blob.extras().copy =
        Some(CopyRecord { id, source: source.public_url(), total: bytes, state: CopyState::Success { at } });
    let reply = Reply::new(202).version(blob.etag, blob.modified);
    call.replace(&*call.container()?, blob)?;
    let reply = reply.with("x-ms-copy-id", copy_id_text(id)).with("x-ms-copy-status", "success");
    Ok(reply.md5("content-md5", md5.as_deref()).done())
}

/// Copy Blob: answers immediately; the content is there when the copy ends.
pub(super) fn copy_blob(call: &Call<'_>) -> Result<Response, Refusal> {
    let source = Source::open(call, Operation::CopyBlob)?;
    let bytes = source.blob.body.len();
    admit_copy(call, &source, bytes)?;
    check_infinite_lease(call)?;
    call.check_tags_allowed()?;
    let (kind, extras) = kind_and_extras(call, &source)?;
    check_target_type(call, kind)?;
    let metadata = copied_metadata(call, &source)?;
    let time = fated_time(call, call.account.model().async_copy_time(bytes));
    let id = new_copy_id();
    let (body, headers) = call.stored(source.blob.body.clone(), Arc::clone(&source.blob.headers));
    let mut blob = if time.is_zero() {
        let mut blob = call.account.make_blob(body.clone(), Arc::clone(&headers), metadata.clone(), extras);
        blob.set_kind(kind);
        blob
    } else {
        // A page blob has its whole length from the start.
        let length = if let Kind::Page { .. } = kind { bytes } else { 0 };
        call.account.make_blob(Body::zeros(length), Arc::default(), metadata.clone(), extras)
    };
    let at = blob.modified;
    let state = if time.is_zero() {
        CopyState::Success { at }
    } else {
        CopyState::Pending(Arc::new(begin(call, &source, id, time, (body, headers, metadata, kind))))
    };
    let record = CopyRecord { id, source: source.public_url(), total: bytes, state };
    let (status, pending) = (record.status(), record.pending());
    blob.extras().copy = Some(record);
    let reply = Reply::new(202).version(blob.etag, blob.modified);
    let container = call.container()?;
    if pending.is_some() {
        source.container.read_by(&container);
    }
    {
        let mut contents = container.lock_to_change(call.elapsed())?;
        call.check_replace(&contents)?;
        call.check_type(&contents, kind)?;
        if call.stores() {
            contents.put(call.ask.blob()?, blob, call.elapsed());
            if let Some(pending) = pending {
                contents.due.insert((pending.due, call.ask.blob()?.into()));
            }
        }
    }
    Ok(reply.with("x-ms-copy-id", copy_id_text(id)).with("x-ms-copy-status", status).done())
}

/// The type of the copy, which is that of the source, and the attributes that few blobs have.
fn kind_and_extras(call: &Call<'_>, source: &Source<'_>) -> Result<(Kind, Option<Box<Extras>>), Refusal> {
    let seal = call.ask.header("x-ms-seal-blob").is_some_and(|seal| seal.eq_ignore_ascii_case("true"));
    let kind = source.blob.kind().copied(seal);
    if matches!(kind, Kind::Page { .. }) && call.account.is_hierarchical() {
        return Err(NO_PAGE_BLOBS);
    }
    let extras = extras(&call.ask, tags(&call.ask)?)?;
    if seal && !matches!(kind, Kind::Append { .. }) {
        return Err(Refusal::header("x-ms-seal-blob"));
    }
    if kind == Kind::Block {
        return Ok((kind, extras));
    }
    let mut extras = extras.unwrap_or_default();
    if extras.tier.is_some() {
        return Err(Refusal::header("x-ms-access-tier"));
    }
    // It is sealed when the copy ends.
    extras.kind = kind.copied(false);
    Ok((kind, Some(extras)))
}

fn check_target_type(call: &Call<'_>, kind: Kind) -> Result<(), Refusal> {
    let container = call.container()?;
    call.check_type(&*container.lock_at(call.elapsed())?, kind)
}

/// An asynchronous copy may take longer than a lease of limited time, so a lease of the destination must be infinite.
fn check_infinite_lease(call: &Call<'_>) -> Result<(), Refusal> {
    let container = call.container()?;
    let contents = container.lock_at(call.elapsed())?;
    let fixed = contents.blobs.get(call.ask.blob()?).is_some_and(|blob| blob.lease_at(call.elapsed()).is_fixed());
    if fixed { Err(LEASE_NOT_INFINITE) } else { Ok(()) }
}

/// How long a copy takes whose result a fault plan sets: forever, or long enough to be seen as pending.
fn fated_time(call: &Call<'_>, time: Duration) -> Duration {
    match call.fate {
        None => time,
        Some(CopyFate::Pending) => Duration::MAX,
        Some(CopyFate::Failed | CopyFate::Aborted) => time.max(Duration::from_millis(1)),
    }
}

/// The remaining work of a copy that takes time.
fn begin(
    call: &Call<'_>,
    source: &Source<'_>,
    id: u128,
    time: Duration,
    (body, headers, metadata, kind): (Body, Arc<BlobHeaders>, Option<Pairs>, Kind),
) -> PendingCopy {
    let takes = i64::try_from(time.as_millis()).unwrap_or(i64::MAX).max(1);
    let started = call.elapsed();
    let mut stamp = call.account.stamp();
    stamp.millis = stamp.millis.saturating_add(takes);
    PendingCopy {
        id,
        started,
        due: started.saturating_add(takes),
        outlives_signature: source.is_closed_at(stamp.millis),
        stamp,
        source: source.container.clone(),
        source_name: source.name.clone(),
        source_etag: source.blob.etag,
        fate: call.fate,
        body,
        headers,
        metadata,
        kind,
    }
}

/// Abort Copy.
pub(super) fn abort_copy(call: &Call<'_>) -> Result<Response, Refusal> {
    if call.ask.header("x-ms-copy-action").is_none_or(|action| !action.eq_ignore_ascii_case("abort")) {
        return Err(Refusal::missing_header("x-ms-copy-action"));
    }
    let id = call.ask.query("copyid").ok_or_else(|| Refusal::missing_query("copyid"))?;
    let wanted = uuid::Uuid::parse_str(id).map_err(|_| Refusal::query("copyid"))?.as_u128();
    let stamp = call.account.stamp();
    let container = call.container()?;
    let mut contents = container.lock_to_change(call.elapsed())?;
    let name = call.ask.blob()?;
    call.check_lease_to_write(Some(contents.blob(name)?))?;
    let pending = abort(contents.blob_mut(name)?, wanted, stamp.seconds())?;
    forget_due(&mut contents, pending.due, name);
    contents.blob_mut(name)?.touch(stamp);
    Ok(Reply::new(204).done())
}

fn abort(blob: &mut Blob, wanted: u128, at: u32) -> Result<Arc<PendingCopy>, Refusal> {
    let copy = blob.extras.as_mut().and_then(|extras| extras.copy.as_mut()).ok_or(NO_PENDING_COPY)?;
    let pending = copy.pending();
    if copy.id != wanted {
        return Err(COPY_ID_MISMATCH);
    }
    let pending = pending.ok_or(NO_PENDING_COPY)?;
    copy.state = CopyState::Aborted { at };
    Ok(pending)
}

/// Removes the end of a copy from the container's schedule.
fn forget_due(contents: &mut Contents, due: i64, name: &str) {
    contents.due.remove(&(due, name.into()));
}
