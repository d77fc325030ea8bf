//! Whole runs whose blobs are in Azurite: the media plane is the emulator's, the storage accounts are two of Azurite's.

use std::sync::Arc;

use azure_core::http::{HttpClient, Method, Request};
use futures::TryStreamExt;
use mediamirror::config::Config;
use mediamirror::config::policy::{Accept, Policy};
use mediamirror::connect::{Pair, connect};
use mediamirror::emulator::settings::StorageSettings;
use mediamirror::emulator::stats::Plane;
use mediamirror::emulator::{Emulator, EmulatorHandle, Generate, Settings};
use mediamirror::engine::urls::urls;
use mediamirror::engine::verify::verify;
use mediamirror::engine::{Options, Outcome, Summary, mirror};
use mediamirror::ledger::Ledger;
use mediamirror::model::{CopyMethod, Locator, LocatorKind};
use mediamirror::monitor::TestMonitor;
use mediamirror::transport::network;
use mediamirror::verdict::Cause;
use tokio_util::sync::CancellationToken;

use crate::azurite::Azurite;
use crate::blob_contract::{Access, Raw};
use crate::config::config_of;

/// One real asset that plays, the twelve awkward ones, and a few ordinary ones.
const LIBRARY: &str = "assets=16,blobs=5,seed=7,sizes=small,awkward=true,real=true";

/// Without the awkward ones, because some of them cannot have a temporary locator.
const TAME_LIBRARY: &str = "assets=16,blobs=5,seed=7,sizes=small,awkward=false,real=true";

/// Operations of the media plane that change something.
const WRITES: [&str; 8] = [
    "Batch",
    "CreateAsset",
    "CreateFile",
    "CreateFileInfos",
    "CreateLocator",
    "CreateAccessPolicy",
    "DeleteLocator",
    "DeleteAccessPolicy",
];

struct World {
    emulator: EmulatorHandle,
    network: Arc<dyn HttpClient>,
    ledger: Ledger,
    config: Config,
    azurite: Azurite,
}

impl World {
    /// A library in the first account of a separate Azurite.
    async fn new(library: &str) -> Self {
        let azurite = Azurite::start().await;
        let mut settings = Settings::default();
        for (region, access) in settings.regions.iter_mut().zip([azurite.source(), azurite.target()]) {
            region.storage = vec![storage(access)];
        }
        let recipe = Generate::parse(library).expect("a recipe");
        let emulator = Emulator::builder().settings(settings).generate(recipe).start().await.expect("it starts");
        Self {
            config: config_of(&emulator),
            network: network().expect("TLS is set up"),
            ledger: Ledger::in_memory().expect("memory"),
            emulator,
            azurite,
        }
    }

    fn pair(&self) -> Arc<Pair> {
        Arc::new(connect(&self.config, Arc::clone(&self.network)).expect("keys are keys"))
    }

    async fn sync(&self, method: CopyMethod) -> Summary {
        let options = Options { copy_method: Some(method), ..accepting() };
        let monitor = Arc::new(TestMonitor::default());
        mirror(self.pair(), self.ledger.clone(), options, monitor, CancellationToken::new()).await.expect("a run")
    }

    /// The number of write requests to the emulator.
    fn writes(&self) -> u64 {
        let rows = self.emulator.stats().requests;
        rows.iter().filter(|row| WRITES.contains(&row.operation.as_str())).map(|row| row.count).sum()
    }

    /// Requests to the emulator's own blob service.
    fn own_blob_requests(&self) -> u64 {
        self.emulator.stats().requests.iter().filter(|row| row.plane == Plane::Blob).map(|row| row.count).sum()
    }

