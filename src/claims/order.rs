//! In what order assets are processed.

/// In what order assets are processed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// As they are listed.
    #[default]
    Listed,
    /// The newest first.
    Newest,
    /// Those of the most bytes first, by their file records: a huge one does not begin when all others are done.
    Largest,
    /// Those of the fewest bytes first, by their file records: many assets are complete early.
    Smallest,
    /// By name.
    Name,
}

impl Order {
    /// Are the sizes of all assets needed?
    pub(crate) fn by_size(self) -> bool {
        matches!(self, Self::Largest | Self::Smallest)
    }
}
