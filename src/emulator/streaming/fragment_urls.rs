//! The URLs of the fragments of Smooth Streaming.

use super::server_manifest::Kind;

/// A fragment in a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) bitrate: u64,
    pub(super) kind: Kind,
    pub(super) start: u64,
}

impl Fragment {
    /// Parses a presentation of a server manifest, if it is a fragment.
    pub(super) fn of(presentation: &str) -> Option<Self> {
        let asked = presentation.to_ascii_lowercase();
        let (bitrate, rest) = asked.strip_prefix("qualitylevels(")?.split_once(")/fragments(")?;
        let (kind, start) = rest.strip_suffix(')')?.split_once('=')?;
        let kind = [Kind::Video, Kind::Audio, Kind::Text].into_iter().find(|known| known.name() == kind)?;
        Some(Self { bitrate: bitrate.parse().ok()?, kind, start: start.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_url_has_bitrate_kind_and_start() {
        let fragment = Fragment { bitrate: 400_000, kind: Kind::Video, start: 20_000_000 };
        assert_eq!(Fragment::of("QualityLevels(400000)/Fragments(video=20000000)"), Some(fragment));
        for other in
            ["QualityLevels(4)/Manifest(video,format=m3u8-aapl)", "QualityLevels(4)/Fragments(video)", "manifest"]
        {
            assert_eq!(Fragment::of(other), None, "{other}");
        }
    }
}
