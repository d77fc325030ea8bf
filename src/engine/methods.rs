//! Decides by which method each blob is copied and why, and counts the methods: over the run for the summary, and per
//! asset for events.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::Serialize;

use crate::blob;
use crate::engine::traffic::{Clocked, Timeline};
use crate::model::{AssetId, Blob, BlobKind, CopyMethod};
use crate::monitor::{Monitor, RunEvent};

/// Why blobs were copied by a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The options specify it.
    Asked,
    /// Both sides use one storage account.
    SameAccount,
    /// Small enough for one request.
    Small,
    /// Too large to be copied best in one request.
    Large,
    /// Too large for the requested method.
    BeyondLimit,
    /// The target's service does not implement the copy of a whole blob in one request.
    NoPutFromUrl,
    /// The blob is an append or page blob, and only an asynchronous copy keeps its type.
    KeepsKind,
    /// An asynchronous copy would leave the blob unfinished for a while, or did not end.
    InOneStep,
}

/// The facts, besides its length, that decide by which method a blob of an asset is copied.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each of them asked for by its name")]
pub(crate) struct Situation {
    /// The method that the options specify.
    pub(crate) asked: Option<CopyMethod>,
    /// Do both sides use one storage account?
    pub(crate) same_account: bool,
    /// Is a copy of the asset already complete, and perhaps published?
    pub(crate) live: bool,
    /// Does the target's service not implement the copy of a whole blob in one request?
    pub(crate) lacks_put: bool,
    /// Are these append or page blobs? Only an asynchronous copy keeps the type of a blob.
    pub(crate) keeps_kind: bool,
}

impl Situation {
    /// The situation for append and page blobs.
    pub(crate) fn keeping_kind(self) -> Self {
        Self { keeps_kind: true, ..self }
    }

    /// The situation for that blob.
    pub(crate) fn of(self, blob: &Blob) -> Self {
        Self { keeps_kind: blob.kind != BlobKind::Block, ..self }
    }

    /// The method for a blob of that length.
    pub(crate) fn method(self, length: u64) -> CopyMethod {
        if self.keeps_kind {
            return CopyMethod::Async;
        }
        let wanted = self.asked.unwrap_or_else(|| blob::choose(length, self.same_account));
        match blob::within_limits(wanted, length) {
            // A pending copy removes the bytes that viewers read before the new ones are complete. (Within one account
            // only metadata is copied, and a copy is never pending.)
            CopyMethod::Async if self.live && !self.same_account => CopyMethod::Blocks,
            CopyMethod::Put if self.lacks_put && self.asked.is_none() => CopyMethod::Blocks,
            method => method,
        }
    }

    /// Are the blobs copied asynchronously? This applies to all blobs of an asset or to none.
    pub(crate) fn is_asynchronous(self) -> bool {
        self.method(0) == CopyMethod::Async
    }
}

/// Blobs that were copied by one method for one reason (in a dry run: that will be copied).
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct MethodCount {
    /// The method.
    pub method: CopyMethod,
    /// The reason.
    pub reason: Reason,
    /// The reason as text.
    pub why: String,
    /// The number of blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Reason {
    /// The reason why a blob of that length was copied by that method, given the requested one; `None`: the best one.
    fn of(asked: Option<CopyMethod>, method: CopyMethod, kind: BlobKind, length: u64, lacks_put: bool) -> Self {
        if kind != BlobKind::Block {
            return Self::KeepsKind;
        }
        let limited = asked.map(|asked| blob::within_limits(asked, length));
        match (asked, method) {
            (Some(asked), method) if asked == method => Self::Asked,
            (Some(_), method) if limited == Some(method) => Self::BeyondLimit,
            (Some(_), _) => Self::InOneStep,
            (None, CopyMethod::Async) => Self::SameAccount,
            (None, CopyMethod::Blocks) if lacks_put && blob::choose(length, false) == CopyMethod::Put => {
                Self::NoPutFromUrl
            }
            (None, method) if blob::choose(length, false) != method => Self::InOneStep,
            (None, CopyMethod::Put) => Self::Small,
            (None, CopyMethod::Blocks) => Self::Large,
        }
    }

    /// The reason as text.
    fn why(self) -> String {
        let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
        match self {
            Self::Asked => "set by --copy-method".to_owned(),
            Self::SameAccount => {
                "source and target are in one storage account, where only metadata is copied".to_owned()
            }
            Self::Small => format!("up to {} one request is the cheapest", mebibytes(blob::PUT_COMFORTABLE)),
            Self::Large => format!("above {} blocks are copied side by side", mebibytes(blob::PUT_COMFORTABLE)),
            Self::BeyondLimit => format!("above {} the service refuses one request", mebibytes(blob::PUT_LIMIT)),
            Self::NoPutFromUrl => "the target's service does not implement Put Blob From URL".to_owned(),
            Self::KeepsKind => "only an asynchronous copy keeps the type of append and page blobs".to_owned(),
            Self::InOneStep => {
                "a published copy, or one whose asynchronous copy did not end, is replaced in one step".to_owned()
            }
        }
    }
}

