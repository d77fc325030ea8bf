//! Put Blob, Put Block, Put Block List and Get Block List.

use std::sync::Arc;

use axum::body::Body as HttpBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::call::{Call, read_body};
use super::content::{Block, Body, Piece};
use super::describe::{Reply, blob_headers, extras, metadata, tags};
use super::hierarchy::MARKER;
use super::integrity::{check_blob, check_body, crc64_text};
use super::kind::Kind;
use super::missing_features::ENCRYPTION;
use super::properties::{BlobHeaders, Pairs};
use super::protection::Write;
use super::refusal::{BLOB_NOT_FOUND, BLOCK_COUNT, INVALID_BLOCK_ID, INVALID_BLOCK_LIST, INVALID_XML, Refusal};
use super::stored::{Contents, Uncommitted};
use super::xml;
use crate::emulator::http::Response;

/// The largest blob Put Blob writes.
const MAX_PUT_BLOB: usize = 5000 * 1024 * 1024;
/// The largest block.
const MAX_BLOCK: usize = 4000 * 1024 * 1024;
/// The most blocks a blob is committed from.
const MAX_BLOCKS: usize = 50_000;
/// Large enough for a list of that many of the longest ids.
const MAX_BLOCK_LIST: usize = 8 * 1024 * 1024;
/// The longest block id before base64.
const MAX_BLOCK_ID: usize = 64;

/// Makes an append or page blob, with the initial content of its type.
pub(super) async fn create_empty(
    call: &Call<'_>,
    body: HttpBody,
    content: Body,
    kind: Kind,
) -> Result<Response, Refusal> {
    call.check_tags_allowed()?;
    let container = call.container()?;
    let sent = read_body(body, MAX_PUT_BLOB).await?;
    if !sent.is_empty() {
        return Err(Refusal::header("content-length"));
    }
    check_body(call, &sent)?;
    let mut extras = extras(&call.ask, tags(&call.ask)?)?.unwrap_or_default();
    if extras.tier.is_some() {
        return Err(Refusal::header("x-ms-access-tier"));
    }
    if extras.encryption.is_some() {
        return Err(Refusal::not_implemented(ENCRYPTION));
    }
    extras.kind = kind;
    let headers = headers_of_put(call, None)?;
    let blob = call.account.make_blob(content, headers, metadata(call.ask.headers)?, Some(extras));
    let reply = Reply::new(201).version(blob.etag, blob.modified).with("x-ms-request-server-encrypted", "true");
    call.replace(&container, blob)?;
    Ok(reply.done())
}

/// The headers of a blob that is written as a whole; those without `x-ms-blob-` are used if the others are not sent.
fn headers_of_put(call: &Call<'_>, content_md5: Option<Box<[u8]>>) -> Result<Arc<BlobHeaders>, Refusal> {
    let sent = |name| call.ask.header(name).map(Into::into);
    let standard = BlobHeaders {
        content_type: sent("content-type"),
        content_encoding: sent("content-encoding"),
        content_language: sent("content-language"),
        content_disposition: None,
        cache_control: sent("cache-control"),
        content_md5,
    };
    Ok(call.account.share(blob_headers(&call.ask)?.or(&standard).with_default_type()))
}

/// Put Blob of a block blob.
pub(super) async fn put_block_blob(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    call.check_tags_allowed()?;
    let container = call.container()?;
    let bytes = read_body(body, MAX_PUT_BLOB).await?;
    let md5 = check_blob(call, &bytes)?;
    call.account.model().admit_ingress(bytes.len() as u64).map_err(Refusal::busy)?;
    let headers = headers_of_put(call, Some(md5.into()))?;
    let (body, headers) = call.stored(Body::Whole(Piece::Real(bytes)), headers);
    let metadata = metadata(call.ask.headers)?;
    let is_directory = call.account.is_hierarchical() && body.len() == 0 && is_marked(metadata.as_ref());
    let mut blob = call.account.make_blob(body, headers, metadata, extras(&call.ask, tags(&call.ask)?)?);
    if is_directory {
        blob.set_kind(Kind::Directory);
    }
    let reply = Reply::new(201).version(blob.etag, blob.modified).with("x-ms-request-server-encrypted", "true");
    call.replace(&container, blob)?;
    Ok(reply.md5("content-md5", Some(md5.as_slice())).done())
}

