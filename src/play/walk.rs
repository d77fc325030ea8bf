//! Plays one title: requests its manifests and their contents from both hosts and compares the answers; or requests
//! them only from the target's host.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use url::Url;

use super::compare::{self, Compared};
use super::counts::UrlCounts;
use super::named::{Contents, Kind, Named, Part};
use super::place::{Hosts, Place};
use super::titles::Title;
use super::{dash, hls};
use crate::connect::{Pair, Viewer, ViewerAnswer, ViewerRequest};
use crate::error::{CallError, Failure};
use crate::redact::scrub;
use crate::verdict::{Cause, Finding};

/// The largest manifest: one of a day in segments of one second has about 4 MB.
const MANIFEST: usize = 4 << 20;
/// The depth of manifests: a playlist of renditions has playlists of segments, and those have no manifests.
const MAX_DEPTH: usize = 2;
/// The most URLs of a title: ten periods of twenty renditions need 600.
const MAX_URLS: u64 = 5_000;
/// How much is read at the start and at the end of a large file.
const END: u64 = 1 << 20;
/// The headers of a browser's preflight request, before a page of another site may send `Range`.
const PREFLIGHT: [(&str, &str); 2] =
    [("access-control-request-method", "GET"), ("access-control-request-headers", "range")];

/// The result for a title.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) urls: UrlCounts,
    pub(super) findings: Vec<Finding>,
    /// The number of URLs whose answers do not say how long they may be cached, and one of them.
    pub(super) uncached: (u64, String),
    /// A host did not answer.
    pub(super) silent: bool,
}

/// The requested URLs of an asset, so that none is requested twice.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<HashSet<u64>>);

impl Asked {
    /// Is this the first request for it?
    fn first(&self, url: (&str, Part)) -> bool {
        let mut hasher = DefaultHasher::new();
        url.hash(&mut hasher);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hasher.finish())
    }
}

/// Which hosts are used, and the depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Both hosts, and all contents of the manifests.
    Both,
    /// Only the target's host, for the first requests of viewers.
    Starts,
    /// Only the target's host, and all contents of the manifests.
    Segments,
}

/// One title, while it is played.
struct Walk<'a> {
    pair: &'a Pair,
    way: Way,
    hosts: &'a Hosts,
    origin: &'a str,
    asked: &'a Asked,
    /// Kinds of which one was requested in all ways.
    tried: BTreeSet<Kind>,
    waiting: VecDeque<Step>,
    found: Walked,
}

/// A URL to request.
struct Step {
    path: String,
    kind: Kind,
    part: Part,
    depth: usize,
}

/// Plays a title.
pub(super) async fn walk(pair: &Pair, way: Way, title: &Title, origin: &str, asked: &Asked) -> Walked {
    let mut walk = Walk {
        pair,
        way,
        hosts: &title.hosts,
        origin,
        asked,
        tried: BTreeSet::new(),
        waiting: VecDeque::new(),
        found: Walked::default(),
    };
    for (path, kind) in &title.starts {
        let part = if *kind == Kind::File { Part::Ends } else { Part::Whole };
        walk.waiting.push_back(Step { path: path.clone(), kind: *kind, part, depth: 0 });
    }
    while let Some(step) = walk.waiting.pop_front() {
        if walk.found.silent || walk.found.urls.urls >= MAX_URLS {
            let left = walk.waiting.len() + 1;
            let why = if walk.found.silent { "a host does not answer" } else { "it names too many URLs" };
            walk.unchecked(&step.path, &format!("{why}: this and {} other URLs are left out", left - 1));
            break;
        }
        walk.step(step).await;
    }
    walk.found
}

/// The answers of both hosts.
type Pairs = (ViewerAnswer, ViewerAnswer);

