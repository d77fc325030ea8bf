//! MIME types by file extensions, as streaming services and players know them.

/// File extensions in lower case, and their MIME types. Manifests are XML, although some servers used other types for
/// them.
const TYPES: &[(&str, &str)] = &[
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("ismv", "video/mp4"),
    ("m4a", "audio/mp4"),
    ("isma", "audio/mp4"),
    ("ism", "application/xml"),
    ("ismc", "application/xml"),
    ("xml", "application/xml"),
    ("mpd", "application/dash+xml"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("ts", "video/mp2t"),
    ("mov", "video/quicktime"),
    ("mkv", "video/x-matroska"),
    ("webm", "video/webm"),
    ("avi", "video/x-msvideo"),
    ("wmv", "video/x-ms-wmv"),
    ("wma", "audio/x-ms-wma"),
    ("mpg", "video/mpeg"),
    ("mpeg", "video/mpeg"),
    ("mxf", "application/mxf"),
    ("flv", "video/x-flv"),
    ("3gp", "video/3gpp"),
    ("mp3", "audio/mpeg"),
    ("aac", "audio/aac"),
    ("wav", "audio/wav"),
    ("vtt", "text/vtt"),
    ("ttml", "application/ttml+xml"),
    ("srt", "application/x-subrip"),
    ("json", "application/json"),
    ("txt", "text/plain"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
];

/// The type of an unknown file.
const UNKNOWN: &str = "application/octet-stream";

/// The MIME type of a file of that name.
pub(super) fn of(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let known = ending.and_then(|ending| TYPES.iter().find(|(known, _)| *known == ending));
    known.map_or(UNKNOWN, |(_, mime)| mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_gives_the_type_in_any_case_and_unknown_ones_are_bytes() {
        assert_eq!(of("Film.MP4"), "video/mp4");
        assert_eq!(of("a.b.ism"), "application/xml");
        assert_eq!(of("mp4"), UNKNOWN);
        assert_eq!(of("a.xyz"), UNKNOWN);
    }
}
