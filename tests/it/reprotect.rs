//! A region fails and recovers: the target becomes the active side, is edited, and its changes are copied back to the
//! originals.

mod blobs;
mod conflicts;
mod home;
mod seeds;
mod story;

use std::sync::Arc;

use futures::TryStreamExt as _;
use globset::GlobSet;
use jiff::SignedDuration;
use mediamirror::blob::WriteIf;
use mediamirror::config::policy::{GuardLimits, Policy, Share};
use mediamirror::connect::{Pair, connect};
use mediamirror::engine::reprotect::Turn;
use mediamirror::engine::verify::{Verification, verify};
use mediamirror::engine::{Options, Summary, failover, mirror};
use mediamirror::ledger::Ledger;
use mediamirror::model::{
    AccountName, Asset, AssetId, BlobProperties, BlobRef, ContainerName, Locator, LocatorId, LocatorKind, Side,
};
use mediamirror::monitor::{RunEvent, TestMonitor};
use tokio_util::sync::CancellationToken;

use crate::virtual_time;
use crate::world::World;

/// Guards that hold nothing: other tests check them.
const GUARDS: GuardLimits = GuardLimits {
    max_withdraw: Some(Share::Count(1_000_000)),
    max_shrink: Some(Share::Count(1_000_000)),
    max_overwrite: Some(Share::Count(1_000_000)),
    max_delete: None,
};

/// A mirror whose ledger is a file, so that both directions have their own rows.
struct Mirror {
    world: World,
    folder: tempfile::TempDir,
}

impl Mirror {
    async fn new() -> Self {
        Self::over(World::empty().await)
    }

    fn over(world: World) -> Self {
        Self { world, folder: tempfile::tempdir().unwrap() }
    }

    fn accounts(&self) -> (AccountName, AccountName) {
        let name = |account: &str| AccountName::new(account);
        (name(&self.world.config.source.account), name(&self.world.config.target.account))
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("mirror.ledger")
    }

    async fn night(&self) -> Summary {
        let (west, east) = self.accounts();
        let ledger = Ledger::open(&self.path(), &west, &east).unwrap();
        virtual_time::follow(&ledger);
        let monitor = Arc::new(TestMonitor::default());
        let stop = CancellationToken::new();
        let options = Options { policy: Policy { guards: GUARDS, ..Policy::default() }, ..Options::default() };
        let summary = mirror(self.world.pair(), ledger.clone(), options, monitor, stop).await.unwrap();
        virtual_time::forget();
        ledger.close().await.unwrap();
        summary
    }

    fn back(&self) -> Pair {
        connect(&self.world.config.clone().turned(), self.world.emulator.http_client()).unwrap()
    }

    async fn reprotect(&self, dry_run: bool) -> Summary {
        self.reprotect_preferring(dry_run, None).await
    }

    async fn reprotect_preferring(&self, dry_run: bool, prefer: Option<GlobSet>) -> Summary {
        self.reprotect_seen(dry_run, prefer).await.0
    }

    async fn reprotect_seen(&self, dry_run: bool, prefer: Option<GlobSet>) -> (Summary, Arc<TestMonitor>) {
        let (west, east) = self.accounts();
        let ledger = Ledger::open(&self.path(), &east, &west).unwrap();
        let nights = Ledger::open_read_only(&self.path(), &west, &east).unwrap().unwrap();
        virtual_time::follow(&ledger);
        let turn = Turn { pair: self.back(), nights, prefer, dry_run };
        let (pair, base) = turn.prepare(&ledger).await.unwrap();
        let policy = Policy { guards: GUARDS, ..Policy::default() };
        let options = Options { base: Some(Arc::clone(&base)), dry_run, rebuild: true, policy, ..Options::default() };
        let monitor = Arc::new(TestMonitor::default());
        let seen = Arc::<TestMonitor>::clone(&monitor);
        let summary = mirror(pair, ledger.clone(), options, monitor, CancellationToken::new()).await.unwrap();
        base.release().await.unwrap();
        virtual_time::forget();
        ledger.close().await.unwrap();
        (summary, seen)
    }

