//! Files of other releases, and a new ledger that replaces an unusable one.

use super::*;
use crate::verdict::Outcome;

/// Written by the first release. Never create it again: it represents existing files of users.
const OF_VERSION_1: &[u8] = include_bytes!("../../../tests/fixtures/ledger-v1.db");

fn rebuild(path: &Path) -> Result<(Ledger, Vec<PathBuf>), LedgerError> {
    let (source, target) = pair();
    Ledger::rebuild(path, &source, &target)
}

#[tokio::test]
async fn a_ledger_of_the_first_release_can_be_read_and_written() {
    let (_dir, path) = place();
    fs::write(&path, OF_VERSION_1).unwrap();
    let ledger = open(&path).unwrap();
    assert_eq!(ledger.count().await.unwrap(), 3);
    let done = ledger.asset(&id(1)).await.unwrap().unwrap();
    assert!(done.complete());
    let text = |text: &str| Some(text.to_owned());
    let facts = Facts {
        name: text("Über uns"),
        target: target().target,
        container: Some(ContainerName::new("asset-t")),
        source_digest: text("s1"),
        target_digest: text("t1"),
        files_digest: text("f1"),
        locators_digest: text("l1"),
        kept_digest: text("kd"),
        blobs: Some(5),
        bytes: Some(6_000_000_000),
        error: None,
    };
    assert_eq!(done.facts, facts);
    let started = ledger.asset(&id(2)).await.unwrap().unwrap();
    assert_eq!((started.step, started.status), (CreateTarget, Started));
    let failed = ledger.asset(&id(3)).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.facts.error.as_deref()), (Failed, Some("HTTP 403")));
    let seen = ledger.mark(Mark::FilesSeen).await.unwrap();
    assert_eq!(seen, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    let runs = ledger.runs(10).await.unwrap();
    let outcomes: Vec<_> = runs.iter().map(|run| run.ended.as_ref().map(|end| end.outcome)).collect();
    assert_eq!(outcomes, [None, Some(Outcome::Partial)]);
    let events = ledger.events_of(&runs[1].id).await.unwrap();
    let codes: Vec<_> = events.iter().map(|event| event.code.as_str()).collect();
    assert_eq!(codes, ["new", "permission-missing", "target-not-streaming"]);
    ledger.record(&id(2), CreateTarget, Succeeded, target()).await.unwrap();
    whole_round(&ledger, &id(4)).await;
    assert_eq!(ledger.count().await.unwrap(), 4);
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn an_unusable_ledger_is_moved_aside_unchanged_and_a_new_one_is_created() {
    let broken = OF_VERSION_1.iter().map(|byte| !byte).collect::<Vec<u8>>();
    for (content, named) in [(broken.as_slice(), "kind"), (b"minutes of the meeting", "kind"), (OF_VERSION_1, "newer")]
    {
        let (_dir, path) = place();
        fs::write(&path, content).unwrap();
        if named == "newer" {
            Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        }
        let before = fs::read(&path).unwrap();
        let refused = open(&path).unwrap_err().to_string();
        assert!(refused.contains(named) && refused.contains("sync --rebuild-ledger"), "{refused}");
        let (ledger, moved) = rebuild(&path).unwrap();
        assert_eq!(fs::read(&moved[0]).unwrap(), before);
        assert_eq!(ledger.count().await.unwrap(), 0);
        whole_round(&ledger, &id(1)).await;
        ledger.close().await.unwrap();
        assert!(open(&path).unwrap().asset(&id(1)).await.unwrap().unwrap().complete());
    }
}

#[tokio::test]
async fn a_ledger_moved_aside_with_its_log_can_still_be_read() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    whole_round(&ledger, &id(1)).await;
    // The state after a killed run: the log is not merged into the file.
    let copy = path.with_file_name("killed.db");
    for part in ["", "-wal"] {
        fs::copy(format!("{}{part}", path.display()), format!("{}{part}", copy.display())).unwrap();
    }
    ledger.close().await.unwrap();
    let (new, moved) = rebuild(&copy).unwrap();
    assert_eq!(new.count().await.unwrap(), 0);
    new.close().await.unwrap();
    assert!(open(&moved[0]).unwrap().asset(&id(1)).await.unwrap().unwrap().complete());
}

#[tokio::test]
async fn the_ledger_of_another_pair_and_one_in_use_are_not_moved() {
    let (dir, path) = place();
    let ledger = open(&path).unwrap();
    assert!(matches!(rebuild(&path), Err(LedgerError::Locked { .. })));
    ledger.close().await.unwrap();
    let (other, south) = (AccountName::new("other"), AccountName::new("south"));
    assert!(matches!(Ledger::rebuild(&path, &other, &south), Err(LedgerError::OtherPair { .. })));
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "the ledger and its lock file: {names:?}");
}

#[tokio::test]
async fn a_new_ledger_is_created_if_there_is_none() {
    let (_dir, path) = place();
    let (ledger, moved) = rebuild(&path).unwrap();
    assert_eq!(moved, Vec::<PathBuf>::new());
    ledger.close().await.unwrap();
}