impl Walk<'_> {
    async fn step(&mut self, step: Step) {
        if !self.asked.first((&step.path, step.part)) {
            return;
        }
        let (compared, answers) = match self.content(&step).await {
            Ok(found) => found,
            // A whole title in one file: its ends are read instead.
            Err(CallError { failure: Failure::TooLarge(_), .. })
                if step.part == Part::Whole && !step.kind.is_manifest() =>
            {
                return self.waiting.push_front(Step { part: Part::Ends, ..step });
            }
            Err(error) => return self.unanswered(&step.path, &error),
        };
        let mut differences = match compared {
            Compared::Same => Vec::new(),
            Compared::Different(differences) => differences,
            Compared::NotPlayable(status) => {
                self.found.urls.not_playable += 1;
                self.found.urls.urls += 1;
                match self.way {
                    Way::Both => {
                        self.note(Cause::NotPlayableAtSource, &step.path, &format!("HTTP {status} on both hosts"));
                    }
                    Way::Starts | Way::Segments => {
                        self.note(Cause::DoesNotPlay, &step.path, &format!("HTTP {status}"));
                    }
                }
                return;
            }
            Compared::Unchecked(why) => return self.unchecked(&step.path, &why),
        };
        let plays = matches!(answers.0.status, 200 | 206);
        if plays && self.way == Way::Both && self.tried.insert(step.kind) {
            match self.in_every_way(&step, differences.is_empty()).await {
                Ok(more) => differences.extend(more),
                Err(error) => return self.unanswered(&step.path, &error),
            }
        }
        if plays && !compare::says_how_long(&answers.0) {
            self.found.uncached.0 += 1;
            without_query(&step.path).clone_into(&mut self.found.uncached.1);
        }
        self.found.urls.urls += 1;
        self.found.urls.bytes += answers.0.length + answers.1.length;
        *if differences.is_empty() { &mut self.found.urls.same } else { &mut self.found.urls.different } += 1;
        for (cause, what) in differences {
            self.note(cause, &step.path, &what);
        }
        if plays && step.kind.is_manifest() && self.way != Way::Starts {
            self.contents(&step, &answers.0);
        }
    }

    /// Requests the bytes from both hosts, and compares them.
    async fn content(&self, step: &Step) -> Result<(Compared, Pairs), CallError> {
        let keep = if step.kind.is_manifest() { MANIFEST } else { 0 };
        let range = match step.part {
            Part::Whole => None,
            Part::Range(from, length) => Some((from, length)),
            Part::Ends => Some((0, END)),
        };
        let answers = self.both(&step.path, range, keep).await?;
        let mut compared = compare::content(&answers.0, &answers.1);
        let total = answers.0.header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse::<u64>().ok());
        if step.part == Part::Ends
            && compared == Compared::Same
            && let Some(rest) = total.and_then(|total| total.checked_sub(END)).filter(|rest| *rest > 0)
        {
            let end = self.both(&step.path, Some((END + rest.saturating_sub(END), rest.min(END))), 0).await?;
            compared = compare::content(&end.0, &end.1);
        }
        Ok((compared, answers))
    }

    /// Sends a preflight request; and, unless the whole file differs, requests a part of it.
    async fn in_every_way(&self, step: &Step, is_same: bool) -> Result<Vec<(Cause, String)>, CallError> {
        let headers: Vec<_> = PREFLIGHT.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (source, target) = self.ask(&step.path, headers, 0).await?;
        let mut differences = compare::preflight(&source, &target);
        if is_same && step.part == Part::Whole {
            let (source, target) = self.both(&step.path, Some((0, 2)), 0).await?;
            if let Compared::Different(found) = compare::content(&source, &target) {
                differences.extend(found.into_iter().map(|(cause, what)| (cause, format!("bytes 0-1: {what}"))));
            }
        }
        Ok(differences)
    }

    async fn both(&self, path: &str, range: Option<(u64, u64)>, keep: usize) -> Result<Pairs, CallError> {
        let range =
            range.map(|(from, length)| format!("bytes={from}-{}", from.saturating_add(length).saturating_sub(1)));
        self.ask(path, range.map(|range| ("range", range)).into_iter().collect(), keep).await
    }

    async fn ask(&self, path: &str, mut headers: Vec<(&'static str, String)>, keep: usize) -> Result<Pairs, CallError> {
        headers.push(("origin", self.origin.to_owned()));
        let ask = async |viewer: &Viewer, base: &Url, keep| {
            let url = base.join(&below(path)).unwrap_or_else(|_| base.clone());
            viewer.ask(ViewerRequest { url: &url, headers: &headers, keep }).await
        };
        if self.way != Way::Both {
            let answer = ask(&self.pair.target.viewer, &self.hosts.target, keep).await?;
            return Ok((answer.clone(), answer));
        }
        // For a manifest, the source's bytes are kept: the target's are equal, or reported as a difference.
        futures::try_join!(
            ask(&self.pair.source.viewer, &self.hosts.source, keep),
            ask(&self.pair.target.viewer, &self.hosts.target, 0)
        )
    }

    /// Queues the contents of a manifest.
    fn contents(&mut self, step: &Step, answer: &ViewerAnswer) {
        let Some(body) = &answer.body else {
            return self.unchecked(&step.path, &format!("a manifest of more than {MANIFEST} bytes is not read"));
        };
        let read = if step.kind == Kind::Hls { hls::read(body) } else { dash::read(body) };
        let Contents { named, gaps } = match read {
            Ok(contents) => contents,
            Err(why) => return self.unchecked(&step.path, &format!("the manifest is not understood: {why}")),
        };
        for gap in gaps {
            self.unchecked(&step.path, &format!("not known from the manifest: {gap}"));
        }
        let (mut hosts, depth) = (BTreeSet::new(), step.depth + 1);
        for Named { references, kind, part } in named {
            let place = self.hosts.resolve(&step.path, &references);
            match place {
                Place::Same(path) if kind.is_manifest() && depth > MAX_DEPTH => {
                    self.unchecked(&path, "a playlist in a playlist of segments");
                }
                Place::Same(path) if kind != Kind::Name => self.waiting.push_back(Step { path, kind, part, depth }),
                Place::Same(_) | Place::Nowhere => {}
                // An external key server serves both.
                Place::Elsewhere(_) if kind == Kind::Key => {}
                // Each host is reported once.
                Place::Source | Place::Target | Place::Elsewhere(_) | Place::Outside(_) => {
                    hosts.insert(place);
                }
            }
        }
        for place in hosts {
            self.elsewhere(&step.path, place);
        }
    }

    /// Reports that a manifest leads to another host.
    fn elsewhere(&mut self, path: &str, place: Place) {
        let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
        let named = match place {
            Place::Source => {
                format!("it names the source's host {}, also to viewers of the target", host(&self.hosts.source))
            }
            Place::Target if self.way != Way::Both => {
                return self.unchecked(path, "it names its own host, and such URLs are not followed");
            }
            Place::Target => {
                format!("it names the target's host {}, also to viewers of the source", host(&self.hosts.target))
            }
            Place::Elsewhere(host) => {
                return self.unchecked(path, &format!("it names the host {host}, which is not asked"));
            }
            Place::Outside(outside) => {
                return self.unchecked(path, &format!("it leads out of the library, to {outside}"));
            }
            Place::Same(_) | Place::Nowhere => return,
        };
        self.found.urls.urls += 1;
        self.found.urls.different += 1;
        self.note(Cause::ManifestNamesOtherHost, path, &named);
    }

    /// Records that one host did not answer. If an answer was refused here, such as a compressed one, the host works.
    fn unanswered(&mut self, path: &str, error: &CallError) {
        self.found.silent =
            matches!(error.failure, Failure::Connect(_) | Failure::Timeout(_) | Failure::Interrupted(_));
        self.unchecked(path, &error.failure.to_string());
    }

    fn unchecked(&mut self, path: &str, why: &str) {
        self.found.urls.urls += 1;
        self.found.urls.unchecked += 1;
        let cause = if self.way == Way::Both { Cause::PlayUnchecked } else { Cause::ProbeUnanswered };
        self.note(cause, path, why);
    }

    /// Adds a finding about a path.
    fn note(&mut self, cause: Cause, path: &str, what: &str) {
        let path = without_query(path);
        self.found.findings.push(Finding::new(cause, scrub(&format!("{path}: {what}"))));
    }
}

/// A path for messages: without the query, which can be a signature.
fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

/// A path as a relative reference. Without the dot, a first segment with a colon would be a scheme.
fn below(path: &str) -> String {
    format!("./{path}")
}
