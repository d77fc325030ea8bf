//! Proves playback: sends the requests of viewers to both hosts, and compares the answers.
//!
//! A title is what a viewer can choose: a manifest among the blobs of a container, or everything that the streaming
//! locators of an asset publish. Its manifests are read, and their contents are requested: each playlist,
//! initialization segments, keys, subtitles, and the first and last segments. Every URL has the same path on the other
//! host. Status, bytes, media type, and the headers for caches and for pages of other sites are compared. No
//! credentials are sent and no redirect is followed.
//!
//! A probe ([`Prober`]) sends requests only to the target's host, so it also works if the source does not answer.
//!
//! Reading and comparing (`hls`, `dash`, `place`, `compare`) is separate from requesting (`walk`).

mod assets;
mod bytes;
mod compare;
mod counts;
mod dash;
mod found;
#[cfg(test)]
mod fuzz;
mod hls;
mod named;
mod place;
mod probe;
mod sample;
mod titles;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;

pub use self::bytes::{BytesRead, read_bytes};
pub use self::counts::UrlCounts;
pub use self::found::Found;
pub use self::probe::{Depth, Probed, Prober, ask_host};
pub use self::sample::Sample;
use self::titles::{Title, Unplayable};
use self::walk::{Asked, Walked, Way, walk};
use crate::config::policy::Accepted;
use crate::connect::Pair;
use crate::engine::{Options, Problem};
use crate::error::Error;
use crate::model::{Asset, AssetId, Side};
use crate::verdict::{Cause, Finding};

/// Assets that are played at the same time, and titles of each. Each can have a manifest in memory; the viewers' lane
/// limits the requests.
const AT_ONCE: usize = 4;
/// After this number of consecutive titles for which a host did not answer, no other ones are requested.
const PATIENCE: u64 = 3;

/// The result of playing. `urls` = `same` + `different` + `not_playable` + `unchecked`.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct Played {
    /// Assets in scope that were examined.
    pub assets: u64,
    /// Assets in scope that were left out: the target does not have them, or there is a cause.
    pub left_out: u64,
    /// Examined assets that have neither a manifest nor a file to play.
    pub nothing_to_play: u64,
    /// Manifests that viewers start with.
    pub manifests: u64,
    /// The URLs.
    #[serde(flatten)]
    pub urls: UrlCounts,
    /// The seed of the sample; empty if everything was played.
    pub seed: String,
    /// The problems and findings.
    #[serde(flatten)]
    pub found: Found,
}

/// What is played, and from which site.
#[derive(Debug)]
pub struct Audience<'a> {
    /// The sample of titles.
    pub sample: &'a Sample,
    /// The site whose page plays, as in the header `Origin`.
    pub origin: &'a str,
}

/// Plays the source's assets in scope from both hosts, without those in `skip`.
///
/// # Errors
/// Errors after which continuing is useless: refused credentials, a library that cannot be listed.
pub async fn play(
    pair: &Pair,
    options: &Options,
    skip: &BTreeSet<AssetId>,
    audience: &Audience<'_>,
) -> Result<Played, Error> {
    let left_out = AtomicU64::new(0);
    let room = Room { pair, audience, silent: AtomicU64::new(0), lowest: Mutex::new(None) };
    let mut all = Played { seed: audience.sample.seed.clone(), ..Played::default() };
    let mut accepted = Accepted::new(&options.policy.accept);
    let mut pages = assets::in_scope(pair, options, skip, &left_out);
    while let Some(page) = pages.try_next().await? {
        let mut played = stream::iter(page).map(|asset| room.asset(asset)).buffer_unordered(AT_ONCE);
        while let Some((asset, found)) = played.try_next().await? {
            all.assets += 1;
            all.nothing_to_play += u64::from(!found.playable);
            all.add(&asset, found, &mut accepted);
        }
    }
    // No sample is empty.
    let lowest = room.lowest.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((_, title)) = lowest.filter(|_| all.urls.urls == 0) {
        let mut found = OfAsset::default();
        found.add(room.title(&title, &Asked::default()).await, title.manifests());
        all.add(&title.asset, found, &mut accepted);
    }
    all.left_out = left_out.load(Ordering::Relaxed);
    all.finish(&mut accepted);
    Ok(all)
}

/// What all assets share.
struct Room<'a> {
    pair: &'a Pair,
    audience: &'a Audience<'a>,
    /// Consecutive titles for which a host did not answer.
    silent: AtomicU64,
    /// The title with the lowest position, as long as none is chosen.
    lowest: Mutex<Option<(u64, Title)>>,
}

