//! Serves whole files or ranges of them, read in pieces so that large files need little memory.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use futures::stream;

use super::protected::Cipher;
use super::refusal::Refusal;
use crate::emulator::http::Response;
use crate::emulator::storage::StorageError;
use crate::emulator::storage_account::StorageAccount;

/// The size of a piece: few reads for large files, little memory for many readers.
const PIECE: u64 = 1024 * 1024;

/// Answers a GET or HEAD of one file, encrypted if there is a cipher.
pub(super) async fn serve(
    storage: &Arc<StorageAccount>,
    container: String,
    name: String,
    headers: &HeaderMap,
    head: bool,
    cipher: Option<Cipher>,
) -> Result<Response, Refusal> {
    let (blob, _) = storage.read_blob(&container, &name, 0, 0).await?;
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = wanted(asked, blob.length).map_err(|OutsideFile| Refusal::Range(blob.length))?;
    let part = range.clone().unwrap_or(0..blob.length);
    let length = part.end - part.start;
    let body =
        if head || length == 0 { Body::empty() } else { pieces(Arc::clone(storage), container, name, part, cipher) };
    let mut response = Response::new(body);
    let content_type = blob.content_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        content_type.unwrap_or_else(|| HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(Range { start, end }) = range {
        let text = format!("bytes {start}-{}/{}", end - 1, blob.length);
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(&text).expect("digits are a header value"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// A part of a file, read piece by piece.
pub(super) fn pieces(
    storage: Arc<StorageAccount>,
    container: String,
    name: String,
    part: Range<u64>,
    cipher: Option<Cipher>,
) -> Body {
    let source = (storage, container, name, cipher);
    Body::from_stream(stream::try_unfold((source, part), |(source, part)| async move {
        if part.is_empty() {
            return Ok::<_, StorageError>(None);
        }
        let (storage, container, name, cipher) = &source;
        let length = PIECE.min(part.end - part.start);
        let (_, bytes) = storage.read_blob(container, name, part.start, length).await?;
        if bytes.is_empty() {
            return Err(StorageError::Backend(format!("{name:?} became shorter while it was read")));
        }
        let next = part.start + bytes.len() as u64..part.end;
        let bytes = match cipher {
            Some(cipher) => cipher.apply(part.start, &bytes).into(),
            None => bytes,
        };
        Ok(Some((bytes, (source, next))))
    }))
}

/// The range is outside the file.
#[derive(Debug, PartialEq, Eq)]
struct OutsideFile;

/// The requested range; `None` for the whole file, also if the header is not understood or requests several ranges, as
/// RFC 9110 section 14.2 allows.
fn wanted(header: Option<&str>, length: u64) -> Result<Option<Range<u64>>, OutsideFile> {
    let Some((first, last)) = header.and_then(|h| h.strip_prefix("bytes=")).and_then(|r| r.split_once('-')) else {
        return Ok(None);
    };
    let range = match (first.trim(), last.trim()) {
        ("", last) => match last.parse::<u64>() {
            Ok(count) => length.saturating_sub(count)..length,
            Err(_) => return Ok(None),
        },
        (first, "") => match first.parse() {
            Ok(first) => first..length,
            Err(_) => return Ok(None),
        },
        (first, last) => match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => first..length.min(last.saturating_add(1)),
            _ => return Ok(None),
        },
    };
    if range.is_empty() { Err(OutsideFile) } else { Ok(Some(range)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_in_the_standard() {
        assert_eq!(wanted(None, 10), Ok(None));
        assert_eq!(wanted(Some("bytes=2-4"), 10), Ok(Some(2..5)));
        assert_eq!(wanted(Some("bytes=2-400"), 10), Ok(Some(2..10)));
        assert_eq!(wanted(Some("bytes=7-"), 10), Ok(Some(7..10)));
        assert_eq!(wanted(Some("bytes=-3"), 10), Ok(Some(7..10)));
        assert_eq!(wanted(Some("bytes=-30"), 10), Ok(Some(0..10)));
        assert_eq!(wanted(Some("bytes=0-18446744073709551615"), 10), Ok(Some(0..10)));
    }

    #[test]
    fn ranges_outside_the_file_are_refused() {
        assert_eq!(wanted(Some("bytes=10-"), 10), Err(OutsideFile));
        assert_eq!(wanted(Some("bytes=10-12"), 10), Err(OutsideFile));
        assert_eq!(wanted(Some("bytes=-0"), 10), Err(OutsideFile));
        assert_eq!(wanted(Some("bytes=0-0"), 0), Err(OutsideFile));
    }

    #[test]
    fn a_range_that_is_not_understood_returns_the_whole_file() {
        for header in ["lines=1-2", "bytes=4-2", "bytes=a-b", "bytes=0-1,3-4", "bytes="] {
            assert_eq!(wanted(Some(header), 10), Ok(None), "{header}");
        }
    }
}
