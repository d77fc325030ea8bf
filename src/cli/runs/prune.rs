//! `runs prune`: removes old runs from the ledger.

use std::num::NonZeroUsize;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mediamirror::clock;
use mediamirror::ledger::{Ledger, RunRow};
use mediamirror::report::counted;
use schemars::JsonSchema;
use serde::Serialize;

use super::Place;
use crate::cli::args::runs::PruneArgs;
use crate::cli::context::Context;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::CommandFailure;
use crate::cli::plain;
use crate::cli::wrap::wrapped;

/// The removed runs, or those that would be removed.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Pruned {
    /// Was nothing removed?
    dry_run: bool,
    /// Their ids, the newest first.
    removed: Vec<String>,
    /// Their events.
    events: u64,
    /// Runs that are left.
    kept: usize,
}

/// Runs the command.
pub(super) async fn run(context: &Context, place: &Place, args: &PruneArgs) -> Result<ExitCode, CommandFailure> {
    let before = args.older_than.map(|age| clock::now().to_zoned(TimeZone::UTC).checked_sub(age));
    let before = before.transpose().map_err(|error| {
        let problem = format!("--older-than: {error}");
        CommandFailure::new(ExitCode::Usage, problem, "give a shorter time, such as 90d")
    })?;
    // For writing, too, a missing ledger is not created.
    let mut ledger = place.open()?;
    if !args.dry_run {
        ledger.close().await?;
        ledger = Ledger::open(&place.path, &place.source, &place.target)?;
    }
    let pruned = prune(&ledger, args, before.map(|before| before.timestamp())).await;
    ledger.close().await?;
    let pruned = pruned?;
    context.printer.result(&pruned, || text(&pruned))?;
    Ok(ExitCode::Success)
}

async fn prune(ledger: &Ledger, args: &PruneArgs, before: Option<Timestamp>) -> Result<Pruned, CommandFailure> {
    let runs = ledger.runs(usize::MAX).await?;
    let old = old(&runs, args.keep.map(NonZeroUsize::get), before);
    if !args.dry_run {
        ledger.remove_runs(old.iter().map(|run| run.number).collect()).await?;
    }
    Ok(Pruned {
        dry_run: args.dry_run,
        events: old.iter().map(|run| run.events).sum(),
        kept: runs.len() - old.len(),
        removed: old.iter().map(|run| run.id.clone()).collect(),
    })
}

/// Of runs with the newest first, those that are not among the first `keep` and that started before a time. The last
/// run is always kept: the next one needs its direction.
fn old(runs: &[RunRow], keep: Option<usize>, before: Option<Timestamp>) -> Vec<&RunRow> {
    let beyond = runs.iter().skip(keep.unwrap_or_default().max(1));
    beyond.filter(|run| before.is_none_or(|before| run.began < before)).collect()
}

fn text(pruned: &Pruned) -> String {
    let Pruned { dry_run, removed, events, kept } = pruned;
    let (count, kept) = (counted(removed.len() as u64, "run"), counted(*kept as u64, "run"));
    let [Some(newest), Some(oldest)] = [removed.first(), removed.last()] else {
        return format!("nothing to remove; the ledger keeps {kept}\n");
    };
    let verb = if *dry_run { "would be removed" } else { "removed" };
    let range = if oldest == newest { plain::line(oldest).into_owned() } else { format!("{oldest} to {newest}") };
    let events = counted(*events, "event");
    wrapped("", &plain::line(&format!("{count} {verb} ({range}) with {events}; the ledger keeps {kept}")))
}

#[cfg(test)]
mod tests {
    use mediamirror::model::AccountName;

    use super::*;

    fn left(keep: Option<usize>, before: Option<i64>) -> Vec<i64> {
        let run = |number: i64| RunRow {
            number,
            id: number.to_string(),
            source: AccountName::new("north"),
            began: Timestamp::from_second(number * 10).unwrap(),
            ended: None,
            events: 0,
        };
        let runs: Vec<RunRow> = (1..=5).rev().map(run).collect();
        let before = before.map(|second| Timestamp::from_second(second).unwrap());
        let old: Vec<i64> = old(&runs, keep, before).iter().map(|run| run.number).collect();
        runs.iter().map(|run| run.number).filter(|number| !old.contains(number)).collect()
    }

    #[test]
    fn only_old_runs_that_are_not_among_the_last_are_removed_and_never_the_last_one() {
        assert_eq!(left(Some(2), None), [5, 4]);
        assert_eq!(left(None, Some(30)), [5, 4, 3]);
        assert_eq!(left(Some(4), Some(30)), [5, 4, 3, 2]);
        assert_eq!(left(Some(1), Some(30)), [5, 4, 3]);
        assert_eq!(left(None, Some(1_000)), [5]);
        assert_eq!(left(Some(9), Some(1_000)), [5, 4, 3, 2, 1]);
    }
}
