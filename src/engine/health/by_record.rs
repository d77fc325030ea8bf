//! The health of assets while the source is down, according to the ledger and the target only.
//!
//! The ledger's rows replace the source's listing. A copy without a row is identified by its mark, and an asset that
//! the last runs could not mirror at all by their findings.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::record::Record;
use super::{AssetHealth, PAGE, Playable, Replication, Shield, protected, unreadable};
use crate::claims::{Claims, Playing, Standing, TargetAsset, digest};
use crate::clock;
use crate::connect::Pair;
use crate::engine::asset::list_copy;
use crate::engine::contents::condition::{Condition, Proof};
use crate::engine::expired::explained;
use crate::engine::keeper::Keeper;
use crate::engine::options::Options;
use crate::error::{Disposition, Error};
use crate::ledger::{AssetRow, Ledger};
use crate::model::AssetId;
use crate::monitor::Monitor;
use crate::verdict::{Cause, Class, Finding};

/// The number of copies that are listed at once.
const AT_ONCE: usize = 64;

/// The target's listing and the ledger.
#[derive(Debug)]
pub(super) struct Offline {
    pair: Arc<Pair>,
    ledger: Ledger,
    options: Options,
    claims: Claims,
    /// Is the target the active side? Then its content is the truth.
    pub(super) is_active: bool,
}

/// An asset that the source had when it was last asked.
enum Known {
    Row(Box<AssetRow>),
    Copy(AssetId),
    Finding(AssetId),
}

impl Offline {
    /// Lists the target.
    pub(super) async fn open(
        pair: &Arc<Pair>,
        ledger: &Ledger,
        options: &Options,
        monitor: &dyn Monitor,
        keeper: &Keeper,
    ) -> Result<Self, Error> {
        let claims = Claims::read_target(pair, monitor, &keeper.adopted()).await?;
        claims.confirm(ledger).await?;
        claims.screen_copies(&pair.target).await?;
        Ok(Self {
            pair: Arc::clone(pair),
            ledger: ledger.clone(),
            options: options.clone(),
            claims,
            is_active: keeper.is_target_active(),
        })
    }

    /// The health of each known asset in scope.
    pub(super) fn assets<'a>(&'a self, record: &'a Record) -> BoxStream<'a, Result<AssetHealth, Error>> {
        let known = self.rows().chain(self.copies()).chain(self.found(record));
        let looked = known.map_ok(move |known| self.look(record, known)).try_buffer_unordered(AT_ONCE);
        looked.try_filter_map(|health| std::future::ready(Ok(health))).boxed()
    }

