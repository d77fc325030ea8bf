//! The server manifest (`.ism`): which files have which renditions, and which client manifest belongs to them.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// The kind of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
    Text,
}

impl Kind {
    /// Its name in client manifests and in URLs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Text => "text",
        }
    }
}

/// One rendition of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Track {
    pub(super) kind: Kind,
    /// The file with it, relative to the server manifest.
    pub(super) src: String,
    /// Bits per second.
    pub(super) bitrate: u64,
    pub(super) language: Option<String>,
    /// Its track within the file.
    pub(super) id: Option<u32>,
}

/// A server manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerManifest {
    /// `clientManifestRelativePath`.
    pub(super) client_manifest: Option<String>,
    pub(super) tracks: Vec<Track>,
}

impl ServerManifest {
    /// Reads the SMIL text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        let mut manifest = Self::default();
        let mut is_smil = false;
        loop {
            let event = reader.read_event().map_err(|e| format!("{e} at byte {}", reader.error_position()))?;
            let (Event::Start(element) | Event::Empty(element)) = event else {
                if matches!(event, Event::Eof) {
                    break;
                }
                continue;
            };
            match element.local_name().as_ref() {
                b"smil" => is_smil = true,
                b"meta" if attribute(&element, b"name").as_deref() == Some("clientManifestRelativePath") => {
                    manifest.client_manifest = attribute(&element, b"content");
                }
                b"video" => manifest.tracks.extend(track(Kind::Video, &element)),
                b"audio" => manifest.tracks.extend(track(Kind::Audio, &element)),
                b"param" if attribute(&element, b"name").as_deref() == Some("trackID") => {
                    let id = attribute(&element, b"value").and_then(|id| id.parse().ok());
                    if let Some(track) = manifest.tracks.last_mut() {
                        track.id = id;
                    }
                }
                b"textstream" => manifest.tracks.extend(track(Kind::Text, &element)),
                _ => {}
            }
        }
        if is_smil { Ok(manifest) } else { Err("it is not SMIL".to_owned()) }
    }

    /// The tracks of one kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(move |track| track.kind == kind)
    }

    /// The audio tracks whose files contain no video track.
    pub(super) fn separate_audio(&self) -> impl Iterator<Item = &Track> {
        self.of(Kind::Audio).filter(|audio| self.of(Kind::Video).all(|video| video.src != audio.src))
    }
}

fn track(kind: Kind, element: &BytesStart<'_>) -> Option<Track> {
    Some(Track {
        kind,
        src: attribute(element, b"src")?,
        bitrate: attribute(element, b"systemBitrate").and_then(|text| text.parse().ok()).unwrap_or(0),
        language: attribute(element, b"systemLanguage"),
        id: None,
    })
}

/// An attribute's value, entities resolved.
pub(super) fn attribute(element: &BytesStart<'_>, name: &[u8]) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixture_lists_three_videos_and_the_audio_of_the_first() {
        let manifest = ServerManifest::parse(include_str!("../../../tests/fixtures/bars/bars.ism")).unwrap();
        assert_eq!(manifest.client_manifest.as_deref(), Some("bars.ismc"));
        let videos: Vec<_> = manifest.of(Kind::Video).map(|t| (t.src.as_str(), t.bitrate)).collect();
        assert_eq!(videos, [("bars_400.mp4", 400_000), ("bars_200.mp4", 200_000), ("bars_100.mp4", 100_000)]);
        let audio: Vec<_> = manifest.of(Kind::Audio).map(|track| track.id).collect();
        assert_eq!(audio, [Some(2)]);
        assert_eq!(manifest.separate_audio().count(), 0);
    }

    #[test]
    fn entities_in_names_are_resolved() {
        let text = r#"<smil><body><switch><video src="a&amp;b.mp4" systemBitrate="5"/></switch></body></smil>"#;
        assert_eq!(ServerManifest::parse(text).unwrap().tracks[0].src, "a&b.mp4");
    }

    #[test]
    fn a_file_that_is_not_smil_is_refused() {
        assert!(ServerManifest::parse("hello").is_err());
        assert!(ServerManifest::parse("<smil><a></smil>").is_err());
        assert!(ServerManifest::parse("<html/>").is_err());
    }
}
