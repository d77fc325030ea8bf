//! What a manifest names: the URLs that a player asks for next.

/// A URL that a manifest names, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// URL references: the first is relative to the manifest, each other one to the one before.
    pub(super) references: Vec<String>,
    /// What is behind it.
    pub(super) kind: Kind,
    /// Which of its bytes a player asks for.
    pub(super) part: Part,
}

/// What is behind a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// An HLS playlist, of several renditions or of one.
    Hls,
    /// A DASH description.
    Dash,
    /// Any other small file that is read whole: a Smooth Streaming manifest.
    Document,
    /// What a decoder needs before the first segment.
    Init,
    /// A key.
    Key,
    /// A segment.
    Segment,
    /// A file that is played or shown as it is: progressive video, subtitles, pictures.
    File,
    /// Only named, such as a second `BaseURL`: its host is looked at, and nothing is asked for.
    Name,
}

impl Kind {
    /// Does it name other URLs?
    pub(super) fn is_manifest(self) -> bool {
        matches!(self, Self::Hls | Self::Dash)
    }
}

/// Which bytes of a file a player asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// All.
    Whole,
    /// A range: the first byte, and how many.
    Range(u64, u64),
    /// The beginning and the end of a file that may be large.
    Ends,
}

impl Part {
    /// Those bytes, the first and how many; all where there is no range.
    pub(super) fn of(range: Option<(u64, u64)>) -> Self {
        range.map_or(Self::Whole, |(from, length)| Self::Range(from, length))
    }
}

impl Named {
    /// All bytes of a URL.
    pub(super) fn whole(uri: impl Into<String>, kind: Kind) -> Self {
        Self { references: vec![uri.into()], kind, part: Part::Whole }
    }

    /// Those bytes of it; all of it where there is no range.
    pub(super) fn range(uri: impl Into<String>, kind: Kind, range: Option<(u64, u64)>) -> Self {
        Self { part: Part::of(range), ..Self::whole(uri, kind) }
    }
}

/// All that a player asks for after a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// The URLs. A segment of each rendition's beginning and one of its end, everything else completely.
    pub(super) named: Vec<Named>,
    /// What should be among them and cannot be known, such as the last segment of a live stream.
    pub(super) gaps: Vec<String>,
}

impl Contents {
    /// Adds a URL unless it is there already.
    pub(super) fn add(&mut self, named: Named) {
        if !self.named.contains(&named) {
            self.named.push(named);
        }
    }
}
