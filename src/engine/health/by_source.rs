//! The health of assets according to the comparison of both sides.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::record::Record;
use super::source::Watch;
use super::{AssetHealth, PAGE, Pending, Playable, Replication, Shield, protected, unreadable};
use crate::claims::{Order, Playing};
use crate::engine::asset::has_changed_records;
use crate::engine::contents::condition::Proof;
use crate::engine::expired::explained;
use crate::engine::run::Run;
use crate::engine::verify::{Seen, compare_and_see, see_copy};
use crate::error::{Disposition, Error};
use crate::ledger::AssetRow;
use crate::model::Asset;
use crate::verdict::{Cause, Class, Finding};

/// Both sides, listed.
#[derive(Debug)]
pub(super) struct BySource {
    pub(super) run: Run,
    pub(super) watch: Watch,
}

/// The health of each asset in scope that the source lists.
pub(super) fn assets<'a>(by: &'a BySource, record: &'a Record) -> BoxStream<'a, Result<AssetHealth, Error>> {
    let pages = stream::try_unfold(0, move |after| async move {
        let page = by.run.claims.page(Order::Listed, after, PAGE)?;
        Ok::<_, Error>(page.last().map(|(last, _)| *last).map(|last| (page, last)))
    });
    let assets = pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten();
    assets
        .map_ok(move |(_, asset)| look(by, record, asset))
        .try_buffer_unordered(by.run.assets_at_once().max(1))
        .boxed()
}

async fn look(by: &BySource, record: &Record, asset: Asset) -> Result<AssetHealth, Error> {
    let BySource { run, watch } = by;
    let row = run.ledger.asset(&asset.id).await?;
    let (found, mut seen) = match watch.unless_silent(compare_and_see(run, asset.clone())).await {
        Ok(compared) => {
            let (_, answer, seen) = compared?;
            (answer.map(|(compared, _)| compared.finding), seen)
        }
        Err(silence) => (Err(Error::found(asset.label(), silence.cause, silence.detail)), see_copy(run, &asset).await?),
    };
    let found = match found.map_err(|error| explained(error, &run.pair)) {
        Err(error) if error.disposition() == Disposition::Fatal => return Err(error),
        found => found.map_err(|error| error.finding(asset.label())),
    };
    if seen.changes.is_some() && !seen.same_records {
        let changed = watch.unless_silent(has_changed_records(run, &asset, row.as_ref())).await;
        if changed.unwrap_or(Ok(false))? {
            seen.note_change();
        }
    }
    let copy = seen.copy.as_ref().map(|copy| &copy.id);
    let playing = run.claims.playing(&asset.id, copy, run.service_time())?;
    let evidence = Evidence {
        playing,
        through_locators: run.claims.through_locators(),
        protected_copy: copy.and_then(|copy| run.claims.protected_copy(copy)).cloned(),
        proven: record.proven(row.as_ref()),
        row,
        found,
        seen,
    };
    Ok(judge(&asset, evidence))
}

/// All evidence about an asset.
struct Evidence {
    seen: Seen,
    /// The reason why a run does not mirror it; an error: one side could not be read.
    found: Result<Option<Finding>, Finding>,
    playing: Playing,
    through_locators: bool,
    /// The copy is protected.
    protected_copy: Option<Finding>,
    row: Option<AssetRow>,
    proven: Option<Timestamp>,
}

/// Would it play, and what does the target lack? Pure.
fn judge(asset: &Asset, evidence: Evidence) -> AssetHealth {
    let playable = evidence.playable();
    let (replication, pending) = evidence.replication(asset, &playable);
    let Evidence { seen, found, playing, protected_copy, row, proven, .. } = evidence;
    let bytes = seen.source.map(|(_, bytes)| bytes).or_else(|| row.and_then(|row| row.facts.bytes));
    let found = found.as_ref().ok().and_then(Option::as_ref).or(protected_copy.as_ref());
    let protection = match found.map(|finding| finding.cause) {
        Some(Cause::Protected | Cause::CopyProtected | Cause::PlaysInTheClear) => Shield::Protected,
        Some(Cause::ProtectionUnreadable) => Shield::Unknown,
        _ => Shield::Clear,
    };
    let health = AssetHealth {
        replication,
        pending,
        protection,
        copy: seen.copy.map(Into::into),
        bytes: bytes.unwrap_or_default(),
        proven,
        ..AssetHealth::of(&asset.id, asset.label(), playable)
    };
    health.with_condition(seen.condition.as_ref()).with_locators(&playing)
}

