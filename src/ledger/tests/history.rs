//! Runs, their events, and the two directions of a pair.

use serde_json::{Value, json};

use super::*;
use crate::ledger::runs::RunBegin;
use crate::model::LocatorKind;
use crate::verdict::{Cause, Change, Finding, Outcome, Withdrawal};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn complete(second: i64) -> RunEnd {
    let summary = json!({"assets": {"total": 3, "mirrored": 1}, "bytes_copied": 1_u64 << 40});
    RunEnd { at: at(second), outcome: Outcome::Complete, summary: Some(summary), error: None }
}

fn records() -> Event {
    Event::changed(&id(1), "film", &Change::Records)
}

/// The ledger of the same accounts with source and target exchanged.
fn open_exchanged(path: &Path) -> Result<Ledger, LedgerError> {
    let (source, target) = pair();
    Ledger::open(path, &target, &source)
}

/// How many events are in the file, without those that are still waiting.
fn written(path: &Path) -> u32 {
    Connection::open(path).unwrap().query_row("SELECT count(*) FROM event", (), |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn runs_are_read_with_the_newest_first_and_a_killed_run_has_no_end() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    ledger.begin_run("first", at(1)).await.unwrap();
    ledger.end_run("first", complete(5)).await.unwrap();
    ledger.begin_run("killed", at(10)).await.unwrap();
    ledger.close().await.unwrap();
    let ledger = open_exchanged(&path).unwrap();
    ledger.begin_run("failed", at(20)).await.unwrap();
    let failed = RunEnd { at: at(21), outcome: Outcome::Failed, summary: None, error: Some("no".to_owned()) };
    ledger.end_run("failed", failed.clone()).await.unwrap();
    let (north, south) = pair();
    let run = |number, id: &str, source: &AccountName, began, ended| RunRow {
        number,
        events: 0,
        id: id.to_owned(),
        source: source.clone(),
        began: at(began),
        ended,
    };
    let expected = [
        run(3, "failed", &south, 20, Some(failed)),
        run(2, "killed", &north, 10, None),
        run(1, "first", &north, 1, Some(complete(5))),
    ];
    assert_eq!(ledger.runs(10).await.unwrap(), expected);
    assert_eq!(ledger.runs(2).await.unwrap(), expected[..2]);
}

#[tokio::test]
async fn events_are_read_in_order_with_code_and_detail() {
    let ledger = Ledger::in_memory().unwrap();
    let locator = crate::model::LocatorId::new("l");
    let finding = Finding::new(Cause::TwoCopies, "a and b");
    ledger.begin_run("run", at(1)).await.unwrap();
    ledger.event("run", Event::changed(&id(1), "film", &Change::New { blobs: 7 }));
    ledger.event(
        "run",
        Event::changed(
            &id(1),
            "film",
            &Change::LocatorWithdrawn { id: locator.clone(), kind: LocatorKind::Streaming, why: Withdrawal::Moved },
        ),
    );
    ledger.event("run", Event::found(Some((&id(2), "news")), &finding, false));
    ledger.event("run", Event::found(None, &Cause::TargetNotStreaming.into(), true));
    ledger.event("no such run", records());
    let events = ledger.events_of("run").await.unwrap();
    let (withdrawn, found) = (events[1].change(), events[2].finding());
    assert_eq!(
        withdrawn,
        Some(Change::LocatorWithdrawn { id: locator, kind: LocatorKind::Streaming, why: Withdrawal::Moved })
    );
    assert_eq!(found, Some((finding, false)));
    assert_eq!((events[1].finding(), events[2].change()), (None, None));
    assert_eq!((events[2].name.as_deref(), events[3].name.as_deref()), (Some("news"), None));
    let seen: Vec<_> = events
        .into_iter()
        .map(|event| (event.asset, event.code, Value::Object(event.detail)))
        .map(|(asset, code, detail)| (asset, code, detail.to_string()))
        .collect();
    let event = |asset, code: &str, detail: Value| (asset, code.to_owned(), detail.to_string());
    let expected = [
        event(Some(id(1)), "new", json!({"blobs": 7})),
        event(Some(id(1)), "locator-withdrawn", json!({"id": "l", "kind": "streaming", "why": "moved"})),
        event(Some(id(2)), "two-copies", json!({"detail": "a and b", "owed": false})),
        event(None, "target-not-streaming", json!({"owed": true})),
    ];
    assert_eq!(seen, expected);
    assert_eq!(ledger.events_of("no such run").await.unwrap(), []);
}

#[tokio::test]
async fn an_event_is_written_with_the_next_record_even_if_that_is_refused() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    ledger.begin_run("run", at(1)).await.unwrap();
    for refused in [false, true] {
        let before = written(&path);
        ledger.event("run", records());
        let step = if refused { PublishLocators } else { CreateTarget };
        let result = ledger.record(&id(usize::from(refused)), step, Started, Facts::default()).await;
        assert_eq!(result.is_err(), refused);
        assert_eq!(written(&path), before + 1);
    }
}

