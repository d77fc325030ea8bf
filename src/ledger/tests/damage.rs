//! Bits that flip on the disk while no run uses the ledger.

use super::*;

/// Everything that can be read from the ledger, as text.
async fn content(path: &Path) -> Result<String, LedgerError> {
    let Some(ledger) = open_read_only(path)? else { return Ok(String::new()) };
    let (rows, runs) = (ledger.assets(None, 1_000).await?, ledger.runs(10).await?);
    let events = ledger.events_of("night 1").await?;
    Ok(format!("{rows:?}{runs:?}{events:?}"))
}

/// Without seals, one flipped bit in an id made an asset that does not exist, and each run failed because of it.
#[tokio::test]
async fn a_flipped_bit_is_found_or_changes_nothing() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    for number in 0..40 {
        whole_round(&ledger, &id(number)).await;
    }
    ledger.begin_run("night 1", "2026-01-02T03:04:05Z".parse().unwrap()).await.unwrap();
    ledger.event("night 1", Event::found(Some((&id(1), "film")), &crate::verdict::Cause::SourceLost.into(), true));
    ledger.close().await.unwrap();
    let (whole, before) = (fs::read(&path).unwrap(), content(&path).await.unwrap());
    let mut dice = fastrand::Rng::with_seed(33);
    let (mut found, mut harmless) = (0, 0);
    // Every bit of the file header, then 1,000 random bits.
    let head = (0..100).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    let places: Vec<_> = head.chain((0..1_000).map(|_| (dice.usize(..whole.len()), dice.u8(..8)))).collect();
    for (at, bit) in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << bit;
        fs::write(&path, bytes).unwrap();
        match content(&path).await {
            Ok(after) => {
                assert!(after == before, "byte {at}, bit {bit} changes what is read");
                harmless += 1;
            }
            Err(_) => found += 1,
        }
    }
    // Most of a small file is unused.
    assert!(found > 100 && harmless > 100, "{found} found, {harmless} harmless");
}

#[tokio::test]
async fn a_ledger_with_damaged_account_names_can_be_rebuilt() {
    let (_dir, path) = place();
    open(&path).unwrap().close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(5).position(|window| window == b"north").unwrap();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("sync --rebuild-ledger"), "{error}");
    let (source, target) = pair();
    let (ledger, moved) = Ledger::rebuild(&path, &source, &target).unwrap();
    assert_eq!((ledger.count().await.unwrap(), moved.is_empty()), (0, false));
    ledger.close().await.unwrap();
}
