//! The URLs in a manifest, which a player requests next.

/// A URL in a manifest, unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// URL references: the first is relative to the manifest, each other one is relative to the one before.
    pub(super) references: Vec<String>,
    /// The kind of its content.
    pub(super) kind: Kind,
    /// The bytes that a player requests.
    pub(super) part: Part,
}

/// The kind of a URL's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// An HLS playlist, of several renditions or of one.
    Hls,
    /// A DASH description.
    Dash,
    /// Any other small file that is read completely: a Smooth Streaming manifest.
    Document,
    /// The initialization segment, which a decoder needs first.
    Init,
    /// A key.
    Key,
    /// A segment.
    Segment,
    /// A file that is played or shown directly: progressive video, subtitles, pictures.
    File,
    /// Not requested, such as a second `BaseURL`: only its host is checked.
    Name,
}

impl Kind {
    /// Does it contain other URLs?
    pub(super) fn is_manifest(self) -> bool {
        matches!(self, Self::Hls | Self::Dash)
    }
}

/// The bytes of a file that a player requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// All.
    Whole,
    /// A range: the first byte and the length.
    Range(u64, u64),
    /// The start and the end of a file that can be large.
    Ends,
}

impl Part {
    /// A range (the first byte and the length), or all bytes if there is none.
    pub(super) fn of(range: Option<(u64, u64)>) -> Self {
        range.map_or(Self::Whole, |(from, length)| Self::Range(from, length))
    }
}

impl Named {
    /// All bytes of a URL.
    pub(super) fn whole(uri: impl Into<String>, kind: Kind) -> Self {
        Self { references: vec![uri.into()], kind, part: Part::Whole }
    }

    /// A range of a URL, or all of it if there is none.
    pub(super) fn range(uri: impl Into<String>, kind: Kind, range: Option<(u64, u64)>) -> Self {
        Self { part: Part::of(range), ..Self::whole(uri, kind) }
    }
}

/// Everything that a player requests after a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// The URLs. The first and last segments of each rendition, and everything else completely.
    pub(super) named: Vec<Named>,
    /// Missing URLs that cannot be known, such as the last segment of a live stream.
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
