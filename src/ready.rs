//! Readiness: which assets would play from the target now, without the source?
//!
//! [`assess`] combines the state of each copy ([`crate::engine::health`]), the state of the target's streaming
//! endpoint, and, if requested, the results of a probe ([`crate::play::Prober`]). It works while the source is down.
//! The decision about one asset and the totals are pure (`verdict`, `fold`).

mod drill;
mod endpoint;
mod fold;
mod report;
mod verdict;

use std::sync::Arc;

use futures::{TryFutureExt as _, TryStreamExt};

use crate::clock;
use crate::connect::Pair;
use crate::engine::Options;
use crate::engine::health::{AssetHealth, Health, Playable};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::monitor::Monitor;
use crate::play::{Depth, Probed, Prober, Sample};
use crate::verdict::Cause;
use fold::Fold;

pub use endpoint::{Endpoint, EndpointState};
pub use report::{
    Ages, AssetCounts, Basis, Coverage, Part, ProbeCounts, Proofs, Readiness, ReplicationCounts, Row, Standing, Unready,
};

/// Assets that are probed at the same time; the viewers' lane limits the requests.
const PROBED_AT_ONCE: usize = 8;

/// The options of an assessment.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// Which assets, and what the operator accepts.
    pub options: Options,
    /// Are requests sent to the source? Otherwise only the ledger and the target are used.
    pub ask_source: bool,
    /// The depth of probes; `None` = no probes.
    pub probe: Option<Depth>,
    /// Which assets are probed.
    pub sample: Sample,
    /// The site whose page plays, as in the header `Origin`.
    pub origin: String,
    /// Keep a row for each asset.
    pub rows: bool,
}

/// Determines which assets would play from the target now. It writes nothing.
///
/// # Errors
/// Refused credentials, a target that does not answer, a scope without assets.
pub async fn assess(
    pair: &Arc<Pair>,
    ledger: &Ledger,
    assessment: &Assessment,
    monitor: &dyn Monitor,
) -> Result<Readiness, Error> {
    let Assessment { options, ask_source, probe, sample, origin, rows } = assessment;
    let (health, endpoint, last_drill) = futures::try_join!(
        Health::open(pair, ledger, options, monitor, *ask_source),
        endpoint::look(&pair.target, *probe),
        ledger.last_drill().map_err(Error::from)
    )?;
    let prober = probe.filter(|depth| *depth > Depth::Endpoint);
    let prober = prober.map(|depth| Prober::new(pair, depth, sample, origin));
    let mut fold = Fold::new(&options.policy.accept, &endpoint, clock::now(), *rows);
    // A sample is never empty: the asset with the lowest position is kept until the end.
    let mut lowest: Option<(u64, AssetHealth)> = None;
    let looked = health.assets().map_ok(|one| probed(prober.as_ref(), &endpoint, one));
    let mut looked = looked.try_buffer_unordered(PROBED_AT_ONCE);
    while let Some((one, probed, place)) = looked.try_next().await? {
        let later = match (place, lowest.take()) {
            (None, known) => {
                lowest = known;
                Some(one)
            }
            (Some(place), Some((known, first))) if known <= place => {
                lowest = Some((known, first));
                Some(one)
            }
            (Some(place), known) => {
                lowest = Some((place, one));
                known.map(|(_, first)| first)
            }
        };
        if let Some(one) = later {
            fold.add(one, probed.as_ref());
        }
    }
    drop(looked);
    if let Some((_, one)) = lowest {
        let answer = match (&prober, &one.copy) {
            (Some(prober), Some(copy)) if fold.probed() == 0 => Some(prober.probe(copy).await?),
            _ => None,
        };
        fold.add(one, answer.as_ref());
    }
    let found = fold.finish(&health, endpoint.clone(), probe.map(|depth| (depth, sample.seed.clone())));
    Ok(Readiness { last_drill, ..found })
}

/// Probes an asset that could play. If it is not in the sample, returns its position.
async fn probed(
    prober: Option<&Prober<'_>>,
    endpoint: &Endpoint,
    one: AssetHealth,
) -> Result<(AssetHealth, Option<Probed>, Option<u64>), Error> {
    let could_play = match &one.playable {
        Playable::Ready => true,
        Playable::Unknown(finding) => finding.cause == Cause::NotProven,
        Playable::Not(_) | Playable::NotExpected => false,
    };
    let (Some(prober), Some(copy)) = (prober, one.copy.as_ref().filter(|_| could_play && endpoint.may_play())) else {
        return Ok((one, None, None));
    };
    let (place, is_chosen) = prober.place(&one.name);
    if !is_chosen {
        return Ok((one, None, Some(place)));
    }
    let answer = prober.probe(copy).await?;
    Ok((one, Some(answer), None))
}
