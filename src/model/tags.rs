//! The index tags of a blob. An account may refuse to show them, or not support them.

use std::collections::BTreeMap;

/// The index tags of a blob, or why there are none to compare.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum IndexTags {
    /// They were read; possibly there are none.
    Read(BTreeMap<String, String>),
    /// The account refuses to show them, so they are unknown.
    Unreadable,
    /// The account has no index tags, such as one with a hierarchical namespace.
    NotOffered,
}

impl IndexTags {
    /// The tags, if they were read.
    pub fn read(&self) -> Option<&BTreeMap<String, String>> {
        match self {
            Self::Read(tags) => Some(tags),
            Self::Unreadable | Self::NotOffered => None,
        }
    }

    /// Were they read, and is there at least one?
    pub fn is_any(&self) -> bool {
        self.read().is_some_and(|tags| !tags.is_empty())
    }

    /// Were the tags of both read, and are they different? Tags that could not be read do not count as a difference.
    pub fn differ(&self, other: &Self) -> bool {
        self.read().zip(other.read()).is_some_and(|(one, other)| one != other)
    }
}

impl Default for IndexTags {
    /// No tags.
    fn default() -> Self {
        Self::Read(BTreeMap::new())
    }
}

impl<const N: usize> From<[(String, String); N]> for IndexTags {
    fn from(tags: [(String, String); N]) -> Self {
        Self::Read(tags.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_differ_only_if_both_were_read() {
        let some = IndexTags::from([("k".to_owned(), "v".to_owned())]);
        assert!(some.differ(&IndexTags::default()) && !some.differ(&some));
        for other in [IndexTags::Unreadable, IndexTags::NotOffered] {
            assert!(!some.differ(&other) && !other.differ(&some) && !other.is_any());
        }
    }
}