#[tokio::test]
async fn events_without_a_record_are_written_when_the_ledger_settles_closes_is_dropped_or_idle() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    ledger.begin_run("run", at(1)).await.unwrap();
    ledger.event("run", records());
    ledger.settled().await.unwrap();
    assert_eq!(written(&path), 1);
    ledger.event("run", records());
    let deadline = Instant::now() + std::time::Duration::from_mins(1);
    while written(&path) == 1 {
        assert!(Instant::now() < deadline, "nothing is written");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    ledger.event("run", records());
    ledger.close().await.unwrap();
    assert_eq!(written(&path), 3);
    let ledger = open(&path).unwrap();
    ledger.event("run", records());
    drop(ledger);
    assert_eq!(written(&path), 4);
}

#[tokio::test]
async fn no_signature_in_an_event_reaches_the_disk_and_the_rest_is_readable() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    ledger.begin_run("run", at(1)).await.unwrap();
    let detail = "cannot read \"https://h/c/b?sv=1&sig=canary%2Bcanary\\\": refused\nsig=canary";
    ledger.event(
        "run",
        Event::found(Some((&id(1), "film?sig=canary")), &Finding::new(Cause::RequestRefused, detail), true),
    );
    let events = ledger.events_of("run").await.unwrap();
    let text = events[0].detail["detail"].as_str().unwrap();
    assert!(text.contains("https://h/c/b") && text.contains("refused"), "{text}");
    let secret = "https://h/c?sig=canary%2Bcanary".to_owned();
    let summary = Some(json!({"findings": [{"detail": secret}]}));
    let end = RunEnd { at: at(2), outcome: Outcome::Failed, summary, error: Some(secret) };
    ledger.end_run("run", end).await.unwrap();
    ledger.close().await.unwrap();
    let content = fs::read(&path).unwrap();
    assert!(!content.windows(6).any(|bytes| bytes == b"canary"));
}

#[tokio::test]
async fn the_events_of_the_last_thirty_runs_are_kept_and_older_ones_deleted() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    let run = |number: i64| format!("run {number}");
    for number in 0..32 {
        ledger.begin_run(&run(number), at(number)).await.unwrap();
        for _ in 0..3 {
            ledger.event(&run(number), records());
        }
        ledger.end_run(&run(number), complete(number)).await.unwrap();
    }
    for (number, events) in [(0, 0), (1, 0), (2, 3), (31, 3)] {
        assert_eq!(ledger.events_of(&run(number)).await.unwrap().len(), events, "{number}");
    }
    assert_eq!(written(&path), 90);
    assert_eq!(ledger.runs(100).await.unwrap().len(), 32, "the runs themselves stay");
}

