//! A DASH media presentation description over the MP4s of a server manifest (ISO/IEC 23009-1, on-demand profile).

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::refusal::Refusal;
use super::server_manifest::{Kind, ServerManifest, Track};
use super::source::Source;
use super::{protected, smooth};
use crate::emulator::mp4::Layout;

pub(super) const CONTENT_TYPE: &str = "application/dash+xml";

/// The description's text.
pub(super) async fn description(source: &Source<'_>, manifest: &ServerManifest) -> Result<String, Refusal> {
    let videos = with_layouts(source, manifest.of(Kind::Video)).await?;
    let audio = with_layouts(source, manifest.separate_audio()).await?;
    let stated = smooth::stated_seconds(source, manifest).await?;
    let measured = videos.iter().chain(&audio).find_map(|(_, layout)| layout.seconds);
    let seconds = measured.or(stated).unwrap_or(smooth::UNKNOWN_SECONDS);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\" \
         type=\"static\" mediaPresentationDuration=\"PT{seconds:.3}S\" minBufferTime=\"PT2S\">\n  <Period>\n"
    );
    adaptation_set(&mut text, source, "video", &videos);
    adaptation_set(&mut text, source, "audio", &audio);
    text.push_str("  </Period>\n</MPD>\n");
    Ok(text)
}

async fn with_layouts<'a>(
    source: &Source<'_>,
    tracks: impl Iterator<Item = &'a Track>,
) -> Result<Vec<(&'a Track, Layout)>, Refusal> {
    let mut with = Vec::new();
    for track in tracks {
        with.push((track, source.layout(&track.src).await?));
    }
    Ok(with)
}

fn adaptation_set(text: &mut String, source: &Source<'_>, kind: &str, tracks: &[(&Track, Layout)]) {
    if tracks.is_empty() {
        return;
    }
    let mut line = |content: std::fmt::Arguments<'_>| {
        text.write_fmt(content).expect("writing to a string never fails");
        text.push('\n');
    };
    line(format_args!(
        "    <AdaptationSet contentType=\"{kind}\" mimeType=\"{kind}/mp4\" subsegmentAlignment=\"true\">"
    ));
    if let Some(protection) = protected::dash_protection(&source.delivery) {
        line(format_args!("      {protection}"));
    }
    for (number, (track, layout)) in tracks.iter().enumerate() {
        let codecs =
            if layout.codecs.is_empty() { String::new() } else { format!(" codecs=\"{}\"", layout.codecs.join(",")) };
        let size =
            layout.size.map_or(String::new(), |(width, height)| format!(" width=\"{width}\" height=\"{height}\""));
        line(format_args!(
            "      <Representation id=\"{kind}{number}\" bandwidth=\"{}\"{codecs}{size}>",
            track.bitrate.max(1)
        ));
        // Relative to …/name.ism/
        line(format_args!("        <BaseURL>{}</BaseURL>", escape(source.media_url(&track.src).as_str())));
        if let Some(index) = &layout.index {
            line(format_args!(
                "        <SegmentBase indexRange=\"{}-{}\"><Initialization range=\"0-{}\"/></SegmentBase>",
                index.init,
                index.end - 1,
                index.init.saturating_sub(1)
            ));
        }
        line(format_args!("      </Representation>"));
    }
    line(format_args!("    </AdaptationSet>"));
}
