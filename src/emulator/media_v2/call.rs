//! One API call, as a request or a part of a batch: its verb, path, query, version and JSON formats.

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use super::errors::ApiError;
use super::render::Format;

/// The largest bodies are a job with its presets, or a batch of a thousand operations.
pub(super) const LONGEST_BODY: usize = 16 * 1024 * 1024;

/// The action of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    /// MERGE, PATCH and PUT, which the service treats the same way.
    Merge,
    Delete,
}

impl Verb {
    /// The verb of a method, with `X-HTTP-Method` tunnelling applied.
    pub(super) fn of(method: &str, headers: &HeaderMap) -> Result<Self, ApiError> {
        let tunnelled = headers.get("x-http-method").and_then(|v| v.to_str().ok()).unwrap_or(method);
        match tunnelled {
            "GET" | "HEAD" => Ok(Self::Get),
            "POST" => Ok(Self::Post),
            "MERGE" | "PATCH" | "PUT" => Ok(Self::Merge),
            "DELETE" => Ok(Self::Delete),
            other => Err(ApiError::new(405, format!("The HTTP method '{other}' is not supported."))),
        }
    }
}

/// One piece of a path: `Assets`, `Assets()`, `Assets('key')`, `$links`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) key: Option<String>,
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) verb: Verb,
    pub(super) path: Vec<Segment>,
    pub(super) query: Vec<(String, String)>,
    /// The minor number of x-ms-version 2.x.
    pub(super) version: u8,
    pub(super) reply: Format,
    pub(super) body: Vec<u8>,
    /// A fault plan requires that its changes are acknowledged but not made.
    pub(super) pretended: bool,
}

impl Call {
    /// A query option; `$`-options by their exact name, others without regard to case.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// The path inside the API: everything after `/api`, decoded and split at slashes outside quotes.
pub(super) fn segments(path: &str) -> Result<Vec<Segment>, ApiError> {
    let decoded =
        percent_decode_str(path).decode_utf8().map_err(|_| ApiError::bad("Bad request: the URL is not UTF-8."))?;
    let mut pieces = vec![String::new()];
    let mut inside = false;
    for c in decoded.chars() {
        match c {
            '/' if !inside => pieces.push(String::new()),
            _ => {
                inside ^= c == '\'';
                if let Some(piece) = pieces.last_mut() {
                    piece.push(c);
                }
            }
        }
    }
    let mut segments = Vec::new();
    for (at, piece) in pieces.into_iter().filter(|p| !p.is_empty()).enumerate() {
        if at == 0 && piece.eq_ignore_ascii_case("api") {
            continue;
        }
        segments.push(segment(&piece)?);
    }
    Ok(segments)
}

fn segment(piece: &str) -> Result<Segment, ApiError> {
    let Some((name, key)) = piece.split_once('(') else {
        return Ok(Segment { name: piece.to_owned(), key: None });
    };
    let malformed = || ApiError::bad(format!("Bad request: error in query syntax near '{piece}'."));
    let key = key.strip_suffix(')').ok_or_else(malformed)?;
    let key = match key {
        "" => None,
        quoted if quoted.len() >= 2 && quoted.starts_with('\'') && quoted.ends_with('\'') => {
            Some(quoted[1..quoted.len() - 1].replace("''", "'"))
        }
        _ => return Err(malformed()),
    };
    Ok(Segment { name: name.to_owned(), key })
}

/// The query options, decoded.
pub(super) fn options(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The requested minor version, by header or (as the service allows) by query.
pub(super) fn version(headers: &HeaderMap, query: &[(String, String)]) -> Result<u8, ApiError> {
    let header = headers.get("x-ms-version").and_then(|v| v.to_str().ok());
    let text = header.or_else(|| query.iter().find(|(n, _)| n == "api-version").map(|(_, v)| v.as_str()));
    let Some(text) = text else {
        return Err(ApiError::bad("The request must contain the x-ms-version header."));
    };
    text.trim()
        .strip_prefix("2.")
        .and_then(|minor| minor.parse::<u8>().ok())
        .filter(|minor| *minor <= NEWEST)
        .ok_or_else(|| ApiError::bad(format!("The x-ms-version header value '{text}' is not supported.")))
}

/// The last version ever published, 2.19.
pub(super) const NEWEST: u8 = 19;

/// The JSON format of the answer; Atom is not supported here.
pub(super) fn reply_format(headers: &HeaderMap) -> Result<Format, ApiError> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let accept = text(header::ACCEPT);
    if accept.contains("odata=verbose") {
        return Ok(Format::Verbose);
    }
    if accept.contains("application/json") {
        return Ok(Format::Light);
    }
    if accept.is_empty() || accept.contains("*/*") || accept.contains("multipart/mixed") {
        let verbose = text(header::CONTENT_TYPE).contains("odata=verbose");
        return Ok(if verbose { Format::Verbose } else { Format::Light });
    }
    Err(ApiError::new(406, "Only application/json is available, with odata=verbose or without."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<(String, Option<String>)> {
        segments(path).unwrap().into_iter().map(|s| (s.name, s.key)).collect()
    }

    #[test]
    fn paths_are_read_in_all_forms_that_clients_write() {
        let key = Some("nb:cid:UUID:1".to_owned());
        for path in [
            "/api/Assets('nb:cid:UUID:1')/Files",
            "/API//Assets(%27nb%3Acid%3AUUID%3A1%27)/Files()",
            "/api/%2FAssets%28%27nb%3Acid%3AUUID%3A1%27%29/Files/",
        ] {
            assert_eq!(names(path), [("Assets".to_owned(), key.clone()), ("Files".to_owned(), None)], "{path}");
        }
        assert_eq!(names("/api/"), []);
        assert_eq!(segments("/api/Assets(12)").map_err(|e| e.status).map(|_| ()), Err(400));
    }

    #[test]
    fn only_published_versions_are_served() {
        let with = |v: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-ms-version", v.parse().unwrap());
            version(&headers, &[]).map_err(|e| e.status)
        };
        assert_eq!(with("2.0"), Ok(0));
        assert_eq!(with("2.19"), Ok(19));
        assert_eq!(with("2.20"), Err(400));
        assert_eq!(with("1.0"), Err(400));
        assert_eq!(version(&HeaderMap::new(), &[]).map_err(|e| e.status), Err(400));
    }
}