/// Does the metadata mark this as a directory?
fn is_marked(metadata: Option<&Pairs>) -> bool {
    metadata
        .is_some_and(|pairs| pairs.iter().any(|(name, value)| &**name == MARKER && value.eq_ignore_ascii_case("true")))
}

/// Put Block.
pub(super) async fn put_block(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    let bytes = read_body(body, MAX_BLOCK).await?;
    let md5 = check_body(call, &bytes)?;
    call.account.model().admit_ingress(bytes.len() as u64).map_err(Refusal::busy)?;
    let reply = Reply::new(201).with("x-ms-content-crc64", crc64_text(&bytes)).md5("content-md5", Some(md5.as_slice()));
    stage(call, [Piece::Real(bytes)].into())?;
    Ok(reply.with("x-ms-request-server-encrypted", "true").done())
}

/// The block id of the request, if it is valid.
pub(super) fn block_id<'c>(call: &'c Call<'_>) -> Result<&'c str, Refusal> {
    let id = call.ask.query("blockid").ok_or_else(|| Refusal::query("blockid"))?;
    let raw = BASE64.decode(id).map_err(|_| Refusal::query("blockid"))?;
    if (1..=MAX_BLOCK_ID).contains(&raw.len()) { Ok(id) } else { Err(Refusal::query("blockid")) }
}

/// Keeps a block until it is committed. All ids of a blob have the same length.
pub(super) fn stage(call: &Call<'_>, pieces: Box<[Piece]>) -> Result<(), Refusal> {
    let id = block_id(call)?;
    let name = call.ask.blob()?;
    let container = call.container()?;
    let mut contents = container.lock_at(call.elapsed())?;
    if let Some(blob) = contents.blobs.get(name) {
        blob.refuse_pending()?;
        blob.refuse_archived()?;
        blob.refuse_other_than_block()?;
    }
    contents.check_path(name)?;
    call.check_protection(Write::New)?;
    call.check_lease_to_write(contents.blobs.get(name))?;
    let length_of_others = contents.uncommitted.get(name).and_then(|blocks| blocks.keys().next()).map(|id| id.len());
    if length_of_others.is_some_and(|length| length != id.len()) {
        return Err(INVALID_BLOCK_ID);
    }
    if !call.stores() {
        return Ok(());
    }
    let block = Block { id: id.into(), pieces: call.stored_block(pieces) };
    if let Some(blocks) = contents.uncommitted.get_mut(name) {
        blocks.insert(id.into(), block);
    } else {
        contents.uncommitted.insert(name.into(), Uncommitted::from([(id.into(), block)]));
    }
    Ok(())
}

/// Where a block of the list is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    Committed,
    Uncommitted,
    Latest,
}

/// Reads `<BlockList>`.
fn parse_block_list(xml: &[u8]) -> Result<Vec<(Pick, String)>, Refusal> {
    let mut reader = Reader::from_reader(xml);
    let mut list = Vec::new();
    let mut pick = None;
    loop {
        match reader.read_event().map_err(|_| INVALID_XML)? {
            Event::Start(start) => {
                pick = match start.local_name().as_ref() {
                    b"Committed" => Some(Pick::Committed),
                    b"Uncommitted" => Some(Pick::Uncommitted),
                    b"Latest" => Some(Pick::Latest),
                    b"BlockList" => None,
                    _ => return Err(INVALID_XML),
                };
            }
            Event::Text(text) => {
                if let Some(pick) = pick {
                    let id = text.decode().map_err(|_| INVALID_XML)?;
                    list.push((pick, id.trim().to_owned()));
                }
            }
            Event::End(_) => pick = None,
            Event::Eof => return Ok(list),
            _ => {}
        }
    }
}

