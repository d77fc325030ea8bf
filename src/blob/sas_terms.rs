//! What the signatures by key and those by user delegation have in common.

use jiff::{SignedDuration, Timestamp};

/// The version of the signed layout; later service versions accept it.
pub(super) const VERSION: &str = "2020-12-06";
/// Signatures start this much in the past, because clocks can differ (the documentation asks for 15 minutes).
pub(super) const BACKDATED: SignedDuration = SignedDuration::from_mins(15);

/// The time as signatures write it: whole seconds, UTC.
pub(super) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