    fn rows(&self) -> BoxStream<'_, Result<Known, Error>> {
        let pages = stream::try_unfold(None, move |after: Option<AssetId>| async move {
            let page = self.ledger.assets(after.as_ref(), PAGE).await?;
            Ok::<_, Error>(page.last().map(|row| row.source.clone()).map(|last| (page, Some(last))))
        });
        let rows = pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten();
        rows.map_ok(|row| Known::Row(Box::new(row))).boxed()
    }

    /// The copies without a row in the ledger. If an asset has several, only the first one is returned.
    fn copies(&self) -> BoxStream<'_, Result<Known, Error>> {
        let pages = stream::try_unfold(0, move |after| async move {
            let page = self.claims.spool.copies(after, PAGE)?;
            Ok::<_, Error>(page.last().map(|(last, ..)| *last).map(|last| (page, last)))
        });
        let copies = pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten();
        let unknown = copies.try_filter_map(move |(_, source, copy)| async move {
            let is_first = self.claims.spool.copies_of(&source)?.first().is_none_or(|first| first.id == copy);
            let is_known = self.ledger.asset(&source).await?.is_some();
            Ok((is_first && !is_known).then_some(Known::Copy(source)))
        });
        unknown.boxed()
    }

    /// Assets with findings of the last runs, but with neither a row nor a copy.
    fn found<'a>(&'a self, record: &'a Record) -> BoxStream<'a, Result<Known, Error>> {
        let unknown = stream::iter(record.findings.keys()).map(Ok).try_filter_map(move |asset| async move {
            let is_known = self.ledger.asset(asset).await?.is_some() || !self.claims.spool.copies_of(asset)?.is_empty();
            Ok((!is_known).then(|| Known::Finding(asset.clone())))
        });
        unknown.boxed()
    }

    /// `None`: it is not in scope, or the source has deleted it.
    async fn look(&self, record: &Record, known: Known) -> Result<Option<AssetHealth>, Error> {
        let (asset, row, copies) = match known {
            Known::Row(row) => {
                let copies = self.claims.spool.copies_of(&row.source)?;
                (row.source.clone(), Some(*row), copies)
            }
            Known::Copy(source) => {
                let copies = self.claims.spool.copies_of(&source)?;
                (source, None, copies)
            }
            Known::Finding(asset) => (asset, None, Vec::new()),
        };
        let complete = copies.iter().find(|copy| copy.standing == Standing::Ours);
        let copy = complete.or(copies.first()).cloned();
        if copy.as_ref().is_some_and(|copy| copy.mark.as_ref().is_some_and(|mark| mark.retired.is_some())) {
            return Ok(None);
        }
        let name = row.as_ref().and_then(|row| row.facts.name.clone()).filter(|name| !name.is_empty());
        let name = name.or_else(|| copy.as_ref().map(|copy| copy.label().to_owned()));
        let name = name.or_else(|| record.names.get(&asset).cloned());
        let name = name.unwrap_or_else(|| asset.as_str().to_owned());
        if !self.options.covers_id(&asset, &name) {
            return Ok(None);
        }
        let finding = record.finding(&asset, row.as_ref()).cloned();
        let condition = match list_copy(&self.pair, copy.as_ref()).await {
            Ok(Some(contents)) => Ok(Some(Condition::of(&contents, row.as_ref()).await?)),
            Ok(None) => Ok(None),
            Err(error) => {
                let error = explained(error, &self.pair);
                if error.disposition() == Disposition::Fatal {
                    return Err(error);
                }
                Err(error.finding(&name))
            }
        };
        let locators = match &copy {
            Some(copy) => self.claims.published_on(&copy.id, clock::now())?,
            None => (0, 0),
        };
        let proven = record.proven(row.as_ref());
        let (through_locators, is_active) = (self.claims.through_locators(), self.is_active);
        // The protection of assets on the active side is not a finding.
        let protected_copy =
            copy.as_ref().filter(|_| !is_active).and_then(|copy| self.claims.protected_copy(&copy.id)).cloned();
        let evidence =
            Evidence { copy, condition, protected_copy, locators, through_locators, is_active, row, finding };
        Ok(Some(AssetHealth { proven, ..judge(&asset, &name, evidence) }))
    }
}

/// All evidence about an asset.
struct Evidence {
    copy: Option<TargetAsset>,
    /// The condition of the copy; an error: it could not be listed.
    condition: Result<Option<Condition>, Finding>,
    /// The copy is protected.
    protected_copy: Option<Finding>,
    /// Locators on the copy: all of them, and those that play.
    locators: (u64, u64),
    through_locators: bool,
    /// Is the target the active side?
    is_active: bool,
    row: Option<AssetRow>,
    /// The finding of the last run.
    finding: Option<Finding>,
}