    /// Makes the target the active side.
    async fn fail_over(&self) {
        assert!(failover::activate_target(&self.world.pair()).await.unwrap().changed);
    }

    /// Makes the source active again; nothing may remain to be brought back.
    async fn come_home(&self) -> failover::ActiveSide {
        let (west, east) = self.accounts();
        let (left, seen) = self.reprotect_seen(true, None).await;
        assert_eq!((left.blobs.copied, left.locators.mirrored, left.withdrawn), (0, 0, 0), "{left:#?}");
        let changes = seen.events().into_iter().filter(|event| matches!(event, RunEvent::Changed { .. }));
        assert_eq!(changes.collect::<Vec<_>>(), [], "`failover --commit` refuses while there is a change");
        let ledger = Ledger::open(&self.path(), &east, &west).unwrap();
        let rows = failover::rows_back(&ledger).await.unwrap();
        ledger.close().await.unwrap();
        let nights = Ledger::open(&self.path(), &west, &east).unwrap();
        let home = failover::activate_source(&self.world.pair(), None, rows, &nights).await.unwrap();
        nights.close().await.unwrap();
        home
    }

    fn side(&self, side: Side) -> mediamirror::connect::Endpoint {
        let pair = connect(&self.world.config, self.world.emulator.http_client()).unwrap();
        if side == Side::Source { pair.source } else { pair.target }
    }

    /// Deletes a blob of an asset.
    async fn delete_blob(&self, side: Side, asset: &Asset, name: &str) {
        let at = BlobRef { container: asset.container.clone().unwrap(), name: name.to_owned() };
        let storage = self.side(side).storage.remove(0);
        let etag = storage.properties(&at).await.unwrap().unwrap().etag;
        storage.delete_blob(&at, WriteIf::Etag(&etag)).await.unwrap();
    }

    /// Compares both sides with the ledger of the nightly runs.
    async fn verify(&self) -> Verification {
        let (west, east) = self.accounts();
        let ledger = Ledger::open_read_only(&self.path(), &west, &east).unwrap().unwrap();
        verify(&self.world.pair(), &ledger, &Options::default(), &TestMonitor::default()).await.unwrap()
    }

    /// Writes a blob of a container.
    async fn put(&self, side: Side, container: &str, name: &str) {
        let at = BlobRef { container: ContainerName::new(container), name: name.to_owned() };
        self.side(side).storage[0].put_blob(&at, "new".into(), &BlobProperties::default()).await.unwrap();
    }

    /// An empty ledger.
    fn nights_of_a_new_ledger(&self) -> Ledger {
        let (west, east) = self.accounts();
        Ledger::open(&self.path(), &west, &east).unwrap()
    }

    /// The names of an asset's blobs.
    async fn blobs(&self, side: Side, asset: &Asset) -> Vec<String> {
        let container = asset.container.clone().unwrap();
        let listed = self.side(side).storage[0].list(&container).try_concat().await.unwrap();
        listed.into_iter().map(|blob| blob.name).collect()
    }

    /// One locator.
    async fn locator(&self, side: Side, id: &LocatorId) -> Option<Locator> {
        self.side(side).library.locator(id).await.unwrap()
    }

    async fn asset(&self, side: Side, id: &AssetId) -> Option<Asset> {
        self.side(side).library.asset(id).await.unwrap()
    }
}

fn locator(on: &Asset) -> Locator {
    let start = mediamirror::clock::now() - SignedDuration::from_mins(5);
    Locator {
        id: LocatorId::new(uuid::Uuid::new_v4().to_string()),
        asset: on.id.clone(),
        kind: LocatorKind::Streaming,
        name: Some("added in B".to_owned()),
        start: Some(start),
        expiry: start + SignedDuration::from_hours(48),
        path: None,
        policy: None,
    }
}
