//! Between the SDK's headers and those of the HTTP library.
//!
//! Each side copies every name it does not hold as a constant, and a blob costs one request of some twenty headers: the names
//! that these services use are constants here.

use std::collections::HashMap;

use azure_core::error::{Error as SdkError, ErrorKind};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use reqwest::header;

/// Room for the headers of a copy, so that the map grows once.
const USUAL_HEADERS: usize = 24;

/// The names that nearly every exchange has, sorted.
const KNOWN: [&str; 39] = [
    "accept",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "dataserviceversion",
    "date",
    "etag",
    "last-modified",
    "location",
    "maxdataserviceversion",
    "retry-after",
    "x-ms-access-tier",
    "x-ms-blob-cache-control",
    "x-ms-blob-content-disposition",
    "x-ms-blob-content-encoding",
    "x-ms-blob-content-language",
    "x-ms-blob-content-md5",
    "x-ms-blob-content-type",
    "x-ms-blob-type",
    "x-ms-client-request-id",
    "x-ms-content-crc64",
    "x-ms-copy-completion-time",
    "x-ms-copy-id",
    "x-ms-copy-progress",
    "x-ms-copy-source",
    "x-ms-copy-status",
    "x-ms-creation-time",
    "x-ms-date",
    "x-ms-error-code",
    "x-ms-request-id",
    "x-ms-source-if-match",
    "x-ms-tags",
    "x-ms-version",
    "x-ms-version-id",
];

/// What every answer says and nobody here reads.
const UNREAD: [&str; 4] = ["connection", "server", "transfer-encoding", "x-ms-request-server-encrypted"];

fn known(name: &str) -> Option<&'static str> {
    KNOWN.binary_search(&name).ok().map(|index| KNOWN[index])
}

fn unfit(error: impl std::error::Error + Send + Sync + 'static) -> SdkError {
    SdkError::new(ErrorKind::Other, error)
}

/// The headers of a request, for the HTTP library.
pub(super) fn to_send(headers: &Headers) -> azure_core::Result<header::HeaderMap> {
    let mut map = header::HeaderMap::with_capacity(USUAL_HEADERS);
    for (name, value) in headers.iter() {
        let name = match known(name.as_str()) {
            Some(name) => header::HeaderName::from_static(name),
            None => header::HeaderName::from_bytes(name.as_str().as_bytes()).map_err(unfit)?,
        };
        map.append(name, header::HeaderValue::from_str(value.as_str()).map_err(unfit)?);
    }
    Ok(map)
}

/// The headers of an answer, for the SDK.
pub(super) fn received(map: &header::HeaderMap) -> Headers {
    let mut headers = HashMap::with_capacity(map.len());
    for (name, value) in map {
        if let (name, Ok(value)) = (name.as_str(), value.to_str())
            && !UNREAD.contains(&name)
        {
            let name = known(name).map_or_else(|| HeaderName::from(name.to_owned()), HeaderName::from_static);
            headers.insert(name, HeaderValue::from(value.to_owned()));
        }
    }
    headers.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_names_are_sorted() {
        assert!(KNOWN.is_sorted());
    }

    #[test]
    fn headers_pass_whether_their_names_are_known_or_not() {
        let mut headers = Headers::new();
        headers.insert("x-ms-copy-source", "https://a/b");
        headers.insert("x-ms-meta-colour", "red");
        let map = to_send(&headers).unwrap();
        assert_eq!(
            (map.len(), &map["x-ms-copy-source"], &map["x-ms-meta-colour"]),
            (2, &"https://a/b".parse().unwrap(), &"red".parse().unwrap())
        );
        let back = received(&map);
        for name in ["x-ms-copy-source", "x-ms-meta-colour"] {
            let name = HeaderName::from_static(name);
            assert_eq!(back.get_optional_str(&name), headers.get_optional_str(&name), "{name:?}");
        }
    }

    #[test]
    fn a_line_break_in_a_value_is_an_error() {
        let mut headers = Headers::new();
        headers.insert("x-ms-meta-colour", "red\nx-ms-meta-more: 1");
        assert!(to_send(&headers).is_err());
    }
}
