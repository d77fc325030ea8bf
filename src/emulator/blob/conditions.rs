//! Conditional headers of a request and of a copy's source.

use axum::http::HeaderMap;

use super::ask::header;
use super::properties::etag_text;
use super::refusal::{BLOB_ALREADY_EXISTS, CONDITION_NOT_MET, NOT_MODIFIED, Refusal, SOURCE_CONDITION_NOT_MET};
use super::stored::Blob;
use crate::emulator::http::parse_http_date;

/// The four conditions.
#[derive(Debug, Default)]
pub(super) struct Conditions<'r> {
    matches: Option<&'r str>,
    none_matches: Option<&'r str>,
    modified_since: Option<i64>,
    unmodified_since: Option<i64>,
}

impl<'r> Conditions<'r> {
    /// The conditions on what the request addresses.
    pub(super) fn of(headers: &'r HeaderMap) -> Self {
        Self::read(headers, ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"])
    }

    /// The conditions on the source of a copy.
    pub(super) fn of_source(headers: &'r HeaderMap) -> Self {
        Self::read(
            headers,
            [
                "x-ms-source-if-match",
                "x-ms-source-if-none-match",
                "x-ms-source-if-modified-since",
                "x-ms-source-if-unmodified-since",
            ],
        )
    }

    fn read(headers: &'r HeaderMap, [matches, none_matches, modified, unmodified]: [&str; 4]) -> Self {
        Self {
            matches: header(headers, matches),
            none_matches: header(headers, none_matches),
            modified_since: header(headers, modified).and_then(parse_http_date),
            unmodified_since: header(headers, unmodified).and_then(parse_http_date),
        }
    }

    /// Checks them for a read of a blob that exists: 304 or 412.
    pub(super) fn check_read(&self, blob: &Blob) -> Result<(), Refusal> {
        if self.unchanged_enough(blob) {
            return Err(CONDITION_NOT_MET);
        }
        if self.known_to_client(blob) { Err(NOT_MODIFIED) } else { Ok(()) }
    }

    /// Checks them for a write to a blob that may exist: 409 or 412.
    pub(super) fn check_write(&self, blob: Option<&Blob>) -> Result<(), Refusal> {
        let Some(blob) = blob else {
            return if self.matches.is_some() { Err(CONDITION_NOT_MET) } else { Ok(()) };
        };
        if self.none_matches == Some("*") {
            return Err(BLOB_ALREADY_EXISTS);
        }
        if self.unchanged_enough(blob) || self.known_to_client(blob) { Err(CONDITION_NOT_MET) } else { Ok(()) }
    }

    /// Checks them for a lease operation: 412.
    pub(super) fn check_lease(&self, blob: &Blob) -> Result<(), Refusal> {
        if self.unchanged_enough(blob) || self.known_to_client(blob) { Err(CONDITION_NOT_MET) } else { Ok(()) }
    }

    /// Checks them for the source of a copy: 412.
    pub(super) fn check_source(&self, blob: &Blob) -> Result<(), Refusal> {
        if self.unchanged_enough(blob) || self.known_to_client(blob) { Err(SOURCE_CONDITION_NOT_MET) } else { Ok(()) }
    }

    /// Do the conditions on time hold for a container? It has no other conditions.
    pub(super) fn hold_for_container(&self, modified: u32) -> bool {
        self.unmodified_since.is_none_or(|at| i64::from(modified) <= at)
            && self.modified_since.is_none_or(|at| i64::from(modified) > at)
    }

    /// Fails `If-Match` or `If-Unmodified-Since`.
    fn unchanged_enough(&self, blob: &Blob) -> bool {
        self.matches.is_some_and(|wanted| !names(wanted, blob))
            || self.unmodified_since.is_some_and(|at| i64::from(blob.modified) > at)
    }

    /// Fails `If-None-Match` or `If-Modified-Since`.
    fn known_to_client(&self, blob: &Blob) -> bool {
        self.none_matches.is_some_and(|known| names(known, blob))
            || self.modified_since.is_some_and(|at| i64::from(blob.modified) <= at)
    }
}

/// Does a list of `ETag`s, quoted or not, or `*`, name the current state of the blob?
fn names(list: &str, blob: &Blob) -> bool {
    let own = etag_text(blob.etag);
    list.split(',').map(str::trim).any(|etag| etag == "*" || etag == own || etag == own.trim_matches('"'))
}