impl Evidence {
    fn finding(&self) -> Option<&Finding> {
        self.found.as_ref().map_or_else(Some, Option::as_ref)
    }

    fn playable(&self) -> Playable {
        let not = |cause: Cause| Playable::Not(self.finding().cloned().unwrap_or_else(|| cause.into()));
        let Some(copy) = &self.seen.copy else { return self.without_copy() };
        if self.through_locators && self.playing.wanted == 0 {
            return Playable::NotExpected;
        }
        let Some(condition) = &self.seen.condition else {
            return match &self.found {
                Err(finding) => Playable::Unknown(finding.clone()),
                Ok(_) => Playable::Not(Finding::new(Cause::TargetContainerDeleted, copy.label())),
            };
        };
        if !self.seen.is_verified {
            return not(Cause::NotMirroredYet);
        }
        if let Some(finding) = unreadable(condition) {
            return Playable::Not(finding);
        }
        let damaged = self.seen.changes.as_ref().and_then(|changes| changes.damaged.clone());
        let records = self.seen.records.clone().filter(|_| self.seen.same_records);
        if let Some(what) = damaged.or(records) {
            return Playable::Not(Finding::new(Cause::CopyAltered, what));
        }
        if let Some(missing) = &self.playing.missing {
            return match self.finding().filter(|finding| finding.class() == Class::Conflict) {
                Some(conflict) => Playable::Not(conflict.clone()),
                None => Playable::Not(Finding::new(Cause::LocatorMissing, missing.as_str())),
            };
        }
        if let Some(found) = &self.protected_copy {
            return protected(found);
        }
        if let Some(found) = &self.seen.filters {
            return Playable::Not(found.clone());
        }
        match (&condition.proof, &self.seen.changes) {
            (Proof::Same, _) | (_, Some(_)) => Playable::Ready,
            (Proof::Altered(what), None) => Playable::Not(Finding::new(Cause::CopyAltered, what.clone())),
            (Proof::Nothing, None) => {
                let why = self.finding().map(ToString::to_string).unwrap_or_default();
                Playable::Unknown(Finding::new(Cause::NotProven, why))
            }
        }
    }

    /// For an asset without a copy, or one that is left out before its copy is examined.
    fn without_copy(&self) -> Playable {
        match self.finding() {
            Some(finding) if finding.unpublished || finding.class() == Class::Withheld => Playable::NotExpected,
            Some(finding) if finding.class() == Class::Unchecked => Playable::Unknown(finding.clone()),
            Some(finding) => Playable::Not(finding.clone()),
            None if self.through_locators && self.playing.wanted == 0 => Playable::NotExpected,
            None => Playable::Not(Cause::NotMirroredYet.into()),
        }
    }

    fn replication(&self, asset: &Asset, playable: &Playable) -> (Replication, Option<Pending>) {
        if self.seen.copy.is_none() || !self.seen.is_verified {
            // An asset that is left out on purpose is not a pending change.
            let waits = matches!(playable, Playable::Not(finding) if finding.class() != Class::Skipped);
            return (Replication::Missing, waits.then_some(Pending { since: asset.created }));
        }
        let is_lost = self.finding().is_some_and(|finding| finding.cause == Cause::SourceLost);
        match &self.seen.changes {
            // The target has more than the source.
            None if is_lost => (Replication::AsRecorded, None),
            None if self.found.is_err() => (Replication::Unknown, None),
            None => (Replication::Behind, Some(Pending { since: self.proven })),
            Some(changes) if changes.pending => (Replication::Behind, Some(Pending { since: changes.since })),
            Some(_) if self.seen.other_terms || self.playing.missing.is_some() => {
                (Replication::Behind, Some(Pending { since: self.proven.or(asset.created) }))
            }
            Some(changes) if changes.damaged.is_some() => (Replication::Behind, None),
            Some(_) => (Replication::Current, None),
        }
    }
}
