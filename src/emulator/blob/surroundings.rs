//! The world around the blob service, as far as the service sees it.

use super::account::BlobAccount;
use crate::emulator::directory::Principal;
use crate::emulator::stats::Stats;

/// What the blob service of a region needs to know of the world around it.
pub(crate) trait Surroundings: Send + Sync {
    /// An account of a region.
    fn account(&self, region: usize, name: &str) -> Option<&BlobAccount>;
    /// The account behind the blob listener at an authority (`host:port`).
    fn account_at(&self, authority: &str, name: &str) -> Option<&BlobAccount>;
    /// Whose token that is; `None`: it opens no storage account.
    fn principal(&self, token: &str) -> Option<Principal>;
    /// Where requests are counted.
    fn stats(&self) -> &Stats;
}
