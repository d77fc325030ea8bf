//! The state that the target keeps: its container, and the lock that a run takes.

use std::sync::Arc;

use super::{Findings, Verdict};
use crate::blob::BlobAccount;
use crate::error::Error;
use crate::state::{self, Holder, TargetLock};

const CHECK: &str = "state";

/// Reads the state's container, and with `write_test` takes the lock and releases it, as a run does.
pub(super) async fn examine(findings: &mut Findings<'_>, write_test: bool) {
    let endpoint = findings.endpoint;
    let Some(account) = endpoint.storage.first() else { return };
    // Without an answer or with a wrong credential, that check already says so.
    let name = account.name().as_str();
    let failed = |check: &str| matches!(check, "reachable" | "credential" | "sas");
    if findings.checks.iter().any(|c| c.verdict == Verdict::Fail && c.subject == name && failed(c.check)) {
        return;
    }
    let found = if write_test { lock(findings, account).await } else { look(findings, account).await };
    match found {
        Ok(found) => findings.ok(account.name(), CHECK, found),
        Err(error) => findings.failed(account.name(), CHECK, error),
    }
}

/// Does a run hold the lock, and may the state be read?
async fn look(findings: &Findings<'_>, account: &BlobAccount) -> Result<String, Error> {
    let target = findings.endpoint.media.account();
    if !state::container_exists(account).await? {
        return Ok(format!("container {} is not there yet; a run creates it", state::CONTAINER));
    }
    match state::holder(account, target).await? {
        None => Ok(format!("container {} can be read, and no run holds the lock", state::CONTAINER)),
        Some(holder) => Err(Error::Locked { target: target.clone(), holder, at: crate::clock::now() }),
    }
}

/// Takes and releases the lock: the container, a lease and a small write. What it creates, a run needs.
async fn lock(findings: &Findings<'_>, account: &Arc<BlobAccount>) -> Result<String, Error> {
    let target = findings.endpoint.media.account();
    let lock = TargetLock::take(Arc::clone(account), target, &Holder::here()).await?;
    lock.release().await?;
    Ok(format!("the lock was taken and released in container {}", state::CONTAINER))
}
