//! Stored access policies and their XML.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::refusal::{INVALID_XML, Refusal};
use super::times::{iso_seconds, parse_iso_millis};
use super::xml;
use crate::emulator::storage::StoredPolicy;

/// The most policies a container can hold.
pub(crate) const MAX_POLICIES: usize = 5;

/// A stored access policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) id: String,
    /// As in the ACL.
    pub(crate) start: Option<String>,
    pub(crate) expiry: Option<String>,
    pub(crate) permissions: Option<String>,
    /// When a policy just written takes effect, in milliseconds since 1970; independent of its start, which is set here
    /// or in the URL.
    pub(crate) active_from: Option<i64>,
}

impl Policy {
    /// A policy as the media plane describes it.
    pub(crate) fn new(id: &str, policy: StoredPolicy) -> Self {
        Self {
            id: id.to_owned(),
            start: policy.start.map(iso_seconds),
            expiry: policy.expiry.map(iso_seconds),
            permissions: Some(policy.permissions),
            active_from: None,
        }
    }
}

/// Writes `<SignedIdentifiers>`.
pub(crate) fn print(policies: &[Policy]) -> String {
    let mut text = String::from("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><SignedIdentifiers>");
    for policy in policies {
        xml::open("SignedIdentifier", &mut text);
        xml::element("Id", &policy.id, &mut text);
        xml::open("AccessPolicy", &mut text);
        for (tag, value) in [("Start", &policy.start), ("Expiry", &policy.expiry), ("Permission", &policy.permissions)]
        {
            if let Some(value) = value {
                xml::element(tag, value, &mut text);
            }
        }
        xml::close("AccessPolicy", &mut text);
        xml::close("SignedIdentifier", &mut text);
    }
    text.push_str("</SignedIdentifiers>");
    text
}

/// Reads `<SignedIdentifiers>`.
pub(crate) fn parse(document: &[u8]) -> Result<Vec<Policy>, Refusal> {
    let mut policies: Vec<Policy> = Vec::new();
    for (tag, value) in leaves(document)? {
        let value = value.trim().to_owned();
        if tag == "Id" {
            policies.push(Policy { id: value, ..Policy::default() });
            continue;
        }
        let (Some(policy), false) = (policies.last_mut(), value.is_empty()) else { continue };
        match tag.as_str() {
            "Start" => policy.start = Some(value),
            "Expiry" => policy.expiry = Some(value),
            "Permission" => policy.permissions = Some(value),
            _ => {}
        }
    }
    let well_formed = |policy: &Policy| {
        let times = [&policy.start, &policy.expiry];
        (1..=64).contains(&policy.id.len()) && times.into_iter().flatten().all(|time| parse_iso_millis(time).is_some())
    };
    if policies.len() > MAX_POLICIES || !policies.iter().all(well_formed) {
        return Err(INVALID_XML);
    }
    Ok(policies)
}

/// The names and texts of the leaf elements of a document, in order.
pub(super) fn leaves(document: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let mut reader = Reader::from_reader(document);
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    loop {
        match reader.read_event().map_err(|_| INVALID_XML)? {
            Event::Start(start) => {
                open = Some((String::from_utf8_lossy(start.local_name().as_ref()).into_owned(), String::new()));
            }
            Event::Text(text) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(&text.decode().map_err(|_| INVALID_XML)?);
                }
            }
            Event::GeneralRef(reference) => {
                if let Some((_, value)) = &mut open {
                    value.push_str(&resolve(&reference)?);
                }
            }
            Event::End(_) => found.extend(open.take()),
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// The text of an entity.
pub(super) fn resolve(reference: &BytesRef<'_>) -> Result<String, Refusal> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| INVALID_XML)? {
        return Ok(character.to_string());
    }
    let name = reference.decode().map_err(|_| INVALID_XML)?;
    quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned).ok_or(INVALID_XML)
}
