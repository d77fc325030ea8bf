//! A dry run of one asset: what a run would do, and what that costs.

use futures::TryStreamExt;

use super::{changes_of_blobs, fill};
use crate::claims::Work;
use crate::engine::contents::Contents;
use crate::engine::contents::compare::Need;
use crate::engine::contents::needs::{Survey, needs};
use crate::engine::forecast::Copies;
use crate::engine::publish::with_intended_locators;
use crate::engine::run::Run;
use crate::engine::tags;
use crate::error::Error;
use crate::monitor::AssetOutcome;
use crate::plan::{Action, Fingerprint, Item};
use crate::verdict::{Cause, Finding};

/// Counts what a real run would do, and reports it as an item of a plan.
pub(super) async fn rehearse(
    run: &Run,
    work: &Work,
    source: &Contents<'_>,
    present: Option<&Contents<'_>>,
    (survey, intent): (&Survey, Fingerprint),
) -> Result<AssetOutcome, Error> {
    let nothing = Contents::none(source.place());
    let into = present.map_or_else(|| run.account_of_new_copy(&work.asset), |there| Some(there.account));
    let situation = fill::situation(run, work, source.account, into);
    tags::note(run, &work.asset, source, into);
    let mut copies = Copies::of_walks(source, present);
    let mut bytes = 0;
    let mut needed = std::pin::pin!(needs(work, source, present.unwrap_or(&nothing)));
    let (mut unreadable, mut silent) = (None, None);
    while let Some(one) = needed.try_next().await? {
        let archived = one.copy.filter(|copy| copy.is_archived());
        silent = silent.or(archived.map(|copy| Finding::new(Cause::ArchivedInTarget, copy.name.clone())));
        if !matches!(one.need, Need::Copy(_)) {
            continue;
        }
        if one.blob.is_archived() {
            unreadable.get_or_insert_with(|| Finding::new(Cause::ArchivedInSource, one.blob.name.clone()));
        }
        bytes += one.blob.length;
        let method = situation.of(&one.blob).method(one.blob.length);
        run.methods.add(&work.asset.id, method, one.blob.kind, one.blob.length);
        copies.add(&one.blob, method, source.stages.of(&one.blob), situation.same_account, work.target.is_some());
        copies.unpostable |= !run.pair.target.library.takes_file_name(&one.blob.name);
    }
    run.count(|tally| {
        tally.outlook.add(run.pair.target.library.as_ref(), work, source, &copies);
        tally.blobs.copied += survey.copies();
        tally.blobs.unchanged += source.count - survey.copies();
        tally.bytes_copied += bytes;
        tally.locators.mirrored += work.locators_to_do();
        tally.locators.unchanged += work.present;
        tally.locators.failed += work.conflicts.len() as u64;
        tally.keep(survey.kept.len() as u64, survey.kept_bytes);
    });
    let changes = changes_of_blobs(work.target.is_none(), survey.copies(), source.count, survey);
    let changes = with_intended_locators(changes, work);
    run.changed(&work.asset, changes.clone());
    let item = Item::new(Action::Mirror, &work.asset.id, work.asset.label(), changes, intent);
    run.plan(Item { copied: survey.copies(), overwritten: survey.overwritten, bytes, ..item });
    // In the order in which a run finds them.
    let finding = unreadable.or(silent).or_else(|| work.conflicts.first().cloned());
    Ok(finding.map_or(AssetOutcome::Mirrored, AssetOutcome::Not))
}
