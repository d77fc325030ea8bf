//! Page blobs: Put Blob, Put Page, and their part of Set Blob Properties.

use axum::body::Body as HttpBody;

use super::ask::Ask;
use super::call::{Call, read_body};
use super::content::{Body, Piece};
use super::describe::Reply;
use super::integrity::{check_body, crc64_text};
use super::kind::{Kind, SEQUENCE};
use super::missing_features::BLOCKS_FROM_URLS;
use super::refusal::{
    INVALID_BLOB_TYPE, INVALID_PAGE_RANGE, NO_PAGE_BLOBS, Refusal, SEQUENCE_NUMBER, SEQUENCE_NUMBER_TOO_LARGE,
};
use super::stored::Blob;
use super::upload::create_empty;
use crate::emulator::http::Response;

/// The length of a page.
const PAGE: u64 = 512;
/// The most bytes of one write.
const MAX_PAGES: u64 = 4 * 1024 * 1024;
/// The largest page blob.
const MAX_LENGTH: u64 = 8 << 40;
/// The largest sequence number.
const MAX_SEQUENCE: u64 = i64::MAX as u64;
/// The header with the length of the blob.
const LENGTH: &str = "x-ms-blob-content-length";
/// The header that says how the sequence number changes.
const ACTION: &str = "x-ms-sequence-number-action";

/// Put Blob of a page blob, which starts with zeros.
pub(super) async fn create(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    if call.account.is_hierarchical() {
        return Err(NO_PAGE_BLOBS);
    }
    let length = length_sent(&call.ask)?.ok_or_else(|| Refusal::missing_header(LENGTH))?;
    let sequence = sequence_sent(&call.ask)?.unwrap_or_default();
    create_empty(call, body, Body::zeros(length), Kind::Page { sequence }).await
}

fn length_sent(ask: &Ask<'_>) -> Result<Option<u64>, Refusal> {
    let length = ask.number(LENGTH)?;
    if length.is_some_and(|length| length % PAGE != 0 || length > MAX_LENGTH) {
        return Err(Refusal::header(LENGTH));
    }
    Ok(length)
}

fn sequence_sent(ask: &Ask<'_>) -> Result<Option<u64>, Refusal> {
    let sequence = ask.number(SEQUENCE)?;
    if sequence.is_some_and(|sequence| sequence > MAX_SEQUENCE) { Err(Refusal::header(SEQUENCE)) } else { Ok(sequence) }
}

/// Put Page: writes whole pages, or clears them.
pub(super) async fn put_page(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    if call.ask.headers.contains_key("x-ms-copy-source") {
        return Err(Refusal::not_implemented(BLOCKS_FROM_URLS));
    }
    let (from, to) = range(&call.ask)?;
    let bytes = read_body(body, usize::try_from(MAX_PAGES).unwrap_or(usize::MAX)).await?;
    let clears = match call.ask.header("x-ms-page-write").map(str::to_ascii_lowercase).as_deref() {
        Some("update") => false,
        Some("clear") => true,
        Some(_) => return Err(Refusal::header("x-ms-page-write")),
        None => return Err(Refusal::missing_header("x-ms-page-write")),
    };
    if bytes.len() as u64 != if clears { 0 } else { to - from } {
        return Err(Refusal::header("content-length"));
    }
    let md5 = check_body(call, &bytes)?;
    call.account.model().admit_ingress(bytes.len() as u64).map_err(Refusal::busy)?;
    let mut reply = Reply::new(201).with("x-ms-request-server-encrypted", "true");
    if !clears {
        reply = reply.with("x-ms-content-crc64", crc64_text(&bytes)).md5("content-md5", Some(md5.as_slice()));
    }
    let pages = if clears { Piece::Zeros { length: to - from } } else { Piece::Real(bytes) };
    let pages = call.stored_block([pages].into());
    let wanted = Wanted::of(&call.ask)?;
    let stamp = call.account.stamp();
    call.change_if(
        |blob| {
            wanted.check(sequence_of(blob)?).and(if to > blob.body.len() { Err(INVALID_PAGE_RANGE) } else { Ok(()) })
        },
        |blob| {
            write(blob, (from, to), &pages);
            blob.touch(stamp);
            blob.forget_copy();
            reply.version(blob.etag, blob.modified).kind(blob.kind()).done()
        },
    )
}

