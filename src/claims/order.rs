//! The processing order of assets.

/// The processing order of assets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The order of the listing.
    #[default]
    Listed,
    /// Newest first.
    Newest,
    /// Largest first, according to the file records: a huge asset does not start after all others are complete.
    Largest,
    /// Smallest first, according to the file records: many assets are complete early.
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
