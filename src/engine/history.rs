//! Writes a run into the history in the ledger. A dry run writes nothing.

use crate::clock;
use crate::engine::run::Run;
use crate::engine::summary::Summary;
use crate::error::Error;
use crate::ledger::{Event, Ledger, RunCounts, RunEnd};
use crate::model::AssetId;
use crate::verdict::{Change, Finding};

/// The outcome of a run that ended with an error and has no summary.
const FAILED: &str = "failed";

/// Records how a run ended. `summary`: `None` = with an error.
pub(crate) async fn end(ledger: &Ledger, run: &str, summary: Option<&Summary>) -> Result<(), Error> {
    let outcome = summary.map(|summary| plain(summary.outcome));
    let outcome = outcome.as_ref().and_then(|outcome| outcome.as_str()).unwrap_or(FAILED).to_owned();
    let counts = summary.map(|summary| RunCounts {
        assets: plain(summary.assets),
        requests: summary.requests.media + summary.requests.blob,
        bytes: summary.bytes_copied,
    });
    Ok(ledger.end_run(run, RunEnd { at: clock::now(), outcome, counts }).await?)
}

fn plain(value: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("words and numbers")
}

impl Run {
    /// Records the changes of an asset.
    pub(crate) fn note_changes(&self, asset: &AssetId, changes: &[Change]) {
        for change in changes {
            self.note_event(Event::changed(asset, change));
        }
    }

    /// Records a finding about an asset, or about a library as a whole.
    pub(crate) fn note_finding(&self, asset: Option<&AssetId>, finding: &Finding) {
        self.note_event(Event::found(asset, finding));
    }

    fn note_event(&self, event: Event) {
        if !self.options.dry_run {
            self.ledger.event(&self.keeper.run, event);
        }
    }
}
