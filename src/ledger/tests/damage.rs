//! Bits that flip in a file that nobody uses.

use super::*;

/// Everything that a reader is told.
async fn content(path: &Path) -> Result<String, LedgerError> {
    let Some(ledger) = open_read_only(path)? else { return Ok(String::new()) };
    let (rows, runs) = (ledger.assets(None, 1_000).await?, ledger.runs(10).await?);
    let events = ledger.events_of("night 1").await?;
    Ok(format!("{rows:?}{runs:?}{events:?}"))
}

/// One flipped bit in an id made an asset that nobody has, and a run that could not succeed.
#[tokio::test]
async fn a_flipped_bit_is_found_or_changes_nothing() {
    let (_dir, path) = place();
    let ledger = open(&path).unwrap();
    for number in 0..40 {
        whole_round(&ledger, &id(number)).await;
    }
    ledger.begin_run("night 1", "2026-01-02T03:04:05Z".parse().unwrap()).await.unwrap();
    ledger.event("night 1", Event::found(Some(&id(1)), &crate::verdict::Cause::SourceLost.into()));
    ledger.close().await.unwrap();
    let (whole, before) = (fs::read(&path).unwrap(), content(&path).await.unwrap());
    let mut dice = fastrand::Rng::with_seed(33);
    let (mut found, mut harmless) = (0, 0);
    for _ in 0..1_000 {
        let (mut bytes, at, bit) = (whole.clone(), dice.usize(..whole.len()), dice.u8(..8));
        bytes[at] ^= 1 << bit;
        fs::write(&path, bytes).unwrap();
        match content(&path).await {
            Ok(after) => {
                assert!(after == before, "byte {at}, bit {bit} makes another ledger");
                harmless += 1;
            }
            Err(_) => found += 1,
        }
    }
    // Most of a small file is room.
    assert!(found > 100 && harmless > 100, "{found} found, {harmless} harmless");
}
