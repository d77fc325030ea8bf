//! Compares the answers of both hosts. Pure.

use std::collections::BTreeSet;

use crate::connect::ViewerAnswer;
use crate::verdict::Cause;

/// Headers that decide whether a page of another site may play the content.
const CORS: &[&str] = &[
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
    "timing-allow-origin",
];

/// How one URL compares, on both hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Compared {
    /// Viewers get the same.
    Same,
    /// Viewers get the same refusal, with that status.
    NotPlayable(u16),
    /// Viewers of the target get something else: with all differences.
    Different(Vec<(Cause, String)>),
    /// It is unknown, with the reason.
    Unchecked(String),
}

/// Compares two answers to the same request for content.
pub(super) fn content(source: &ViewerAnswer, target: &ViewerAnswer) -> Compared {
    if source.status != target.status {
        return different(Cause::PlaysDifferently, format!("{} instead of {}", status(target), status(source)));
    }
    match source.status {
        200 | 206 => {}
        redirect @ 300..=399 => return Compared::Unchecked(format!("HTTP {redirect}: redirects are not followed")),
        refusal => return Compared::NotPlayable(refusal),
    }
    let mut differences = Vec::new();
    if source.length != target.length {
        differences.push((Cause::PlaysDifferently, format!("{} bytes instead of {}", target.length, source.length)));
    } else if source.digest != target.digest {
        differences.push((Cause::PlaysDifferently, format!("other bytes, of the same length {}", source.length)));
    }
    if media_type(source) != media_type(target) {
        differences.push(header(Cause::PlaysDifferently, "Content-Type", &media_type(source), &media_type(target)));
    }
    for name in ["content-range", "content-encoding", "content-disposition"] {
        let [there, here] = [source, target].map(|answer| answer.header(name).unwrap_or_default().to_owned());
        if there != here {
            differences.push(header(Cause::PlaysDifferently, name, &there, &here));
        }
    }
    let [there, here] = [source, target].map(|answer| words(answer.header("cache-control").unwrap_or_default()));
    if there != here {
        differences.push(header(Cause::PlaysDifferently, "Cache-Control", &there, &here));
    }
    differences.extend(cors(source, target));
    if differences.is_empty() { Compared::Same } else { Compared::Different(differences) }
}

/// Compares two answers to a browser's preflight request. All refusals are treated as equal: the browser then sends no
/// request.
pub(super) fn preflight(source: &ViewerAnswer, target: &ViewerAnswer) -> Vec<(Cause, String)> {
    let [granted, here] = [source, target].map(|answer| matches!(answer.status, 200..=299));
    if granted != here {
        return vec![(Cause::CorsDiffers, format!("OPTIONS: {} instead of {}", status(target), status(source)))];
    }
    if !granted {
        return Vec::new();
    }
    cors(source, target).into_iter().map(|(cause, what)| (cause, format!("OPTIONS: {what}"))).collect()
}

/// Does it have a header that says how long it may be cached?
pub(super) fn says_how_long(answer: &ViewerAnswer) -> bool {
    answer.header("cache-control").is_some_and(|value| !value.trim().is_empty())
}

fn cors(source: &ViewerAnswer, target: &ViewerAnswer) -> Vec<(Cause, String)> {
    let values = |answer: &ViewerAnswer, name| words(answer.header(name).unwrap_or_default());
    let pairs = CORS.iter().map(|name| (*name, values(source, name), values(target, name)));
    let pairs = pairs.filter(|(_, there, here)| there != here);
    pairs.map(|(name, there, here)| header(Cause::CorsDiffers, name, &there, &here)).collect()
}

fn header(cause: Cause, name: &str, source: &str, target: &str) -> (Cause, String) {
    let shown = |value: &str| if value.is_empty() { "none".to_owned() } else { format!("{value:?}") };
    (cause, format!("{name} {} instead of {}", shown(target), shown(source)))
}

