//! Reads the URLs of an HLS playlist (RFC 8216) with `m3u8-rs`.
//!
//! That parser ignores lines that it does not understand. So its result is compared with the lines of the text, and a
//! playlist with ignored lines is treated as unreadable.

use m3u8_rs::{
    AlternativeMedia, ByteRange, ExtTag, MasterPlaylist, MediaPlaylist, MediaSegment, Playlist, SessionDataField,
};

use super::named::{Contents, Kind, Named};

/// Tags that name a URL or a range. The parser reports them as unknown if an attribute is missing.
const NAMING: &[&str] = &[
    "X-STREAM-INF",
    "X-I-FRAME-STREAM-INF",
    "X-MEDIA",
    "X-SESSION-KEY",
    "X-SESSION-DATA",
    "X-KEY",
    "X-MAP",
    "X-BYTERANGE",
];

/// Reads a playlist.
///
/// # Errors
/// The problem of the text.
pub(super) fn read(text: &[u8]) -> Result<Contents, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    if lines.lines().any(|line| line.starts_with("#EXT-X-DEFINE")) {
        return Err("it has variables (EXT-X-DEFINE), which are not replaced here".to_owned());
    }
    let text = for_the_parser(lines);
    let (rest, playlist) =
        m3u8_rs::parse_playlist(text.as_bytes()).map_err(|_| "it is not an HLS playlist".to_owned())?;
    if !rest.iter().all(u8::is_ascii_whitespace) {
        let line =
            String::from_utf8_lossy(rest).lines().next().unwrap_or_default().chars().take(60).collect::<String>();
        return Err(format!("it cannot be read from {line:?} on"));
    }
    match playlist {
        Playlist::MasterPlaylist(master) => of_renditions(&master, lines),
        Playlist::MediaPlaylist(media) => of_segments(&media, lines),
    }
}

/// The text without titles of segments, because the parser treats one with a comma as a URL, and with a final line end.
fn for_the_parser(lines: &str) -> String {
    let mut text = String::with_capacity(lines.len() + 1);
    for line in lines.lines() {
        let shown = match line.strip_prefix("#EXTINF:").and_then(|rest| rest.split_once(',')) {
            Some((_, title)) => &line[..line.len() - title.len()],
            None => line,
        };
        text.push_str(shown);
        text.push('\n');
    }
    text
}

/// A playlist of renditions: their playlists, those of audio and subtitles, and keys.
fn of_renditions(master: &MasterPlaylist, lines: &str) -> Result<Contents, String> {
    understood(&master.unknown_tags)?;
    complete("EXT-X-STREAM-INF", tags(lines, "#EXT-X-STREAM-INF:"), streams(master, false))?;
    complete("EXT-X-I-FRAME-STREAM-INF", tags(lines, "#EXT-X-I-FRAME-STREAM-INF:"), streams(master, true))?;
    complete("EXT-X-MEDIA", tags(lines, "#EXT-X-MEDIA:"), master.alternatives.len())?;
    let mut contents = Contents::default();
    for variant in &master.variants {
        if variant.uri.is_empty() {
            return Err("an EXT-X-STREAM-INF has no URI".to_owned());
        }
        contents.add(Named::whole(&variant.uri, Kind::Hls));
    }
    for AlternativeMedia { uri, .. } in &master.alternatives {
        if let Some(uri) = uri {
            contents.add(Named::whole(uri, Kind::Hls));
        }
    }
    for key in master.session_key.iter().filter_map(|key| key.0.uri.as_ref()) {
        contents.add(Named::whole(key, Kind::Key));
    }
    for data in &master.session_data {
        if let SessionDataField::Uri(uri) = &data.field {
            contents.add(Named::whole(uri, Kind::File));
        }
    }
    if contents.named.is_empty() {
        return Err("it names no rendition".to_owned());
    }
    Ok(contents)
}

fn streams(master: &MasterPlaylist, i_frame: bool) -> usize {
    master.variants.iter().filter(|variant| variant.is_i_frame == i_frame).count()
}

/// A playlist of segments: keys and initialization sections, the first and last segments.
fn of_segments(media: &MediaPlaylist, lines: &str) -> Result<Contents, String> {
    understood(&media.unknown_tags)?;
    for segment in &media.segments {
        understood(&segment.unknown_tags)?;
    }
    let urls = lines.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
    complete("segment", urls, media.segments.len())?;
    let ranges = media.segments.iter().filter(|segment| segment.byte_range.is_some()).count();
    complete("EXT-X-BYTERANGE", tags(lines, "#EXT-X-BYTERANGE:"), ranges)?;
    let (Some(first), Some(last)) = (media.segments.first(), media.segments.last()) else {
        return Err("it names no segment".to_owned());
    };
    let mut contents = Contents::default();
    for segment in &media.segments {
        if let Some(uri) = segment.key.as_ref().and_then(|key| key.uri.as_ref()) {
            contents.add(Named::whole(uri, Kind::Key));
        }
        if let Some(map) = &segment.map {
            // RFC 8216, 4.3.2.5: without an offset it starts at 0.
            let range = map.byte_range.as_ref().map(|range| (range.offset.unwrap_or(0), range.length));
            contents.add(Named::range(&map.uri, Kind::Init, range));
        }
    }
    contents.add(Named::range(&first.uri, Kind::Segment, range_of(&media.segments, 0)?));
    contents.add(Named::range(&last.uri, Kind::Segment, range_of(&media.segments, media.segments.len() - 1)?));
    Ok(contents)
}

/// The range of a segment. Without an offset, it starts at the end of the previous segment's range, which is in the
/// same file.
fn range_of(segments: &[MediaSegment], index: usize) -> Result<Option<(u64, u64)>, String> {
    let Some(ByteRange { length, .. }) = segments[index].byte_range else { return Ok(None) };
    let (mut start, mut at) = (0_u64, index);
    loop {
        let MediaSegment { uri, byte_range, .. } = &segments[at];
        let Some(range) = byte_range.as_ref().filter(|_| *uri == segments[index].uri) else {
            return Err("the offset of a range is not known".to_owned());
        };
        if at < index {
            start = start.checked_add(range.length).ok_or("a range is too large")?;
        }
        match (range.offset, at.checked_sub(1)) {
            (Some(offset), _) => {
                let from = offset.checked_add(start).ok_or("a range is too large")?;
                return Ok(Some((from, length)));
            }
            // The first segment of a file starts at its first byte, as in players.
            (None, None) => return Ok(Some((start, length))),
            (None, Some(before)) => at = before,
        }
    }
}

/// The number of lines that start with that tag.
fn tags(lines: &str, tag: &str) -> usize {
    lines.lines().filter(|line| line.starts_with(tag)).count()
}

fn complete(what: &str, written: usize, read: usize) -> Result<(), String> {
    if written == read { Ok(()) } else { Err(format!("of {written} {what} lines, {read} could be read")) }
}

fn understood(unknown: &[ExtTag]) -> Result<(), String> {
    match unknown.iter().find(|tag| NAMING.contains(&tag.tag.as_str())) {
        Some(tag) => Err(format!("an EXT-{} lacks an attribute, or has a wrong one", tag.tag)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
