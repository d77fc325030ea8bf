//! The blob contract against Azurite.

use mediamirror::transport::network;

use crate::azurite::Azurite;
use crate::blob_contract::{Abilities, Fixture, every_case};

/// Azurite must refuse missing features with 501.
const ABILITIES: Abilities = Abilities { puts_from_url: false, documented_types: false };

/// A fixture with a separate container for the case.
async fn fixture(azurite: &Azurite, case: &str) -> Fixture {
    let network = network().expect("TLS is set up");
    let container = case.replace('_', "-");
    Fixture::new(&network, &azurite.source(), &azurite.target(), &container, ABILITIES).await
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
