//! The ledger as a whole: which records are durable, and which files are refused.

mod damage;
mod drills;
mod history;
mod replacing;

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use Status::{Failed, Started, Succeeded};
use Step::{CopyBlobs, CreateTarget, PublishLocators, RegisterFiles, Verify};

fn pair() -> (AccountName, AccountName) {
    (AccountName::new("north"), AccountName::new("south"))
}

fn open(path: &Path) -> Result<Ledger, LedgerError> {
    let (source, target) = pair();
    Ledger::open(path, &source, &target)
}

fn open_read_only(path: &Path) -> Result<Option<Ledger>, LedgerError> {
    let (source, target) = pair();
    Ledger::open_read_only(path, &source, &target)
}

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mirror.db");
    (dir, path)
}

fn id(number: usize) -> AssetId {
    AssetId::new(format!("nb:cid:UUID:{number:08}"))
}

fn target() -> Facts {
    Facts { target: Some(AssetId::new("nb:cid:UUID:t")), ..Facts::default() }
}

/// All records of one asset without a failure.
async fn whole_round(ledger: &Ledger, asset: &AssetId) {
    for step in Step::ALL {
        ledger.record(asset, step, Started, Facts::default()).await.unwrap();
        let facts = if step == CreateTarget { target() } else { Facts::default() };
        ledger.record(asset, step, Succeeded, facts).await.unwrap();
    }
}

/// One record of each of `count` assets, all at once.
async fn begin_many(ledger: &Ledger, count: usize) {
    let ids: Vec<_> = (0..count).map(id).collect();
    let records = ids.iter().map(|id| ledger.record(id, CopyBlobs, Started, target()));
    futures::future::try_join_all(records).await.unwrap();
}

#[tokio::test]
async fn a_row_is_read_with_every_fact() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    let text = |name: &str| Some(name.to_owned());
    let facts = Facts {
        name: text("Ein Film \u{202e} 'x'"),
        target: Some(AssetId::new("nb:cid:UUID:t")),
        container: Some(ContainerName::new("asset-1")),
        source_digest: text("sd"),
        target_digest: text("td"),
        files_digest: text("fd"),
        locators_digest: text("ld"),
        kept_digest: text("kd"),
        blobs: Some(3),
        bytes: Some(1 << 50),
        error: text("HTTP 500"),
    };
    assert_eq!(ledger.asset(&id(1)).await.unwrap(), None);
    ledger.record(&id(1), CreateTarget, Started, Facts::default()).await.unwrap();
    ledger.record(&id(1), CreateTarget, Failed, facts.clone()).await.unwrap();
    let row = ledger.asset(&id(1)).await.unwrap().unwrap();
    assert_eq!((row.source, row.step, row.status, row.facts), (id(1), CreateTarget, Failed, facts.clone()));
    ledger.record(&id(1), CopyBlobs, Started, Facts::default()).await.unwrap();
    let row = ledger.asset(&id(1)).await.unwrap().unwrap();
    assert_eq!(row.facts, Facts { error: None, ..facts }, "the earlier facts are kept, the old error is not");
}

#[tokio::test]
async fn records_are_kept_after_closing_and_the_ledger_is_one_file() {
    let (dir, path) = place();
    let ledger = open(&path).unwrap();
    whole_round(&ledger, &id(1)).await;
    ledger.clone().close().await.unwrap();
    assert!(matches!(ledger.asset(&id(1)).await, Err(LedgerError::Closed { .. })));
    assert!(matches!(ledger.forget(&id(1)).await, Err(LedgerError::Closed { .. })));
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["mirror.db", "mirror.db.lock"]);
    let row = open(&path).unwrap().asset(&id(1)).await.unwrap().unwrap();
    assert!(row.complete());
}

