//! The conditions after every kill and at the end: the guarantees I1 to I8, as far as one process can check them.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use futures::TryStreamExt;
use mediamirror::emulator::StatsSnapshot;
use mediamirror::emulator::stats::{Plane, StatRow};
use mediamirror::engine::Outcome;
use mediamirror::ledger::{Ledger, Status, Step};
use mediamirror::model::{AccountName, Asset, AssetEncryption, AssetId, ContainerName, Mark};
use mediamirror::monitor::{AssetOutcome, RunEvent};

use super::life::End;
use super::scenario::{Trouble, Troubles};
use crate::credentials;
use crate::world::World;

type Fingerprint = [u8; 32];

/// Operations that make a blob from a source. (Blocks do not; their list does.)
const COPIES: [&str; 3] = ["PutBlobFromUrl", "CopyBlob", "PutBlockList"];
/// The prefixes of operations that write.
const WRITES: [&str; 8] = ["Put", "Create", "Update", "Delete", "Set", "Copy", "Abort", "CreateFileInfos"];

/// What is known about the library, and the allowed requests of the program so far.
pub(super) struct Oracle {
    /// Every content each blob of the source ever had.
    versions: HashMap<(ContainerName, String), HashSet<Fingerprint>>,
    assets: Vec<Asset>,
    blobs: u64,
    largest_asset: u64,
    /// Additional copies of blobs that kills and faults explain.
    excused: u64,
    secrets: Vec<String>,
}

impl Oracle {
    pub(super) async fn new(world: &World) -> Self {
        let secrets = world
            .emulator
            .ready()
            .regions
            .iter()
            .flat_map(|region| region.storage.iter().map(|s| s.key.clone()).chain([region.account_key.clone()]))
            .collect();
        let mut oracle =
            Self { versions: HashMap::new(), assets: Vec::new(), blobs: 0, largest_asset: 0, excused: 0, secrets };
        oracle.look(world).await;
        oracle.blobs = oracle.versions.len() as u64;
        oracle
    }

    /// Records the current contents of the source.
    async fn look(&mut self, world: &World) {
        let source = &world.pair().source;
        self.assets = source.library.assets().try_concat().await.unwrap();
        for asset in &self.assets {
            let Some(container) = &asset.container else { continue };
            let listed = source.storage[0].list(container).try_concat().await.unwrap_or_default();
            self.largest_asset = self.largest_asset.max(listed.len() as u64);
            for blob in listed {
                let account = source.storage[0].name().as_str();
                let content = world.emulator.fingerprint(account, container.as_str(), &blob.name).unwrap();
                self.versions.entry((container.clone(), blob.name)).or_default().insert(content);
            }
        }
    }

    /// Adds a life: its faults, and the additional requests that these allow.
    pub(super) async fn learn(&mut self, world: &World, troubles: &Troubles, strikes: &[u64], end: &End) {
        self.look(world).await;
        self.excused += end.copies_in_flight;
        for (trouble, strikes) in troubles.list.iter().zip(strikes) {
            self.excused += strikes * if trouble.costs_asset { self.largest_asset.max(1) } else { 1 };
        }
    }

    /// I3, I4, I5, I7: the program's reports agree with the services' counts.
    pub(super) fn check_told(&self, world: &World, end: &End, before: &StatsSnapshot, troubles: &Troubles) {
        let after = world.emulator.stats();
        let written: Vec<&StatRow> = after
            .requests
            .iter()
            .filter(|row| row.account.ends_with("west") && WRITES.iter().any(|write| row.operation.starts_with(write)))
            .collect();
        assert!(written.is_empty(), "I3: the source was written to: {written:?}");
        let made = copies(&after);
        assert!(
            made <= self.blobs + self.excused,
            "I4: {made} copies of {} blobs, {} excused: {}",
            self.blobs,
            self.excused,
            since(&after, before)
        );
        let most = 1_000 + 100 * (self.assets.len() as u64) + 40 * self.blobs;
        assert!(end.requests <= most, "I5: {} requests for {} blobs", end.requests, self.blobs);
        let Some(Ok(summary)) = &end.ended else { return };
        let told = summary.requests.blob + summary.requests.media;
        assert_eq!(told, end.requests, "I7: requests sent: {}", since(&after, before));
        // A pending copy of an earlier life is followed: the service reports 409, the program reports copied.
        let adopted = counted(&after, &["CopyBlob"], 409) - counted(before, &["CopyBlob"], 409);
        let (copied, made_now) = (summary.blobs.copied, made - copies(before));
        assert!(copied <= made_now + adopted, "I7: {copied} were not all copied: {}", since(&after, before));
        let assets = summary.assets;
        let not = assets.skipped + assets.failed + assets.conflicts + assets.held + assets.unchecked;
        let ended = assets.mirrored + assets.unchanged + not;
        assert_eq!(assets.total, ended, "I7: assets");
        // A copy whose source asset is not listed can be a separate problem.
        let named: HashSet<_> = summary.problems.iter().map(|problem| &problem.asset).collect();
        assert_eq!(named.len(), summary.problems.len(), "I7: one verdict each");
        assert!(named.len() as u64 >= not, "I7: problems");
        let excused = troubles.list.iter().any(|trouble| trouble.changes_source || trouble.hides);
        if summary.outcome == Outcome::Complete && !excused {
            let expected = self.assets.len() as u64;
            assert_eq!(assets.total, expected, "I7: a complete run that has not seen every asset");
        }
    }

