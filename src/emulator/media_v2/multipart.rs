//! Splits multipart bodies into parts, and writes answers as parts.

use std::fmt::Write as _;

use super::answer::Answer;
use super::errors::ApiError;
use super::render::INFALLIBLE;

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Part {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// The parts of a multipart body.
pub(super) fn parts(content_type: &str, body: &[u8]) -> Result<Vec<Part>, ApiError> {
    let boundary = content_type
        .split(';')
        .filter_map(|p| p.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .filter(|b| !b.is_empty())
        .ok_or_else(|| ApiError::bad("The multipart content has no boundary."))?;
    let delimiter = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut rest = body;
    let mut started = false;
    let mut closed = false;
    while let Some(at) = boundary_line(rest, &delimiter) {
        if started {
            parts.push(part(trim_line_end(&rest[..at])));
        }
        started = true;
        rest = &rest[at + delimiter.len()..];
        if rest.starts_with(b"--") {
            closed = true;
            break;
        }
        rest = &rest[find(rest, b"\n").map_or(rest.len(), |end| end + 1)..];
    }
    if closed { Ok(parts) } else { Err(ApiError::bad("The multipart content ends before its closing boundary.")) }
}

/// The position of a delimiter at the start of a line that is not the beginning of a longer one.
fn boundary_line(text: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + find(&text[from..], delimiter)?;
        let begins = at == 0 || text[at - 1] == b'\n';
        let ends = matches!(text[at + delimiter.len()..], [] | [b'\r' | b'\n' | b' ' | b'\t', ..] | [b'-', b'-', ..]);
        if begins && ends {
            return Some(at);
        }
        from = at + 1;
    }
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

fn trim_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Head and body of a message, split at the first empty line.
pub(super) fn cut_head(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(end) = find(&text[at..], b"\n") {
        let line = &text[at..at + end];
        at += end + 1;
        if line.is_empty() || line == b"\r" {
            return (&text[..at - end - 1], &text[at..]);
        }
    }
    (text, &[])
}

fn part(text: &[u8]) -> Part {
    let (head, body) = cut_head(text);
    let headers = String::from_utf8_lossy(head)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    Part { headers, body: body.to_vec() }
}

/// Writes an answer as a part, without the boundary before it.
pub(super) fn write_answer(out: &mut String, answer: &Answer, content_id: Option<&str>) {
    let reason = axum::http::StatusCode::from_u16(answer.status).ok().and_then(|s| s.canonical_reason()).unwrap_or("");
    out.push_str("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n");
    write!(out, "HTTP/1.1 {} {reason}\r\n", answer.status).expect(INFALLIBLE);
    if let Some(id) = content_id {
        write!(out, "Content-ID: {id}\r\n").expect(INFALLIBLE);
    }
    out.push_str("X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n");
    write!(out, "DataServiceVersion: {}\r\n", answer.version).expect(INFALLIBLE);
    if let Some(content_type) = &answer.content_type {
        write!(out, "Content-Type: {content_type}\r\n").expect(INFALLIBLE);
    }
    for (name, value) in &answer.headers {
        let name = if *name == "location" { "Location" } else { name };
        write!(out, "{name}: {value}\r\n").expect(INFALLIBLE);
    }
    write!(out, "\r\n{}\r\n", answer.body).expect(INFALLIBLE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_split_with_both_line_endings() {
        for end in ["\r\n", "\n"] {
            let body =
                ["preamble", "--b", "Content-ID: 1", "", "one", "two", "--b", "", "three", "--b--", ""].join(end);
            let body = body.replace("three", "--b1 a--b");
            let parts = parts("multipart/mixed; boundary=\"b\"", body.as_bytes()).unwrap();
            assert_eq!(parts.len(), 2);
            assert_eq!(parts[0].header("content-id"), Some("1"));
            assert_eq!(parts[0].body, format!("one{end}two").into_bytes());
            assert_eq!(parts[1].body, b"--b1 a--b");
        }
        assert!(parts("multipart/mixed; boundary=b", b"--b\r\n\r\nx").is_err(), "never closed");
        assert!(parts("multipart/mixed", b"").is_err(), "no boundary");
    }
}
