//! The rows of a listing of blobs.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::emulator::blob::encryption::Encryption;
use crate::emulator::blob::kind::{Kind, SEQUENCE};
use crate::emulator::blob::lease::At;
use crate::emulator::blob::pending::{CopyRecord, copy_id_text};
use crate::emulator::blob::properties::Pairs;
use crate::emulator::blob::stored::Blob;
use crate::emulator::blob::xml;
use crate::emulator::http::http_date;

/// The optional columns that the request includes.
#[expect(clippy::struct_excessive_bools, reason = "one for each word of the include parameter")]
pub(super) struct Columns {
    pub(super) copy: bool,
    pub(super) metadata: bool,
    pub(super) tags: bool,
    pub(super) uncommitted: bool,
    /// The account has a hierarchical namespace.
    pub(super) resource_types: bool,
    pub(super) elapsed: i64,
}

/// Dates as text; cached, because adjacent blobs of a listing often have the same date.
#[derive(Default)]
pub(super) struct Dates {
    seconds: u32,
    text: String,
}

impl Dates {
    fn print(&mut self, seconds: u32) -> &str {
        if self.seconds != seconds || self.text.is_empty() {
            self.seconds = seconds;
            self.text = http_date(seconds);
        }
        &self.text
    }
}

/// A blob; without one, a name that only has uncommitted blocks.
pub(super) fn row(name: &str, blob: Option<&Blob>, columns: &Columns, dates: &mut Dates, text: &mut String) {
    text.push_str("<Blob>");
    xml::name(name, text);
    let Some(blob) = blob else {
        text.push_str("<Properties><Content-Length>0</Content-Length><BlobType>BlockBlob</BlobType>");
        text.push_str("</Properties></Blob>");
        return;
    };
    text.push_str("<Properties>");
    xml::element("Creation-Time", dates.print(blob.created), text);
    xml::element("Last-Modified", dates.print(blob.modified), text);
    let length = blob.body.len();
    write!(text, "<Etag>0x{:X}</Etag><Content-Length>{length}</Content-Length>", blob.etag)
        .expect("writing to a string never fails");
    headers(blob, text);
    kind(blob, text);
    lease(blob.lease_at(columns.elapsed), text);
    if let Some(copy) = blob.copy().filter(|_| columns.copy) {
        copied(copy, columns.elapsed, text);
    }
    text.push_str("<ServerEncrypted>true</ServerEncrypted>");
    if columns.resource_types {
        xml::element("ResourceType", if blob.kind() == Kind::Directory { "directory" } else { "file" }, text);
    }
    if let Some((tag, value)) = blob.encryption().map(Encryption::element) {
        xml::element(tag, &value, text);
    }
    if let Some(tags) = blob.tags() {
        write!(text, "<TagCount>{}</TagCount>", tags.len()).expect("writing to a string never fails");
    }
    text.push_str("</Properties>");
    if columns.metadata {
        metadata(blob.metadata.as_ref(), text);
    }
    if let Some(tags) = blob.tags().filter(|_| columns.tags) {
        xml::open("Tags", text);
        tag_set(tags, text);
        xml::close("Tags", text);
    }
    text.push_str("</Blob>");
}

/// The headers of a blob, an empty element for each that is not set.
fn headers(blob: &Blob, text: &mut String) {
    let headers = &blob.headers;
    for (tag, value) in [
        ("Content-Type", &headers.content_type),
        ("Content-Encoding", &headers.content_encoding),
        ("Content-Language", &headers.content_language),
        ("Cache-Control", &headers.cache_control),
        ("Content-Disposition", &headers.content_disposition),
    ] {
        xml::element(tag, value.as_deref().unwrap_or_default(), text);
    }
    match &headers.content_md5 {
        Some(md5) => xml::element("Content-MD5", &BASE64.encode(md5), text),
        None => text.push_str("<Content-MD5 />"),
    }
}

/// Its type, and the attributes that only blobs of that type have.
fn kind(blob: &Blob, text: &mut String) {
    let kind = blob.kind();
    xml::element("BlobType", kind.name(), text);
    match (kind, blob.tier()) {
        (Kind::Block, Some(tier)) => xml::element("AccessTier", tier.name(), text),
        (Kind::Block, None) => {
            text.push_str("<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>");
        }
        (Kind::Append { sealed: true, .. }, _) => text.push_str("<Sealed>true</Sealed>"),
        (Kind::Append { .. } | Kind::Directory, _) => {}
        (Kind::Page { sequence }, _) => xml::element(SEQUENCE, &sequence.to_string(), text),
    }
}

/// The state of a lease.
pub(super) fn lease(lease: At, text: &mut String) {
    let state = lease.state();
    xml::element("LeaseStatus", state.status(), text);
    xml::element("LeaseState", state.name(), text);
    if let Some(duration) = lease.duration() {
        xml::element("LeaseDuration", duration, text);
    }
}

fn copied(copy: &CopyRecord, elapsed: i64, text: &mut String) {
    xml::element("CopyId", &copy_id_text(copy.id), text);
    xml::element("CopySource", &copy.source, text);
    xml::element("CopyStatus", copy.status(), text);
    xml::element("CopyProgress", &copy.progress(elapsed), text);
    if let Some(at) = copy.completed() {
        xml::element("CopyCompletionTime", &http_date(at), text);
    }
    if let Some(description) = copy.description() {
        xml::element("CopyStatusDescription", description, text);
    }
}

/// Appends `<Metadata>`.
pub(super) fn metadata(metadata: Option<&Pairs>, text: &mut String) {
    let Some(pairs) = metadata else { return text.push_str("<Metadata />") };
    xml::open("Metadata", text);
    pairs.iter().for_each(|(name, value)| xml::element(name, value, text));
    xml::close("Metadata", text);
}

/// Appends `<TagSet>`.
pub(in crate::emulator::blob) fn tag_set(tags: &Pairs, text: &mut String) {
    xml::open("TagSet", text);
    for (name, value) in tags.iter() {
        xml::open("Tag", text);
        xml::element("Key", name, text);
        xml::element("Value", value, text);
        xml::close("Tag", text);
    }
    xml::close("TagSet", text);
}