#[tokio::test]
async fn events_are_deleted_in_several_transactions_if_there_are_many() {
    let mut connection = schema::in_memory().unwrap();
    connection
        .execute_batch(
            "INSERT INTO run (number, id, from_account, began) VALUES (30, 'old', 'north', '');
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             INSERT INTO event (run, number, at, code) SELECT 1, i, '', 'name' FROM n
             UNION ALL SELECT 2, i, '', 'name' FROM n WHERE i < 10",
        )
        .unwrap();
    run_rows::begin(&mut connection, "north", &RunBegin { id: "new".to_owned(), at: at(1) }).unwrap();
    let left: (u32, u32) =
        connection.query_row("SELECT min(run), count(*) FROM event", (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(left, (2, 9));
}

#[tokio::test]
async fn runs_are_removed_with_all_their_events_and_the_others_are_kept() {
    let ledger = Ledger::in_memory().unwrap();
    for number in 1..=3 {
        ledger.begin_run(&format!("run {number}"), at(number)).await.unwrap();
        for _ in 0..number {
            ledger.event(&format!("run {number}"), records());
        }
    }
    ledger.settled().await.unwrap();
    ledger.remove_runs(vec![1, 3]).await.unwrap();
    let left: Vec<_> = ledger.runs(10).await.unwrap().into_iter().map(|run| (run.number, run.events)).collect();
    assert_eq!(left, [(2, 2)]);
    assert_eq!(ledger.events_of("run 3").await.unwrap(), []);
    assert_eq!(ledger.events_after("run 2", 1, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn runs_that_started_in_the_same_second_have_separate_events() {
    let ledger = Ledger::in_memory().unwrap();
    for outcome in [Outcome::Partial, Outcome::Complete] {
        ledger.begin_run("run", at(1)).await.unwrap();
        ledger.event("run", records());
        let end = RunEnd { outcome, ..complete(1) };
        ledger.end_run("run", end).await.unwrap();
    }
    assert_eq!(ledger.events_of("run").await.unwrap().len(), 1);
    let outcomes: Vec<_> = ledger.runs(10).await.unwrap().into_iter().map(|run| run.ended.unwrap().outcome).collect();
    assert_eq!(outcomes, [Outcome::Complete, Outcome::Partial]);
}

#[tokio::test]
async fn each_direction_of_a_pair_reads_and_writes_its_own_rows() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    whole_round(&ledger, &id(1)).await;
    ledger.set_mark(Mark::FilesSeen, at(5)).await.unwrap();
    ledger.close().await.unwrap();

    let (source, target) = pair();
    let exchanged = open_exchanged(&path).unwrap();
    assert_eq!(exchanged.count().await.unwrap(), 0);
    assert_eq!(exchanged.asset(&id(1)).await.unwrap(), None);
    assert_eq!(exchanged.mark(Mark::FilesSeen).await.unwrap(), None);
    exchanged.record(&id(1), CreateTarget, Started, Facts::default()).await.unwrap();
    exchanged.record(&id(2), CreateTarget, Started, Facts::default()).await.unwrap();
    exchanged.forget(&id(2)).await.unwrap();
    assert_eq!(exchanged.assets(None, 10).await.unwrap().len(), 1);
    exchanged.close().await.unwrap();
    assert_eq!(Ledger::probe(&path, &target, &source).await.unwrap(), Some(1));
    let reader = Ledger::open_read_only(&path, &target, &source).unwrap().unwrap();
    assert_eq!(reader.asset(&id(1)).await.unwrap().unwrap().status, Started);
    reader.close().await.unwrap();

    let ledger = open(&path).unwrap();
    assert!(ledger.asset(&id(1)).await.unwrap().unwrap().complete());
    assert_eq!(ledger.assets(None, 10).await.unwrap().len(), 1);
    assert_eq!(ledger.mark(Mark::FilesSeen).await.unwrap(), Some(at(5)));
}

#[tokio::test]
async fn marks_are_kept_until_a_run_in_the_other_direction() {
    let (_dir, path) = place();
    for _ in 0..2 {
        let ledger = open(&path).unwrap();
        ledger.begin_run("there", at(1)).await.unwrap();
        ledger.set_mark(Mark::FilesSeen, at(5)).await.unwrap();
        ledger.begin_run("there", at(2)).await.unwrap();
        assert_eq!(ledger.mark(Mark::FilesSeen).await.unwrap(), Some(at(5)));
        ledger.close().await.unwrap();

        let ledger = open_exchanged(&path).unwrap();
        ledger.begin_run("back", at(3)).await.unwrap();
        ledger.close().await.unwrap();

        let ledger = open(&path).unwrap();
        assert_eq!(ledger.mark(Mark::FilesSeen).await.unwrap(), Some(at(5)));
        ledger.begin_run("there", at(4)).await.unwrap();
        assert_eq!(ledger.mark(Mark::FilesSeen).await.unwrap(), None, "the other run wrote to this source");
        ledger.close().await.unwrap();
    }
}

#[tokio::test]
async fn names_that_this_release_does_not_know_are_refused_when_they_are_read() {
    for column in ["step", "status"] {
        let (_dir, path) = place();
        let ledger = open(&path).unwrap();
        ledger.record(&id(1), CreateTarget, Started, Facts::default()).await.unwrap();
        ledger.close().await.unwrap();
        let other = Connection::open(&path).unwrap();
        seal::install(&other).unwrap();
        other.execute(&format!("UPDATE relation SET {column} = 'x'"), ()).unwrap();
        drop(other);
        let ledger = open(&path).unwrap();
        assert!(matches!(ledger.asset(&id(1)).await, Err(LedgerError::Corrupt { .. })));
        let written = ledger.record(&id(1), CreateTarget, Failed, Facts::default()).await;
        assert!(matches!(written, Err(LedgerError::Corrupt { .. })));
    }
}
