//! A probe checks whether an asset plays from the target now. It sends the requests of viewers only to the target's
//! host, so it works without the source.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use schemars::JsonSchema;
use serde::Serialize;

use super::titles::{self, Title, Unplayable};
use super::walk::{Asked, Walked, Way, walk};
use super::{AT_ONCE, PATIENCE, Sample, assets};
use crate::connect::{Endpoint, Pair};
use crate::error::Error;
use crate::model::{Asset, Side};
use crate::verdict::{Cause, Finding};

/// The depth of a probe; each depth includes the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Does each streaming host answer?
    Endpoint,
    /// Does it serve the manifests and files that viewers start with?
    Manifest,
    /// Does it also serve their contents: playlists, initialization, keys, the first and last segments?
    Segment,
}

/// The result of probing an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// Viewers get everything that was requested.
    Plays {
        /// How many URLs.
        urls: u64,
    },
    /// They do not.
    Fails(Finding),
    /// It could not be checked.
    Unknown(Finding),
}

/// Probes assets of the target.
#[derive(Debug)]
pub struct Prober<'a> {
    pair: &'a Pair,
    depth: Depth,
    sample: &'a Sample,
    origin: &'a str,
    /// Consecutive titles for which the host did not answer.
    silent: AtomicU64,
}

impl<'a> Prober<'a> {
    /// Probes with that depth, as a page of `origin` plays.
    pub fn new(pair: &'a Pair, depth: Depth, sample: &'a Sample, origin: &'a str) -> Self {
        Self { pair, depth, sample, origin, silent: AtomicU64::new(0) }
    }

    /// The position of an asset with that name, and whether it is in the sample.
    pub fn place(&self, name: &str) -> (u64, bool) {
        let place = self.sample.place(name, "");
        (place, self.sample.takes(place))
    }

    /// Probes a copy.
    ///
    /// # Errors
    /// Errors after which continuing is useless: refused credentials.
    pub async fn probe(&self, copy: &Asset) -> Result<Probed, Error> {
        let asked = Asked::default();
        let titles = titles::of(self.pair, Side::Target, copy).map(async |title| match title {
            Ok(title) => Ok(self.title(&title, &asked).await),
            Err(why) => Err(why),
        });
        let mut answers = titles.buffer_unordered(AT_ONCE);
        let (mut urls, mut unknown) = (0, None);
        while let Some(answer) = answers.next().await {
            let walked = match answer {
                Ok(walked) => walked,
                Err(Unplayable::Failed(error)) if assets::ends_all(&error) => return Err(error),
                Err(Unplayable::Failed(error)) => silent(error.to_string()),
                Err(Unplayable::Closed(why)) => silent(why),
            };
            urls += walked.urls.urls;
            // The first URL that fails is enough to know.
            for finding in walked.findings {
                if finding.cause == Cause::ProbeUnanswered {
                    unknown.get_or_insert(finding);
                } else {
                    return Ok(Probed::Fails(finding));
                }
            }
        }
        Ok(match unknown {
            Some(finding) => Probed::Unknown(finding),
            None if urls == 0 => Probed::Unknown(unanswered("it has neither a manifest nor a file to play")),
            None => Probed::Plays { urls },
        })
    }

    async fn title(&self, title: &Title, asked: &Asked) -> Walked {
        if self.silent.load(Ordering::Relaxed) >= PATIENCE {
            return silent("not asked for, because the host does not answer".to_owned());
        }
        let way = if self.depth == Depth::Segment { Way::Segments } else { Way::Starts };
        let walked = walk(self.pair, way, title, self.origin, asked).await;
        if walked.silent {
            self.silent.fetch_add(1, Ordering::Relaxed);
        } else {
            self.silent.store(0, Ordering::Relaxed);
        }
        walked
    }
}

fn silent(why: String) -> Walked {
    Walked { findings: vec![unanswered(why)], ..Walked::default() }
}

fn unanswered(why: impl Into<String>) -> Finding {
    Finding::new(Cause::ProbeUnanswered, why)
}

/// Checks that a host of a side answers viewers.
///
/// # Errors
/// It does not answer, or reports its own error; as text.
pub async fn ask_host(side: &Endpoint, host: &str) -> Result<(), String> {
    let url = titles::as_viewers_read(host.parse().map_err(|error| format!("{error}"))?);
    side.viewer.allow(&url);
    match side.ask_as_viewer(&url).await {
        Ok(status @ 500..) => Err(format!("HTTP {status}")),
        Ok(_) => Ok(()),
        Err(failure) => Err(failure.to_string()),
    }
}
