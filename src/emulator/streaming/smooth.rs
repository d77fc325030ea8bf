//! The Smooth Streaming client manifest: the asset's own `.ismc`, or one derived from the `.ism` when there is none.

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::protected;
use super::refusal::Refusal;
use super::server_manifest::{Kind, ServerManifest, Track, attribute};
use super::source::Source;
use crate::emulator::mp4::Layout;
use crate::emulator::storage::StorageError;

pub(super) const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// Smooth Streaming counts in units of 100 ns.
const TIME_SCALE: f64 = 10_000_000.0;
/// The same as a whole number.
pub(super) const TICKS: u32 = 10_000_000;

/// The duration of content without one (synthetic content): an obvious placeholder that divides well.
pub(super) const UNKNOWN_SECONDS: f64 = 60.0;

/// The client manifest's text.
pub(super) async fn client_manifest(source: &Source<'_>, manifest: &ServerManifest) -> Result<String, Refusal> {
    let text = match own(source, manifest).await? {
        Some(text) => text,
        None => derived(source, manifest).await?,
    };
    protected::smooth_protection(&text, &source.delivery).ok_or_else(|| Refusal::Manifest {
        name: manifest.client_manifest.clone().unwrap_or_default(),
        problem: "it is no Smooth client manifest".to_owned(),
    })
}

/// The `.ismc` that the server manifest names, if it is there.
async fn own(source: &Source<'_>, manifest: &ServerManifest) -> Result<Option<String>, StorageError> {
    let Some(name) = &manifest.client_manifest else { return Ok(None) };
    match source.text(name).await {
        Ok(text) => Ok(Some(text)),
        Err(StorageError::NoBlob(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The duration of the presentation, from its client manifest.
pub(super) async fn stated_seconds(
    source: &Source<'_>,
    manifest: &ServerManifest,
) -> Result<Option<f64>, StorageError> {
    Ok(own(source, manifest).await?.and_then(|text| duration_of(&text)))
}

fn duration_of(text: &str) -> Option<f64> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element)
                if element.local_name().as_ref() == b"SmoothStreamingMedia" =>
            {
                let scale = match attribute(&element, b"TimeScale") {
                    Some(scale) => scale.parse().ok()?,
                    None => TIME_SCALE,
                };
                let ticks: f64 = attribute(&element, b"Duration")?.parse().ok()?;
                return (scale > 0.0 && ticks > 0.0).then_some(ticks / scale);
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

async fn derived(source: &Source<'_>, manifest: &ServerManifest) -> Result<String, Refusal> {
    let chunks = chunks(source, manifest).await?;
    let total: u64 = chunks.iter().sum();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<SmoothStreamingMedia MajorVersion=\"2\" MinorVersion=\"2\" \
         Duration=\"{total}\" TimeScale=\"10000000\">\n"
    );
    for (kind, name) in [(Kind::Video, "video"), (Kind::Audio, "audio"), (Kind::Text, "text")] {
        let tracks: Vec<_> = manifest.of(kind).collect();
        if !tracks.is_empty() {
            stream_index(&mut text, name, &tracks, &chunks);
        }
    }
    text.push_str("</SmoothStreamingMedia>\n");
    Ok(text)
}

fn stream_index(text: &mut String, name: &str, tracks: &[&Track], chunks: &[u64]) {
    let mut line = |content: std::fmt::Arguments<'_>| {
        text.write_fmt(content).expect("writing to a string never fails");
        text.push('\n');
    };
    line(format_args!(
        "  <StreamIndex Type=\"{name}\" Name=\"{name}\" Chunks=\"{}\" QualityLevels=\"{}\" \
         Url=\"QualityLevels({{bitrate}})/Fragments({name}={{start time}})\">",
        chunks.len(),
        tracks.len()
    ));
    for (index, track) in tracks.iter().enumerate() {
        let language = track.language.as_deref().map_or(String::new(), |l| format!(" Language=\"{}\"", escape(l)));
        line(format_args!("    <QualityLevel Index=\"{index}\" Bitrate=\"{}\"{language} />", track.bitrate));
    }
    for (number, duration) in chunks.iter().enumerate() {
        line(format_args!("    <c n=\"{number}\" d=\"{duration}\" />"));
    }
    line(format_args!("  </StreamIndex>"));
}

/// Durations of the fragments in units of 100 ns: those of the first video's index, or one for the whole.
async fn chunks(source: &Source<'_>, manifest: &ServerManifest) -> Result<Vec<u64>, Refusal> {
    let layout = match manifest.tracks.first() {
        Some(track) => match source.layout(&track.src).await {
            Err(StorageError::NoBlob(_)) => Layout::default(),
            other => other?,
        },
        None => Layout::default(),
    };
    Ok(match &layout.index {
        Some(index) => index.segments.iter().map(|segment| ticks(segment.seconds)).collect(),
        None => vec![ticks(layout.seconds.unwrap_or(UNKNOWN_SECONDS))],
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are positive and short")]
fn ticks(seconds: f64) -> u64 {
    (seconds * TIME_SCALE).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_follows_the_time_scale() {
        let fixture = duration_of(include_str!("../../../tests/fixtures/bars/bars.ismc")).unwrap();
        assert!((fixture - 6.083_333_3).abs() < 1e-6, "{fixture}");
        assert_eq!(duration_of(r#"<SmoothStreamingMedia Duration="500" TimeScale="100"/>"#), Some(5.0));
        assert_eq!(duration_of(r#"<SmoothStreamingMedia Duration="500" TimeScale="0"/>"#), None);
        assert_eq!(duration_of("<x"), None);
    }
}
