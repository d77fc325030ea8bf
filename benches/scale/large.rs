//! Large blobs under a bandwidth model, in virtual time: measures how close the copies come to the account's limit.

use std::cell::RefCell;
use std::sync::Arc;

use mediamirror::connect::connect;
use mediamirror::emulator::{Emulator, Generate, Settings};
use mediamirror::engine::{Options, mirror};
use mediamirror::ledger::Ledger;
use mediamirror::monitor::Silent;
use tokio_util::sync::CancellationToken;

use crate::config::config_of;
use crate::row;

/// The bytes that the account copies per second.
const ACCOUNT: u64 = 400_000_000;
/// The bytes that one copy transfers per second.
const STREAM: u64 = 60_000_000;
/// The number of blobs; each asset has one.
const BLOBS: u64 = 10;
/// The length of each.
const LENGTH: u64 = 4 << 30;

thread_local! {
    /// The ledger in use, for [`wait_for_the_ledger`].
    static LEDGER: RefCell<Option<Ledger>> = const { RefCell::new(None) };
}

/// The ledger's thread works in real time: this waits until its work is done, before the runtime advances the clock.
fn wait_for_the_ledger() {
    LEDGER.with_borrow(|ledger| {
        if let Some(ledger) = ledger {
            // A closed ledger has no work left.
            let _ = futures::executor::block_on(ledger.settled());
        }
    });
}

/// Ten blobs of 4 GiB: compares the wall time with the ideal time.
pub(crate) fn ten_large_blobs() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .on_thread_park(wait_for_the_ledger)
        .build()
        .expect("a runtime starts");
    let elapsed = runtime.block_on(async {
        let mut settings = Settings::default();
        let limits = &mut settings.regions[1].storage[0].limits;
        (limits.account_copy_bytes_per_second, limits.copy_bytes_per_second) = (ACCOUNT, STREAM);
        let recipe = format!("assets={BLOBS},blobs=1,sizes={LENGTH},awkward=false");
        let generate = Generate::parse(&recipe).expect("the recipe is good");
        let builder = Emulator::builder().settings(settings).generate(generate);
        let emulator = builder.start_in_process().await.expect("the emulator starts");
        let config = config_of(&emulator);
        let pair = Arc::new(connect(&config, emulator.http_client()).expect("the keys are keys"));
        let ledger = Ledger::in_memory().expect("a ledger in memory opens");
        LEDGER.set(Some(ledger.clone()));
        let stop = CancellationToken::new();
        let summary = mirror(pair, ledger, Options::default(), Arc::new(Silent), stop).await.expect("the run ends");
        assert_eq!(summary.bytes_copied, BLOBS * LENGTH, "{:?}", summary.problems);
        summary.elapsed
    });
    LEDGER.take();
    let ideal = (BLOBS * LENGTH) as f64 / ACCOUNT as f64;
    row("10 blobs of 4 GiB, 400 MB/s, 60 MB/s a stream: wall / ideal", elapsed.as_secs_f64() / ideal, 1.10);
}
