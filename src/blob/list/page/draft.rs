//! A blob of a page while it is being read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::Field;
use crate::blob::properties::copy_status;
use crate::model::{Blob, BlobKind, BlobProperties, CopyState, CopyStatus, IndexTags};
use crate::redact::scrub;

/// A blob while its element is being read.
#[derive(Default)]
pub(super) struct Draft {
    name: Option<String>,
    length: Option<u64>,
    etag: Option<String>,
    last_modified: Option<Timestamp>,
    properties: BlobProperties,
    tier: Option<String>,
    kind: Option<BlobKind>,
    sealed: bool,
    directory: bool,
    copy_id: Option<String>,
    copy_status: Option<CopyStatus>,
    progress: Option<(u64, u64)>,
    description: Option<String>,
    tag_key: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Draft {
    pub(super) fn set(&mut self, field: Field, key: &str, value: &str) -> Result<(), String> {
        match field {
            Field::NextMarker => {}
            // A second name must not replace the first.
            Field::Name if self.name.is_some() => return Err("a blob has two names".to_owned()),
            Field::Name => self.name = text(value),
            Field::LastModified => self.last_modified = DateTimeParser::new().parse_timestamp(value).ok(),
            Field::Etag => self.etag = (!value.is_empty()).then(|| header_style(value)),
            Field::ContentLength => {
                self.length = Some(value.parse().map_err(|_| "a length is not a number")?);
            }
            Field::ContentType => self.properties.content_type = text(value),
            Field::ContentEncoding => self.properties.content_encoding = text(value),
            Field::ContentLanguage => self.properties.content_language = text(value),
            Field::ContentDisposition => self.properties.content_disposition = text(value),
            Field::CacheControl => self.properties.cache_control = text(value),
            Field::ContentMd5 => {
                self.properties.content_md5 = BASE64.decode(value).ok().filter(|hash| !hash.is_empty());
            }
            Field::BlobType => self.kind = Some(BlobKind::named(value).ok_or("a blob of an unknown type")?),
            // The service uses upper and lower case.
            Field::ResourceType => self.directory = value.eq_ignore_ascii_case("directory"),
            Field::Sealed => self.sealed = value == "true",
            Field::AccessTier => self.tier = text(value),
            Field::CopyId => self.copy_id = text(value),
            Field::CopyStatus => self.copy_status = copy_status(value),
            Field::CopyProgress => self.progress = crate::blob::properties::progress(value),
            Field::CopyStatusDescription => self.description = text(value).map(|text| scrub(&text)),
            Field::Metadata => {
                self.properties.metadata.insert(key.to_owned(), value.to_owned());
            }
            Field::TagKey => self.tag_key = Some(value.to_owned()),
            Field::TagValue => {
                if let Some(key) = self.tag_key.take() {
                    self.tags.insert(key, value.to_owned());
                }
            }
        }
        Ok(())
    }

    /// The name, if the element is a folder.
    pub(super) fn folder(self) -> Result<String, String> {
        self.name.filter(|name| name.ends_with('/')).ok_or_else(|| "a folder has no name".to_owned())
    }

    /// Is it a directory?
    pub(super) fn is_directory(&self) -> bool {
        self.directory
    }

    pub(super) fn finish(self) -> Result<Blob, String> {
        let name = self.name.ok_or("a blob has no name")?;
        let kind = self.kind.unwrap_or_default();
        let copy = match (self.copy_id, self.copy_status) {
            (Some(id), Some(status)) => {
                Some(CopyState { id, status, progress: self.progress, description: self.description })
            }
            _ => None,
        };
        Ok(Blob {
            length: self.length.ok_or("a blob has no length")?,
            etag: self.etag.ok_or("a blob has no entity tag")?,
            name,
            last_modified: self.last_modified,
            properties: BlobProperties { tags: IndexTags::Read(self.tags), ..self.properties },
            tier: self.tier,
            kind: if self.sealed { kind.sealed() } else { kind },
            copy,
        })
    }
}

/// A text, or `None` if it is empty.
pub(super) fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// Listings omit the quotes around the entity tag, which headers and conditions have.
fn header_style(etag: &str) -> String {
    if etag.ends_with('"') { etag.to_owned() } else { ["\"", etag, "\""].concat() }
}
