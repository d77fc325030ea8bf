//! A parsed request to the blob service: account, container, blob, query and headers.

use std::borrow::Cow;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use super::refusal::{INVALID_URI, INVALID_URL, NAME_LENGTH, Refusal};

/// The longest name of a blob, in characters.
const MAX_BLOB_NAME: usize = 1024;

/// The account, container or blob that a path-style URL addresses.
#[derive(Debug, Clone)]
pub(super) struct Target<'r> {
    /// The path as it was sent.
    pub(super) raw_path: &'r str,
    pub(super) account: &'r str,
    pub(super) container: Option<Cow<'r, str>>,
    pub(super) blob: Option<Cow<'r, str>>,
    pub(super) query: Query<'r>,
}

impl<'r> Target<'r> {
    /// Parses `/account/container/blob` and a query.
    pub(super) fn parse(raw_path: &'r str, query: &'r str) -> Result<Self, Refusal> {
        let mut parts = raw_path.trim_start_matches('/').splitn(3, '/');
        let account = parts.next().unwrap_or_default();
        let mut decode = || {
            let part = parts.next().filter(|part| !part.is_empty());
            part.map(|part| percent_decode_str(part).decode_utf8()).transpose().map_err(|_| INVALID_URI)
        };
        let (container, blob) = (decode()?, decode()?);
        if [&container, &blob].into_iter().flatten().any(|name| name.contains(is_refused)) {
            return Err(INVALID_URL);
        }
        Ok(Self { raw_path, account, container, blob, query: Query::parse(query)? })
    }
}

/// Characters that a URL of the service must not have, encoded or not: control characters and code points for private
/// use.
fn is_refused(character: char) -> bool {
    character.is_control() || ('\u{e000}'..='\u{f8ff}').contains(&character)
}

/// A decoded query. Names are compared without regard to case, as the service does.
#[derive(Debug, Clone, Default)]
pub(super) struct Query<'r>(pub(super) Vec<(Cow<'r, str>, Cow<'r, str>)>);

impl<'r> Query<'r> {
    fn parse(query: &'r str) -> Result<Self, Refusal> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        decoded.collect::<Result<_, _>>().map(Self)
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Is the parameter there with that value?
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
    }

    /// The value as a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        self.get(name).map(|value| value.parse().map_err(|_| Refusal::query(name))).transpose()
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(|_| INVALID_URI);
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(|text| Cow::Owned(text.into_owned())).map_err(|_| INVALID_URI)
}

/// One request without its body.
#[derive(Debug)]
pub(super) struct Ask<'r> {
    pub(super) method: &'r Method,
    pub(super) headers: &'r HeaderMap,
    pub(super) target: Target<'r>,
}

impl<'r> Ask<'r> {
    /// Reads a request's head.
    pub(super) fn parse(parts: &'r Parts) -> Result<Self, Refusal> {
        let target = Target::parse(parts.uri.path(), parts.uri.query().unwrap_or_default())?;
        Ok(Self { method: &parts.method, headers: &parts.headers, target })
    }

    /// A header's value; `None` if absent, empty or not text.
    pub(super) fn header(&self, name: &str) -> Option<&'r str> {
        header(self.headers, name)
    }

    /// A header's value as a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.header(name).map(|value| value.trim().parse().map_err(|_| Refusal::header(name))).transpose()
    }

    /// A query parameter's value.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.target.query.get(name)
    }

    /// The name of the container the request must have.
    pub(super) fn container(&self) -> Result<&str, Refusal> {
        self.target.container.as_deref().ok_or(INVALID_URI)
    }

    /// Checks the version of the service that the request names.
    pub(super) fn check_version(&self) -> Result<(), Refusal> {
        let is_date = |text: &str| {
            let digit_or_hyphen =
                |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
            text.len() == "2020-12-06".len() && text.bytes().enumerate().all(digit_or_hyphen)
        };
        if self.header("x-ms-version").is_none_or(is_date) { Ok(()) } else { Err(Refusal::header("x-ms-version")) }
    }

    /// The name of the blob the request must have.
    pub(super) fn blob(&self) -> Result<&str, Refusal> {
        let name = self.target.blob.as_deref().ok_or(INVALID_URI)?;
        let fits = name.len() <= MAX_BLOB_NAME || name.chars().count() <= MAX_BLOB_NAME;
        fits.then_some(name).ok_or(NAME_LENGTH)
    }
}

/// A header's value; `None` if absent, empty or not text.
pub(super) fn header<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_and_decoded() {
        let target = Target::parse("/acct/cont/dir%2Fa%20b/c+d", "comp=list&prefix=a+b%2B&SV=1").unwrap();
        assert_eq!(target.account, "acct");
        assert_eq!(target.container.as_deref(), Some("cont"));
        assert_eq!(target.blob.as_deref(), Some("dir/a b/c+d"));
        assert_eq!(target.query.get("prefix"), Some("a b+"));
        assert_eq!(target.query.get("sv"), Some("1"));
        let service = Target::parse("/acct/", "").unwrap();
        assert!(service.container.is_none());
    }
}
