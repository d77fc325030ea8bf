//! One page of a listing: its XML, read in one pass without building a tree.
//!
//! A page is taken whole or not at all: a page cut short, one that does not say whether another follows, or one with a
//! document type, is an error. Unknown elements are ignored. Errors repeat nothing of the page, where the sources of
//! copies stand with their signatures.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::super::properties::copy_status;
use crate::model::{Blob, BlobProperties, CopyState, CopyStatus, IndexTags};
use crate::redact::scrub;

/// A page is six levels deep; nothing the service may add comes near.
const MAX_DEPTH: usize = 32;

/// What a page holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The blobs, in the service's order.
    pub(super) blobs: Vec<Blob>,
    /// Where the next page begins; `None` = this is the last.
    pub(super) next: Option<String>,
}

impl Page {
    /// The same page, with those tags for every blob, because the request did not ask for tags.
    pub(super) fn with_tags(mut self, tags: &IndexTags) -> Self {
        for blob in &mut self.blobs {
            blob.properties.tags.clone_from(tags);
        }
        self
    }
}

/// Where the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Results,
    Blobs,
    Blob,
    Properties,
    Metadata,
    Tags,
    TagSet,
    Tag,
    /// An element whose text matters, child of one of the above.
    Leaf(Field),
    /// Nothing of interest inside.
    Other,
}

/// A text that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    NextMarker,
    Name,
    LastModified,
    Etag,
    ContentLength,
    ContentType,
    ContentEncoding,
    ContentLanguage,
    ContentDisposition,
    CacheControl,
    ContentMd5,
    BlobType,
    AccessTier,
    CopyId,
    CopyStatus,
    CopyProgress,
    CopyStatusDescription,
    Metadata,
    TagKey,
    TagValue,
}

impl Place {
    /// The place of a child element. `None` as the parent = the document itself.
    fn child(parent: Option<Self>, name: &[u8]) -> Result<Self, String> {
        Ok(match (parent, name) {
            (None, b"EnumerationResults") => Self::Results,
            (None, _) => return Err("it is not a listing".to_owned()),
            (Some(Self::Results), b"Blobs") => Self::Blobs,
            (Some(Self::Results), b"NextMarker") => Self::Leaf(Field::NextMarker),
            (Some(Self::Blobs), b"Blob") => Self::Blob,
            (Some(Self::Blob), b"Name") => Self::Leaf(Field::Name),
            (Some(Self::Blob), b"Properties") => Self::Properties,
            (Some(Self::Blob), b"Metadata") => Self::Metadata,
            (Some(Self::Blob), b"Tags") => Self::Tags,
            (Some(Self::Properties), name) => Field::of_property(name).map_or(Self::Other, Self::Leaf),
            // What the service shows of metadata whose name is no name; it cannot be sent on either.
            (Some(Self::Metadata), b"x-ms-invalid-name") => Self::Other,
            (Some(Self::Metadata), _) => Self::Leaf(Field::Metadata),
            (Some(Self::Tags), b"TagSet") => Self::TagSet,
            (Some(Self::TagSet), b"Tag") => Self::Tag,
            (Some(Self::Tag), b"Key") => Self::Leaf(Field::TagKey),
            (Some(Self::Tag), b"Value") => Self::Leaf(Field::TagValue),
            _ => Self::Other,
        })
    }
}

impl Field {
    fn of_property(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"Last-Modified" => Self::LastModified,
            b"Etag" => Self::Etag,
            b"Content-Length" => Self::ContentLength,
            b"Content-Type" => Self::ContentType,
            b"Content-Encoding" => Self::ContentEncoding,
            b"Content-Language" => Self::ContentLanguage,
            b"Content-Disposition" => Self::ContentDisposition,
            b"Cache-Control" => Self::CacheControl,
            b"Content-MD5" => Self::ContentMd5,
            b"BlobType" => Self::BlobType,
            b"AccessTier" => Self::AccessTier,
            b"CopyId" => Self::CopyId,
            b"CopyStatus" => Self::CopyStatus,
            b"CopyProgress" => Self::CopyProgress,
            b"CopyStatusDescription" => Self::CopyStatusDescription,
            _ => return None,
        })
    }
}

