//! The ledger's records of the last runs: when all assets of the source were last processed, and the findings about
//! each asset since then.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::error::Error;
use crate::ledger::{AssetRow, Event, Ledger, Mark, RunRow};
use crate::model::{AccountName, AssetId};
use crate::verdict::{Class, Finding};

/// The number of runs whose events the ledger keeps.
const RUNS: usize = 30;

/// The records of the last runs.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The start time of the last run that processed all assets of the source.
    pub(super) whole: Option<Timestamp>,
    /// The last finding about each asset since then, and when it was made.
    pub(super) findings: BTreeMap<AssetId, (Finding, Timestamp)>,
    /// The names of these assets at that time.
    pub(super) names: BTreeMap<AssetId, String>,
}

impl Record {
    /// Reads the records of the runs from that account.
    pub(super) async fn read(ledger: &Ledger, source: &AccountName) -> Result<Self, Error> {
        let whole = ledger.mark(Mark::FilesSeen).await?;
        let mut record = Self { whole, ..Self::default() };
        // A ledger in memory belongs to no account.
        let is_ours = |run: &RunRow| run.source == *source || run.source.as_str().is_empty();
        let runs: Vec<RunRow> = ledger.runs(RUNS).await?.into_iter().filter(is_ours).collect();
        let since = whole.or_else(|| runs.first().map(|run| run.began));
        for run in runs.iter().rev().filter(|run| since.is_none_or(|since| run.began >= since)) {
            record.add(ledger.events_of(&run.id).await?);
        }
        Ok(record)
    }

    /// Adds the events of a run.
    fn add(&mut self, events: Vec<Event>) {
        for event in events {
            let found = event.finding().map(|(finding, _)| finding);
            let Some(finding) = found.filter(|finding| finding.class() != Class::Noted) else { continue };
            if let Some(asset) = event.asset {
                self.names.extend(event.name.map(|name| (asset.clone(), name)));
                self.findings.insert(asset, (finding, event.at));
            }
        }
    }

    /// The finding about an asset that is newer than the ledger's row about it.
    pub(super) fn finding(&self, asset: &AssetId, row: Option<&AssetRow>) -> Option<&Finding> {
        let (finding, at) = self.findings.get(asset)?;
        let mended = row.is_some_and(|row| row.complete() && row.updated > *at);
        (!mended).then_some(finding)
    }

    /// When a run last found the copy of that row equal to its source. A night without changes writes no row.
    pub(super) fn proven(&self, row: Option<&AssetRow>) -> Option<Timestamp> {
        let row = row.filter(|row| row.complete())?;
        let nights = self.whole.filter(|_| self.finding(&row.source, Some(row)).is_none());
        Some(nights.map_or(row.updated, |whole| whole.max(row.updated)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Facts, Status, Step};
    use crate::verdict::Cause;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn row(updated: i64) -> AssetRow {
        AssetRow {
            source: AssetId::new("a"),
            step: Step::PublishLocators,
            status: Status::Succeeded,
            facts: Facts::default(),
            updated: at(updated),
            kept_seen: None,
        }
    }

    #[test]
    fn a_night_without_changes_proves_a_copy_and_a_finding_of_that_night_does_not() {
        let mut record = Record { whole: Some(at(100)), ..Record::default() };
        assert_eq!(record.proven(Some(&row(50))), Some(at(100)));
        record.findings.insert(AssetId::new("a"), (Cause::SourceChanging.into(), at(101)));
        assert_eq!(record.proven(Some(&row(50))), Some(at(50)));
        assert_eq!(record.finding(&AssetId::new("a"), Some(&row(102))), None, "a later run mended it");
        assert_eq!(record.proven(None), None);
    }
}
