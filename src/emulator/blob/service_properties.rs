//! The settings of an account: CORS rules and the static website. They are stored but not applied: no preflight is
//! answered, and no website is served.

use axum::body::Body as HttpBody;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::account::BlobAccount;
use super::call::{Call, read_body};
use super::describe::Reply;
use super::policies::resolve;
use super::refusal::{INVALID_XML, Refusal};
use super::stored::ServiceProperties;
use super::xml;
use crate::emulator::http::Response;

/// Larger than any document of settings.
const MAX_XML: usize = 64 * 1024;
/// The most rules of an account.
const MAX_RULES: usize = 5;
/// The elements of a rule. The service requires all of them.
const RULE: [&str; 5] = ["AllowedOrigins", "AllowedMethods", "AllowedHeaders", "ExposedHeaders", "MaxAgeInSeconds"];
const METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "MERGE", "PATCH", "POST", "OPTIONS", "PUT"];
/// The elements of a website.
const WEBSITE: [&str; 4] = ["Enabled", "IndexDocument", "DefaultIndexDocumentPath", "ErrorDocument404Path"];

impl BlobAccount {
    /// Its settings.
    pub(super) fn service_properties(&self) -> ServiceProperties {
        self.service_properties.read().expect("a value is never left half done").clone()
    }

    pub(super) fn set_service_properties(&self, properties: ServiceProperties) {
        *self.service_properties.write().expect("a value is never left half done") = properties;
    }
}

/// Get Blob Service Properties.
pub(super) fn get(call: &Call<'_>) -> Response {
    let properties = call.account.service_properties();
    let mut text = String::from("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><StorageServiceProperties><Cors>");
    for rule in &properties.cors {
        xml::open("CorsRule", &mut text);
        for (tag, value) in RULE.iter().zip(rule) {
            xml::element(tag, value, &mut text);
        }
        xml::close("CorsRule", &mut text);
    }
    text.push_str("</Cors><StaticWebsite>");
    if properties.website.is_empty() {
        xml::element("Enabled", "false", &mut text);
    }
    for (tag, value) in &properties.website {
        xml::element(tag, value, &mut text);
    }
    text.push_str("</StaticWebsite></StorageServiceProperties>");
    Reply::new(200).xml(text)
}

/// Set Blob Service Properties: settings that the document does not contain do not change.
pub(super) async fn set(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    let leaves = leaves(&read_body(body, MAX_XML).await?)?;
    let mut properties = call.account.service_properties();
    for part in leaves.iter().map(|leaf| leaf.path.get(1).map(String::as_str).unwrap_or_default()) {
        match part {
            "Cors" => properties.cors = Vec::new(),
            "StaticWebsite" => properties.website = Vec::new(),
            _ => return Err(Refusal::not_implemented("service properties other than CORS and the static website")),
        }
    }
    for leaf in &leaves {
        let [.., tag] = leaf.path.as_slice() else { return Err(INVALID_XML) };
        match (leaf.path.len(), leaf.path.get(1).map(String::as_str)) {
            (4, Some("Cors")) => {
                let at = RULE.iter().position(|one| one == tag).ok_or(INVALID_XML)?;
                if properties.cors.len() < leaf.rule {
                    properties.cors.push(Default::default());
                }
                properties.cors.last_mut().ok_or(INVALID_XML)?[at].clone_from(&leaf.value);
            }
            (3, Some("StaticWebsite")) if WEBSITE.contains(&tag.as_str()) => {
                properties.website.push((tag.clone(), leaf.value.clone()));
            }
            // An empty element means that there are none.
            (2, _) if leaf.value.is_empty() => {}
            _ => return Err(INVALID_XML),
        }
    }
    if properties.cors.len() > MAX_RULES || !properties.cors.iter().all(is_rule) {
        return Err(INVALID_XML);
    }
    call.account.set_service_properties(properties);
    Ok(Reply::new(202).done())
}

fn is_rule([origins, methods, _, _, seconds]: &[String; 5]) -> bool {
    let known = |method: &str| METHODS.contains(&method.trim());
    !origins.is_empty() && methods.split(',').all(known) && seconds.parse::<u32>().is_ok()
}

/// An element without child elements.
struct Leaf {
    /// The names of its ancestors and of itself.
    path: Vec<String>,
    value: String,
    /// The rule that it belongs to, counted from 1; for a website, the last rule before it.
    rule: usize,
}

fn leaves(document: &[u8]) -> Result<Vec<Leaf>, Refusal> {
    let mut reader = Reader::from_reader(document);
    let (mut found, mut path, mut value, mut is_leaf, mut rule) = (Vec::new(), Vec::new(), String::new(), false, 0);
    reader.config_mut().expand_empty_elements = true;
    loop {
        match reader.read_event().map_err(|_| INVALID_XML)? {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                rule += usize::from(name == "CorsRule");
                path.push(name);
                value.clear();
                is_leaf = true;
            }
            Event::Text(text) => value.push_str(&text.decode().map_err(|_| INVALID_XML)?),
            Event::GeneralRef(reference) => value.push_str(&resolve(&reference)?),
            Event::End(_) => {
                if is_leaf && path.len() > 1 {
                    found.push(Leaf { path: path.clone(), value: value.trim().to_owned(), rule });
                }
                is_leaf = false;
                path.pop();
            }
            Event::Eof if path.is_empty() => return Ok(found),
            Event::Eof => return Err(INVALID_XML),
            _ => {}
        }
    }
}
