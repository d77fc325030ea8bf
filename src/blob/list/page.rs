//! One page of a listing: its XML, read in one pass without building a tree.
//!
//! A page is used as a whole or not at all: a truncated page, one that does not say whether another follows, or one
//! with a document type, is an error. Unknown elements are ignored. Errors quote nothing of the page, because it
//! contains the sources of copies with their signatures.

mod draft;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::PageSize;
use crate::model::{Blob, ENTRY_BYTES, IndexTags};
use draft::{Draft, text};

/// A page is six levels deep; additions by the service stay far below.
const MAX_DEPTH: usize = 32;

/// The content of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The blobs, in the service's order.
    pub(super) blobs: Vec<Blob>,
    /// The folders, each with a slash at its end, if folders were requested instead of their contents.
    pub(super) folders: Vec<String>,
    /// The marker of the next page; `None`: this page is the last.
    pub(super) next: Option<String>,
}

impl Page {
    /// The page with those tags for every blob, because the request did not ask for tags.
    pub(super) fn with_tags(mut self, tags: &IndexTags) -> Self {
        for blob in &mut self.blobs {
            blob.properties.tags.clone_from(tags);
        }
        self
    }
}

/// The reader's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Results,
    Blobs,
    Blob,
    Folder,
    Properties,
    Metadata,
    Tags,
    TagSet,
    Tag,
    /// An element whose text is used, child of one of the above.
    Leaf(Field),
    /// Nothing inside is used.
    Other,
}

/// A text that is used.
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
    ResourceType,
    Sealed,
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
    /// The place of a child element. The parent `None` is the document itself.
    fn child(parent: Option<Self>, name: &[u8]) -> Result<Self, String> {
        Ok(match (parent, name) {
            (None, b"EnumerationResults") => Self::Results,
            (None, _) => return Err("it is not a listing".to_owned()),
            (Some(Self::Results), b"Blobs") => Self::Blobs,
            (Some(Self::Results), b"NextMarker") => Self::Leaf(Field::NextMarker),
            (Some(Self::Blobs), b"Blob") => Self::Blob,
            (Some(Self::Blobs), b"BlobPrefix") => Self::Folder,
            (Some(Self::Blob | Self::Folder), b"Name") => Self::Leaf(Field::Name),
            (Some(Self::Blob), b"Properties") => Self::Properties,
            (Some(Self::Blob), b"Metadata") => Self::Metadata,
            (Some(Self::Blob), b"Tags") => Self::Tags,
            (Some(Self::Properties), name) => Field::of_property(name).map_or(Self::Other, Self::Leaf),
            // The service's placeholder for metadata with an invalid name, which cannot be copied.
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
            b"ResourceType" => Self::ResourceType,
            b"Sealed" => Self::Sealed,
            b"AccessTier" => Self::AccessTier,
            b"CopyId" => Self::CopyId,
            b"CopyStatus" => Self::CopyStatus,
            b"CopyProgress" => Self::CopyProgress,
            b"CopyStatusDescription" => Self::CopyStatusDescription,
            _ => return None,
        })
    }
}

/// The reason why a page cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Its blobs take more memory than this.
    TooLarge(usize),
    /// It does not follow the service's format, with the reason.
    Invalid(String),
}

impl From<String> for Unreadable {
    fn from(why: String) -> Self {
        Self::Invalid(why)
    }
}

impl From<&str> for Unreadable {
    fn from(why: &str) -> Self {
        Self::Invalid(why.to_owned())
    }
}

/// The error for a text that is not XML. (The reader's own messages quote parts of the text.)
const NOT_XML: &str = "it is not well-formed XML";

/// Reads a page that was requested with that size.
pub(super) fn parse(xml: &[u8], size: PageSize) -> Result<Page, Unreadable> {
    let text = std::str::from_utf8(xml).map_err(|_| "it is not UTF-8")?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut state = State::of(size);
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
            Event::DocType(_) => return Err("it has a document type".into()),
            Event::Eof => return Ok(state.finish()?),
            _ => {}
        }
    }
}

/// The state between two events of the reader.
struct State {
    size: PageSize,
    /// Memory that the blobs of the page take, in bytes.
    bytes: usize,
    /// Memory that the blob being read takes so far, in bytes.
    draft_bytes: usize,
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
    /// Did the page say whether another one follows? The service always does; the last page has an empty marker.
    marked: bool,
}

impl State {
    fn of(size: PageSize) -> Self {
        Self {
            size,
            bytes: 0,
            draft_bytes: 0,
            page: Page::default(),
            places: Vec::new(),
            draft: Draft::default(),
            text: String::new(),
            key: String::new(),
            encoded: false,
            seen: false,
            marked: false,
        }
    }

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

    fn close(&mut self) -> Result<(), Unreadable> {
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
                    let entry = matches!(field, Field::Metadata | Field::TagValue);
                    self.draft_bytes += value.len() + if entry { self.key.len() + ENTRY_BYTES } else { 0 };
                }
            }
            Some(Place::Folder) => {
                self.check_entries()?;
                let folder = std::mem::take(&mut self.draft).folder()?;
                self.bytes += size_of::<String>() + folder.len();
                self.draft_bytes = 0;
                self.page.folders.push(folder);
            }
            Some(Place::Blob) => {
                self.check_entries()?;
                let draft = std::mem::take(&mut self.draft);
                self.draft_bytes = 0;
                // A directory of a hierarchical namespace is not a blob: it exists as long as it contains something.
                if !draft.is_directory() {
                    let blob = draft.finish()?;
                    self.bytes += blob.bytes_in_memory();
                    self.page.blobs.push(blob);
                }
            }
            _ => {}
        }
        if self.bytes + self.draft_bytes > self.size.bytes {
            return Err(Unreadable::TooLarge(self.size.bytes));
        }
        Ok(())
    }

    /// Is there room for another blob or folder?
    fn check_entries(&self) -> Result<(), String> {
        let most = self.size.blobs;
        if self.page.blobs.len() + self.page.folders.len() < most {
            return Ok(());
        }
        Err(format!("it has more than the {most} entries that were asked for"))
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
