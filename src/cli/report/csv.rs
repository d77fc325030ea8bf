//! The events of a run as a table: one change or finding per line.

use mediamirror::ledger::{Event, Ledger, RunRow};
use serde_json::Value;

use crate::cli::csv::Table;
use crate::cli::failure::CommandFailure;
use crate::cli::printer::Printer;

/// The columns, in order. `mediamirror manual report` documents them.
const COLUMNS: [&str; 9] = ["run", "at", "asset", "name", "kind", "code", "text", "owed", "detail"];

/// Events that are read together.
const PAGE: usize = 5_000;

/// Prints all events of a run.
pub(super) async fn print(ledger: &Ledger, run: &RunRow) -> Result<(), CommandFailure> {
    let mut table = Table::with(COLUMNS);
    let mut after = 0;
    loop {
        let page = ledger.events_after(&run.id, after, PAGE).await?;
        let last = page.last().map(|(place, _)| *place);
        for (_, event) in &page {
            add(&mut table, run, event);
        }
        Printer::file(&table.take())?;
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

fn add(table: &mut Table<9>, run: &RunRow, event: &Event) {
    let (finding, change) = (event.finding(), event.change());
    let (kind, text, owed) = match (&finding, &change) {
        (Some((finding, owed)), _) => {
            ("finding", finding.cause.sentence().to_owned(), if *owed { "yes" } else { "no" })
        }
        (None, Some(change)) => ("change", change.to_string(), ""),
        (None, None) => ("change", event.code.clone(), ""),
    };
    let detail = match finding {
        Some((finding, _)) => finding.detail,
        None if event.detail.is_empty() => String::new(),
        None => Value::Object(event.detail.clone()).to_string(),
    };
    table.add([
        &run.id,
        &event.at.to_string(),
        event.asset.as_ref().map_or("", |asset| asset.as_str()),
        event.name.as_deref().unwrap_or_default(),
        kind,
        &event.code,
        &text,
        owed,
        &detail,
    ]);
}
