//! HLS over the MP4s of a server manifest: a master playlist, and one media playlist per rendition (RFC 8216).
//!
//! A fragmented MP4 with an index becomes byte-range segments of itself; any other MP4 is one segment.

use std::fmt::Write as _;

use super::refusal::Refusal;
use super::server_manifest::{Kind, ServerManifest, Track};
use super::source::Source;
use super::urls::relative_url;
use super::{protected, smooth};
use crate::emulator::media_v2::Delivery;
use crate::emulator::mp4::Layout;

pub(super) const CONTENT_TYPE: &str = "application/vnd.apple.mpegurl";

/// RFC 8216 section 7: `EXT-X-MAP` in a playlist of whole segments needs version 6, fragmented MP4 version 7.
const VERSION: u8 = 7;

/// The master playlist; `asked` is `manifest(format=…)` in lower case.
pub(super) async fn master(source: &Source<'_>, manifest: &ServerManifest, asked: &str) -> Result<String, Refusal> {
    let format = asked.trim_start_matches("manifest(").trim_end_matches(')');
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let audio: Vec<_> = manifest.separate_audio().collect();
    for (number, track) in audio.iter().enumerate() {
        let default = if number == 0 { "YES" } else { "NO" };
        let name = track.language.clone().unwrap_or_else(|| format!("audio {}", number + 1)).replace('"', "'");
        line(
            &mut text,
            format_args!(
                "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"{name}\",DEFAULT={default},AUTOSELECT=YES,URI=\"{}\"",
                playlist_url(track, format)
            ),
        );
    }
    let group = if audio.is_empty() { "" } else { ",AUDIO=\"audio\"" };
    let videos: Vec<_> = manifest.of(Kind::Video).collect();
    // An asset with only audio still has something to play.
    let renditions = if videos.is_empty() { audio } else { videos };
    for track in renditions {
        let layout = source.layout(&track.src).await?;
        let group = if track.kind == Kind::Video { group } else { "" };
        let size = layout.size.map_or(String::new(), |(width, height)| format!(",RESOLUTION={width}x{height}"));
        let mut codecs = layout.codecs.clone();
        if !group.is_empty() && !codecs.is_empty() {
            codecs.push("mp4a.40.2".to_owned());
        }
        let codecs = if codecs.is_empty() { String::new() } else { format!(",CODECS=\"{}\"", codecs.join(",")) };
        line(
            &mut text,
            format_args!("#EXT-X-STREAM-INF:BANDWIDTH={}{size}{codecs}{group}", peak_bandwidth(track, &layout)),
        );
        line(&mut text, format_args!("{}", playlist_url(track, format)));
    }
    Ok(text)
}

/// The media playlist behind `QualityLevels(bitrate)/Manifest(kind,format=…)`, in lower case; `None` if the request is
/// not for a playlist.
pub(super) async fn playlist(
    source: &Source<'_>,
    manifest: &ServerManifest,
    asked: &str,
) -> Result<Option<String>, Refusal> {
    let Some(track) = asked_track(manifest, asked) else { return Ok(None) };
    let layout = source.layout(&track.src).await?;
    // Relative to …/name.ism/QualityLevels(n)/
    let url = format!("../{}", source.media_url(&track.src));
    let seconds = match (&layout.index, layout.seconds) {
        (Some(_), _) => None,
        (None, Some(seconds)) => Some(seconds),
        (None, None) => Some(smooth::stated_seconds(source, manifest).await?.unwrap_or(smooth::UNKNOWN_SECONDS)),
    };
    Ok(Some(media_playlist(&url, &layout, seconds, &source.delivery)))
}