fn write(blob: &mut Blob, (from, to): (u64, u64), pages: &[Piece]) {
    let length = blob.body.len();
    let mut pieces = blob.body.slice(0, from);
    pieces.extend_from_slice(pages);
    pieces.extend(blob.body.slice(to, length));
    blob.body = Body::of(pieces.into());
}

/// The pages that the request names, as a byte range without its end.
fn range(ask: &Ask<'_>) -> Result<(u64, u64), Refusal> {
    let text = ask.header("x-ms-range").or_else(|| ask.header("range"));
    let text = text.ok_or_else(|| Refusal::missing_header("range"))?;
    let bounds = text.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let bounds = bounds.and_then(|(from, last)| Some((from.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let (from, last) = bounds.ok_or_else(|| Refusal::header("range"))?;
    let to = last.saturating_add(1);
    if from % PAGE == 0 && to % PAGE == 0 && from < to { Ok((from, to)) } else { Err(INVALID_PAGE_RANGE) }
}

fn sequence_of(blob: &Blob) -> Result<u64, Refusal> {
    match blob.kind() {
        Kind::Page { sequence } => Ok(sequence),
        Kind::Block | Kind::Append { .. } | Kind::Directory => Err(INVALID_BLOB_TYPE),
    }
}

/// The sequence number that a page blob must have to be written.
struct Wanted {
    at_most: Option<u64>,
    below: Option<u64>,
    equal: Option<u64>,
}

impl Wanted {
    fn of(ask: &Ask<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            at_most: ask.number("x-ms-if-sequence-number-le")?,
            below: ask.number("x-ms-if-sequence-number-lt")?,
            equal: ask.number("x-ms-if-sequence-number-eq")?,
        })
    }

    fn check(&self, sequence: u64) -> Result<(), Refusal> {
        let met = self.at_most.is_none_or(|most| sequence <= most)
            && self.below.is_none_or(|bound| sequence < bound)
            && self.equal.is_none_or(|wanted| sequence == wanted);
        if met { Ok(()) } else { Err(SEQUENCE_NUMBER) }
    }
}

/// The changes of Set Blob Properties that only a page blob has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resized {
    length: Option<u64>,
    action: Option<Action>,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Max(u64),
    Update(u64),
    Increment,
}

impl Resized {
    pub(super) fn of(ask: &Ask<'_>) -> Result<Self, Refusal> {
        let sequence = sequence_sent(ask)?;
        let required = || sequence.ok_or_else(|| Refusal::missing_header(SEQUENCE));
        let action = match ask.header(ACTION).map(str::to_ascii_lowercase).as_deref() {
            None if sequence.is_some() => return Err(Refusal::missing_header(ACTION)),
            None => None,
            Some("max") => Some(Action::Max(required()?)),
            Some("update") => Some(Action::Update(required()?)),
            Some("increment") if sequence.is_none() => Some(Action::Increment),
            Some(_) => return Err(Refusal::header(ACTION)),
        };
        Ok(Self { length: length_sent(ask)?, action })
    }

    /// The sequence number after the change; `None` = the blob has none, and keeps none.
    pub(super) fn sequence(self, blob: &Blob) -> Result<Option<u64>, Refusal> {
        match (blob.kind(), self.action) {
            (Kind::Page { sequence }, None) => Ok(Some(sequence)),
            (Kind::Page { sequence }, Some(Action::Max(other))) => Ok(Some(sequence.max(other))),
            (Kind::Page { .. }, Some(Action::Update(other))) => Ok(Some(other)),
            (Kind::Page { sequence: MAX_SEQUENCE }, Some(Action::Increment)) => Err(SEQUENCE_NUMBER_TOO_LARGE),
            (Kind::Page { sequence }, Some(Action::Increment)) => Ok(Some(sequence + 1)),
            (_, None) if self.length.is_none() => Ok(None),
            _ => Err(INVALID_BLOB_TYPE),
        }
    }

    /// Changes the blob after the checks.
    pub(super) fn apply(self, blob: &mut Blob) {
        if let Ok(Some(sequence)) = self.sequence(blob) {
            blob.set_kind(Kind::Page { sequence });
        }
        if let Some(length) = self.length {
            let before = blob.body.len();
            let mut pieces = blob.body.slice(0, before.min(length));
            pieces.push(Piece::Zeros { length: length.saturating_sub(before) });
            blob.body = Body::of(pieces.into());
        }
    }
}