#[tokio::test]
async fn every_acknowledged_record_survives_a_killed_run() {
    let (dir, path) = place();
    let ledger = open(&path).unwrap();
    begin_many(&ledger, 300).await;
    // The state after a kill: the file and its log at this moment, before the log is merged.
    let crashed = dir.path().join("crashed.db");
    for suffix in ["", "-wal"] {
        fs::copy(format!("{}{suffix}", path.display()), format!("{}{suffix}", crashed.display())).unwrap();
    }
    let again = open(&crashed).unwrap();
    let rows = again.assets(None, 1_000).await.unwrap();
    assert_eq!(rows.len(), 300);
    assert!(rows.iter().all(|row| (row.step, row.status) == (CopyBlobs, Started)));
}

#[tokio::test]
async fn a_ledger_that_is_dropped_without_closing_releases_its_lock_and_loses_nothing() {
    let (_dir, path) = place();
    for round in 0..5 {
        let ledger = open(&path).unwrap();
        ledger.record(&id(round), CopyBlobs, Started, target()).await.unwrap();
        assert!(matches!(open(&path), Err(LedgerError::Locked { pid, .. }) if pid == std::process::id()));
        drop(ledger);
    }
    assert_eq!(open(&path).unwrap().assets(None, 10).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_cancelled_record_does_not_affect_others() {
    let ledger = Ledger::in_memory().unwrap();
    drop(futures::poll!(std::pin::pin!(ledger.record(&id(1), CopyBlobs, Started, target()))));
    whole_round(&ledger, &id(2)).await;
    assert!(ledger.asset(&id(2)).await.unwrap().unwrap().complete());
}

#[tokio::test]
async fn assets_are_read_in_pages_in_the_order_of_ids() {
    let ledger = Ledger::in_memory().unwrap();
    for n in [3, 1, 4, 0, 2] {
        ledger.record(&id(n), CopyBlobs, Started, target()).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = ledger.assets(after.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.source.clone());
        seen.extend(page.into_iter().map(|row| row.source));
    }
    assert_eq!(seen, (0..5).map(id).collect::<Vec<_>>());
    ledger.forget(&id(3)).await.unwrap();
    assert_eq!(ledger.assets(None, 10).await.unwrap().len(), 4);
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn only_a_record_out_of_order_is_refused() {
    let ledger = Ledger::in_memory().unwrap();
    let (first, second) = (id(1), id(2));
    let (good, bad) = futures::join!(
        ledger.record(&first, CreateTarget, Started, Facts::default()),
        ledger.record(&second, PublishLocators, Started, target()),
    );
    good.unwrap();
    let error = bad.unwrap_err();
    assert!(matches!(&error, LedgerError::OutOfOrder { asset, .. } if *asset == id(2)), "{error}");
    assert!(ledger.asset(&id(1)).await.unwrap().is_some());
    assert!(ledger.asset(&id(2)).await.unwrap().is_none());
    ledger.record(&id(1), CreateTarget, Succeeded, target()).await.unwrap();
    assert!(ledger.record(&id(1), CreateTarget, Started, Facts::default()).await.is_err(), "a second target asset");
}

#[tokio::test]
async fn two_combined_records_are_written_with_the_facts_of_both_or_not_at_all() {
    let ledger = Ledger::in_memory().unwrap();
    let named = |name: &str| Facts { name: Some(name.to_owned()), ..Facts::default() };
    ledger.record(&id(1), CreateTarget, Started, named("first")).await.unwrap();
    let before = ledger.asset(&id(1)).await.unwrap();
    let error = ledger.advance(&id(1), (CreateTarget, target()), (Verify, Facts::default())).await.unwrap_err();
    assert!(matches!(error, LedgerError::OutOfOrder { step: Verify, .. }), "{error}");
    assert_eq!(ledger.asset(&id(1)).await.unwrap(), before);
    let started = Facts { blobs: Some(7), ..named("second") };
    ledger.advance(&id(1), (CreateTarget, target()), (CopyBlobs, started)).await.unwrap();
    let row = ledger.asset(&id(1)).await.unwrap().unwrap();
    assert_eq!((row.step, row.status), (CopyBlobs, Started));
    assert_eq!(row.facts, Facts { blobs: Some(7), name: Some("second".to_owned()), ..target() });
}

#[tokio::test]
async fn a_new_round_can_start_after_a_complete_and_after_a_failed_one() {
    let ledger = Ledger::in_memory().unwrap();
    whole_round(&ledger, &id(1)).await;
    ledger.record(&id(1), CopyBlobs, Started, Facts::default()).await.unwrap();
    ledger.record(&id(1), CopyBlobs, Failed, Facts::default()).await.unwrap();
    assert!(ledger.record(&id(1), Verify, Started, Facts::default()).await.is_err());
    ledger.record(&id(1), CopyBlobs, Started, Facts::default()).await.unwrap();
    ledger.record(&id(1), CopyBlobs, Succeeded, Facts::default()).await.unwrap();
    ledger.record(&id(1), Verify, Started, Facts::default()).await.unwrap();
    assert!(ledger.record(&id(1), RegisterFiles, Started, Facts::default()).await.is_err());
}

#[tokio::test]
async fn no_signature_reaches_the_disk() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    ledger.record(&id(1), CopyBlobs, Started, target()).await.unwrap();
    let error = Some("cannot copy https://h/c/b?sv=1&sig=canary%2Bcanary: refused".to_owned());
    ledger.record(&id(1), CopyBlobs, Failed, Facts { error, ..Facts::default() }).await.unwrap();
    ledger.close().await.unwrap();
    let content = fs::read(&path).unwrap();
    assert!(!content.windows(6).any(|bytes| bytes == b"canary"));
}

#[tokio::test]
async fn a_ledger_of_another_pair_is_refused_naming_both() {
    let (_dir, path) = place();
    drop(open(&path).unwrap());
    let (other, south) = (AccountName::new("other"), AccountName::new("south"));
    for error in
        [Ledger::open(&path, &other, &south).unwrap_err(), Ledger::open_read_only(&path, &other, &south).unwrap_err()]
    {
        let text = error.to_string();
        assert!(text.contains("north and south") && text.contains("other and south"), "{text}");
    }
    open(&path).unwrap();
}

#[tokio::test]
async fn a_read_only_ledger_reads_during_a_run_and_writes_nothing() {
    let (dir, path) = place();
    assert!(open_read_only(&path).unwrap().is_none());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is made");
    let ledger = open(&path).unwrap();
    whole_round(&ledger, &id(1)).await;
    let reader = open_read_only(&path).unwrap().unwrap();
    assert!(reader.asset(&id(1)).await.unwrap().unwrap().complete());
    whole_round(&ledger, &id(2)).await;
    assert_eq!(reader.assets(None, 10).await.unwrap().len(), 2, "it sees what is written meanwhile");
    let refused = reader.record(&id(3), CopyBlobs, Started, target()).await;
    assert!(matches!(refused, Err(LedgerError::NotWritable { .. })));
    reader.close().await.unwrap();
    ledger.close().await.unwrap();
}

#[test]
fn files_that_are_not_ledgers_are_refused_and_not_changed() {
    let (dir, path) = place();
    fs::write(
        &path,
        "minutes of the meeting, a text long enough to be read as a header of a database file. ".repeat(9),
    )
    .unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(open(&path), Err(LedgerError::NotALedger { .. })));
    assert!(matches!(open_read_only(&path), Err(LedgerError::NotALedger { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);

    let other = dir.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(open(&other), Err(LedgerError::NotALedger { .. })));
}

#[test]
fn a_ledger_of_a_newer_release_is_refused() {
    let (_dir, path) = place();
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(open(&path), Err(LedgerError::Newer { found: 99, .. })));
    assert!(matches!(open_read_only(&path), Err(LedgerError::Newer { found: 99, .. })));
}

#[test]
fn a_ledger_with_other_tables_is_refused_with_a_remedy_and_rebuilt_on_request() {
    let (_dir, path) = place();
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch("DROP TABLE mark; ALTER TABLE run RENAME TO night").unwrap();
    for refused in [open(&path).unwrap_err(), open_read_only(&path).unwrap_err()] {
        assert!(matches!(refused, LedgerError::OtherLayout { .. }), "{refused:?}");
        let text = refused.to_string();
        assert!(text.contains(&path.display().to_string()) && text.contains("sync --rebuild-ledger"), "{text}");
    }
    let (source, target) = pair();
    let (_ledger, moved) = Ledger::rebuild(&path, &source, &target).unwrap();
    assert!(!moved.is_empty() && moved.iter().all(|moved| moved.exists()), "nothing is deleted");
}

#[test]
fn a_missing_folder_is_named() {
    let (dir, _) = place();
    let error = open(&dir.path().join("no/such/l.db")).unwrap_err();
    assert!(matches!(&error, LedgerError::NoDirectory { directory, .. } if directory.ends_with("no/such")), "{error}");
}

#[tokio::test]
async fn damage_is_found_when_the_last_run_was_killed() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    begin_many(&ledger, 2_000).await;
    ledger.close().await.unwrap();
    let mut content = fs::read(&path).unwrap();
    let middle = content.len() / 2;
    content[middle..middle + 8_192].fill(0x5a);
    fs::write(&path, content).unwrap();
    fs::write(format!("{}-wal", path.display()), [0; 64]).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_ledger() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, path) = place();
    let _ledger = open(&path).unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn rows_are_counted_until_they_are_forgotten() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    assert_eq!(ledger.count().await.unwrap(), 0);
    begin_many(&ledger, 7).await;
    assert_eq!(ledger.count().await.unwrap(), 7);
    ledger.forget(&id(3)).await.unwrap();
    assert_eq!(ledger.count().await.unwrap(), 6);
}

