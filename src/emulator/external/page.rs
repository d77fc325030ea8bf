//! A page of List Blobs as an external blob service writes it.

use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::emulator::storage::StoredBlob;

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) blobs: Vec<StoredBlob>,
    /// Where the next page starts.
    pub(super) next: Option<String>,
}

impl Page {
    /// Reads a page.
    pub(super) fn parse(document: &[u8]) -> Result<Self, quick_xml::Error> {
        let mut reader = Reader::from_reader(document);
        let mut page = Self::default();
        let (mut text, mut encoded) = (String::new(), false);
        loop {
            match reader.read_event()? {
                Event::Start(start) => {
                    text.clear();
                    encoded = is_encoded(&start);
                    if start.name().as_ref() == b"Blob" {
                        page.blobs.push(StoredBlob { name: String::new(), length: 0, content_type: None });
                    }
                }
                Event::Text(part) => text.push_str(&part.decode()?),
                Event::GeneralRef(reference) => text.push_str(&resolve(&reference)?),
                Event::End(end) => page.take(end.name().as_ref(), std::mem::take(&mut text), encoded),
                Event::Eof => return Ok(page),
                _ => {}
            }
        }
    }

    fn take(&mut self, tag: &[u8], text: String, encoded: bool) {
        if tag == b"NextMarker" {
            self.next = Some(text).filter(|next| !next.is_empty());
            return;
        }
        let Some(blob) = self.blobs.last_mut() else { return };
        match tag {
            b"Name" if encoded => blob.name = percent_decode_str(&text).decode_utf8_lossy().into_owned(),
            b"Name" => blob.name = text,
            b"Content-Length" => blob.length = text.parse().unwrap_or_default(),
            b"Content-Type" => blob.content_type = Some(text).filter(|kind| !kind.is_empty()),
            _ => {}
        }
    }
}

fn is_encoded(start: &BytesStart<'_>) -> bool {
    start
        .attributes()
        .flatten()
        .any(|attribute| attribute.key.as_ref() == b"Encoded" && attribute.value.eq_ignore_ascii_case(b"true"))
}

/// The text of an entity; empty if XML does not define it.
fn resolve(reference: &BytesRef<'_>) -> Result<String, quick_xml::Error> {
    if let Some(character) = reference.resolve_char_ref()? {
        return Ok(character.to_string());
    }
    let name = reference.decode()?;
    Ok(quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_with_unusual_names_is_read() {
        let page = Page::parse(
            b"<?xml version=\"1.0\"?><EnumerationResults><Blobs>\
              <Blob><Name>a &amp; b&#39;s.mp4</Name><Properties><Content-Length>12</Content-Length>\
              <Content-Type>video/mp4</Content-Type></Properties></Blob>\
              <Blob><Name Encoded=\"true\">c%01</Name><Properties><Content-Length>0</Content-Length><Content-Type />\
              </Properties></Blob></Blobs><NextMarker>2!x</NextMarker></EnumerationResults>",
        )
        .unwrap();
        let seen: Vec<_> =
            page.blobs.iter().map(|blob| (blob.name.as_str(), blob.length, blob.content_type.as_deref())).collect();
        assert_eq!(seen, [("a & b's.mp4", 12, Some("video/mp4")), ("c\u{1}", 0, None)]);
        assert_eq!(page.next.as_deref(), Some("2!x"));
        assert_eq!(Page::parse(b"<E><Blobs /><NextMarker/></E>").unwrap().next, None);
    }
}
