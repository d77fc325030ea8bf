//! The health of the replication, by asset: what the target has of it, whether it is complete, and what the source has
//! changed since. Nothing is written.
//!
//! If the source answers, this is the comparison of [`crate::engine::verify`]. Otherwise the last records of the ledger
//! replace its listing, and for assets without a row in the ledger, the marks of the copies do: `by_record`.

mod by_record;
mod by_source;
mod record;
mod source;

use std::sync::Arc;

use futures::stream::BoxStream;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::claims::{FilesWanted, Guard, Playing};
use crate::clock;
use crate::connect::Pair;
use crate::engine::contents::condition::Condition;
use crate::engine::contents::records::wanted;
use crate::engine::expired::explained;
use crate::engine::filters;
use crate::engine::keeper::Keeper;
use crate::engine::options::Options;
use crate::engine::run::Run;
use crate::engine::verify::rehearse;
use crate::engine::withdraw;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::model::{AccountName, Asset, AssetId};
use crate::monitor::Monitor;
use crate::verdict::{Cause, Class, Finding};
use by_record::Offline;
use by_source::BySource;
use record::Record;
pub use source::SourceState;
use source::Watch;

/// The number of assets that are read from the tables at once.
const PAGE: usize = 1_000;

/// Does the target have what the source has?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replication {
    /// It has everything.
    Current,
    /// The source has changed since.
    Behind,
    /// There is no complete copy.
    Missing,
    /// The copy is as the ledger last recorded it. The source was not asked.
    AsRecorded,
    /// Unknown.
    Unknown,
}

/// Would an asset play from the target, according to records and listings?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playable {
    /// Yes.
    Ready,
    /// No, for this reason.
    Not(Finding),
    /// Unknown, for this reason.
    Unknown(Finding),
    /// Not required: the source does not play it either, or it is withheld.
    NotExpected,
}

/// The access tier of a copy's blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// All blobs can be read.
    Online,
    /// A blob is archived.
    Archive,
    /// The blobs could not be listed, or there is no copy.
    Unknown,
}

/// Is an asset protected in the source, or its copy on the target?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shield {
    /// Not protected.
    Clear,
    /// Protected. If the source protects it, it is not published on the target.
    Protected,
    /// Unknown.
    Unknown,
}

/// A change in the source that the target does not have yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The latest known time before the change; `None`: unknown.
    pub since: Option<Timestamp>,
}

/// The health of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetHealth {
    /// Its id in the source.
    pub asset: AssetId,
    /// Its name.
    pub name: String,
    /// Its copy, as the target lists it.
    pub copy: Option<Asset>,
    /// Does the target have what the source has?
    pub replication: Replication,
    /// Would it play?
    pub playable: Playable,
    /// The access tier of its copy.
    pub tier: Tier,
    /// Is it protected?
    pub protection: Shield,
    /// Locators that play in the source, and those of them that play from the target.
    pub locators: (u64, u64),
    /// Bytes that the copy should have.
    pub bytes: u64,
    /// The change that the target does not have yet.
    pub pending: Option<Pending>,
    /// When a run last found the copy equal to its source.
    pub proven: Option<Timestamp>,
}

impl AssetHealth {
    /// The health of an asset about which nothing is known yet.
    fn of(asset: &AssetId, name: &str, playable: Playable) -> Self {
        Self {
            asset: asset.clone(),
            name: name.to_owned(),
            copy: None,
            replication: Replication::Unknown,
            playable,
            tier: Tier::Unknown,
            protection: Shield::Unknown,
            locators: (0, 0),
            bytes: 0,
            pending: None,
            proven: None,
        }
    }

    fn with_condition(mut self, condition: Option<&Condition>) -> Self {
        self.tier = match condition {
            Some(condition) if condition.flaws.archived.is_some() => Tier::Archive,
            Some(_) => Tier::Online,
            None => Tier::Unknown,
        };
        self
    }

    fn with_locators(mut self, playing: &Playing) -> Self {
        self.locators = (playing.wanted, playing.there);
        self
    }
}

/// The reason why a copy in that condition cannot be read.
fn unreadable(condition: &Condition) -> Option<Finding> {
    let flaws = &condition.flaws;
    let archived = flaws.archived.as_ref().map(|blob| Finding::new(Cause::ArchivedInTarget, blob.clone()));
    let incomplete = || flaws.incomplete.as_ref().map(|blob| Finding::new(Cause::NotMirroredYet, blob.clone()));
    archived.or_else(incomplete)
}

