//! Second copies of one source asset: keeps the copy that plays, and deletes another copy that is ours and plays
//! nothing.

use std::collections::{BTreeMap, HashMap};

use crate::claims::{Standing, TargetAsset};
use crate::engine::contents::locate::locate_copy;
use crate::engine::delete::copies::{content, deleting, remove_container};
use crate::engine::run::Run;
use crate::error::Error;
use crate::model::{Asset, AssetId};
use crate::monitor::RunEvent;
use crate::verdict::{Cause, Change, Finding};

/// Deletes second copies if the operator asks for it. For the rest of the run, deleted copies do not count.
pub(crate) async fn delete_second(run: &Run) -> Result<(), Error> {
    if !run.options.dedupe {
        return Ok(());
    }
    for source in run.claims.spool.copied_twice()? {
        let listed = run.claims.spool.source(&source)?.map(|(asset, covered)| (asset.label().to_owned(), covered));
        let copies = ordered(run, &source)?;
        let Some((kept, others)) = copies.split_first() else { continue };
        let (label, covered) =
            listed.unwrap_or_else(|| (kept.label().to_owned(), run.options.covers_id(&source, kept.label())));
        for other in others.iter().filter(|_| covered) {
            match delete_one(run, &source, kept, other).await {
                Ok(None) => {
                    run.claims.spool.drop_target(&other.id)?;
                    let change = Change::SecondCopyDeleted { copy: other.id.clone(), kept: kept.id.clone() };
                    run.changed(&Asset::known_by(&source, &label), vec![change]);
                }
                Ok(Some(why)) => {
                    // The verdict of the asset is `two-copies`.
                    let detail = format!("copy {} beside {}: {why}", other.id, kept.id);
                    let finding = Finding::new(Cause::NotDeleted, detail);
                    run.note_finding(Some((&source, &label)), &finding, false);
                    run.monitor.event(RunEvent::Note(format!("{label}: {}", finding.line(false))));
                }
                Err(error) => run.fail_copy(&source, &label, error),
            }
        }
    }
    Ok(())
}

/// The complete copies of an asset: a published one first, then by id.
fn ordered(run: &Run, source: &AssetId) -> Result<Vec<TargetAsset>, Error> {
    let mut copies = Vec::new();
    for copy in run.claims.spool.copies_of(source)?.into_iter().filter(|copy| copy.standing == Standing::Ours) {
        let plays = run.claims.spool.locators_on(&copy.id)?.iter().any(|there| there.ours);
        copies.push((!plays, copy));
    }
    copies.sort_by(|(one, a), (other, b)| (one, &a.id).cmp(&(other, &b.id)));
    Ok(copies.into_iter().map(|(_, copy)| copy).collect())
}

/// Deletes a copy, or returns the reason why it stays. Both copies are requested by their keys.
async fn delete_one(
    run: &Run,
    source: &AssetId,
    kept: &TargetAsset,
    other: &TargetAsset,
) -> Result<Option<String>, Error> {
    let (library, account) = (&run.pair.target.library, run.pair.source.library.account());
    for copy in [kept, other] {
        let now = library.asset(&copy.id).await?.map(|asset| TargetAsset::of(asset, account));
        if now.is_none_or(|now| now.standing != Standing::Ours || now.mark != copy.mark) {
            return Ok(Some("their marks were changed during the run".to_owned()));
        }
    }
    if !library.locators_of_asset(&other.id).await?.is_empty() {
        return Ok(Some("it has a locator".to_owned()));
    }
    if let Some(blob) = beyond(run, kept, other).await? {
        return Ok(Some(format!("the kept copy lacks blob {blob}")));
    }
    if run.options.dry_run {
        return Ok(None);
    }
    let place = locate_copy(&run.pair.target, other).await?;
    run.keeper.intend(BTreeMap::from([(other.id.to_string(), deleting(&place))])).await?;
    run.may_write()?;
    library.delete_asset(&other.id).await?;
    remove_container(run, &place).await?;
    let row = run.ledger.asset(source).await?;
    if row.is_some_and(|row| row.facts.target.as_ref() == Some(&other.id)) {
        run.ledger.forget(source).await?;
    }
    run.keeper.change(|state| drop(state.deleting.remove(other.id.as_str())));
    Ok(None)
}

/// A blob of the other copy that the kept copy lacks, or has with other bytes as far as listings show.
async fn beyond(run: &Run, kept: &TargetAsset, other: &TargetAsset) -> Result<Option<String>, Error> {
    let Some(other) = content(run, other).await? else { return Ok(None) };
    let mut there = HashMap::new();
    if let Some(kept) = content(run, kept).await? {
        let mut walk = kept.walk();
        while let Some(blob) = walk.next().await? {
            there.insert(blob.name.clone(), (blob.length, blob.properties.content_md5.clone()));
        }
    }
    let mut walk = other.walk();
    while let Some(blob) = walk.next().await? {
        let same = |(length, md5): &(u64, Option<Vec<u8>>)| {
            let both = md5.as_ref().zip(blob.properties.content_md5.as_ref());
            *length == blob.length && both.is_none_or(|(kept, other)| kept == other)
        };
        if !there.get(&blob.name).is_some_and(same) {
            return Ok(Some(blob.name.clone()));
        }
    }
    Ok(None)
}