    /// I7: assets that the program reported as mirrored are on the target, with equal bytes. Checked without faults.
    pub(super) async fn check_promises(&self, world: &World, ledger: &Path, end: &End, troubles: &Troubles) {
        if troubles.list.iter().any(|trouble| trouble.changes_source) {
            return;
        }
        let promised: HashSet<AssetId> = end.monitor.events().into_iter().filter_map(promised).collect();
        if promised.is_empty() {
            return;
        }
        let mut found = world.verify_by(ledger).await.differences;
        if troubles.list.iter().any(Trouble::shows_old_copies) {
            // A run with a stale listing of a copy records old entity tags. The next run then copies equal blobs again,
            // which does no harm. So a difference only counts if it is also found without the ledger.
            let seen = world.verify().await.differences;
            found.retain(|one| seen.iter().any(|other| (&other.asset, &other.item) == (&one.asset, &one.item)));
        }
        let broken: Vec<_> = found.iter().filter(|difference| promised.contains(&difference.asset)).collect();
        assert!(broken.is_empty(), "I7: said to be mirrored: {broken:?}");
        let names: HashSet<&str> =
            self.assets.iter().filter(|asset| promised.contains(&asset.id)).map(Asset::label).collect();
        let torn = world.torn_blobs().await;
        let torn: Vec<_> = torn.iter().filter(|blob| names.iter().any(|name| blob.starts_with(name))).collect();
        assert!(torn.is_empty(), "I7: said to be mirrored: {torn:?}");
    }

    /// The parts of I1 and I2 that are true at any time: published assets, and those that are verified according to the
    /// ledger, are complete.
    pub(super) async fn check_target(&self, world: &World, ledger: &Path) {
        let pair = world.pair();
        let assets = pair.target.library.assets().try_concat().await.unwrap();
        let by_id: HashMap<_, _> = assets.iter().map(|asset| (asset.id.clone(), asset)).collect();
        for locator in pair.target.library.locators().try_concat().await.unwrap() {
            let asset = by_id[&locator.asset];
            let origin = self.assets.iter().find(|origin| Some(&origin.id) == origin_of(asset).as_ref());
            let origin = origin.unwrap_or_else(|| panic!("I1: a locator on an asset of unknown origin: {asset:?}"));
            self.check_blobs(world, origin, asset.container.as_ref().unwrap(), "published").await;
        }
        let names = (AccountName::new("mediawest"), AccountName::new("mediaeast"));
        let Some(ledger) = Ledger::open_read_only(ledger, &names.0, &names.1).unwrap() else { return };
        for row in ledger.assets(None, 10_000).await.unwrap() {
            let verified = row.step > Step::Verify || (row.step == Step::Verify && row.status == Status::Succeeded);
            if let (true, Some(container)) = (verified, &row.facts.container)
                && let Some(origin) = self.assets.iter().find(|origin| origin.id == row.source)
            {
                self.check_blobs(world, origin, container, "verified by the ledger").await;
            }
        }
    }

    /// Every blob of an asset is in the target's container, in a content that the source had. A changed blob can be in
    /// flight again.
    async fn check_blobs(&self, world: &World, origin: &Asset, container: &ContainerName, what: &str) {
        let pair = world.pair();
        let (from, to) = (&pair.source.storage[0], &pair.target.storage[0]);
        let Some(source) = &origin.container else { return };
        for blob in from.list(source).try_concat().await.unwrap_or_default() {
            let versions = &self.versions[&(source.clone(), blob.name.clone())];
            let there = world.emulator.fingerprint(to.name().as_str(), container.as_str(), &blob.name);
            let good = there.as_ref().is_some_and(|there| versions.contains(there)) || versions.len() > 1;
            assert!(good, "I2: {} is {what}, but {} is not there: {there:?}", origin.label(), blob.name);
        }
    }