/// The effect of a protected copy on viewers: it does not play like its source, or its protection could not be checked.
fn protected(found: &Finding) -> Playable {
    match found.class() {
        Class::Unchecked => Playable::Unknown(found.clone()),
        _ => Playable::Not(found.clone()),
    }
}

/// The listings, and the health of each asset according to them.
#[derive(Debug)]
pub struct Health {
    /// Did the source answer?
    pub source: SourceState,
    target: AccountName,
    view: View,
    record: Record,
}

#[derive(Debug)]
enum View {
    BySource(Box<BySource>),
    ByRecord(Box<Offline>),
}

impl Health {
    /// Lists both libraries, or only the target if the source must not be asked or does not answer.
    ///
    /// # Errors
    /// Refused credentials, a target that does not answer, a scope without assets.
    pub async fn open(
        pair: &Arc<Pair>,
        ledger: &Ledger,
        options: &Options,
        monitor: &dyn Monitor,
        ask_source: bool,
    ) -> Result<Self, Error> {
        let opened = Self::list(pair, ledger, options, monitor, ask_source).await;
        opened.map_err(|error| explained(error, pair))
    }

    async fn list(
        pair: &Arc<Pair>,
        ledger: &Ledger,
        options: &Options,
        monitor: &dyn Monitor,
        ask_source: bool,
    ) -> Result<Self, Error> {
        let record = Record::read(ledger, pair.source.library.account()).await?;
        let (keeper, target) = (Keeper::open(pair, true).await?, pair.target.library.account().clone());
        // While the target is the active side, the content of the source is not the truth.
        let ask_source = ask_source && !keeper.is_target_active();
        let mut source = if ask_source { source::ask(pair).await? } else { SourceState::NotAsked };
        if source == SourceState::Answered {
            match source::unless_silent(pair, with_source(pair, ledger, options, monitor)).await? {
                Ok(run) => {
                    let view = View::BySource(Box::new(BySource { run, watch: Watch::over(pair) }));
                    return Ok(Self { source, target, view, record });
                }
                Err(why) => source = SourceState::Silent { why },
            }
        }
        let offline = Offline::open(pair, ledger, options, monitor, &keeper).await?;
        Ok(Self { source, target, view: View::ByRecord(Box::new(offline)), record })
    }

    /// The health of each asset in scope, in no order.
    pub fn assets(&self) -> BoxStream<'_, Result<AssetHealth, Error>> {
        match &self.view {
            View::BySource(by) => by_source::assets(by, &self.record),
            View::ByRecord(offline) => offline.assets(&self.record),
        }
    }

    /// The findings about the libraries as a whole.
    pub fn findings(&self) -> Vec<Finding> {
        match &self.view {
            View::BySource(by) => {
                let mut findings = Vec::new();
                by.run.count(|tally| {
                    findings.clone_from(&tally.findings);
                    if tally.held_by.contains_key(&Guard::Shrink) {
                        let why = "the source lists far fewer assets than are mirrored";
                        findings.push(Finding::new(Cause::HeldByGuard, why));
                    }
                });
                findings.extend(filters::of_account(&by.run));
                findings.extend(by.watch.noticed());
                findings
            }
            View::ByRecord(_) => Vec::new(),
        }
    }

    /// The target's account.
    pub fn target(&self) -> &AccountName {
        &self.target
    }

    /// Is the target the active side, after a failover?
    pub fn is_target_active(&self) -> bool {
        matches!(&self.view, View::ByRecord(offline) if offline.is_active)
    }

    /// The start time of the last run that processed all assets of the source.
    pub fn last_whole_run(&self) -> Option<Timestamp> {
        self.record.whole
    }
}

/// The comparison of both sides, as in a dry run.
async fn with_source(
    pair: &Arc<Pair>,
    ledger: &Ledger,
    options: &Options,
    monitor: &dyn Monitor,
) -> Result<Run, Error> {
    let files = match wanted(ledger, clock::now()).await? {
        // Records of both sides need a separate listing, which the weekly run makes.
        FilesWanted::BothSides => FilesWanted::None,
        few => few,
    };
    let run = rehearse(pair, ledger, options, monitor, files).await?;
    withdraw::withdraw(&run).await?;
    match run.fatal() {
        Some(fatal) => Err(fatal),
        None => Ok(run),
    }
}
