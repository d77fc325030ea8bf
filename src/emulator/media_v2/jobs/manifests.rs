//! The manifests that an encoder writes with its renditions: the server manifest lists the content of each file, and
//! the client manifest lists what a player can request.

use std::fmt::Write as _;

use quick_xml::escape::escape;

/// One video of a presentation. The audio is in the file of the first one.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub(super) file: String,
    /// Bits per second.
    pub(super) bitrate: u32,
    /// Width and height.
    pub(super) size: (u16, u16),
}

/// Smooth Streaming counts in units of 100 ns.
const TICKS: f64 = 10_000_000.0;
/// Fragments of the service's encoders last two seconds: the presets' key frame interval.
const FRAGMENT: u64 = 20_000_000;

/// The server manifest (`.ism`).
pub(super) fn server(client: &str, tracks: &[Track], audio: u32) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<smil xmlns=\"http://www.w3.org/2001/SMIL20/Language\">\n\
         <head>\n<meta name=\"clientManifestRelativePath\" content=\"{}\" />\n\
         <meta name=\"formats\" content=\"mp4-v3\" />\n</head>\n<body>\n<switch>\n",
        escape(client)
    );
    let mut element = |kind: &str, file: &str, bitrate: u32, track: u8, language: &str| {
        let file = escape(file);
        put(
            &mut text,
            format_args!(
                "<{kind} src=\"{file}\" systemBitrate=\"{bitrate}\"{language}>\n\
                 <param name=\"trackID\" value=\"{track}\" valuetype=\"data\" />\n\
                 <param name=\"trackName\" value=\"{kind}\" valuetype=\"data\" />\n</{kind}>\n"
            ),
        );
    };
    for track in tracks {
        element("video", &track.file, track.bitrate, 1, "");
    }
    if let Some(first) = tracks.first() {
        element("audio", &first.file, audio, 2, " systemLanguage=\"und\"");
    }
    text.push_str("</switch>\n</body>\n</smil>\n");
    text
}

/// The client manifest (`.ismc`).
pub(super) fn client(tracks: &[Track], audio: u32, seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are positive and short")]
    let duration = ((seconds * TICKS).round() as u64).max(1);
    let chunks: Vec<u64> = (0..duration.div_ceil(FRAGMENT)).map(|n| FRAGMENT.min(duration - n * FRAGMENT)).collect();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<SmoothStreamingMedia MajorVersion=\"2\" MinorVersion=\"2\" \
         Duration=\"{duration}\" TimeScale=\"10000000\">\n"
    );
    let videos = tracks.iter().map(|track| {
        let (width, height) = track.size;
        let bitrate = track.bitrate;
        format!("Bitrate=\"{bitrate}\" FourCC=\"H264\" MaxWidth=\"{width}\" MaxHeight=\"{height}\"")
    });
    let sound = format!(
        "Bitrate=\"{audio}\" FourCC=\"AACL\" SamplingRate=\"48000\" Channels=\"2\" BitsPerSample=\"16\" \
         PacketSize=\"4\" AudioTag=\"255\""
    );
    for (kind, levels) in [("video", videos.collect()), ("audio", vec![sound])] {
        put(
            &mut text,
            format_args!(
                "<StreamIndex Type=\"{kind}\" Name=\"{kind}\" Chunks=\"{}\" QualityLevels=\"{}\" \
                 Url=\"QualityLevels({{bitrate}})/Fragments({kind}={{start time}})\">\n",
                chunks.len(),
                levels.len()
            ),
        );
        for (index, level) in levels.iter().enumerate() {
            put(&mut text, format_args!("<QualityLevel Index=\"{index}\" {level} />\n"));
        }
        for (number, length) in chunks.iter().enumerate() {
            put(&mut text, format_args!("<c n=\"{number}\" d=\"{length}\" />\n"));
        }
        text.push_str("</StreamIndex>\n");
    }
    text.push_str("</SmoothStreamingMedia>\n");
    text
}

fn put(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.write_fmt(content).expect("writing to a string never fails");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracks() -> Vec<Track> {
        let track = |file: &str, bitrate, size| Track { file: file.to_owned(), bitrate, size };
        vec![track("a & b_1.mp4", 3_400_000, (1280, 720)), track("a & b_2.mp4", 400_000, (320, 180))]
    }

    #[test]
    fn the_server_manifest_has_a_video_for_each_rendition_and_one_audio_track() {
        let text = server("a & b.ismc", &tracks(), 128_000);
        assert_eq!((text.matches("<video ").count(), text.matches("<audio ").count()), (2, 1));
        assert!(text.contains("src=\"a &amp; b_1.mp4\" systemBitrate=\"3400000\""), "{text}");
        assert!(text.contains("content=\"a &amp; b.ismc\""), "{text}");
    }

    #[test]
    fn the_client_manifest_has_fragments_of_two_seconds_that_add_up() {
        let text = client(&tracks(), 128_000, 5.5);
        assert!(text.contains("Duration=\"55000000\""), "{text}");
        assert_eq!(text.matches("d=\"20000000\"").count(), 4, "two whole fragments of picture and of sound");
        assert_eq!(text.matches("d=\"15000000\"").count(), 2);
        assert_eq!(text.matches("<QualityLevel ").count(), 3);
    }
}
