//! Converts between the SDK's headers and those of the HTTP library.
//!
//! Each side copies every name that it does not have as a constant, and each blob needs one request with about twenty
//! headers. So the names that these services use are constants here.

use std::collections::HashMap;

use azure_core::error::{Error as SdkError, ErrorKind};
use azure_core::http::Request;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use bytes::BytesMut;
use reqwest::header;
use url::Position;

/// Capacity for the headers of a copy and those that the HTTP library adds, so that the map is allocated once.
const USUAL_HEADERS: usize = 24;

/// A name that nearly every request or answer has, in the types of both sides.
struct Known {
    text: &'static str,
    sent: header::HeaderName,
    received: HeaderName,
}

impl Known {
    const fn new(text: &'static str) -> Self {
        Self { text, sent: header::HeaderName::from_static(text), received: HeaderName::from_static(text) }
    }
}

/// Those names, ordered by length, which distinguishes most of them, then by name.
static KNOWN: [Known; 39] = [
    Known::new("date"),
    Known::new("etag"),
    Known::new("accept"),
    Known::new("location"),
    Known::new("x-ms-date"),
    Known::new("x-ms-tags"),
    Known::new("content-md5"),
    Known::new("retry-after"),
    Known::new("content-type"),
    Known::new("x-ms-copy-id"),
    Known::new("x-ms-version"),
    Known::new("authorization"),
    Known::new("cache-control"),
    Known::new("last-modified"),
    Known::new("content-length"),
    Known::new("x-ms-blob-type"),
    Known::new("x-ms-error-code"),
    Known::new("x-ms-request-id"),
    Known::new("x-ms-version-id"),
    Known::new("content-encoding"),
    Known::new("content-language"),
    Known::new("x-ms-access-tier"),
    Known::new("x-ms-copy-source"),
    Known::new("x-ms-copy-status"),
    Known::new("dataserviceversion"),
    Known::new("x-ms-content-crc64"),
    Known::new("x-ms-copy-progress"),
    Known::new("x-ms-creation-time"),
    Known::new("content-disposition"),
    Known::new("x-ms-source-if-match"),
    Known::new("maxdataserviceversion"),
    Known::new("x-ms-blob-content-md5"),
    Known::new("x-ms-blob-content-type"),
    Known::new("x-ms-client-request-id"),
    Known::new("x-ms-blob-cache-control"),
    Known::new("x-ms-copy-completion-time"),
    Known::new("x-ms-blob-content-encoding"),
    Known::new("x-ms-blob-content-language"),
    Known::new("x-ms-blob-content-disposition"),
];

/// Headers that every answer has and that are not used here.
const UNREAD: [&str; 7] = [
    "connection",
    "server",
    "transfer-encoding",
    "x-ms-client-request-id",
    "x-ms-request-id",
    "x-ms-request-server-encrypted",
    "x-ms-version",
];

fn known(name: &str) -> Option<&'static Known> {
    KNOWN.binary_search_by_key(&order(name), |known| order(known.text)).ok().map(|index| &KNOWN[index])
}

/// The sort key of the names.
fn order(name: &str) -> (usize, &str) {
    (name.len(), name)
}

fn unfit(error: impl std::error::Error + Send + Sync + 'static) -> SdkError {
    SdkError::new(ErrorKind::Other, error)
}

/// The headers of a request, for the HTTP library.
///
/// All values are in one piece of memory, which they share with the copy that the HTTP library makes of the map. They
/// include the host, so that nothing is added to that copy, which has no free capacity.
pub(super) fn to_send(request: &Request) -> azure_core::Result<header::HeaderMap> {
    let host = &request.url()[Position::BeforeHost..Position::AfterPort];
    let values = || request.headers().iter().map(|(_, value)| value.as_str()).chain([host]);
    let mut text = BytesMut::with_capacity(values().map(str::len).sum());
    values().for_each(|value| text.extend_from_slice(value.as_bytes()));
    let mut text = text.freeze();
    let mut value_of = |value: &str| header::HeaderValue::from_maybe_shared(text.split_to(value.len())).map_err(unfit);

    let mut map = header::HeaderMap::with_capacity(USUAL_HEADERS);
    for (name, value) in request.headers().iter() {
        let name = match known(name.as_str()) {
            Some(known) => known.sent.clone(),
            None => header::HeaderName::from_bytes(name.as_str().as_bytes()).map_err(unfit)?,
        };
        map.append(name, value_of(value.as_str())?);
    }
    map.insert(header::HOST, value_of(host)?);
    Ok(map)
}

/// The headers of an answer, for the SDK.
pub(super) fn received(map: &header::HeaderMap) -> Headers {
    let mut headers = HashMap::with_capacity(map.len());
    for (name, value) in map {
        if let (name, Ok(value)) = (name.as_str(), value.to_str())
            && !UNREAD.contains(&name)
        {
            let name = known(name).map_or_else(|| HeaderName::from(name.to_owned()), |known| known.received.clone());
            headers.insert(name, HeaderValue::from(value.to_owned()));
        }
    }
    headers.into()
}

#[cfg(test)]
mod tests {
    use azure_core::http::Method;

    use super::*;

    #[test]
    fn the_known_names_are_sorted() {
        assert!(KNOWN.is_sorted_by_key(|known| order(known.text)));
    }

    fn request(name: &'static str, value: &'static str) -> Request {
        let mut request = Request::new("http://127.0.0.1:10000/a/b?sig=x".parse().unwrap(), Method::Put);
        request.insert_header("x-ms-copy-source", "https://a/b");
        request.insert_header(name, value);
        request
    }

    #[test]
    fn headers_with_known_and_unknown_names_are_converted() {
        let request = request("x-ms-meta-colour", "red");
        let map = to_send(&request).unwrap();
        let sent = |name: &str| map[name].to_str().unwrap();
        assert_eq!((map.len(), sent("x-ms-copy-source"), sent("x-ms-meta-colour")), (3, "https://a/b", "red"));
        assert_eq!(sent("host"), "127.0.0.1:10000");
        let back = received(&map);
        for name in ["x-ms-copy-source", "x-ms-meta-colour"] {
            let name = HeaderName::from_static(name);
            assert_eq!(back.get_optional_str(&name), request.headers().get_optional_str(&name), "{name:?}");
        }
    }

    #[test]
    fn a_line_break_in_a_value_is_an_error() {
        assert!(to_send(&request("x-ms-meta-colour", "red\nx-ms-meta-more: 1")).is_err());
    }
}