/// A blob while its element is being read.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    length: Option<u64>,
    etag: Option<String>,
    last_modified: Option<Timestamp>,
    properties: BlobProperties,
    tier: Option<String>,
    other_type: bool,
    copy_id: Option<String>,
    copy_status: Option<CopyStatus>,
    progress: Option<(u64, u64)>,
    description: Option<String>,
    tag_key: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Draft {
    fn set(&mut self, field: Field, key: &str, value: &str) -> Result<(), String> {
        match field {
            Field::NextMarker => {}
            // Believing the second one would make a blob of that name, and none of the first.
            Field::Name if self.name.is_some() => return Err("a blob has two names".to_owned()),
            Field::Name => self.name = text(value),
            Field::LastModified => self.last_modified = DateTimeParser::new().parse_timestamp(value).ok(),
            Field::Etag => self.etag = (!value.is_empty()).then(|| header_style(value)),
            Field::ContentLength => {
                self.length = Some(value.parse().map_err(|_| "a length is no number")?);
            }
            Field::ContentType => self.properties.content_type = text(value),
            Field::ContentEncoding => self.properties.content_encoding = text(value),
            Field::ContentLanguage => self.properties.content_language = text(value),
            Field::ContentDisposition => self.properties.content_disposition = text(value),
            Field::CacheControl => self.properties.cache_control = text(value),
            Field::ContentMd5 => {
                self.properties.content_md5 = BASE64.decode(value).ok().filter(|hash| !hash.is_empty());
            }
            Field::BlobType => self.other_type = value != "BlockBlob",
            Field::AccessTier => self.tier = text(value),
            Field::CopyId => self.copy_id = text(value),
            Field::CopyStatus => self.copy_status = copy_status(value),
            Field::CopyProgress => self.progress = super::super::properties::progress(value),
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

    fn finish(self) -> Result<Blob, String> {
        let name = self.name.ok_or("a blob has no name")?;
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
            block_blob: !self.other_type,
            copy,
        })
    }
}

/// A text, unless there is none.
fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// Listings write the entity tag without the quotes that headers and conditions have.
fn header_style(etag: &str) -> String {
    if etag.ends_with('"') { etag.to_owned() } else { ["\"", etag, "\""].concat() }
}

/// What there is to say of a text that is not XML: the reader's own words repeat parts of it.
const NOT_XML: &str = "it is not well-formed XML";

/// Reads a page.
pub(super) fn parse(xml: &[u8]) -> Result<Page, String> {
    let text = std::str::from_utf8(xml).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut state = State::default();
    loop {
        match reader.read_event().map_err(|_| NOT_XML)? {
            Event::Start(start) => state.open(&start)?,
            Event::Empty(start) => {
                state.open(&start)?;
                state.close()?;
            }
            Event::End(_) => state.close()?,
            Event::Text(text) if state.reading() => {
                state.text.push_str(&text.decode().map_err(|_| NOT_XML)?);
            }
            Event::CData(text) if state.reading() => {
                state.text.push_str(&text.decode().map_err(|_| NOT_XML)?);
            }
            Event::GeneralRef(reference) if state.reading() => {
                let character = reference.resolve_char_ref().map_err(|_| NOT_XML)?;
                if let Some(character) = character {
                    state.text.push(character);
                } else {
                    let name = reference.decode().map_err(|_| NOT_XML)?;
                    let known = resolve_predefined_entity(&name);
                    state.text.push_str(known.ok_or("it has an entity that is unknown")?);
                }
            }
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Eof => return state.finish(),
            _ => {}
        }
    }
}

/// What is known between two events.
#[derive(Default)]
struct State {
    page: Page,
    places: Vec<Place>,
    draft: Draft,
    /// Text of the leaf being read.
    text: String,
    /// Name of the metadata element being read.
    key: String,
    /// Is the leaf's text percent-encoded?
    encoded: bool,
    seen: bool,
    /// Has it said whether another page follows? The service always does, with an empty marker at the end.
    marked: bool,
}

impl State {
    fn reading(&self) -> bool {
        matches!(self.places.last(), Some(Place::Leaf(_)))
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.places.len() >= MAX_DEPTH {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        let name = start.name();
        let place = Place::child(self.places.last().copied(), name.as_ref())?;
        if let Place::Leaf(field) = place {
            self.text.clear();
            self.encoded = match field {
                Field::Name | Field::Metadata => {
                    let flag = start.try_get_attribute("Encoded").map_err(|_| NOT_XML)?;
                    flag.is_some_and(|flag| flag.value.eq_ignore_ascii_case(b"true"))
                }
                _ => false,
            };
            if field == Field::Metadata {
                self.key.clear();
                self.key.push_str(&String::from_utf8_lossy(name.as_ref()));
            }
        }
        self.seen = true;
        self.places.push(place);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        match self.places.pop() {
            Some(Place::Leaf(field)) => {
                let value: Cow<'_, str> = if self.encoded {
                    percent_decode_str(&self.text).decode_utf8_lossy()
                } else {
                    Cow::Borrowed(&self.text)
                };
                if field == Field::NextMarker {
                    self.page.next = text(&value);
                    self.marked = true;
                } else {
                    self.draft.set(field, &self.key, &value)?;
                }
            }
            Some(Place::Blob) => self.page.blobs.push(std::mem::take(&mut self.draft).finish()?),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Page, String> {
        let whole = self.seen && self.marked && self.places.is_empty();
        if whole { Ok(self.page) } else { Err("it ends too early".to_owned()) }
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
