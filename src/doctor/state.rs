//! Checks the state that the target stores: its container, and the lock of a run.

use std::sync::Arc;

use super::{Check, Findings, Verdict};
use crate::blob::BlobAccount;
use crate::error::Error;
use crate::state::{self, Holder, TargetLock};

const CHECK: &str = "state";

/// Reads the state's container, and with `write_test` takes the lock as a run does, so that no other program writes at
/// the same time. [`release`] releases it.
pub(super) async fn examine(findings: &mut Findings<'_>, write_test: bool) -> Option<TargetLock> {
    let endpoint = findings.endpoint;
    // If the account does not answer, that check has already reported it.
    if failed(findings, endpoint.library.account().as_str(), &["token", "media-api"]) {
        return None;
    }
    let account = match endpoint.default_storage().await {
        Ok(account) => account,
        Err(error) => {
            findings.failed(endpoint.library.account(), CHECK, error);
            return None;
        }
    };
    if failed(findings, account.name().as_str(), &["reachable", "credential", "sas"]) {
        return None;
    }
    let target = endpoint.library.account();
    if write_test {
        match TargetLock::take(Arc::clone(account), target, &Holder::here()).await {
            Ok(lock) => return Some(lock),
            Err(error) => findings.failed(account.name(), CHECK, error),
        }
        return None;
    }
    match look(findings, account).await {
        Ok(found) => findings.ok(account.name(), CHECK, found),
        Err(error) => findings.failed(account.name(), CHECK, error),
    }
    None
}

/// Releases the lock, which has tested the container, a lease and a small write. The container and the blob are kept: a
/// run needs them.
pub(super) async fn release(findings: &mut Findings<'_>, lock: TargetLock) {
    let name = lock.account().name().clone();
    match lock.release().await {
        Ok(()) => {
            let found = format!("the lock was taken and released in container {}", state::CONTAINER);
            findings.ok(&name, CHECK, found);
        }
        Err(error) => findings.failed(&name, CHECK, error),
    }
}

/// Did one of these checks of that account fail?
fn failed(findings: &Findings<'_>, subject: &str, checks: &[&str]) -> bool {
    let of_it = |check: &&Check| check.subject == subject && checks.contains(&check.check);
    findings.checks.iter().filter(of_it).any(|check| check.verdict == Verdict::Fail)
}

/// Does a run hold the lock, and can the state be read?
async fn look(findings: &Findings<'_>, account: &BlobAccount) -> Result<String, Error> {
    let target = findings.endpoint.library.account();
    if !state::container_exists(account).await? {
        return Ok(format!("container {} is not there yet; a run creates it", state::CONTAINER));
    }
    match state::holder(account, target).await? {
        None => Ok(format!("container {} can be read, and no run holds the lock", state::CONTAINER)),
        Some(holder) if holder.is_dead() => Ok(format!(
            "container {} can be read; the run that held the lock was killed ({}), and the next run takes it",
            state::CONTAINER,
            holder.described_at(crate::clock::now())
        )),
        Some(holder) => Err(Error::Locked { target: target.clone(), holder, at: crate::clock::now() }),
    }
}
