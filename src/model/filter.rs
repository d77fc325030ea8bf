//! Filters of dynamic packaging. A viewer names them in the URL of a manifest, as `filter=NAME`, and gets only a part
//! of the asset.

use std::collections::BTreeSet;

/// A filter of an account or of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Its id in the spelling of its service.
    pub id: String,
    /// The name in URLs. An asset or an account has it once.
    pub name: String,
    /// What it selects.
    pub rules: FilterRules,
}

/// What a filter selects. Equal rules select the same; the order in which a service returns them does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterRules {
    /// The part of the presentation.
    pub range: TimeRange,
    /// The bitrate of the quality that comes first in HLS playlists, in bits per second.
    pub first_quality: Option<u64>,
    /// A track is selected if it meets all conditions of one of these sets. Without sets, all tracks are selected.
    pub tracks: BTreeSet<BTreeSet<TrackCondition>>,
}

/// A part of a presentation, in units of [`Self::timescale`]. The default is the whole presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// Where it starts.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The length of the sliding window.
    pub window: u64,
    /// The distance from the live edge.
    pub backoff: u64,
    /// The units per second.
    pub timescale: u64,
    /// Does the end apply while the presentation is live, too?
    pub force_end: bool,
}

impl Default for TimeRange {
    /// The documented defaults of the service.
    fn default() -> Self {
        let unlimited = i64::MAX.unsigned_abs();
        Self { start: 0, end: unlimited, window: unlimited, backoff: 0, timescale: 10_000_000, force_end: false }
    }
}

/// A condition that a track meets or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrackCondition {
    /// The property of the track, such as `Type` or `Bitrate`.
    pub property: String,
    /// The value, or a range of numbers.
    pub value: String,
    /// Must the property have the value, or must it not?
    pub equal: bool,
}

/// The change that makes a filter of the target equal to the source's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterChange {
    /// The target lacks it.
    Create(Filter),
    /// The target's has other rules.
    Update {
        /// Its id on the target.
        id: String,
        /// As in the source.
        wanted: Filter,
    },
    /// Only the target has it.
    Delete(Filter),
}

impl FilterChange {
    /// The changes that make the target's filters equal to the source's, in order of name.
    pub fn between(source: &[Filter], target: &[Filter]) -> Vec<Self> {
        let of = |filters: &[Filter], name: &str| filters.iter().position(|filter| filter.name == name);
        let needed = source.iter().filter_map(|wanted| match of(target, &wanted.name).map(|at| &target[at]) {
            None => Some(Self::Create(wanted.clone())),
            Some(there) if there.rules != wanted.rules => {
                Some(Self::Update { id: there.id.clone(), wanted: wanted.clone() })
            }
            Some(_) => None,
        });
        let extra = target.iter().filter(|there| of(source, &there.name).is_none());
        let mut changes: Vec<Self> = needed.chain(extra.cloned().map(Self::Delete)).collect();
        changes.sort_by(|one, other| one.name().cmp(other.name()));
        changes
    }

    /// The name of the filter.
    pub fn name(&self) -> &str {
        match self {
            Self::Create(filter) | Self::Update { wanted: filter, .. } | Self::Delete(filter) => &filter.name,
        }
    }

    /// Does the target have it in effect?
    pub fn is_done(&self, there: &[Filter]) -> bool {
        let found = there.iter().find(|filter| filter.name == self.name());
        match self {
            Self::Create(wanted) | Self::Update { wanted, .. } => {
                found.is_some_and(|found| found.rules == wanted.rules)
            }
            Self::Delete(_) => found.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(name: &str, start: u64) -> Filter {
        let range = TimeRange { start, ..TimeRange::default() };
        Filter {
            id: format!("id of {name}"),
            name: name.to_owned(),
            rules: FilterRules { range, ..FilterRules::default() },
        }
    }

    #[test]
    fn filters_are_compared_by_name_and_rules() {
        let (source, target) = ([filter("c", 1), filter("b", 2), filter("a", 3)], [filter("b", 2), filter("c", 9)]);
        let changes = FilterChange::between(&source, &target);
        let update = FilterChange::Update { id: "id of c".to_owned(), wanted: filter("c", 1) };
        assert_eq!(changes, [FilterChange::Create(filter("a", 3)), update]);
        assert_eq!(FilterChange::between(&target, &source)[0], FilterChange::Delete(filter("a", 3)));
        assert_eq!(FilterChange::between(&source, &source), []);
        assert!(changes.iter().all(|change| change.is_done(&source) && !change.is_done(&target)));
    }
}
