//! Server and client manifests for generated assets: valid, so that players' requests work, and short, because a large
//! library has many.

use std::fmt::Write as _;

use quick_xml::escape::escape;

/// Smooth Streaming fragments of the service's encoders last two seconds, in units of 100 ns.
const FRAGMENT: u64 = 20_000_000;

/// The server manifest of renditions `(file, bits per second)`; the audio is in the first file.
pub(super) fn server(client_manifest: Option<&str>, renditions: &[(String, u64)]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<smil xmlns=\"http://www.w3.org/2001/SMIL20/Language\">\n<head>\n",
    );
    if let Some(name) = client_manifest {
        put(&mut text, format_args!("<meta name=\"clientManifestRelativePath\" content=\"{}\"/>\n", escape(name)));
    }
    text.push_str("<meta name=\"formats\" content=\"mp4-v3\"/>\n</head>\n<body>\n<switch>\n");
    for (file, bitrate) in renditions {
        put(&mut text, format_args!("<video src=\"{}\" systemBitrate=\"{bitrate}\"/>\n", escape(file.as_str())));
    }
    if let Some((file, _)) = renditions.first() {
        put(&mut text, format_args!("<audio src=\"{}\" systemBitrate=\"128000\"/>\n", escape(file.as_str())));
    }
    text.push_str("</switch>\n</body>\n</smil>\n");
    text
}

/// The client manifest of renditions of this many bits per second.
pub(super) fn client(bitrates: &[u64], seconds: u64) -> String {
    let count = (seconds / 2).max(1);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<SmoothStreamingMedia MajorVersion=\"2\" MinorVersion=\"2\" \
         Duration=\"{}\">\n",
        count * FRAGMENT
    );
    for (kind, bitrates) in [("video", bitrates), ("audio", &[128_000][..])] {
        put(
            &mut text,
            format_args!(
                "<StreamIndex Type=\"{kind}\" Chunks=\"{count}\" QualityLevels=\"{}\" \
                 Url=\"QualityLevels({{bitrate}})/Fragments({kind}={{start time}})\">\n",
                bitrates.len()
            ),
        );
        for (index, bitrate) in bitrates.iter().enumerate() {
            put(&mut text, format_args!("<QualityLevel Index=\"{index}\" Bitrate=\"{bitrate}\"/>\n"));
        }
        put(&mut text, format_args!("<c t=\"0\" d=\"{FRAGMENT}\" r=\"{count}\"/>\n</StreamIndex>\n"));
    }
    text.push_str("</SmoothStreamingMedia>\n");
    text
}

fn put(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.write_fmt(content).expect("writing to a string never fails");
}
