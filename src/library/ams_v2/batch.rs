//! `$batch`: many changes in one request, as `multipart/mixed` in both directions.
//!
//! A changeset takes effect as a whole or not at all. If the answer does not report a changeset, its result is unknown.

use std::fmt::Write as _;

use serde_json::Value;
use url::Url;

use super::calls::JSON;
use super::errors;
use super::odata::{self, Row};
use crate::error::Failure;

/// The most operations of a changeset (the default of WCF Data Services; the service does not document its own).
pub(super) const CHANGESET_OPERATIONS: usize = 100;
/// Operations in one request: ten full changesets, well below a megabyte (guess).
pub(super) const BATCH_OPERATIONS: usize = 1000;

/// One change.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// `POST`, `MERGE` or `DELETE`.
    pub(super) method: &'static str,
    /// Where.
    pub(super) target: Target,
    /// The body, if there is one.
    pub(super) body: Option<Value>,
    /// Is the entity in its answer used?
    pub(super) answer_used: bool,
}

/// What an operation changes.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// Path below the root, escaped.
    Path(String),
    /// The entity that the operation with that index in the same changeset makes.
    Made(usize),
}

/// Changes that belong together.
pub(super) type Changeset = Vec<Operation>;

/// The result of a changeset: the entities that its operations made (none if an operation returns nothing, or its
/// answer is not used).
pub(super) type Outcome = Result<Vec<Option<Row>>, Failure>;

/// Content type and body of a request of queries.
pub(super) fn write_queries(root: &Url, paths: &[String]) -> (String, String) {
    let batch = format!("batch_{}", uuid::Uuid::new_v4());
    let mut text = String::new();
    for path in paths {
        let _ = write!(
            text,
            "--{batch}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             GET {root}{path} HTTP/1.1\r\nAccept: {JSON}\r\nDataServiceVersion: 3.0\r\nMaxDataServiceVersion: 3.0\r\n\r\n\r\n"
        );
    }
    let _ = write!(text, "--{batch}--\r\n");
    (format!("multipart/mixed; boundary={batch}"), text)
}

/// Reads the answer to `asked` queries; `None` if it is not a batch answer.
pub(super) fn read_queries<T>(
    content_type: &str,
    body: &str,
    asked: usize,
    read: fn(&str) -> Option<T>,
) -> Option<Vec<Result<T, Failure>>> {
    let mut parts = split(body, &boundary(content_type)?)?.into_iter();
    Some((0..asked).map(|_| parts.next().map_or_else(|| Err(cut_short()), |part| query(part, read))).collect())
}

/// The result of one query.
fn query<T>(part: &str, read: fn(&str) -> Option<T>) -> Result<T, Failure> {
    let (status, headers, body) = message_of(part)?;
    match status {
        200..=299 => read(body).ok_or_else(cut_short),
        _ => Err(errors::refusal(status, header(headers, "retry-after"), body)),
    }
}