fn different(cause: Cause, what: String) -> Compared {
    Compared::Different(vec![(cause, what)])
}

fn status(answer: &ViewerAnswer) -> String {
    format!("HTTP {}", answer.status)
}

/// No media type and `application/octet-stream` are treated as equal.
fn media_type(answer: &ViewerAnswer) -> String {
    let written = answer.header("content-type").unwrap_or_default().trim();
    if written.is_empty() { "application/octet-stream".to_owned() } else { written.to_ascii_lowercase() }
}

/// A list of words, such as names of headers: their order and case have no meaning.
fn words(value: &str) -> String {
    let words: BTreeSet<String> =
        value.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()).collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &'static [u8]) -> ViewerAnswer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let digest = Sha256::digest(body).into();
        ViewerAnswer { status, headers, length: body.len() as u64, digest, body: Some(body.into()) }
    }

    fn causes(compared: Compared) -> Vec<(&'static str, String)> {
        match compared {
            Compared::Different(all) => all.into_iter().map(|(cause, what)| (cause.code(), what)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn equal_answers_are_the_same_and_equal_refusals_do_not_play_anywhere() {
        let headers = [("content-type", "video/mp4"), ("access-control-expose-headers", "A, b")];
        let other = [("access-control-expose-headers", "B,a"), ("content-type", "video/MP4"), ("etag", "1")];
        assert_eq!(content(&answer(200, &headers, b"x"), &answer(200, &other, b"x")), Compared::Same);
        assert_eq!(content(&answer(404, &[], b"a"), &answer(404, &[], b"b")), Compared::NotPlayable(404));
        let untyped = answer(200, &[("content-type", "application/octet-stream")], b"");
        assert_eq!(content(&answer(200, &[], b""), &untyped), Compared::Same);
    }

    #[test]
    fn redirects_are_not_followed() {
        assert!(matches!(content(&answer(302, &[], b""), &answer(302, &[], b"")), Compared::Unchecked(_)));
    }

    #[test]
    fn every_difference_is_named_with_its_cause() {
        let source = answer(200, &[("content-type", "video/mp4"), ("cache-control", "max-age=5, public")], b"abc");
        let found = |target: &ViewerAnswer| causes(content(&source, target));
        assert_eq!(found(&answer(404, &[], b"")), [("plays-differently", "HTTP 404 instead of HTTP 200".to_owned())]);
        let same = [("content-type", "video/mp4"), ("cache-control", "public,max-age=5")];
        assert_eq!(found(&answer(200, &same, b"abd"))[0].1, "other bytes, of the same length 3");
        assert_eq!(found(&answer(200, &same, b"ab"))[0].1, "2 bytes instead of 3");
        let all = found(&answer(200, &[("access-control-allow-origin", "*")], b"abc"));
        let expected = [
            ("plays-differently", "Content-Type \"application/octet-stream\" instead of \"video/mp4\""),
            ("plays-differently", "Cache-Control none instead of \"max-age=5, public\""),
            ("cors-differs", "access-control-allow-origin \"*\" instead of none"),
        ];
        assert_eq!(all, expected.map(|(code, what)| (code, what.to_owned())));
    }

    #[test]
    fn a_preflight_differs_if_one_host_refuses_it_or_allows_something_else() {
        let granted = answer(204, &[("access-control-allow-headers", "Range")], b"");
        let also = answer(200, &[("access-control-allow-headers", "range")], b"ok");
        let refused = answer(403, &[], b"");
        assert_eq!(preflight(&granted, &also), []);
        assert_eq!(preflight(&refused, &answer(404, &[], b"")), []);
        assert_eq!(preflight(&granted, &refused)[0].1, "OPTIONS: HTTP 403 instead of HTTP 204");
        let other = answer(204, &[], b"");
        assert_eq!(preflight(&granted, &other)[0].1, "OPTIONS: access-control-allow-headers none instead of \"range\"");
    }
}
