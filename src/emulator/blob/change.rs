//! Changes to a blob's description, and its removal.

use axum::body::Body as HttpBody;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::call::{Call, read_body};
use super::conditions::Conditions;
use super::describe::{Reply, blob_headers, metadata, tier, valid_tags};
use super::encryption;
use super::kind::Kind;
use super::page::Resized;
use super::protection::Write;
use super::refusal::{INVALID_XML, Refusal};
use super::stored::Blob;
use crate::emulator::http::Response;

/// Larger than the XML of ten tags.
const MAX_XML: usize = 64 * 1024;

/// Set Blob Properties. Properties that are not sent are cleared, and so is the state of a copy.
pub(super) fn set_properties(call: &Call<'_>) -> Result<Response, Refusal> {
    let headers = call.account.share(blob_headers(&call.ask)?);
    let resized = Resized::of(&call.ask)?;
    let stamp = call.account.stamp();
    let check = |blob: &Blob| blob.refuse_archived().and_then(|()| resized.sequence(blob).map(drop));
    call.change_if(check, |blob| {
        blob.headers = headers;
        resized.apply(blob);
        blob.forget_copy();
        versioned(blob, stamp)
    })
}

/// Set Blob Metadata.
pub(super) fn set_metadata(call: &Call<'_>) -> Result<Response, Refusal> {
    let metadata = metadata(call.ask.headers)?;
    let stamp = call.account.stamp();
    let check = |blob: &Blob| {
        encryption::check_key(&call.ask, blob.encryption())?;
        blob.refuse_archived()
    };
    call.change_if(check, |blob| {
        blob.metadata = metadata;
        versioned(blob, stamp)
    })
}

fn versioned(blob: &mut Blob, stamp: super::properties::Stamp) -> Response {
    blob.touch(stamp);
    let reply = Reply::new(200).version(blob.etag, blob.modified).with("x-ms-request-server-encrypted", "true");
    if let Kind::Page { .. } = blob.kind() { reply.kind(blob.kind()).done() } else { reply.done() }
}

/// Set Blob Tier. Neither `ETag` nor time change.
pub(super) fn set_tier(call: &Call<'_>) -> Result<Response, Refusal> {
    let tier = tier(&call.ask)?.ok_or_else(|| Refusal::missing_header("x-ms-access-tier"))?;
    call.describe_if(Blob::refuse_other_than_block, |blob| {
        blob.extras().tier = Some(tier);
        Reply::new(200).done()
    })
}

/// Set Blob Tags. Neither `ETag` nor time change.
pub(super) async fn set_tags(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    call.check_tags()?;
    let tags = valid_tags(parse_tags(&read_body(body, MAX_XML).await?)?)?;
    call.describe_if(
        |_| call.check_protection(Write::Tags),
        |blob| {
            blob.extras().tags = tags;
            Reply::new(204).done()
        },
    )
}

fn parse_tags(document: &[u8]) -> Result<std::collections::BTreeMap<String, String>, Refusal> {
    let mut reader = Reader::from_reader(document);
    let mut tags = std::collections::BTreeMap::new();
    let (mut key, mut text) = (String::new(), String::new());
    loop {
        match reader.read_event().map_err(|_| INVALID_XML)? {
            Event::Start(_) => text.clear(),
            // The allowed characters of tags need no entities.
            Event::Text(part) => text.push_str(&part.decode().map_err(|_| INVALID_XML)?),
            Event::End(end) => match end.local_name().as_ref() {
                b"Key" => key = std::mem::take(&mut text),
                b"Value" => drop(tags.insert(std::mem::take(&mut key), std::mem::take(&mut text))),
                _ => {}
            },
            Event::Eof => return Ok(tags),
            _ => {}
        }
    }
}

/// Get Blob Tags.
pub(super) fn get_tags(call: &Call<'_>) -> Result<Response, Refusal> {
    call.check_tags()?;
    let container = call.container()?;
    let contents = container.lock_at(call.elapsed())?;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><Tags>");
    let blob = contents.blob(call.ask.blob()?)?;
    call.check_lease_to_read(blob)?;
    match blob.tags() {
        Some(tags) => super::listing::tag_set(tags, &mut text),
        None => text.push_str("<TagSet />"),
    }
    text.push_str("</Tags>");
    Ok(Reply::new(200).xml(text))
}

/// Delete Blob. Uncommitted blocks are deleted, too.
pub(super) fn delete(call: &Call<'_>) -> Result<Response, Refusal> {
    let name = call.ask.blob()?;
    let container = call.container()?;
    let mut contents = container.lock_to_change(call.elapsed())?;
    let blob = contents.blob(name)?;
    Conditions::of(call.ask.headers).check_write(Some(blob))?;
    contents.check_empty(name)?;
    call.check_protection(Write::Deletion)?;
    blob.refuse_pending()?;
    call.check_lease_to_write(Some(blob))?;
    if call.stores() {
        contents.uncommitted.remove(name);
        contents.blobs.remove(name);
    }
    Ok(Reply::new(202).with("x-ms-delete-type-permanent", "true").done())
}
