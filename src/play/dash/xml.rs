//! A small XML tree, bounded in depth and size.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// The maximum depth; a description has eight levels.
const MAX_DEPTH: usize = 32;
/// The maximum number of elements; the timelines of one day of video and audio, with every segment of one second
/// listed, have 172,800.
const MAX_ELEMENTS: usize = 200_000;

/// An element with its contents. Names have no prefix.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    text: String,
}

impl Element {
    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The children of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Its text, without the space around it.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }

    fn start(start: &BytesStart<'_>) -> Result<Self, String> {
        let mut element =
            Self { name: String::from_utf8_lossy(start.local_name().as_ref()).into_owned(), ..Self::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| malformed())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| malformed())?;
            let name = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
            element.attributes.push((name, value.into_owned()));
        }
        Ok(element)
    }
}

/// Reads a document.
///
/// # Errors
/// It is not XML, has a document type, is truncated, or is too deep or too large.
pub(super) fn read(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let (mut open, mut elements): (Vec<Element>, usize) = (vec![Element::default()], 0);
    loop {
        let event = reader.read_event().map_err(|_| malformed())?;
        let top = open.last_mut().ok_or_else(malformed)?;
        match event {
            Event::Start(start) => open.push(Element::start(&start)?),
            Event::Empty(start) => top.children.push(Element::start(&start)?),
            Event::End(_) => {
                let closed = open.pop().ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(closed);
                continue;
            }
            Event::Text(piece) => top.text.push_str(&piece.decode().map_err(|_| malformed())?),
            Event::CData(piece) => top.text.push_str(&piece.decode().map_err(|_| malformed())?),
            Event::GeneralRef(name) => {
                let character = name.resolve_char_ref().map_err(|_| malformed())?;
                match (character, name.decode().ok().as_deref().and_then(resolve_predefined_entity)) {
                    (Some(character), _) => top.text.push(character),
                    (None, Some(known)) => top.text.push_str(known),
                    (None, None) => return Err(malformed()),
                }
                continue;
            }
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Eof if open.len() == 1 => return Ok(open.remove(0)),
            Event::Eof => return Err("it is cut off".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
        }
        elements += 1;
        if open.len() > MAX_DEPTH || elements > MAX_ELEMENTS {
            return Err("it is too deep or too large".to_owned());
        }
    }
}

fn malformed() -> String {
    "it is not well-formed XML".to_owned()
}