/// Would it play, according to the last records? Pure.
fn judge(asset: &AssetId, name: &str, evidence: Evidence) -> AssetHealth {
    let playable = evidence.playable();
    let is_complete = evidence.row.as_ref().is_some_and(AssetRow::complete) && evidence.finding.is_none();
    let replication = match &playable {
        _ if evidence.copy.is_none() => Replication::Missing,
        Playable::Ready | Playable::NotExpected if is_complete => Replication::AsRecorded,
        _ => Replication::Unknown,
    };
    let protection = match (
        evidence.finding.as_ref().or(evidence.protected_copy.as_ref()).map(|found| found.cause),
        &evidence.row,
    ) {
        (Some(Cause::Protected | Cause::CopyProtected | Cause::PlaysInTheClear), _) => Shield::Protected,
        (None, Some(row)) if row.complete() => Shield::Clear,
        _ => Shield::Unknown,
    };
    let Evidence { copy, condition, locators, row, .. } = evidence;
    let condition = condition.ok().flatten();
    let bytes = row.and_then(|row| row.facts.bytes).or(condition.as_ref().map(|condition| condition.bytes));
    let playing = Playing { wanted: locators.1, there: locators.1, missing: None };
    let health = AssetHealth {
        replication,
        protection,
        copy: copy.map(Into::into),
        bytes: bytes.unwrap_or_default(),
        ..AssetHealth::of(asset, name, playable)
    };
    health.with_condition(condition.as_ref()).with_locators(&playing)
}

impl Evidence {
    /// The number of locators that the target had when the asset was last mirrored.
    fn recorded_locators(&self) -> Option<u64> {
        digest::count_recorded(self.row.as_ref()?.facts.locators_digest.as_deref()?)
    }

    fn playable(&self) -> Playable {
        let is_excused = |finding: &Finding| finding.unpublished || finding.class() == Class::Withheld;
        let recorded = self.recorded_locators().filter(|_| self.through_locators);
        if recorded == Some(0) && self.finding.is_none() || self.finding.as_ref().is_some_and(is_excused) {
            return Playable::NotExpected;
        }
        let found = |cause: Cause| self.finding.clone().unwrap_or_else(|| cause.into());
        let Some(copy) = &self.copy else {
            return Playable::Not(match &self.row {
                Some(row) if row.facts.target_digest.is_some() => Cause::CopyMissing.into(),
                _ => found(Cause::NotMirroredYet),
            });
        };
        let condition = match &self.condition {
            Ok(Some(condition)) => condition,
            Ok(None) => return Playable::Not(Finding::new(Cause::TargetContainerDeleted, copy.label())),
            Err(finding) => return Playable::Unknown(finding.clone()),
        };
        if let Some(finding) = unreadable(condition) {
            return Playable::Not(finding);
        }
        let was_verified = self.row.as_ref().is_some_and(|row| row.facts.target_digest.is_some());
        if copy.standing != Standing::Ours && !was_verified {
            return Playable::Not(found(Cause::NotMirroredYet));
        }
        if self.through_locators && self.locators.1 == 0 {
            return self.without_live_locator(recorded);
        }
        if let Some(recorded) = recorded.filter(|recorded| self.locators.0 < *recorded && !self.is_active) {
            let detail = format!("{} of {recorded} locators are there", self.locators.0);
            return Playable::Not(Finding::new(Cause::LocatorMissing, detail));
        }
        if let Some(found) = &self.protected_copy {
            return protected(found);
        }
        match &condition.proof {
            Proof::Same => Playable::Ready,
            Proof::Altered(_) if self.is_active => Playable::Ready,
            Proof::Altered(what) => Playable::Not(Finding::new(Cause::CopyAltered, what.clone())),
            // Its mark says that it was complete.
            Proof::Nothing if condition.blobs > 0 => Playable::Ready,
            Proof::Nothing => Playable::Unknown(Finding::new(Cause::NotProven, "the copy has no blobs")),
        }
    }

    /// For a copy without a live locator.
    fn without_live_locator(&self, recorded: Option<u64>) -> Playable {
        // All of them exist, and have expired or start later: the source plays nothing either.
        let is_over = recorded.is_some_and(|recorded| self.locators.0 >= recorded);
        match (&self.finding, recorded) {
            _ if self.is_active => Playable::NotExpected,
            (Some(finding), _) => Playable::Not(finding.clone()),
            (None, Some(_)) if is_over => Playable::NotExpected,
            (None, Some(_)) => Playable::Not(Cause::LocatorMissing.into()),
            (None, None) => Playable::Unknown(Finding::new(Cause::NotProven, "no locator is on the copy")),
        }
    }
}
