//! The blob contract against Azurite.

use mediamirror::transport::network;

use crate::azurite::Azurite;
use crate::blob_contract::{Fixture, every_case};

/// A fixture with a container of the case's own. Azurite has no Put Blob From URL and has to say so (501).
async fn fixture(azurite: &Azurite, case: &str) -> Fixture {
    let network = network().expect("TLS is set up");
    let container = case.replace('_', "-");
    Fixture::new(&network, &azurite.source(), &azurite.target(), &container, false).await
}

macro_rules! tests {
    ($($case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let azurite = Azurite::shared().await;
                let fixture = fixture(&azurite, stringify!($case)).await;
                crate::blob_contract::$case(&fixture).await;
            }
        )*
    };
}
every_case!(tests);
