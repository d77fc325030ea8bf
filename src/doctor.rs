//! Checks whether a run would work: both accounts, their permissions and clocks, and the ledger.
//!
//! It only reads, except in a write test: then it takes the target's lock, makes a scratch asset in each of its storage
//! accounts, writes a blob into the container, has the service copy one blob of each source storage account into it,
//! removes the asset, and releases the lock. It never writes to the source. Every check has one finding; a failed check
//! stops only those that depend on it.

mod library;
mod rights;
mod roles;
mod scratch;
mod state;
mod storage;
mod storage_map;
mod writing;

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::blob::BlobAccount;
use crate::config::Config;
use crate::connect::{Endpoint, Pair};
use crate::error::Error;
use crate::ledger::{Ledger, LedgerError};
use crate::model::{AccountName, Blob, ContainerName, Side};
use library::Listed;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A run finds what it needs.
    Ok,
    /// A run may work, but this should be examined.
    Warn,
    /// A run would fail.
    Fail,
}

/// Are the permissions to write and to copy tested?
#[derive(Debug, Clone)]
pub enum WriteTest {
    /// No: nothing is written.
    No,
    /// Yes. When the token is cancelled, no further check starts, but the scratch assets are removed.
    Until(CancellationToken),
}

/// What one check found.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Check {
    /// How it ended.
    pub verdict: Verdict,
    /// The account's side; `None`: this machine.
    pub side: Option<Side>,
    /// The account or the file.
    pub subject: String,
    /// What was checked, such as `clock`: a stable name.
    pub check: &'static str,
    /// What was found.
    pub found: String,
    /// What to do; `None` if nothing is to be done, or if the error has the remedy.
    pub remedy: Option<String>,
    /// The error, if a call failed.
    #[serde(skip)]
    pub error: Option<Error>,
}

/// Examines everything that the configuration names.
pub async fn examine(config: &Config, pair: &Pair, test: &WriteTest) -> Vec<Check> {
    let ((source, samples, _), (mut target, _, library), ledger) =
        futures::join!(side(&pair.source), side(&pair.target), ledger(config));
    storage_map::examine(&mut target, pair).await;
    let lock = state::examine(&mut target, matches!(test, WriteTest::Until(_))).await;
    writing::examine(&mut target, &samples, library.leftovers, test).await;
    if let Some(lock) = lock {
        state::release(&mut target, lock).await;
    }
    source.checks.into_iter().chain(target.checks).chain([ledger]).collect()
}

/// Checks one account: first the access, then the contents. Also returns a blob of each storage account that has one,
/// and the listing.
async fn side(endpoint: &Endpoint) -> (Findings<'_>, Vec<Sample<'_>>, Listed) {
    let mut findings = Findings { endpoint, checks: Vec::new() };
    let mut lets_in = library::examine_access(&mut findings).await;
    let mut open = Vec::new();
    for account in &endpoint.storage {
        if storage::examine(&mut findings, account).await {
            open.push(account);
        }
    }
    lets_in &= !is_storage_account(endpoint) || !open.is_empty();
    let listed = if lets_in { library::examine_library(&mut findings).await } else { Listed::default() };
    let mut samples = Vec::new();
    for account in open {
        let containers = listed.containers(account.name());
        samples.extend(storage::examine_reading(&mut findings, account, containers).await);
    }
    rights::examine_tags(&mut findings);
    if lets_in {
        library::examine_streaming(&mut findings).await;
    }
    library::examine_streaming_url(&mut findings).await;
    (findings, samples, listed)
}

/// Is the library a storage account, whose containers are the assets?
fn is_storage_account(endpoint: &Endpoint) -> bool {
    !endpoint.library.capabilities().locators
}

/// A blob to try a copy with.
struct Sample<'a> {
    account: &'a BlobAccount,
    container: ContainerName,
    blob: Blob,
}

/// Checks the ledger: can it be read, does it belong to this pair, does a run hold it?
async fn ledger(config: &Config) -> Check {
    let (source, target) = (AccountName::new(&config.source.account), AccountName::new(&config.target.account));
    let path: &Path = &config.ledger;
    let (verdict, found, error) = match Ledger::probe(path, &source, &target).await {
        Ok(Some(rows)) => (Verdict::Ok, format!("knows {rows} assets, and no run holds it"), None),
        Ok(None) => (Verdict::Ok, "not there yet; a run makes it".to_owned(), None),
        // A run updates it by itself.
        Err(error @ LedgerError::Older { .. }) => (Verdict::Warn, error.to_string(), None),
        Err(error) => (Verdict::Fail, error.to_string(), Some(Error::Ledger(error))),
    };
    Check { verdict, side: None, subject: path.display().to_string(), check: "ledger", found, remedy: None, error }
}

/// The checks of one side so far.
struct Findings<'a> {
    endpoint: &'a Endpoint,
    checks: Vec<Check>,
}

impl Findings<'_> {
    fn add(
        &mut self,
        verdict: Verdict,
        subject: &AccountName,
        check: &'static str,
        found: String,
        remedy: Option<&str>,
    ) {
        self.checks.push(Check {
            verdict,
            side: Some(self.endpoint.side),
            subject: subject.to_string(),
            check,
            found,
            remedy: remedy.map(str::to_owned),
            error: None,
        });
    }

    fn ok(&mut self, subject: &AccountName, check: &'static str, found: impl Into<String>) {
        self.add(Verdict::Ok, subject, check, found.into(), None);
    }

    fn warn(&mut self, subject: &AccountName, check: &'static str, found: impl Into<String>, remedy: &str) {
        self.add(Verdict::Warn, subject, check, found.into(), Some(remedy));
    }

    fn fail(&mut self, subject: &AccountName, check: &'static str, found: impl Into<String>, remedy: &str) {
        self.add(Verdict::Fail, subject, check, found.into(), Some(remedy));
    }

    /// A call that failed.
    fn failed(&mut self, subject: &AccountName, check: &'static str, error: Error) {
        self.failed_as(subject, check, error.to_string(), error);
    }

    /// Adds a failed call with another text than its own.
    fn failed_as(&mut self, subject: &AccountName, check: &'static str, found: String, error: Error) {
        let of_cause = error.cause().map(|cause| cause.remedy().to_owned());
        let remedy = of_cause.or_else(|| roles::remedy(self.endpoint, subject, &error));
        self.add(Verdict::Fail, subject, check, found, remedy.as_deref());
        if let Some(last) = self.checks.last_mut() {
            last.error = Some(error);
        }
    }
}