/// Content type and body of a request.
pub(super) fn write(root: &Url, changesets: &[Changeset]) -> (String, String) {
    let batch = format!("batch_{}", uuid::Uuid::new_v4());
    let mut text = String::new();
    // Content ids are unique in the whole request; a reference refers to its own changeset.
    let mut first_id = 1;
    for changeset in changesets {
        let boundary = format!("changeset_{}", uuid::Uuid::new_v4());
        let _ = write!(text, "--{batch}\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\r\n");
        for (index, operation) in changeset.iter().enumerate() {
            let _ = write!(
                text,
                "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            );
            write_operation(&mut text, root, operation, first_id, first_id + index);
        }
        let _ = write!(text, "--{boundary}--\r\n");
        first_id += changeset.len();
    }
    let _ = write!(text, "--{batch}--\r\n");
    (format!("multipart/mixed; boundary={batch}"), text)
}

fn write_operation(text: &mut String, root: &Url, operation: &Operation, first_id: usize, id: usize) {
    let method = operation.method;
    let _ = match &operation.target {
        Target::Path(path) => write!(text, "{method} {root}{path} HTTP/1.1\r\n"),
        Target::Made(index) => write!(text, "{method} ${} HTTP/1.1\r\n", first_id + index),
    };
    let _ =
        write!(text, "Content-ID: {id}\r\nAccept: {JSON}\r\nDataServiceVersion: 3.0\r\nMaxDataServiceVersion: 3.0\r\n");
    if let Some(body) = &operation.body {
        let body = body.to_string();
        let _ = write!(text, "Content-Type: {JSON}\r\nContent-Length: {}\r\n\r\n{body}\r\n", body.len());
    } else {
        text.push_str("\r\n\r\n");
    }
}

/// Reads an answer; `None` if it is not a batch answer.
pub(super) fn read(content_type: &str, body: &str, asked: &[Changeset]) -> Option<Vec<Outcome>> {
    let mut parts = split(body, &boundary(content_type)?)?.into_iter();
    Some(
        asked
            .iter()
            .map(|changeset| parts.next().map_or_else(|| Err(cut_short()), |part| outcome(part, changeset)))
            .collect(),
    )
}

/// The result of one changeset.
fn outcome(part: &str, asked: &Changeset) -> Outcome {
    let (headers, content) = head_and_body(part);
    let content_type = header(headers, "content-type").unwrap_or_default();
    let answers = match boundary(content_type) {
        Some(boundary) => split(content, &boundary).ok_or_else(cut_short)?,
        // The answer for a failed changeset is a single error.
        None => vec![part],
    };
    let mut rows = Vec::with_capacity(asked.len());
    for (at, answer) in answers.iter().enumerate() {
        rows.push(operation_outcome(answer, asked.get(at).is_some_and(|operation| operation.answer_used))?);
    }
    if rows.len() == asked.len() { Ok(rows) } else { Err(cut_short()) }
}

/// The result of one operation.
fn operation_outcome(part: &str, used: bool) -> Result<Option<Row>, Failure> {
    let (status, headers, body) = message_of(part)?;
    match status {
        200..=299 if body.is_empty() || !used => Ok(None),
        200..=299 => Ok(odata::row(body)),
        _ => Err(errors::refusal(status, header(headers, "retry-after"), body)),
    }
}

/// Status, headers and body of the HTTP message in a part.
fn message_of(part: &str) -> Result<(u16, &str, &str), Failure> {
    let (_, message) = head_and_body(part);
    let message = message.trim_start();
    let (status_line, rest) = message.split_once('\n').unwrap_or((message, ""));
    let status: u16 = status_line
        .strip_prefix("HTTP/")
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|status| status.parse().ok())
        .ok_or_else(cut_short)?;
    let (headers, body) = head_and_body(rest);
    Ok((status, headers, body.trim()))
}

/// The failure if it is unknown whether the changeset took effect.
fn cut_short() -> Failure {
    Failure::Interrupted("the batch answer does not report the result of the change".to_owned())
}

/// The boundary in a content type of `multipart/mixed`.
fn boundary(content_type: &str) -> Option<String> {
    let mut pieces = content_type.split(';').map(str::trim);
    if !pieces.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let value = pieces.find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// The parts between the boundary's lines. A part without an end is left out: it can be truncated anywhere.
fn split<'a>(body: &'a str, boundary: &str) -> Option<Vec<&'a str>> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut start, mut offset) = (Vec::new(), None, 0);
    for line in body.split_inclusive('\n') {
        let end = offset + line.len();
        let text = line.trim_end();
        if text == delimiter || text.strip_suffix("--") == Some(&delimiter) {
            if let Some(start) = start {
                parts.push(&body[start..offset]);
            }
            start = (text == delimiter).then_some(end);
            if start.is_none() {
                return Some(parts);
            }
        }
        offset = end;
    }
    (start.is_some() || !parts.is_empty()).then_some(parts)
}

/// Headers and body of a message, with both kinds of line ends. A part can have no headers.
fn head_and_body(message: &str) -> (&str, &str) {
    if let Some(body) = message.strip_prefix("\r\n").or_else(|| message.strip_prefix('\n')) {
        return ("", body);
    }
    let split = |gap: &str| message.find(gap).map(|at| (at, at + gap.len()));
    let gaps = [split("\r\n\r\n"), split("\n\n")];
    match gaps.into_iter().flatten().min() {
        Some((head, body)) => (&message[..head], &message[body..]),
        None => (message, ""),
    }
}

fn header<'a>(headers: &'a str, wanted: &str) -> Option<&'a str> {
    headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests;