    /// The stored access policies of a container, read from Azurite itself; empty if there is no such container.
    async fn container_acl(&self, access: &Access, container: &str) -> String {
        let request = format!("GET {container}?restype=container&comp=acl");
        let answer = Raw::new(&self.network, access).ask(&request, &[], "").await;
        assert!(matches!(answer.status, 200 | 404), "{} for the policies of {container}", answer.status);
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    async fn fetch(&self, url: &str) -> Vec<u8> {
        let request = Request::new(url.parse().expect("a URL"), Method::Get);
        let answer = self.network.execute_request(&request).await.expect("an answer");
        assert_eq!(u16::from(answer.status()), 200, "{url}");
        answer.try_into_raw_response().await.expect("a body").into_body().to_vec()
    }
}

fn storage(access: Access) -> StorageSettings {
    StorageSettings {
        account: access.name,
        key: Some(access.key),
        external_url: Some(access.endpoint.to_string()),
        limits: mediamirror::emulator::settings::BlobLimits::default(),
        source_access: mediamirror::emulator::SourceAccess::Open,
        index_tags: mediamirror::emulator::TagSupport::Offered,
        hierarchical: false,
        public_access: false,
        protected: std::collections::BTreeMap::new(),
    }
}

/// Options that accept the causes that an awkward library has on purpose.
fn accepting() -> Options {
    let accept = [Cause::SourceEmpty, Cause::StorageEncrypted].map(|cause| Accept { cause, names: None, most: None });
    Options { policy: Policy { accept: accept.into(), ..Policy::default() }, ..Options::default() }
}

/// A first run that mirrors everything, a comparison, the same manifests from both hosts, and a second run that changes
/// nothing.
async fn mirrors_whole(world: &World, method: CopyMethod) {
    let first = world.sync(method).await;
    assert_eq!(first.outcome, Outcome::Complete, "{:?}", first.problems);
    assert!(first.blobs.copied > 60 && first.blobs.failed == 0, "{:?}", first.blobs);
    assert!(first.locators.mirrored > 10 && first.locators.failed == 0, "{:?}", first.locators);

    let pair = world.pair();
    let compared = verify(&pair, &world.ledger, &accepting(), &TestMonitor::default()).await.expect("compared");
    assert_eq!(compared.differences, []);
    assert_eq!((compared.assets.same, compared.assets.missing), (first.assets.mirrored, 0));

    let found = urls(&pair, &world.ledger, &accepting()).await.expect("listed");
    let bars = found.pairs.iter().find(|pair| pair.asset == "bars").expect("the real asset is published");
    let target_url = bars.target_url.as_ref().expect("mirrored");
    assert_ne!(&bars.source_url, target_url);
    assert_eq!(world.fetch(&bars.source_url).await, world.fetch(target_url).await);

    world.emulator.reset_stats();
    let second = world.sync(method).await;
    assert_eq!(second.outcome, Outcome::Complete, "{:?}", second.problems);
    assert_eq!((second.assets.mirrored, second.assets.unchanged), (0, first.assets.mirrored));
    assert_eq!((second.blobs.copied, second.blobs.unchanged), (0, first.blobs.copied));
    assert_eq!((second.locators.mirrored, second.locators.unchanged), (0, first.locators.mirrored));
    assert_eq!(world.own_blob_requests(), 0, "no blob is the emulator's own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asynchronous_copies_mirror_a_library_between_two_accounts_of_azurite() {
    let world = World::new(LIBRARY).await;
    mirrors_whole(&world, CopyMethod::Async).await;
    assert_eq!(world.writes(), 0, "the second run writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn block_copies_mirror_a_library_between_two_accounts_of_azurite() {
    let world = World::new(LIBRARY).await;
    mirrors_whole(&world, CopyMethod::Blocks).await;
    assert_eq!(world.writes(), 0, "the second run writes nothing");
}

/// Version 2.1 reports no containers: they come from SAS locators, which are stored access policies in Azurite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_api_mirrors_through_temporary_locators_and_leaves_none_behind() {
    let mut world = World::new(TAME_LIBRARY).await;
    crate::api_version::speak(&mut world.config, "2.1");
    mirrors_whole(&world, CopyMethod::Async).await;
    let count = |operation: &str, status: u16| -> u64 {
        let rows = world.emulator.stats().requests;
        rows.iter().filter(|row| row.operation == operation && row.status == status).map(|row| row.count).sum()
    };
    assert!(count("CreateLocator", 201) > 0, "the second run needs them too");
    assert_eq!(count("CreateLocator", 201), count("DeleteLocator", 204), "each is removed");
    // Read with a newer version, which reports the containers.
    world.config = config_of(&world.emulator);
    let pair = world.pair();
    for (side, access) in [(&pair.source, world.azurite.source()), (&pair.target, world.azurite.target())] {
        let assets = side.library.assets().try_concat().await.expect("listed");
        let mut asked = 0;
        for container in assets.into_iter().filter_map(|asset| asset.container) {
            let acl = world.container_acl(&access, container.as_str()).await;
            asked += u32::from(acl.contains("<SignedIdentifiers"));
            assert!(!acl.contains("<SignedIdentifier>"), "{container} keeps a stored access policy: {acl}");
        }
        assert!(asked > 12, "{asked} containers have been looked at");
        let locators: Vec<Locator> = side.library.locators().try_concat().await.expect("listed");
        assert!(locators.iter().all(|locator| locator.kind == LocatorKind::Streaming), "{locators:?}");
    }
}
