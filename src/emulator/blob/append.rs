//! Append blobs: Put Blob, Append Block and Append Blob Seal.

use axum::body::Body as HttpBody;

use super::call::{Call, read_body};
use super::content::{Body, Piece};
use super::describe::Reply;
use super::integrity::{check_body, crc64_text};
use super::kind::Kind;
use super::missing_features::BLOCKS_FROM_URLS;
use super::refusal::{APPEND_POSITION, BLOB_IS_SEALED, BLOCK_COUNT, INVALID_BLOB_TYPE, MAX_BLOB_SIZE, Refusal};
use super::stored::Blob;
use super::upload::create_empty;
use crate::emulator::http::Response;

/// The most bytes of one append.
const MAX_APPEND: usize = 100 * 1024 * 1024;
/// The most blocks of an append blob.
const MAX_BLOCKS: u32 = 50_000;
/// The header with the offset that the block must get.
const POSITION: &str = "x-ms-blob-condition-appendpos";
/// The header with the length that the blob must not exceed.
const MAX_SIZE: &str = "x-ms-blob-condition-maxsize";

/// Put Blob of an append blob, which starts without content.
pub(super) async fn create(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    create_empty(call, body, Body::empty(), Kind::Append { blocks: 0, sealed: false }).await
}

/// Append Block.
pub(super) async fn append_block(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    if call.ask.headers.contains_key("x-ms-copy-source") {
        return Err(Refusal::not_implemented(BLOCKS_FROM_URLS));
    }
    let bytes = read_body(body, MAX_APPEND).await?;
    if bytes.is_empty() {
        return Err(Refusal::header("content-length"));
    }
    let length = bytes.len() as u64;
    let (position, most) = (call.ask.number(POSITION)?, call.ask.number(MAX_SIZE)?);
    let md5 = check_body(call, &bytes)?;
    call.account.model().admit_ingress(length).map_err(Refusal::busy)?;
    let reply = Reply::new(201).with("x-ms-content-crc64", crc64_text(&bytes)).md5("content-md5", Some(md5.as_slice()));
    let pieces = call.stored_block([Piece::Real(bytes)].into());
    let stamp = call.account.stamp();
    let check = |blob: &Blob| {
        let blocks = writable(blob, position)?;
        match most {
            Some(most) if blob.body.len() + length > most => Err(MAX_BLOB_SIZE),
            _ if blocks >= MAX_BLOCKS => Err(BLOCK_COUNT),
            _ => Ok(()),
        }
    };
    call.change_if(check, |blob| {
        let offset = blob.body.len();
        let blocks = append(blob, &pieces);
        blob.touch(stamp);
        blob.forget_copy();
        reply
            .version(blob.etag, blob.modified)
            .with("x-ms-blob-append-offset", offset)
            .with("x-ms-blob-committed-block-count", blocks)
            .with("x-ms-request-server-encrypted", "true")
            .done()
    })
}

/// Checks that blocks can be appended to a blob at that position; returns how many it has.
fn writable(blob: &Blob, position: Option<u64>) -> Result<u32, Refusal> {
    match blob.kind() {
        Kind::Append { sealed: true, .. } => Err(BLOB_IS_SEALED),
        Kind::Append { .. } if position.is_some_and(|position| position != blob.body.len()) => Err(APPEND_POSITION),
        Kind::Append { blocks, .. } => Ok(blocks),
        Kind::Block | Kind::Page { .. } | Kind::Directory => Err(INVALID_BLOB_TYPE),
    }
}

/// Adds a block. Returns how many there are.
fn append(blob: &mut Blob, block: &[Piece]) -> u32 {
    let mut pieces = blob.body.slice(0, blob.body.len());
    pieces.extend_from_slice(block);
    blob.body = Body::of(pieces.into());
    let Kind::Append { blocks, .. } = &mut blob.extras().kind else { return 0 };
    *blocks += 1;
    *blocks
}

/// Append Blob Seal. Neither `ETag` nor time change; sealing a sealed blob is a success.
pub(super) fn seal(call: &Call<'_>) -> Result<Response, Refusal> {
    let position = call.ask.number(POSITION)?;
    let check = |blob: &Blob| match blob.kind() {
        Kind::Append { sealed: true, .. } => Ok(()),
        _ => writable(blob, position).map(drop),
    };
    call.change_if(check, |blob| {
        if let Kind::Append { sealed, .. } = &mut blob.extras().kind {
            *sealed = true;
        }
        Reply::new(200).version(blob.etag, blob.modified).with("x-ms-blob-sealed", "true").done()
    })
}
