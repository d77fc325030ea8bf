//! The blob contract against the emulator, in the process and on sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use azure_core::http::HttpClient;
use mediamirror::emulator::{Emulator, EmulatorHandle, ReadyRegion, Settings};
use mediamirror::transport::network;

use crate::blob_contract::{Abilities, Access, Fixture, every_case};

/// Long enough for a copy between accounts to be seen pending.
const PENDING_MS: u64 = 150;
/// The features according to the documents.
const ABILITIES: Abilities = Abilities { puts_from_url: true, documented_types: true };

/// Two regions with slow asynchronous copies to the second one.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.regions[1].storage[0].limits.async_copy_min_ms = PENDING_MS;
    settings
}

fn access(region: &ReadyRegion) -> Access {
    Access {
        name: region.storage_account.clone(),
        endpoint: region.blob.parse().unwrap(),
        key: region.storage_key.clone(),
    }
}

async fn fixture(emulator: &EmulatorHandle, network: &Arc<dyn HttpClient>) -> Fixture {
    let [source, target] = emulator.ready().regions.as_slice() else { panic!("two regions") };
    Fixture::new(network, &access(source), &access(target), "contract", ABILITIES).await
}

macro_rules! tests {
    ($($case:ident,)*) => {
        mod in_the_process {
            $(
                #[tokio::test(start_paused = true, crate = "crate::virtual_time")]
                async fn $case() {
                    let emulator = super::Emulator::builder().settings(super::settings());
                    let emulator = emulator.start_in_process().await.unwrap();
                    let fixture = super::fixture(&emulator, &emulator.http_client()).await;
                    crate::blob_contract::$case(&fixture).await;
                }
            )*
        }

        mod on_sockets {
            $(
                #[tokio::test]
                async fn $case() {
                    let emulator = super::Emulator::builder().settings(super::settings()).start().await.unwrap();
                    let fixture = super::fixture(&emulator, &super::network().unwrap()).await;
                    crate::blob_contract::$case(&fixture).await;
                    emulator.shutdown().await;
                }
            )*
        }
    };
}
every_case!(tests);