/// The result for an asset.
#[derive(Debug, Default)]
struct OfAsset {
    /// There is something to play, chosen or not.
    playable: bool,
    manifests: u64,
    urls: UrlCounts,
    findings: Vec<Finding>,
    uncached: (u64, String),
}

impl OfAsset {
    fn add(&mut self, walked: Walked, manifests: u64) {
        self.manifests += manifests;
        self.urls.add(walked.urls);
        self.findings.extend(walked.findings);
        if walked.uncached.0 > 0 {
            self.uncached = (self.uncached.0 + walked.uncached.0, walked.uncached.1);
        }
    }
}

impl Room<'_> {
    async fn asset(&self, asset: Asset) -> Result<(Asset, OfAsset), Error> {
        let (mut found, asked) = (OfAsset::default(), Asked::default());
        let titles = titles::of(self.pair, Side::Source, &asset).map(|title| self.titled(title, &asked));
        let mut played = titles.buffer_unordered(AT_ONCE);
        while let Some(answer) = played.next().await {
            found.playable = true;
            match answer {
                Ok(Some((walked, manifests))) => found.add(walked, manifests),
                Ok(None) => {}
                Err(Unplayable::Failed(error)) if assets::ends_all(&error) => return Err(error),
                Err(Unplayable::Failed(error)) => found.findings.push(unchecked(error.to_string())),
                Err(Unplayable::Closed(why)) => found.findings.push(unchecked(why)),
            }
        }
        drop(played);
        Ok((asset, found))
    }

    /// Plays a title if it is chosen.
    async fn titled(
        &self,
        title: Result<Title, Unplayable>,
        asked: &Asked,
    ) -> Result<Option<(Walked, u64)>, Unplayable> {
        let title = title?;
        let place = self.audience.sample.place(title.asset.label(), &title.name);
        if self.audience.sample.takes(place) {
            return Ok(Some((self.title(&title, asked).await, title.manifests())));
        }
        let mut lowest = self.lowest.lock().unwrap_or_else(PoisonError::into_inner);
        if lowest.as_ref().is_none_or(|(known, _)| place < *known) {
            *lowest = Some((place, title));
        }
        Ok(None)
    }

    async fn title(&self, title: &Title, asked: &Asked) -> Walked {
        if self.silent.load(Ordering::Relaxed) >= PATIENCE {
            let urls = UrlCounts { urls: 1, unchecked: 1, ..UrlCounts::default() };
            let finding = unchecked(format!("{}: not asked for, because a host does not answer", title.name));
            return Walked { urls, findings: vec![finding], ..Walked::default() };
        }
        let walked = walk(self.pair, Way::Both, title, self.audience.origin, asked).await;
        if walked.silent {
            self.silent.fetch_add(1, Ordering::Relaxed);
        } else {
            self.silent.store(0, Ordering::Relaxed);
        }
        walked
    }
}

fn unchecked(why: String) -> Finding {
    Finding::new(Cause::PlayUnchecked, why)
}

impl Played {
    fn add(&mut self, asset: &Asset, found: OfAsset, accepted: &mut Accepted) {
        let OfAsset { manifests, urls, mut findings, uncached, .. } = found;
        self.manifests += manifests;
        self.urls.add(urls);
        if uncached.0 > 0 {
            let others = if uncached.0 > 1 { format!(", and {} others", uncached.0 - 1) } else { String::new() };
            findings.push(Finding::new(Cause::NoCacheControl, format!("{}{others}", uncached.1)));
        }
        let mut owed: BTreeMap<Cause, bool> = BTreeMap::new();
        for finding in findings {
            // The limit of an accepted cause counts assets.
            let problem = match owed.get(&finding.cause) {
                Some(&owed) => Problem { owed, ..Problem::of(asset, finding, &mut Accepted::default()) },
                None => Problem::of(asset, finding, accepted),
            };
            owed.insert(problem.finding.cause, problem.owed);
            self.found.add(problem);
        }
    }

    /// Adds findings about missing proof, and sorts everything.
    fn finish(&mut self, accepted: &mut Accepted) {
        if self.urls.same + self.urls.different == 0 {
            let why = match () {
                () if self.urls.urls > 0 => "no URL plays in the source, so nothing is proven",
                () if self.assets == 0 => "the target has no asset in scope, so nothing was played",
                () => "no manifest was found, so nothing was played",
            };
            self.found.prove_nothing(unchecked(why.to_owned()), accepted);
        }
        self.found.sort();
    }
}
