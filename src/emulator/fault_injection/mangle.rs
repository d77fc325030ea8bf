//! Damages the body of a successful answer: lists of blobs in XML, everything of the media plane in JSON.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use bytes::Bytes;
use futures::stream;
use serde_json::Value;

use crate::emulator::faults::plan::Mangle;
use crate::emulator::http::Response;

/// Levels of nesting: deeper than recursive parsers can handle.
const DEPTH: usize = 10_000;
/// A huge page in pieces of 1 MiB.
const HUGE_PIECES: usize = 80;
/// Rows of a full page of the media API (documented).
const MEDIA_PAGE: usize = 1_000;
/// The largest answer that can be damaged.
const LARGEST: usize = 256 << 20;

/// Damages an answer. Errors, batches and empty answers are not changed. Only a page of HTML also replaces a 404, as a
/// proxy's does.
pub(super) async fn spoil(response: Response, how: Mangle) -> Response {
    let missing = response.status() == StatusCode::NOT_FOUND && matches!(how, Mangle::Html);
    if !response.status().is_success() && !missing {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let Ok(text) = std::str::from_utf8(&body) else { return Response::from_parts(parts, Body::from(body)) };
    let spoiled = match how {
        Mangle::Html => {
            parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            Some("<html><head><title>Sign in</title></head><body>Please sign in.</body></html>".to_owned())
        }
        Mangle::Cut => Some(first_half(text).to_owned()),
        Mangle::Huge => {
            parts.headers.remove(header::CONTENT_LENGTH);
            return Response::from_parts(parts, huge(body));
        }
        Mangle::Gzip => {
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            return Response::from_parts(parts, Body::from(gzip(&body)));
        }
        how if text.trim_start_matches('\u{feff}').starts_with('<') => xml(text, how),
        how => json(text, how),
    };
    let body = spoiled.map_or_else(|| body.clone(), Bytes::from);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

fn first_half(text: &str) -> &str {
    let mut at = text.len() / 2;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    &text[..at]
}

/// The body after more white space than the limit of any answer.
fn huge(body: Bytes) -> Body {
    let piece = Bytes::from(vec![b' '; 1 << 20]);
    let pieces = std::iter::repeat_n(piece, HUGE_PIECES).chain([body]);
    Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)))
}

/// The body as a gzip file (RFC 1952) of uncompressed blocks (RFC 1951, 3.2.4), which every reader of gzip accepts.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = body.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a chunk is no longer than that");
        file.push(u8::from(blocks.peek().is_none()));
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(block);
    }
    let checksum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, body);
    for word in [checksum, body.len() as u64] {
        file.extend(&word.to_le_bytes()[..4]);
    }
    file
}

fn xml(text: &str, how: Mangle) -> Option<String> {
    Some(match how {
        Mangle::Bomb => {
            let entity = |n: usize| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10));
            let entities: String = (1..10).map(entity).collect();
            let rest = text.find("?>").map_or(text, |end| &text[end + 2..]);
            let rest = rest.replacen("<Name>", "<Name>&e9;", 1);
            format!("<?xml version=\"1.0\"?><!DOCTYPE bomb [<!ENTITY e0 \"ha\">{entities}]>{rest}")
        }
        Mangle::Deep => {
            let nest = format!("{}{}", "<Deep>".repeat(DEPTH), "</Deep>".repeat(DEPTH));
            text.replacen("<Blobs>", &format!("<Blobs>{nest}"), 1)
        }
        Mangle::DuplicateKeys => text.replace("</Name>", "</Name><Name>another</Name>"),
        Mangle::WrongTypes => text.replace("<Content-Length>", "<Content-Length>many"),
        Mangle::MarkerLoop => {
            let end = text.find("<NextMarker").unwrap_or(text.len());
            format!("{}<NextMarker>again</NextMarker></EnumerationResults>", &text[..end])
        }
        Mangle::Duplicates => entries(text, |entries| entries.iter().flat_map(|entry| [*entry, *entry]).collect())?,
        Mangle::Unsorted => entries(text, |entries| entries.iter().rev().copied().collect())?,
        Mangle::Empty => entries(text, |_| Vec::new())?,
        Mangle::Half => entries(text, |entries| entries[..entries.len() / 2].to_vec())?,
        Mangle::Cut | Mangle::Html | Mangle::Huge | Mangle::Gzip => return None,
    })
}

/// The listing with other entries.
fn entries<'t>(text: &'t str, change: impl Fn(&[&'t str]) -> Vec<&'t str>) -> Option<String> {
    let start = text.find("<Blob>")?;
    let end = text.rfind("</Blob>")? + "</Blob>".len();
    let found: Vec<&str> = text[start..end].split_inclusive("</Blob>").collect();
    let changed = change(&found).concat();
    Some(format!("{}{changed}{}", &text[..start], &text[end..]))
}

fn json(text: &str, how: Mangle) -> Option<String> {
    match how {
        Mangle::Bomb => return Some(text.replacen("\"Id\":", "\"Bomb\":1e999999,\"Id\":", 1)),
        Mangle::Deep => {
            let nest = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
            return Some(text.replacen("\"Id\":", &format!("\"Deep\":{nest},\"Id\":"), 1));
        }
        Mangle::DuplicateKeys => return Some(text.replace("\"Id\":", "\"Id\":\"nb:cid:UUID:0\",\"Id\":")),
        _ => {}
    }
    let mut value: Value = serde_json::from_str(text).ok()?;
    let rows = rows(&mut value)?;
    match how {
        Mangle::Duplicates => {
            let twice = rows.iter().flat_map(|row| [row.clone(), row.clone()]).collect();
            *rows = twice;
        }
        Mangle::Unsorted => rows.reverse(),
        Mangle::Empty => rows.clear(),
        Mangle::Half => rows.truncate(rows.len() / 2),
        Mangle::MarkerLoop if !rows.is_empty() => *rows = rows.iter().cloned().cycle().take(MEDIA_PAGE).collect(),
        Mangle::WrongTypes => rows.iter_mut().for_each(|row| *row = Value::from(7)),
        _ => return None,
    }
    Some(value.to_string())
}

/// The rows of a page, in either form of JSON.
fn rows(value: &mut Value) -> Option<&mut Vec<Value>> {
    let verbose = value.get("d").is_some();
    let inside = if verbose { value.get_mut("d")? } else { value.get_mut("value")? };
    match inside {
        Value::Object(page) => page.get_mut("results")?.as_array_mut(),
        other => other.as_array_mut(),
    }
}