#[tokio::test]
async fn a_mark_is_stored_and_updated_and_changes_no_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l.db");
    let (source, target) = (AccountName::new("a"), AccountName::new("b"));
    let ledger = Ledger::open(&path, &source, &target).unwrap();
    assert_eq!(ledger.mark(Mark::FilesSeen).await.unwrap(), None);
    for second in [5, 7] {
        ledger.set_mark(Mark::FilesSeen, Timestamp::from_second(second).unwrap()).await.unwrap();
    }
    ledger.close().await.unwrap();
    let ledger = Ledger::open(&path, &source, &target).unwrap();
    assert_eq!(ledger.mark(Mark::FilesSeen).await.unwrap(), Timestamp::from_second(7).ok());
    assert_eq!(ledger.mark(Mark::FilesListed).await.unwrap(), None);
    assert_eq!(ledger.assets(None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_probe_leaves_no_files_and_reads_the_log_of_a_killed_run() {
    let (dir, path) = place();
    let (source, target) = pair();
    let files = || {
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let ledger = open(&path).unwrap();
    begin_many(&ledger, 7).await;
    let log = fs::read(dir.path().join("mirror.db-wal")).unwrap();
    let before_checkpoint = fs::read(&path).unwrap();
    ledger.close().await.unwrap();
    assert_eq!(files(), ["mirror.db", "mirror.db.lock"]);
    assert_eq!(Ledger::probe(&path, &source, &target).await.unwrap(), Some(7));
    assert_eq!(files(), ["mirror.db", "mirror.db.lock"]);

    fs::write(&path, before_checkpoint).unwrap();
    fs::write(dir.path().join("mirror.db-wal"), log).unwrap();
    assert_eq!(Ledger::probe(&path, &source, &target).await.unwrap(), Some(7));
}

#[tokio::test]
async fn all_requests_are_done_when_the_ledger_has_settled() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    let written = id(1);
    let mut writing = std::pin::pin!(ledger.record(&written, CreateTarget, Started, Facts::default()));
    assert!(futures::poll!(&mut writing).is_pending());
    ledger.settled().await.unwrap();
    assert!(matches!(futures::poll!(&mut writing), std::task::Poll::Ready(Ok(()))));
    assert_eq!(ledger.count().await.unwrap(), 1);
}
