//! Parses any bytes as a page: the page is accepted or refused, and no error quotes its content.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use quick_xml::escape::escape;

use super::tests::parse;
use super::*;
use crate::fuzz::{CANARY, keeps_secret, target};
use crate::model::BlobKind;

const WORDS: &[&str] = &[
    "<Blob>",
    "</Blob>",
    "<Blobs>",
    "<BlobPrefix>",
    "</BlobPrefix>",
    "</Blobs>",
    "<Name>",
    "</Name>",
    "<Name Encoded=\"true\">",
    "<NextMarker/>",
    "<Tags>",
    "<Properties>",
    "</Properties>",
    "<Metadata>",
    "<Content-Length>",
    "<Content-MD5>",
    "<CopyProgress>",
    "<Etag>",
    "<x>",
    "</x>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?x ?>",
    "<!DOCTYPE x>",
    "&amp;",
    "&#0;",
    "&#x110000;",
    "&#xD800;",
    "&x;",
    "%00",
    "%C3",
    "%",
    "\u{feff}",
    "\"",
    "=",
    "/>",
    "<",
    ">",
    "..",
    "/",
    CANARY,
];

/// Writes a parsed page as the service would.
fn render(page: &Page) -> String {
    let mut xml = String::from("<EnumerationResults><Blobs>");
    let leaf = |xml: &mut String, name: &str, value: &str| {
        let _ = write!(xml, "<{name}>{}</{name}>", escape(value));
    };
    // Names and metadata that begin or end with unusual characters are sent encoded.
    let encoded =
        |value: &str| percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
    for blob in &page.blobs {
        let _ = write!(xml, "<Blob><Name Encoded=\"true\">{}</Name><Properties>", encoded(&blob.name));
        leaf(&mut xml, "Content-Length", &blob.length.to_string());
        leaf(&mut xml, "Etag", &blob.etag);
        for (name, value) in [
            ("Content-Type", &blob.properties.content_type),
            ("Content-Encoding", &blob.properties.content_encoding),
            ("Content-Language", &blob.properties.content_language),
            ("Content-Disposition", &blob.properties.content_disposition),
            ("Cache-Control", &blob.properties.cache_control),
            ("AccessTier", &blob.tier),
        ] {
            leaf(&mut xml, name, value.as_deref().unwrap_or_default());
        }
        leaf(&mut xml, "Content-MD5", &BASE64.encode(blob.properties.content_md5.as_deref().unwrap_or_default()));
        leaf(&mut xml, "BlobType", blob.kind.name());
        xml.push_str("</Properties><Metadata>");
        for (name, value) in &blob.properties.metadata {
            let _ = write!(xml, "<{name} Encoded=\"true\">{}</{name}>", encoded(value));
        }
        xml.push_str("</Metadata><Tags><TagSet>");
        for (key, value) in blob.properties.tags.read().into_iter().flatten() {
            let _ = write!(xml, "<Tag><Key>{}</Key><Value>{}</Value></Tag>", escape(key), escape(value));
        }
        xml.push_str("</TagSet></Tags></Blob>");
    }
    for folder in &page.folders {
        let _ = write!(xml, "<BlobPrefix><Name Encoded=\"true\">{}</Name></BlobPrefix>", encoded(folder));
    }
    xml.push_str("</Blobs>");
    leaf(&mut xml, "NextMarker", page.next.as_deref().unwrap_or_default());
    xml.push_str("</EnumerationResults>");
    xml
}

#[test]
fn any_bytes_give_a_whole_page_or_an_error_without_secrets() {
    target("page", WORDS, |input| {
        let page = match parse(input) {
            Ok(page) => page,
            Err(error) => {
                keeps_secret(&error);
                assert!(error.len() < 200, "an error as long as its page: {error}");
                return error;
            }
        };
        // Even the shortest blob is longer than that.
        assert!(page.blobs.len() <= input.len() / 20, "{} blobs of {} bytes", page.blobs.len(), input.len());
        for blob in &page.blobs {
            assert!(!blob.name.is_empty(), "a blob without a name stands for its container");
            assert!(blob.etag.len() > 2, "an empty entity tag is no condition");
        }
        let fields =
            page.blobs.first().map(|blob| (blob.copy.is_some(), blob.kind == BlobKind::Block, blob.tier.is_some()));
        let summary = format!("{} blobs, {} more, {fields:?}", page.blobs.len().min(3), page.next.is_some());
        let mut expected = page;
        for blob in &mut expected.blobs {
            (blob.copy, blob.last_modified) = (None, None);
        }
        assert_eq!(parse(render(&expected).as_bytes()).as_ref(), Ok(&expected), "printed and read again");
        summary
    });
}
