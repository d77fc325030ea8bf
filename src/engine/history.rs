//! Writes a run into the history in the ledger. A dry run writes nothing.

use crate::clock;
use crate::engine::counts::Problem;
use crate::engine::run::Run;
use crate::engine::summary::Summary;
use crate::error::Error;
use crate::ledger::{Event, Ledger, RunEnd};
use crate::model::AssetId;
use crate::verdict::{Change, Finding, Outcome};

/// The part of the summary that the ledger does not store, because the events contain it.
const LISTED: &str = "problems";

/// Records the outcome of a run.
pub(crate) async fn end(ledger: &Ledger, run: &str, ended: &mut Result<Summary, Error>) -> Result<(), Error> {
    let at = clock::now();
    let end = match ended {
        Ok(summary) => RunEnd { at, outcome: summary.outcome, summary: Some(without_problems(summary)), error: None },
        Err(error) => RunEnd { at, outcome: Outcome::Failed, summary: None, error: Some(error.to_string()) },
    };
    Ok(ledger.end_run(run, end).await?)
}

/// The summary as JSON, without its long list.
fn without_problems(summary: &mut Summary) -> serde_json::Value {
    let problems: Vec<Problem> = std::mem::take(&mut summary.problems);
    let mut json = serde_json::to_value(&*summary).expect("words and numbers");
    summary.problems = problems;
    json.as_object_mut().expect("a summary is an object").remove(LISTED);
    json
}

impl Run {
    /// Records the changes of an asset of that name.
    pub(crate) fn note_changes(&self, asset: &AssetId, name: &str, changes: &[Change]) {
        for change in changes {
            self.note_event(Event::changed(asset, name, change));
        }
    }

    /// Records a finding about an asset of that name, or about a library as a whole. `owed`: it is owed and not
    /// accepted.
    pub(crate) fn note_finding(&self, asset: Option<(&AssetId, &str)>, finding: &Finding, owed: bool) {
        self.note_event(Event::found(asset, finding, owed));
    }

    fn note_event(&self, event: Event) {
        if !self.options.dry_run {
            self.ledger.event(&self.keeper.run, event);
        }
    }
}