/// Blobs and bytes by method and reason.
type Counts = BTreeMap<(CopyMethod, Reason), (u64, u64)>;

/// Counts the copies that it passes on to a monitor, and reports the methods when an asset ends.
#[derive(Debug)]
pub(crate) struct MethodCounter {
    monitor: Arc<dyn Monitor>,
    asked: Option<CopyMethod>,
    lacks_put: AtomicBool,
    counts: Mutex<State>,
    clocked: Clocked,
}

#[derive(Debug, Default)]
struct State {
    all: Counts,
    /// The counts of the assets in progress.
    by_asset: HashMap<AssetId, Counts>,
}

impl MethodCounter {
    /// A counter that passes every event on to that monitor.
    pub(crate) fn new(monitor: Arc<dyn Monitor>, asked: Option<CopyMethod>) -> Arc<Self> {
        Arc::new(Self {
            monitor,
            asked,
            lacks_put: AtomicBool::new(false),
            counts: Mutex::default(),
            clocked: Clocked::new(),
        })
    }

    /// Records that the target's service does not implement Put Blob From URL. Returns true the first time.
    pub(crate) fn note_no_put(&self) -> bool {
        !self.lacks_put.swap(true, Ordering::Relaxed)
    }

    /// Counts a blob that was copied by that method, or will be.
    pub(crate) fn add(&self, asset: &AssetId, method: CopyMethod, kind: BlobKind, length: u64) {
        let key = (method, Reason::of(self.asked, method, kind, length, self.lacks_put.load(Ordering::Relaxed)));
        let mut counts = self.counts.lock().expect("no panic while held");
        let State { all, by_asset } = &mut *counts;
        let of_asset = match by_asset.get_mut(asset) {
            Some(counts) => counts,
            None => by_asset.entry(asset.clone()).or_default(),
        };
        for counts in [all, of_asset] {
            let (blobs, bytes) = counts.entry(key).or_default();
            *blobs += 1;
            *bytes += length;
        }
    }

    /// When the copied assets and blobs arrived.
    pub(crate) fn timeline(&self) -> Timeline {
        self.clocked.so_far()
    }

    /// All counts so far.
    pub(crate) fn all(&self) -> Vec<MethodCount> {
        methods(&self.counts.lock().expect("no panic while held").all)
    }
}

impl Monitor for MethodCounter {
    fn event(&self, event: RunEvent) {
        self.clocked.see(&event);
        if let RunEvent::BlobCopied { asset, bytes, method, kind, .. } = &event {
            self.add(asset, *method, *kind, *bytes);
        }
        if let RunEvent::AssetFinished { asset, name, .. } = &event {
            let counts = self.counts.lock().expect("no panic while held").by_asset.remove(asset);
            for MethodCount { method, why, blobs, bytes, .. } in methods(&counts.unwrap_or_default()) {
                let (asset, name) = (asset.clone(), name.clone());
                self.monitor.event(RunEvent::MethodChosen { asset, name, method, blobs, bytes, why });
            }
        }
        self.monitor.event(event);
    }
}