    /// I6: no secret is printed or stored.
    pub(super) fn check_secrets(&self, end: &End, folder: &Path) {
        let echoed: Vec<String> = end.credentials.iter().flat_map(|secret| credentials::needles(secret)).collect();
        let mut artefacts = vec![("events".to_owned(), format!("{:?}", end.monitor.events()).into_bytes())];
        match &end.ended {
            Some(Ok(summary)) => artefacts.push(("summary".to_owned(), format!("{summary:?}").into_bytes())),
            Some(Err(error)) => artefacts.push(("error".to_owned(), format!("{error} {error:?}").into_bytes())),
            None => {}
        }
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            artefacts.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
        for (name, bytes) in artefacts {
            let text = String::from_utf8_lossy(&bytes);
            for secret in &self.secrets {
                assert!(!text.contains(secret.as_str()), "I6: a key is in {name}");
            }
            let told = echoed.iter().find(|needle| text.contains(needle.as_str()));
            assert!(told.is_none(), "I6: {told:?} of a credential is in {name}: {text}");
            let signed =
                text.match_indices("sig=").any(|(at, found)| !text[at + found.len()..].starts_with("REDACTED"));
            assert!(!signed, "I6: a signature is in {name}");
            assert!(!text.contains("HMACSHA256"), "I6: a token is in {name}");
        }
    }

    /// I1 at the end: the target is equal to the source.
    pub(super) async fn check_end(&mut self, world: &World, ledger: &Path) {
        self.look(world).await;
        let torn = world.torn_blobs().await;
        let left_out: HashSet<&str> =
            self.assets.iter().filter(|asset| asset.encryption == AssetEncryption::Storage).map(Asset::label).collect();
        let torn: Vec<_> = torn.iter().filter(|t| !left_out.iter().any(|name| t.starts_with(name))).collect();
        assert!(torn.is_empty(), "I1: not as the source is: {torn:?}");
        let verification = world.verify_by(ledger).await;
        assert!(verification.differences.is_empty(), "I1: {:?}", verification.differences);
        // One copy for each source asset, even after faults and kills.
        let pair = world.pair();
        let targets = pair.target.library.assets().try_concat().await.unwrap();
        let origins: HashSet<_> = targets.iter().filter_map(origin_of).collect();
        assert_eq!(origins.len(), targets.len(), "I4: an asset was made twice");
    }
}

/// The source asset in an asset's mark.
fn origin_of(asset: &Asset) -> Option<AssetId> {
    asset.alternate_id.as_deref().and_then(Mark::parse).map(|mark| mark.source)
}

/// The asset that is complete on the target according to an event.
fn promised(event: RunEvent) -> Option<AssetId> {
    match event {
        RunEvent::AssetFinished { asset, outcome: AssetOutcome::Mirrored | AssetOutcome::Unchanged, .. } => Some(asset),
        _ => None,
    }
}

/// Copies that were made.
fn copies(stats: &StatsSnapshot) -> u64 {
    counted(stats, &COPIES, 201) + counted(stats, &COPIES, 202)
}

/// The number of answers to these operations with that status.
fn counted(stats: &StatsSnapshot, operations: &[&str], answer: u16) -> u64 {
    let wanted = |row: &&StatRow| {
        row.plane == Plane::Blob && row.status == answer && operations.contains(&row.operation.as_str())
    };
    stats.requests.iter().filter(wanted).map(|row| row.count).sum()
}

/// The answers between two points in time.
fn since(after: &StatsSnapshot, before: &StatsSnapshot) -> String {
    let count = |stats: &StatsSnapshot, row: &StatRow| {
        let same = |other: &&StatRow| {
            (&other.account, &other.operation, other.status) == (&row.account, &row.operation, row.status)
        };
        stats.requests.iter().find(same).map_or(0, |found| found.count)
    };
    let told = after.requests.iter().filter_map(|row| {
        let count = row.count - count(before, row);
        (count > 0).then(|| format!("{count} {} {} {}", row.account, row.operation, row.status))
    });
    told.collect::<Vec<_>>().join(", ")
}
