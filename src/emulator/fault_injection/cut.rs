//! Marks an answer within which the connection ends.

/// The connection ends after that number of bytes of an answer. The mark is on the answer, and its sender must obey it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Bytes that are still sent.
    pub(crate) after: usize,
}
