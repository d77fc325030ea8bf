//! Protected assets of the source, which are not mirrored, and copies that another program protects on the target:
//! they do not play like their sources.

use std::collections::HashMap;

use super::catalog::Claims;
use super::judge::Claim;
use super::standing::Screened;
use crate::connect::{Endpoint, Pair};
use crate::error::Error;
use crate::model::AssetId;
use crate::verdict::{Cause, Finding};

/// The number of assets of the source whose protection is requested at once.
const SCREENED_AT_ONCE: usize = 50;
/// The number of copies whose protection is requested at once.
const AT_ONCE: usize = 1_000;

impl Claims {
    /// Requests for each asset that plays whether it is protected, if the account has keys or policies. Returns how
    /// many could not be read.
    pub(crate) async fn screen(&self, pair: &Pair) -> Result<u64, Error> {
        if !self.accounts.source_protects {
            return Ok(0);
        }
        let library = &pair.source.library;
        let (mut after, mut unreadable) = (0, 0);
        loop {
            let page = self.spool.to_screen(after, SCREENED_AT_ONCE)?;
            let Some((last, _)) = page.last() else { return Ok(unreadable) };
            after = *last;
            let ids: Vec<AssetId> = page.into_iter().map(|(_, id)| id).collect();
            let screened: Vec<(AssetId, Screened)> = library
                .protection_of(&ids)
                .await
                .into_iter()
                .map(Screened::of)
                .zip(ids)
                .map(|(s, id)| (id, s))
                .collect();
            unreadable += screened.iter().filter(|(_, screened)| *screened == Screened::Unreadable).count() as u64;
            self.spool.set_screened(&screened)?;
        }
    }

    /// Requests for each copy that has locators whether it is protected, if the target has keys or policies.
    pub(crate) async fn screen_copies(&self, target: &Endpoint) -> Result<(), Error> {
        if !self.accounts.target_protects {
            return Ok(());
        }
        let (mut found, mut after) = (HashMap::new(), 0);
        loop {
            let page = self.spool.copies(after, AT_ONCE)?;
            let Some((last, ..)) = page.last() else { break };
            after = *last;
            let mut playing = Vec::new();
            for (_, _, copy) in page {
                if self.spool.count_locators_on(&copy)? > 0 {
                    playing.push(copy);
                }
            }
            let answers = target.library.protection_of(&playing).await;
            for (copy, answer) in playing.into_iter().zip(answers) {
                let cause = match Screened::of(answer) {
                    Screened::Protected => Cause::CopyProtected,
                    Screened::Unreadable => Cause::ProtectionUnreadable,
                    _ => continue,
                };
                let finding = Finding::new(cause, format!("copy {copy}"));
                found.insert(copy, finding);
            }
        }
        // A run requests this only once.
        let _ = self.observed.protected_copies.set(found);
        Ok(())
    }

    /// The reason why that copy does not play like its source, if it is protected.
    pub(crate) fn protected_copy(&self, copy: &AssetId) -> Option<&Finding> {
        self.observed.protected_copies.get()?.get(copy)
    }

    /// Adds the findings about the copy to the work on a published asset.
    pub(super) fn with_observed(&self, claim: Claim) -> Claim {
        self.with_filters(self.with_protected_copy(claim))
    }

    fn with_protected_copy(&self, mut claim: Claim) -> Claim {
        if let Claim::Mirror(work) = &mut claim
            && work.published
            && let Some(finding) = work.target.as_ref().and_then(|copy| self.protected_copy(&copy.id))
        {
            work.conflicts.push(finding.clone());
        }
        claim
    }
}
