//! Get Blob and Get Blob Properties.

use axum::body::Body as HttpBody;
use bytes::Bytes;
use futures::stream;

use super::call::Call;
use super::conditions::Conditions;
use super::content::Body;
use super::describe::Reply;
use super::encryption;
use super::integrity::{crc64_text, md5_of};
use super::protection::REPLICATION_POLICY;
use super::refusal::Refusal;
use super::stored::Blob;
use crate::emulator::http::Response;
use crate::emulator::settings::Protection;

/// Synthetic content is produced in parts of this size while it is sent.
const CHUNK: u64 = 256 * 1024;
/// The largest range whose checksum the service computes.
const MAX_CHECKED_RANGE: u64 = 4 * 1024 * 1024;

/// A requested range of the existing content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// A byte range without its end.
    Within(u64, u64),
    /// The range is outside the content.
    Outside,
}

/// Reads `bytes=a-b` or `bytes=a-` against a length; `None` = a range of an unknown form, which a read ignores.
pub(super) fn parse_range(text: &str, length: u64) -> Option<Range> {
    let (from, to) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.trim().parse().ok()?;
    let to = match to.trim() {
        "" => length,
        last => last.parse::<u64>().ok()?.saturating_add(1).min(length),
    };
    Some(if from < length && from < to { Range::Within(from, to) } else { Range::Outside })
}

fn open(call: &Call<'_>) -> Result<Blob, Refusal> {
    let container = call.container()?;
    let contents = container.lock_at(call.elapsed())?;
    let blob = contents.blob(call.ask.blob()?)?;
    Conditions::of(call.ask.headers).check_read(blob)?;
    call.check_lease_to_read(blob)?;
    encryption::check_key(&call.ask, blob.encryption())?;
    Ok(blob.clone())
}

/// The headers that a signature can override, by parameter.
const OVERRIDES: [(&str, &str); 5] = [
    ("rscc", "cache-control"),
    ("rscd", "content-disposition"),
    ("rsce", "content-encoding"),
    ("rscl", "content-language"),
    ("rsct", "content-type"),
];

/// Describes a blob, with the headers that the request's signature overrides.
fn describe(call: &Call<'_>, status: u16, blob: &Blob) -> Reply {
    let replicated = call.protection().is_ok_and(|protection| protection == Some(Protection::Replication));
    let reply = Reply::new(status)
        .blob(blob, call.elapsed())
        .with_some("x-ms-or-policy-id", replicated.then_some(REPLICATION_POLICY));
    if call.authority.by_account_key {
        return reply;
    }
    let wanted = OVERRIDES.iter().filter_map(|(name, header)| Some((*header, call.ask.query(name)?)));
    wanted.fold(reply, |reply, (header, value)| reply.with(header, value))
}

/// Get Blob Properties.
pub(super) fn get_properties(call: &Call<'_>) -> Result<Response, Refusal> {
    let blob = open(call)?;
    let reply = describe(call, 200, &blob).with("content-length", blob.body.len());
    Ok(reply.md5("content-md5", blob.headers.content_md5.as_deref()).done())
}

/// Get Blob.
pub(super) fn get_blob(call: &Call<'_>) -> Result<Response, Refusal> {
    let blob = open(call)?;
    blob.refuse_archived()?;
    let length = blob.body.len();
    let asked = call.ask.header("x-ms-range").or_else(|| call.ask.header("range"));
    let Some(range) = asked.and_then(|text| parse_range(text, length)) else {
        call.account.model().admit_egress(length).map_err(Refusal::busy)?;
        let reply = describe(call, 200, &blob).with("content-length", length);
        let reply = reply.md5("content-md5", blob.headers.content_md5.as_deref());
        return Ok(reply.body(stream_of(blob.body, 0, length)));
    };
    let Range::Within(from, to) = range else { return Err(Refusal::behind(length)) };
    call.account.model().admit_egress(to - from).map_err(Refusal::busy)?;
    let mut reply = describe(call, 206, &blob)
        .with("content-length", to - from)
        .with("content-range", format!("bytes {from}-{}/{length}", to - 1))
        .md5("x-ms-blob-content-md5", blob.headers.content_md5.as_deref());
    if let Some(checksum) = checksum_asked(call, to - from)? {
        let bytes = blob.body.read(from, to);
        reply = match checksum {
            Checksum::Md5 => reply.md5("content-md5", Some(&md5_of(&bytes))),
            Checksum::Crc64 => reply.with("x-ms-content-crc64", crc64_text(&bytes)),
        };
    }
    Ok(reply.body(stream_of(blob.body, from, to)))
}

/// A checksum of a range.
enum Checksum {
    Md5,
    Crc64,
}

/// The requested checksum of a range; at most one, and only of a small range.
fn checksum_asked(call: &Call<'_>, length: u64) -> Result<Option<Checksum>, Refusal> {
    let [md5, crc64] = ["x-ms-range-get-content-md5", "x-ms-range-get-content-crc64"];
    let asked = |name| call.ask.header(name).is_some_and(|wanted| wanted.eq_ignore_ascii_case("true"));
    match (asked(md5), asked(crc64)) {
        (false, false) => Ok(None),
        (true, true) => Err(Refusal::header(crc64)),
        (is_md5, _) if length > MAX_CHECKED_RANGE => Err(Refusal::header(if is_md5 { md5 } else { crc64 })),
        (is_md5, _) => Ok(Some(if is_md5 { Checksum::Md5 } else { Checksum::Crc64 })),
    }
}

/// The bytes `from..to`: together if they are few, otherwise in parts while the client reads.
fn stream_of(body: Body, from: u64, to: u64) -> HttpBody {
    if to - from <= CHUNK {
        return HttpBody::from(body.read(from, to));
    }
    let parts = stream::unfold((body, from), move |(body, at)| async move {
        let end = (at + CHUNK).min(to);
        (at < to).then(|| (Ok::<Bytes, std::convert::Infallible>(body.read(at, end)), (body, end)))
    });
    HttpBody::from_stream(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_at_the_end_and_refused_beyond_it() {
        assert_eq!(parse_range("bytes=0-4", 10), Some(Range::Within(0, 5)));
        assert_eq!(parse_range("bytes=5-", 10), Some(Range::Within(5, 10)));
        assert_eq!(parse_range("bytes=5-100", 10), Some(Range::Within(5, 10)));
        assert_eq!(parse_range("bytes=10-", 10), Some(Range::Outside));
        assert_eq!(parse_range("bytes=0-", 0), Some(Range::Outside));
        assert_eq!(parse_range("bytes=-5", 10), None);
        assert_eq!(parse_range("lines=1-2", 10), None);
    }
}
