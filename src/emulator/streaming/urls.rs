//! URLs inside manifests and playlists.

use std::fmt::Write as _;

/// A blob name as a relative URL reference: everything except unreserved characters and slashes is encoded.
pub(super) fn relative_url(name: &str) -> String {
    let mut url = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => url.push(char::from(byte)),
            other => write!(url, "%{other:02X}").expect("writing to a string never fails"),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_relative_urls() {
        assert_eq!(relative_url("a b/ü%.mp4"), "a%20b/%C3%BC%25.mp4");
    }
}
