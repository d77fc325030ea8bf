//! The lines of a plan file.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::PlanError;
use super::fingerprint::Fingerprint;
use super::item::{Action, Item};
use crate::model::{AccountName, AssetId, CopyMethod};
use crate::verdict::{Change, Outcome};

/// The version of the format. Compatible additions keep the version; a change that would be misread needs another one.
pub(super) const FORMAT: u32 = 1;
/// An older plan is refused, because its data is a month old.
const OLDEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One line of the file.
#[derive(Debug, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "line")]
pub enum Line {
    /// The first.
    Plan(Header),
    /// One thing to do.
    Item(Item),
    /// Something that the run will not mirror, and why.
    NotMirrored(NotMirrored),
    /// The last.
    End(Trailer),
}

/// The kind of run for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A nightly run, from the configuration's source to its target.
    Sync,
    /// A run back to the source after a failover: it writes to originals.
    Reprotect,
}

/// What a plan is bound to.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub format: u32,
    /// The plan's id.
    pub id: String,
    /// The kind of run.
    pub kind: Kind,
    /// When it was made.
    pub made: Timestamp,
    /// Everything else that it is bound to.
    #[serde(flatten)]
    pub binding: Binding,
    /// The scope of the run.
    pub scope: Scope,
}

/// What has to be the same when a plan is applied.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Binding {
    /// The version of the program.
    pub version: String,
    /// The account that is read.
    pub source: AccountName,
    /// The account that is written.
    pub target: AccountName,
    /// The fingerprint of the settings that decide what is done.
    pub configuration: Fingerprint,
    /// The ledger and its last run.
    pub ledger: LedgerAt,
}

/// A ledger, and the number of the last run that it has recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct LedgerAt {
    /// Its identity; `None` if there was none yet.
    pub id: Option<String>,
    /// Number of the last run.
    pub serial: u64,
}

/// The flags that decide what a run does.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Scope {
    /// Only assets whose name matches one of these globs; none: all.
    pub include: Vec<String>,
    /// No assets whose name matches one of these globs.
    pub exclude: Vec<String>,
    /// Also the settings of containers and accounts.
    pub settings: bool,
    /// One method for every copy; `None`: the best for each.
    pub copy_method: Option<CopyMethod>,
    /// For a run back to the source: assets whose name matches one of these are taken from the active side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefer: Vec<String>,
}

/// Something that the run will not mirror.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct NotMirrored {
    /// The source asset; `None` if it concerns the whole run.
    pub asset: Option<AssetId>,
    /// Name to show.
    pub name: Option<String>,
    /// The code of the cause.
    pub code: String,
    /// The part that it concerns.
    pub detail: String,
    /// Does it change the exit code?
    pub owed: bool,
}

/// The totals of all items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Items.
    pub items: u64,
    /// Assets that get a copy.
    pub new: u64,
    /// Assets whose copy changes.
    pub changed: u64,
    /// Copies of deleted assets that are marked as retired.
    pub retired: u64,
    /// Blobs that are copied.
    pub copied: u64,
    /// Blobs that overwrite others.
    pub overwritten: u64,
    /// Bytes that are copied.
    pub bytes: u64,
    /// Locators that are made on existing copies.
    pub locators_made: u64,
    /// Locators that get other terms.
    pub locators_changed: u64,
    /// Locators that move to another copy.
    pub locators_moved: u64,
    /// Locators that are withdrawn.
    pub locators_withdrawn: u64,
}

/// What applying the plan is expected to cost.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(default)]
pub struct Outlook {
    /// Requests to the media APIs.
    pub media_requests: u64,
    /// Requests to the blob services.
    pub blob_requests: u64,
    /// Estimated ones among them: polls of asynchronous copies.
    pub estimated_polls: u64,
    /// How long it takes under the configured limits.
    pub seconds: f64,
    /// The price of that; `null`: no prices are configured.
    pub money: Option<Money>,
}

/// What requests and bytes cost, by the prices in the configuration.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Money {
    /// The currency, as the configuration names it.
    pub currency: String,
    /// How much.
    pub amount: f64,
}

/// The end of the file.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Trailer {
    /// The totals of the items.
    pub totals: Totals,
    /// How a run would end, without counting remaining work: `complete`, `partial` or `held`.
    pub verdict: Outcome,
    /// What it is expected to cost.
    pub outlook: Outlook,
    /// SHA-256 of all lines above, each with its line end.
    pub sha256: String,
}

