//! Follows asynchronous copies to their end: when to check again, and how to check with the fewest requests.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt;
use tokio::time::Instant;

use crate::blob::{BlobAccount, PageSize, Selected};
use crate::error::Error;
use crate::model::{Blob, BlobRef, ContainerName, CopyStatus, Extent};

/// Time from the start of a copy to the first check: most copies inside a region have ended by then.
const FIRST_LOOK: Duration = Duration::from_millis(200);
/// The longest time between two checks. Cross-region copies of gigabytes run for minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Up to this number of pending copies, single checks (HEAD) are cheaper than a listing with more pages than copies.
const FEW: usize = 4;
/// The most blobs of a listing page (blob-service documentation).
pub(crate) const LIST_PAGE: usize = 5_000;
/// A copy without progress for this long is given up. Field reports mention stuck copies of several hours; a running
/// copy reports progress at least every few seconds.
const STALLED_AFTER: Duration = Duration::from_mins(10);

/// How many checks a group of copies needs if the longest one takes that time, and each check shows progress.
pub(crate) fn looks(time: Duration) -> u64 {
    let (mut looks, mut wait, mut passed) = (1, FIRST_LOOK, FIRST_LOOK);
    while passed < time {
        wait = (wait * 5 / 4).min(LONGEST_WAIT);
        passed += wait;
        looks += 1;
    }
    looks
}

/// How a followed copy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The content is there.
    Success,
    /// The service gave up, or another client aborted it, for this reason.
    Failed(String),
    /// It cannot be followed to its end, for this reason. It may still be pending or may have ended, and another blob
    /// may have replaced it: the next step must not remove the existing blob before it has a better one.
    Lost(&'static str),
}

/// A pending copy.
#[derive(Debug, Clone)]
struct Pending {
    copy_id: String,
    copied: u64,
    moved: Instant,
}

/// The copies of one container that were started and have not ended.
#[derive(Debug)]
pub(crate) struct CopyTracker<'a> {
    account: &'a BlobAccount,
    container: &'a ContainerName,
    extent: &'a Extent,
    pending: BTreeMap<String, Pending>,
    wait: Duration,
    /// The number of blobs in the last full listing, which is the cost of a listing.
    listed: usize,
}

impl<'a> CopyTracker<'a> {
    /// A tracker of that container's copies.
    pub(crate) fn new(account: &'a BlobAccount, container: &'a ContainerName, extent: &'a Extent) -> Self {
        Self { account, container, extent, pending: BTreeMap::new(), wait: FIRST_LOOK, listed: 0 }
    }

    /// Adds a copy that was started.
    pub(crate) fn follow(&mut self, blob: String, copy_id: String) {
        self.pending.insert(blob, Pending { copy_id, copied: 0, moved: Instant::now() });
        self.wait = FIRST_LOOK;
    }

    /// Are no copies pending?
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Waits, checks, and returns the copies that ended since, by blob name.
    pub(crate) async fn look(&mut self) -> Result<Vec<(String, Ended)>, Error> {
        tokio::time::sleep(self.wait).await;
        let seen = if self.pending.len() <= FEW && self.listed > self.pending.len() * LIST_PAGE {
            self.look_singly().await?
        } else {
            self.look_by_listing().await?
        };
        let mut moved = false;
        let mut ended = Vec::new();
        for (name, pending) in &mut self.pending {
            match judge(pending, seen.get(name)) {
                Verdict::Ended(how) => ended.push((name.clone(), how)),
                Verdict::Moved => moved = true,
                Verdict::Still => {}
            }
        }
        for (name, _) in &ended {
            self.pending.remove(name);
        }
        // Check again soon after progress; wait longer without progress.
        self.wait = if moved || !ended.is_empty() { self.wait } else { (self.wait * 3 / 2).min(LONGEST_WAIT) };
        if moved && ended.is_empty() {
            self.wait = (self.wait * 5 / 4).min(LONGEST_WAIT);
        }
        Ok(ended)
    }

    async fn look_by_listing(&mut self) -> Result<BTreeMap<String, Blob>, Error> {
        let mut seen = BTreeMap::new();
        self.listed = 0;
        let mut pages = self.account.list_by(self.container, self.extent, PageSize::LARGEST);
        while let Some(Selected { blobs: page, .. }) = pages.try_next().await? {
            self.listed += page.len();
            seen.extend(
                page.into_iter()
                    .filter(|blob| self.pending.contains_key(&blob.name))
                    .map(|blob| (blob.name.clone(), blob)),
            );
        }
        Ok(seen)
    }

    async fn look_singly(&self) -> Result<BTreeMap<String, Blob>, Error> {
        let mut seen = BTreeMap::new();
        for name in self.pending.keys() {
            let blob = BlobRef { container: self.container.clone(), name: name.clone() };
            if let Some(found) = self.account.properties(&blob).await? {
                seen.insert(name.clone(), found);
            }
        }
        Ok(seen)
    }
}

/// The result of checking one copy.
enum Verdict {
    Ended(Ended),
    Moved,
    Still,
}

fn judge(pending: &mut Pending, seen: Option<&Blob>) -> Verdict {
    let Some(copy) = seen.and_then(|blob| blob.copy.as_ref()) else {
        return Verdict::Ended(Ended::Lost("the blob of its pending copy no longer exists"));
    };
    if copy.id != pending.copy_id {
        return Verdict::Ended(Ended::Lost("another copy replaced its pending copy"));
    }
    match copy.status {
        CopyStatus::Success => Verdict::Ended(Ended::Success),
        CopyStatus::Failed => {
            Verdict::Ended(Ended::Failed(copy.description.clone().unwrap_or_else(|| "no reason given".to_owned())))
        }
        CopyStatus::Aborted => Verdict::Ended(Ended::Failed("it was aborted".to_owned())),
        CopyStatus::Pending => {
            let copied = copy.progress.map_or(0, |(copied, _)| copied);
            if copied > pending.copied {
                pending.copied = copied;
                pending.moved = Instant::now();
                Verdict::Moved
            } else if pending.moved.elapsed() >= STALLED_AFTER {
                Verdict::Ended(Ended::Lost("its copy made no progress"))
            } else {
                Verdict::Still
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_copies_are_checked_once_and_long_ones_every_fifteen_seconds() {
        assert_eq!((looks(Duration::ZERO), looks(FIRST_LOOK), looks(FIRST_LOOK * 2)), (1, 1, 2));
        let (hour, two) = (looks(Duration::from_hours(1)), looks(Duration::from_hours(2)));
        assert_eq!(two - hour, 240);
    }
}
