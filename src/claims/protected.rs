//! Copies that are protected on the target by another program: they do not play like their sources.

use std::collections::HashMap;

use super::catalog::Claims;
use super::judge::Claim;
use super::standing::Screened;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::model::AssetId;
use crate::verdict::{Cause, Finding};

/// The number of copies whose protection is requested at once.
const AT_ONCE: usize = 1_000;

impl Claims {
    /// Requests which copies are protected: for the target as a whole, and if it has keys or policies, for each copy
    /// that has locators.
    pub(crate) async fn screen_copies(&self, target: &Endpoint) -> Result<(), Error> {
        match target.library.has_protection().await {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) => tracing::warn!(%error, "whether the target has protected assets is not known"),
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
        let _ = self.protected_copies.set(found);
        Ok(())
    }

    /// The reason why that copy does not play like its source, if it is protected.
    pub(crate) fn protected_copy(&self, copy: &AssetId) -> Option<&Finding> {
        self.protected_copies.get()?.get(copy)
    }

    /// Adds the finding about the copy to the work on a published asset.
    pub(super) fn with_protected_copy(&self, mut claim: Claim) -> Claim {
        if let Claim::Mirror(work) = &mut claim
            && work.published
            && let Some(finding) = work.target.as_ref().and_then(|copy| self.protected_copy(&copy.id))
        {
            work.conflicts.push(finding.clone());
        }
        claim
    }
}