fn methods(counts: &Counts) -> Vec<MethodCount> {
    let entry = |(&(method, reason), &(blobs, bytes)): (&(CopyMethod, Reason), &(u64, u64))| MethodCount {
        method,
        reason,
        why: reason.why(),
        blobs,
        bytes,
    };
    counts.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{AssetOutcome, TestMonitor};

    #[test]
    fn each_method_has_its_reason() {
        let (small, large, huge) = (1, blob::PUT_COMFORTABLE + 1, blob::PUT_LIMIT + 1);
        for (asked, method, length, reason) in [
            (None, CopyMethod::Put, small, Reason::Small),
            (None, CopyMethod::Blocks, large, Reason::Large),
            (None, CopyMethod::Async, large, Reason::SameAccount),
            (None, CopyMethod::Blocks, small, Reason::InOneStep),
            (Some(CopyMethod::Put), CopyMethod::Put, large, Reason::Asked),
            (Some(CopyMethod::Put), CopyMethod::Blocks, huge, Reason::BeyondLimit),
            (Some(CopyMethod::Async), CopyMethod::Async, small, Reason::Asked),
            (Some(CopyMethod::Async), CopyMethod::Blocks, small, Reason::InOneStep),
        ] {
            assert_eq!(
                Reason::of(asked, method, BlobKind::Block, length, false),
                reason,
                "{asked:?} {method:?} {length}"
            );
        }
    }

    #[test]
    fn a_published_blob_is_never_replaced_by_a_pending_copy() {
        for (asked, same_account, live, method) in [
            (Some(CopyMethod::Async), false, false, CopyMethod::Async),
            (Some(CopyMethod::Async), false, true, CopyMethod::Blocks),
            (Some(CopyMethod::Async), true, true, CopyMethod::Async),
            (Some(CopyMethod::Put), false, true, CopyMethod::Put),
            (None, true, true, CopyMethod::Async),
            (None, false, true, CopyMethod::Put),
        ] {
            let situation = Situation { asked, same_account, live, lacks_put: false, keeps_kind: false };
            assert_eq!(situation.method(1), method, "{situation:?}");
            assert_eq!(situation.is_asynchronous(), method == CopyMethod::Async, "{situation:?}");
        }
    }

    #[test]
    fn a_service_without_put_blob_from_url_gets_blocks_unless_the_options_name_a_method() {
        for (asked, method) in [(None, CopyMethod::Blocks), (Some(CopyMethod::Put), CopyMethod::Put)] {
            let situation = Situation { asked, same_account: false, live: false, lacks_put: true, keeps_kind: false };
            assert_eq!(situation.method(1), method);
            assert_eq!(situation.keeping_kind().method(1), CopyMethod::Async);
        }
        assert_eq!(Reason::of(None, CopyMethod::Blocks, BlobKind::Block, 1, true), Reason::NoPutFromUrl);
        assert_eq!(Reason::of(None, CopyMethod::Async, BlobKind::Page, 1, true), Reason::KeepsKind);
        assert_eq!(
            Reason::of(None, CopyMethod::Blocks, BlobKind::Block, blob::PUT_COMFORTABLE + 1, true),
            Reason::Large
        );
    }

    #[test]
    fn the_methods_of_an_asset_are_reported_once_when_it_ends() {
        let monitor = Arc::new(TestMonitor::default());
        let methods = MethodCounter::new(Arc::<TestMonitor>::clone(&monitor), None);
        let asset = AssetId::new("a");
        methods.add(&asset, CopyMethod::Put, BlobKind::Block, 10);
        methods.add(&asset, CopyMethod::Put, BlobKind::Block, 20);
        let ended = || RunEvent::AssetFinished {
            asset: asset.clone(),
            name: "film".to_owned(),
            outcome: AssetOutcome::Mirrored,
        };
        methods.event(ended());
        methods.event(ended());
        let why = Reason::Small.why();
        let reported = RunEvent::MethodChosen {
            asset: asset.clone(),
            name: "film".to_owned(),
            method: CopyMethod::Put,
            blobs: 2,
            bytes: 30,
            why: why.clone(),
        };
        assert_eq!(monitor.events(), [reported, ended(), ended()]);
        let all = MethodCount { method: CopyMethod::Put, reason: Reason::Small, why, blobs: 2, bytes: 30 };
        assert_eq!(methods.all(), [all]);
    }
}