fn media_playlist(url: &str, layout: &Layout, whole_seconds: Option<f64>, delivery: &Delivery) -> String {
    let segments = layout.index.as_ref().map_or(&[][..], |index| &index.segments);
    let longest = segments.iter().map(|s| s.seconds).chain(whole_seconds).fold(0.0, f64::max);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-TARGETDURATION:{:.0}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n",
        longest.ceil()
    );
    protected::hls_key(&mut text, delivery);
    if let Some(index) = &layout.index {
        line(&mut text, format_args!("#EXT-X-MAP:URI=\"{url}\",BYTERANGE=\"{}@0\"", index.init));
    }
    for segment in segments {
        line(&mut text, format_args!("#EXTINF:{:.6},", segment.seconds));
        line(&mut text, format_args!("#EXT-X-BYTERANGE:{}@{}", segment.length, segment.offset));
        line(&mut text, format_args!("{url}"));
    }
    if let Some(seconds) = whole_seconds {
        line(&mut text, format_args!("#EXTINF:{seconds:.6},"));
        line(&mut text, format_args!("{url}"));
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.write_fmt(content).expect("writing to a string never fails");
    text.push('\n');
}

/// As the real service wrote it, with the file of the track, so that two renditions with the same bitrate have
/// different URLs.
fn playlist_url(track: &Track, format: &str) -> String {
    let kind = if track.kind == Kind::Video { "video" } else { "audio" };
    format!("QualityLevels({})/Manifest({kind},{format},src={})", track.bitrate, relative_url(&track.src))
}

fn asked_track<'a>(manifest: &'a ServerManifest, asked: &str) -> Option<&'a Track> {
    let (bitrate, rest) = asked.strip_prefix("qualitylevels(")?.split_once(")/manifest(")?;
    let bitrate: u64 = bitrate.parse().ok()?;
    let mut parts = rest.strip_suffix(')')?.splitn(3, ',');
    let kind = match parts.next()? {
        "video" => Kind::Video,
        "audio" => Kind::Audio,
        _ => return None,
    };
    parts.next().filter(|format| format.starts_with("format=m3u8-aapl"))?;
    let src = parts.next().and_then(|part| part.strip_prefix("src="));
    manifest
        .of(kind)
        .filter(|track| track.bitrate == bitrate)
        .find(|track| src.is_none_or(|src| track.src.to_ascii_lowercase() == src))
}

/// RFC 8216 requires the peak of all segments, including future ones.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
fn peak_bandwidth(track: &Track, layout: &Layout) -> u64 {
    let segments = layout.index.as_ref().map_or(&[][..], |index| &index.segments);
    let peak = segments.iter().map(|s| (s.length as f64 * 8.0 / s.seconds.max(0.001)).ceil() as u64).max();
    peak.unwrap_or(0).max(track.bitrate).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_tracks() -> ServerManifest {
        ServerManifest::parse(
            r#"<smil><video src="A b.mp4" systemBitrate="5"/><video src="c.mp4" systemBitrate="5"/></smil>"#,
        )
        .unwrap()
    }

    #[test]
    fn every_rendition_is_found_by_its_url() {
        let manifest = two_tracks();
        for track in &manifest.tracks {
            let url = playlist_url(track, "format=m3u8-aapl");
            let decoded = percent_encoding::percent_decode_str(&url).decode_utf8().unwrap().to_ascii_lowercase();
            assert_eq!(asked_track(&manifest, &decoded), Some(track), "{url}");
        }
        assert_eq!(asked_track(&manifest, "qualitylevels(6)/manifest(video,format=m3u8-aapl)"), None);
        let plain = asked_track(&manifest, "qualitylevels(5)/manifest(video,format=m3u8-aapl)");
        assert_eq!(plain, Some(&manifest.tracks[0]), "as the real service's players ask");
    }

    #[test]
    fn a_file_without_index_is_one_segment() {
        let layout = Layout { length: 9, ..Layout::default() };
        let text = media_playlist("../../a.mp4", &layout, Some(4.2), &Delivery::Clear);
        assert!(text.contains("#EXT-X-TARGETDURATION:5\n"), "{text}");
        assert!(text.ends_with("#EXTINF:4.200000,\n../../a.mp4\n#EXT-X-ENDLIST\n"), "{text}");
    }
}
