//! What the blob service uses of the rest of the emulator.

use super::account::BlobAccount;
use crate::emulator::directory::Principal;
use crate::emulator::stats::Stats;

/// What the blob service of a region uses of the rest of the emulator.
pub(crate) trait Surroundings: Send + Sync {
    /// An account of a region.
    fn account(&self, region: usize, name: &str) -> Option<&BlobAccount>;
    /// The account behind the blob listener at an authority (`host:port`).
    fn account_at(&self, authority: &str, name: &str) -> Option<&BlobAccount>;
    /// The principal of a token; `None` if it is not valid for storage accounts.
    fn principal(&self, token: &str) -> Option<Principal>;
    /// Where requests are counted.
    fn stats(&self) -> &Stats;
}