impl Header {
    /// The header of a plan that is made at that time, with a new id.
    pub fn new(kind: Kind, made: Timestamp, binding: Binding, scope: Scope) -> Self {
        let number = uuid::Uuid::new_v4().simple().to_string();
        let id = format!("{}-{}", made.strftime("%Y%m%dT%H%M%SZ"), &number[..8]);
        Self { format: FORMAT, id, kind, made, binding, scope }
    }

    /// Checks that a run with that binding may apply the plan.
    ///
    /// # Errors
    /// The difference, and what to do.
    pub fn check(&self, now: &Binding, at: Timestamp) -> Result<(), PlanError> {
        let planned = &self.binding;
        let other = |what, planned: &str, now: &str| {
            Err(PlanError::Other { what, planned: planned.to_owned(), now: now.to_owned() })
        };
        if planned.version != now.version {
            return other("version of mediamirror", &planned.version, &now.version);
        }
        for (what, planned, now) in
            [("source account", &planned.source, &now.source), ("target account", &planned.target, &now.target)]
        {
            if planned != now {
                return other(what, planned.as_str(), now.as_str());
            }
        }
        if planned.configuration != now.configuration {
            return Err(PlanError::OtherConfiguration);
        }
        if let Some(ledger) = planned.ledger.id.as_deref()
            && now.ledger.id.as_deref() != Some(ledger)
        {
            return Err(PlanError::OtherLedger);
        }
        if planned.ledger.serial > now.ledger.serial {
            return Err(PlanError::OlderLedger { planned: planned.ledger.serial, now: now.ledger.serial });
        }
        if at.duration_since(self.made) > OLDEST {
            return Err(PlanError::TooOld { made: self.made });
        }
        Ok(())
    }
}

impl Totals {
    /// Adds an item.
    pub(super) fn add(&mut self, item: &Item) {
        self.items += 1;
        self.copied += item.copied;
        self.overwritten += item.overwritten;
        self.bytes += item.bytes;
        if item.action == Action::Mirror {
            let is_new = item.changes.iter().any(|change| matches!(change, Change::New { .. }));
            self.new += u64::from(is_new);
            self.changed += u64::from(!is_new);
        }
        for change in &item.changes {
            match change {
                Change::LocatorMade { .. } => self.locators_made += 1,
                Change::LocatorTerms { .. } => self.locators_changed += 1,
                Change::LocatorMoved { .. } => self.locators_moved += 1,
                Change::LocatorWithdrawn { .. } => self.locators_withdrawn += 1,
                Change::Retired => self.retired += 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Fingerprints;

    fn binding() -> Binding {
        Binding {
            version: "1.2.3".to_owned(),
            source: AccountName::new("west"),
            target: AccountName::new("east"),
            configuration: Fingerprints::default().finish(),
            ledger: LedgerAt { id: Some("l".to_owned()), serial: 7 },
        }
    }

    fn header(binding: Binding) -> Header {
        let (id, made) = ("p".to_owned(), Timestamp::UNIX_EPOCH);
        Header { format: FORMAT, id, kind: Kind::Sync, made, binding, scope: Scope::default() }
    }

    #[test]
    fn a_plan_of_another_version_account_configuration_or_ledger_is_refused() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(header(binding()).check(&binding(), now), Ok(()));
        let configuration = Fingerprints::default().with("a", "b").finish();
        let ledger = |id: &str, serial| LedgerAt { id: Some(id.to_owned()), serial };
        for other in [
            Binding { version: "1.2.4".to_owned(), ..binding() },
            Binding { source: AccountName::new("east"), ..binding() },
            Binding { target: AccountName::new("west"), ..binding() },
            Binding { configuration, ..binding() },
            Binding { ledger: ledger("other", 7), ..binding() },
            Binding { ledger: ledger("l", 6), ..binding() },
            Binding { ledger: LedgerAt::default(), ..binding() },
        ] {
            assert!(header(binding()).check(&other, now).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_later_run_and_a_later_new_ledger_do_not_prevent_applying_a_plan() {
        let now = Timestamp::UNIX_EPOCH;
        let later = Binding { ledger: LedgerAt { id: Some("l".to_owned()), serial: 9 }, ..binding() };
        assert_eq!(header(binding()).check(&later, now), Ok(()));
        let first = Binding { ledger: LedgerAt::default(), ..binding() };
        assert_eq!(header(first).check(&later, now), Ok(()));
    }

    #[test]
    fn a_plan_is_too_old_after_thirty_days() {
        let after = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        assert_eq!(header(binding()).check(&binding(), after(30 * 24)), Ok(()));
        let refused = header(binding()).check(&binding(), after(30 * 24 + 1));
        assert_eq!(refused, Err(PlanError::TooOld { made: Timestamp::UNIX_EPOCH }));
    }
}
