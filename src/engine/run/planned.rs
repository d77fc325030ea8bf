//! Reports the items of a plan, and prevents changes that are not in the applied plan.

use super::Run;
use crate::model::AssetId;
use crate::monitor::RunEvent;
use crate::plan::{Action, Fingerprint, Item, Ruling};
use crate::verdict::{Cause, Finding};

impl Run {
    /// Reports an item of a plan.
    pub(crate) fn plan(&self, item: Item) {
        self.monitor.event(RunEvent::Planned(Box::new(item)));
    }

    /// The finding if the plan that the run applies forbids it. A dry run and a run without a plan may do everything.
    pub(crate) fn unplanned(&self, action: Action, subject: &str, fingerprint: Fingerprint) -> Option<Finding> {
        let plan = self.options.plan.as_ref().filter(|_| !self.options.dry_run)?;
        match plan.rule(action, subject, fingerprint) {
            Ruling::Planned => None,
            Ruling::Stale => Some(Cause::PlanStale.into()),
            Ruling::NotPlanned => Some(Cause::NotInPlan.into()),
        }
    }

    /// As [`Self::unplanned`], for a withdrawal.
    pub(crate) fn unplanned_withdrawal(&self, locator: &str, fingerprint: Fingerprint) -> Option<Finding> {
        let finding = self.unplanned(Action::Withdraw, locator, fingerprint)?;
        Some(Finding { detail: format!("locator {locator} is to be withdrawn, and still plays"), ..finding })
    }

    /// As [`Self::unplanned`], for a copy whose source asset is deleted.
    pub(crate) fn unplanned_retirement(&self, source: &AssetId, fingerprint: Fingerprint) -> Option<Finding> {
        let finding = self.unplanned(Action::Retire, source.as_str(), fingerprint)?;
        Some(Finding { detail: "its copy is to be retired".to_owned(), ..finding })
    }
}
