//! The guards against withdrawing, shrinking, overwriting and deleting: how much may change in one night before a
//! person decides. Pure.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::spool::Census;
use crate::config::policy::Share;
use crate::model::AssetId;
use crate::state::Night;

/// The period over which withdrawals are added up.
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// In libraries smaller than this the limit of withdrawals is half of what is published.
const SMALL: u64 = 40;
/// The number of assets that may always stop playing.
const FEW: u64 = 3;
/// Blobs of complete copies that may change in one night, even if only few are compared.
const OVERWRITES: u64 = 100;

/// Blobs that may be deleted in one night, even if there are only few.
const DELETIONS: u64 = 100;

/// The changes that a guard holds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// Too many assets would stop playing.
    Withdraw,
    /// The source has lost too many assets.
    Shrink,
    /// Too many blobs of complete copies changed, or one is older than its copy.
    Overwrite,
    /// Too many blobs would be deleted.
    Delete,
}

/// The changes that an earlier run held and the operator allows, by source asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Assets that may stop playing.
    pub(crate) withdraw: HashSet<AssetId>,
    /// Assets that the source may have lost, and others that the guard against shrinking held.
    pub(crate) shrink: HashSet<AssetId>,
    /// Assets whose copies may be overwritten.
    pub(crate) overwrite: HashSet<AssetId>,
    /// Assets whose copies, or blobs of them, may be deleted.
    pub(crate) delete: HashSet<AssetId>,
}

/// May this number of assets stop playing tonight? `published`: those that play now.
pub(crate) fn may_withdraw(
    nights: &[Night],
    now: Timestamp,
    published: u64,
    stopping: u64,
    limit: Option<Share>,
) -> bool {
    let within = |night: &&Night| now.duration_since(night.at) < WINDOW;
    let before = nights.iter().filter(within).min_by_key(|night| night.at).map_or(published, |night| night.published);
    let stopped: u64 = nights.iter().filter(within).map(|night| night.stopped).sum();
    stopping == 0 || stopped + stopping <= limit.map_or_else(|| withdraw_limit(before), |limit| of(limit, before))
}

/// The number of assets that may stop playing within the window if `published` played at its beginning.
fn withdraw_limit(published: u64) -> u64 {
    if published < SMALL { FEW.max(published / 2) } else { (SMALL / 2).max(published / 10) }
}

/// Has the source lost so many of the assets that have copies that its listing is not trusted?
pub(crate) fn is_shrunken(census: &Census, limit: Option<Share>) -> bool {
    let Census { copies, lost, .. } = *census;
    match limit {
        Some(limit) => lost > of(limit, copies),
        None => lost > 0 && lost * 5 > copies && (lost > FEW || lost == copies),
    }
}

/// May this number of blobs of complete copies be overwritten, of those that were compared?
pub(crate) fn may_overwrite(compared: u64, changed: u64, limit: Option<Share>) -> bool {
    changed <= limit.map_or_else(|| OVERWRITES.max(compared / 5), |limit| of(limit, compared))
}

/// May this number of the target's blobs be deleted?
pub(crate) fn may_delete(blobs: u64, deleted: u64, limit: Option<Share>) -> bool {
    deleted <= limit.map_or_else(|| DELETIONS.max(blobs / 5), |limit| of(limit, blobs))
}

fn of(share: Share, whole: u64) -> u64 {
    match share {
        Share::Count(count) => count,
        Share::Percent(percent) => whole.saturating_mul(percent.into()) / 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn the_limit_of_withdrawals_follows_the_size_of_the_library() {
        for (published, limit) in [(0, 3), (1, 3), (5, 3), (6, 3), (10, 5), (39, 19), (40, 20), (200, 20), (1_000, 100)]
        {
            assert_eq!(withdraw_limit(published), limit, "{published}");
            assert!(may_withdraw(&[], at(0), published, limit, None));
            assert!(!may_withdraw(&[], at(0), published, limit + 1, None));
        }
    }

    #[test]
    fn withdrawals_of_seven_days_add_up_and_older_ones_do_not_count() {
        let night = |hours, stopped| Night { at: at(hours), published: 1_000 - stopped, stopped };
        let nights = [night(0, 60), night(24, 30)];
        assert!(may_withdraw(&nights, at(48), 910, 4, None));
        assert!(!may_withdraw(&nights, at(48), 910, 5, None));
        assert!(may_withdraw(&nights, at(7 * 24), 910, 60, None), "the first night is out of the window");
        assert!(may_withdraw(&nights, at(48), 910, 0, None));
    }

    #[test]
    fn a_source_that_lost_a_fifth_or_everything_is_shrunken() {
        let census = |copies, lost| Census { copies, lost, ..Census::default() };
        for (copies, lost, shrunken) in [
            (0, 0, false),
            (10, 0, false),
            (10, 3, false),
            (10, 4, true),
            (100, 20, false),
            (100, 21, true),
            (2, 2, true),
            (1, 1, true),
        ] {
            assert_eq!(is_shrunken(&census(copies, lost), None), shrunken, "{lost} of {copies}");
        }
    }

    #[test]
    fn a_hundred_blobs_or_a_fifth_may_be_overwritten() {
        assert!(may_overwrite(10, 10, None) && may_overwrite(100, 100, None) && may_overwrite(1_000, 200, None));
        assert!(!may_overwrite(101, 101, None) && !may_overwrite(1_000, 201, None));
    }

    #[test]
    fn a_hundred_blobs_or_a_fifth_may_be_deleted() {
        assert!(may_delete(10, 10, None) && may_delete(100, 100, None) && may_delete(1_000, 200, None));
        assert!(!may_delete(101, 101, None) && !may_delete(1_000, 201, None));
        assert!(!may_delete(1_000, 1, Some(Share::Count(0))) && may_delete(10, 10, Some(Share::Percent(100))));
    }

    #[test]
    fn the_operators_limits_replace_the_defaults() {
        let census = Census { copies: 10, lost: 2, ..Census::default() };
        assert!(is_shrunken(&census, Some(Share::Percent(10))) && !is_shrunken(&census, Some(Share::Count(2))));
        assert!(may_overwrite(1_000, 500, Some(Share::Percent(50))) && !may_overwrite(10, 1, Some(Share::Count(0))));
        assert!(may_withdraw(&[], at(0), 10, 10, Some(Share::Percent(100))));
        assert!(!may_withdraw(&[], at(0), 10, 1, Some(Share::Count(0))));
    }
}
