//! An emulator on sockets and a mirror over the network stack, as in real use.

use std::num::NonZeroU64;
use std::sync::Arc;

use mediamirror::config::Config;
use mediamirror::connect::{Pair, connect};
use mediamirror::emulator::settings::BlobLimits;
use mediamirror::emulator::{Emulator, EmulatorHandle, Generate, Settings};
use mediamirror::engine::{Options, Summary, mirror};
use mediamirror::ledger::Ledger;
use mediamirror::monitor::Silent;
use mediamirror::transport;
use tokio_util::sync::CancellationToken;

use crate::config::config_of;

/// The default target storage account of the emulator.
pub(crate) const TARGET_STORAGE: &str = "storeeast";

/// The shortest time of asynchronous copies, so that the tutorial's polling has to wait.
const ASYNC_COPY_MS: u64 = 200;

/// Two regions and the accounts' clients.
pub(crate) struct Mirror {
    pub(crate) emulator: Arc<EmulatorHandle>,
    pub(crate) config: Config,
}

/// Settings without any limit.
pub(crate) fn unlimited() -> Settings {
    Settings::default()
}

/// Settings with that rate and latency for every storage account, and that latency for the media accounts.
pub(crate) fn limited(requests_per_second: u32, latency_ms: u64) -> Settings {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = latency_ms;
        for storage in &mut region.storage {
            storage.limits = BlobLimits {
                latency_ms,
                requests_per_second,
                async_copy_min_ms: ASYNC_COPY_MS,
                ..BlobLimits::default()
            };
        }
    }
    settings
}

impl Mirror {
    /// Starts the regions and fills the source.
    pub(crate) async fn start(settings: Settings, recipe: &str) -> Self {
        let rate = NonZeroU64::new(u64::from(settings.regions[0].storage[0].limits.requests_per_second));
        let generate = Generate::parse(recipe).expect("the recipe is good");
        let emulator =
            Emulator::builder().settings(settings).generate(generate).start().await.expect("the emulator starts");
        let mut config = config_of(&emulator);
        for account in [&mut config.source, &mut config.target] {
            account.limits.blob.requests_per_second = rate;
        }
        Self { emulator: Arc::new(emulator), config }
    }

    /// Clients of both accounts through real sockets.
    pub(crate) fn pair(&self) -> Arc<Pair> {
        let client = transport::network().expect("TLS can be set up");
        Arc::new(connect(&self.config, client).expect("the keys are keys"))
    }

    /// One run with a ledger in memory.
    pub(crate) async fn sync(&self, options: Options) -> Summary {
        let ledger = Ledger::in_memory().expect("a ledger in memory opens");
        let summary = mirror(self.pair(), ledger, options, Arc::new(Silent), CancellationToken::new()).await;
        let summary = summary.expect("the run ends");
        assert!(summary.problems.is_empty(), "{:?}", summary.problems);
        summary
    }
}
