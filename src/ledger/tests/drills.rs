//! The last drill: recorded during a run, without a ledger, and for each direction.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn drill(second: i64, passed: bool) -> Drill {
    Drill { at: at(second), passed, total: 4, ready: 3, played: 2, last_passed: passed.then(|| at(second)) }
}

fn record(path: &Path, drill: &Drill) -> Result<(), LedgerError> {
    let (source, target) = pair();
    Ledger::record_drill(path, &source, &target, drill)
}

async fn last(path: &Path) -> Option<Drill> {
    let ledger = open_read_only(path).unwrap().unwrap();
    let last = ledger.last_drill().await.unwrap();
    ledger.close().await.unwrap();
    last
}

#[tokio::test]
async fn a_drill_creates_a_missing_ledger_and_the_next_drill_replaces_the_record() {
    let (_dir, path) = place();
    assert_eq!(Ledger::in_memory().unwrap().last_drill().await.unwrap(), None);
    for drill in [drill(10, true), drill(20, false)] {
        record(&path, &drill).unwrap();
        assert_eq!(last(&path).await, Some(drill));
    }
    let ledger = open(&path).unwrap();
    assert_eq!(ledger.count().await.unwrap(), 0, "the first night finds a ledger as good as new");
}

#[tokio::test]
async fn a_drill_is_recorded_during_a_run_which_continues() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    ledger.begin_run("night", at(1)).await.unwrap();
    whole_round(&ledger, &id(1)).await;
    record(&path, &drill(10, true)).unwrap();
    assert!(matches!(open(&path), Err(LedgerError::Locked { .. })), "the run keeps its lock");
    whole_round(&ledger, &id(2)).await;
    assert_eq!(ledger.last_drill().await.unwrap(), Some(drill(10, true)));
    ledger.close().await.unwrap();
    let ledger = open(&path).unwrap();
    assert_eq!((ledger.count().await.unwrap(), ledger.last_drill().await.unwrap()), (2, Some(drill(10, true))));
}

#[tokio::test]
async fn a_run_in_the_other_direction_has_no_drill_and_removes_none() {
    let (_dir, path) = place();
    let (source, target) = pair();
    record(&path, &drill(10, true)).unwrap();
    let back = Ledger::open(&path, &target, &source).unwrap();
    back.begin_run("back", at(20)).await.unwrap();
    assert_eq!(back.last_drill().await.unwrap(), None);
    back.close().await.unwrap();
    let night = open(&path).unwrap();
    night.begin_run("night", at(30)).await.unwrap();
    assert_eq!(night.last_drill().await.unwrap(), Some(drill(10, true)));
}

#[test]
fn a_drill_is_not_recorded_in_a_file_of_another_pair_or_of_another_kind() {
    let (dir, path) = place();
    let (source, other) = (AccountName::new("north"), AccountName::new("west"));
    drop(open(&path).unwrap());
    let refused = Ledger::record_drill(&path, &source, &other, &drill(1, true)).unwrap_err();
    assert!(matches!(refused, LedgerError::OtherPair { .. }), "{refused}");
    let text = dir.path().join("notes.db");
    fs::write(&text, "minutes of the meeting, long enough for the header of a database file. ".repeat(20)).unwrap();
    assert!(matches!(record(&text, &drill(1, true)), Err(LedgerError::NotALedger { .. })));
    let missing = record(&dir.path().join("no/l.db"), &drill(1, true)).unwrap_err();
    assert!(matches!(missing, LedgerError::NoDirectory { .. }), "{missing}");
}

#[tokio::test]
async fn a_drill_that_another_program_changed_is_reported_as_damage() {
    let (_dir, path) = place();
    record(&path, &drill(10, false)).unwrap();
    let forged = "UPDATE meta SET value = replace(value, 'false', 'true')";
    Connection::open(&path).unwrap().execute_batch(forged).unwrap();
    let error = open_read_only(&path).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
}
