//! Assets that were mirrored before and that the source lists no more: deleted there, or left out of a listing that is
//! not to be believed. Their copies stay on the target either way; what differs is what the operator has to be told.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::run::Run;
use crate::error::Error;
use crate::ledger::AssetRow;
use crate::model::{Asset, AssetEncryption, AssetId};
use crate::monitor::{AssetOutcome, RunEvent};
use crate::verdict::{Cause, Finding};

/// Absent assets that are asked for one by one: where a listing is cut short, nearly every one of them is still there.
const ASKED_FOR: usize = 20;
/// Ledger rows read at once.
const ROWS: usize = 1_000;

/// What a whole listing of the source has shown.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// A number for each asset: a million of them take 8 MB.
    ids: Vec<u64>,
    /// Assets among them of which the ledger had a row.
    known: u64,
}

impl Listed {
    /// Takes a page in.
    pub(crate) fn add(&mut self, page: &[Asset]) {
        self.ids.extend(page.iter().map(|asset| number(&asset.id)));
    }

    /// The ledger has a row of one of them.
    pub(crate) fn meet(&mut self) {
        self.known += 1;
    }
}

fn number(id: &AssetId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// Tells of the assets in scope that were complete before and are listed no more. `rows` is how many the ledger had before
/// the run.
pub(crate) async fn tell(run: &Run, mut listed: Listed, rows: u64) -> Result<(), Error> {
    if listed.known >= rows {
        return Ok(());
    }
    listed.ids.sort_unstable();
    let (mut absent, mut some) = (0, Vec::new());
    let mut after: Option<AssetId> = None;
    loop {
        let page = run.ledger.assets(after.as_ref(), ROWS).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.source.clone());
        for row in page {
            if row.complete() && listed.ids.binary_search(&number(&row.source)).is_err() {
                let asset = as_asset(row);
                if run.options.covers(&asset) {
                    absent += 1;
                    keep_some(&mut some, asset, absent);
                }
            }
        }
    }
    let hidden = ask_for(run, some).await;
    if absent > hidden {
        let gone = absent - hidden;
        run.count(|tally| tally.assets.gone = gone);
        let doubt = if hidden > 0 { "; the listing is incomplete, so they may be there all the same" } else { "" };
        run.monitor.event(RunEvent::Note(format!(
            "{gone} assets that were mirrored before are not in the source's listing any more; their copies stay on the \
             target{doubt}"
        )));
    }
    Ok(())
}

/// Keeps so many of all, each as likely as any other.
fn keep_some(some: &mut Vec<Asset>, asset: Asset, seen: u64) {
    if some.len() < ASKED_FOR {
        some.push(asset);
    } else if let Ok(at) = usize::try_from(fastrand::u64(..seen))
        && at < ASKED_FOR
    {
        some[at] = asset;
    }
}

/// Asks the source for each. Those that are still there are failures of this run; says how many.
async fn ask_for(run: &Run, some: Vec<Asset>) -> u64 {
    let mut hidden = 0;
    for asset in some {
        let reason = match run.pair.source.media.asset(&asset.id).await {
            Ok(None) => continue,
            Ok(Some(_)) => Finding::new(Cause::ListingIncomplete, "the source's"),
            Err(error) => Finding::new(Cause::ListingIncomplete, format!("the source's, perhaps: {error}")),
        };
        hidden += 1;
        run.leave_behind();
        run.count(|tally| tally.assets.total += 1);
        run.finish(&asset, AssetOutcome::Not(reason));
    }
    hidden
}

/// As much of an asset as its row tells.
fn as_asset(row: AssetRow) -> Asset {
    Asset {
        id: row.source,
        name: row.facts.name,
        alternate_id: None,
        created: None,
        encryption: AssetEncryption::None,
        storage_account: None,
        container: None,
    }
}