/// Put Block List.
pub(super) async fn put_block_list(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    call.check_tags_allowed()?;
    let xml = read_body(body, MAX_BLOCK_LIST).await?;
    check_body(call, &xml)?;
    let list = parse_block_list(&xml)?;
    if list.len() > MAX_BLOCKS {
        return Err(BLOCK_COUNT);
    }
    let headers = call.account.share(blob_headers(&call.ask)?.with_default_type());
    let (metadata, extras) = (metadata(call.ask.headers)?, extras(&call.ask, tags(&call.ask)?)?);
    let name = call.ask.blob()?;
    let container = call.container()?;
    let mut contents = container.lock_to_change(call.elapsed())?;
    call.check_replace(&contents)?;
    call.check_type(&contents, Kind::Block)?;
    let blocks = pick_blocks(&contents, name, &list)?;
    let (body, headers) = call.stored(Body::Blocks(blocks.into()), headers);
    let blob = call.account.make_blob(body, headers, metadata, extras);
    let reply = Reply::new(201).version(blob.etag, blob.modified).with("x-ms-request-server-encrypted", "true");
    if call.stores() {
        contents.put(name, blob, call.elapsed());
    }
    Ok(reply.done())
}

fn pick_blocks(contents: &Contents, name: &str, list: &[(Pick, String)]) -> Result<Vec<Block>, Refusal> {
    let uncommitted = contents.uncommitted.get(name);
    let committed: std::collections::HashMap<&str, &Block> = contents
        .blobs
        .get(name)
        .map(|blob| blob.body.blocks().iter().map(|block| (&*block.id, block)).collect())
        .unwrap_or_default();
    let find = |(pick, id): &(Pick, String)| {
        let fresh = || uncommitted.and_then(|blocks| blocks.get(id.as_str()));
        let old = || committed.get(id.as_str()).copied();
        let found = match pick {
            Pick::Committed => old(),
            Pick::Uncommitted => fresh(),
            Pick::Latest => fresh().or_else(old),
        };
        found.cloned().ok_or(INVALID_BLOCK_LIST)
    };
    list.iter().map(find).collect()
}

/// Get Block List.
pub(super) fn get_block_list(call: &Call<'_>) -> Result<Response, Refusal> {
    let name = call.ask.blob()?;
    let container = call.container()?;
    let contents = container.lock_at(call.elapsed())?;
    let blob = contents.blobs.get(name);
    if let Some(blob) = blob {
        call.check_lease_to_read(blob)?;
        blob.refuse_other_than_block()?;
    }
    let uncommitted = contents.uncommitted.get(name);
    if blob.is_none() && uncommitted.is_none() {
        return Err(BLOB_NOT_FOUND);
    }
    let kind = call.ask.query("blocklisttype").unwrap_or("committed").to_ascii_lowercase();
    if !["committed", "uncommitted", "all"].contains(&kind.as_str()) {
        return Err(Refusal::query("blocklisttype"));
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    if kind != "uncommitted" {
        print_blocks("CommittedBlocks", blob.map(|blob| blob.body.blocks()).into_iter().flatten(), &mut text);
    }
    if kind != "committed" {
        print_blocks("UncommittedBlocks", uncommitted.into_iter().flat_map(Uncommitted::values), &mut text);
    }
    text.push_str("</BlockList>");
    let reply = Reply::new(200).with("x-ms-blob-content-length", blob.map_or(0, |blob| blob.body.len()));
    let reply = match blob {
        Some(blob) => reply.version(blob.etag, blob.modified),
        None => reply,
    };
    Ok(reply.xml(text))
}

fn print_blocks<'b>(tag: &str, blocks: impl Iterator<Item = &'b Block>, text: &mut String) {
    xml::open(tag, text);
    for block in blocks {
        xml::open("Block", text);
        xml::element("Name", &block.id, text);
        xml::element("Size", &block.len().to_string(), text);
        xml::close("Block", text);
    }
    xml::close(tag, text);
}
