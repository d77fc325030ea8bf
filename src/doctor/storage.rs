//! Checks a storage account: its clock and its credential.

use futures::TryStreamExt as _;
use jiff::SignedDuration;

use super::{Findings, Sample, is_storage_account, rights, roles};
use crate::blob::BlobAccount;
use crate::clock;
use crate::error::Failure;
use crate::model::{Blob, BlobKind, BlobRef, ContainerName, Side};

/// The service refuses requests whose date differs by more than this from its own (documentation of Shared Key).
const REFUSED_SKEW: SignedDuration = SignedDuration::from_mins(15);
/// A container that no account has.
const NO_CONTAINER: &str = "mediamirror-access-check";

/// Examines the account itself. Returns whether it can be read.
pub(super) async fn examine(findings: &mut Findings<'_>, account: &BlobAccount) -> bool {
    if !examine_clock(findings, account).await {
        return false;
    }
    rights::examine(findings, account);
    if !examine_access(findings, account).await {
        return false;
    }
    roles::examine(findings, account).await;
    true
}

/// Does it answer, and do the clocks agree? Returns false if it does not answer.
async fn examine_clock(findings: &mut Findings<'_>, account: &BlobAccount) -> bool {
    let name = account.name();
    let theirs = match account.service_time().await {
        Ok(time) => time,
        Err(error) => {
            findings.failed(name, "reachable", error);
            return false;
        }
    };
    findings.ok(name, "reachable", "answers");
    let apart = clock::now().duration_since(theirs).abs();
    let remedy = "synchronize this machine's clock with a time service";
    let found = format!("{} s from this machine's", apart.as_secs());
    if apart >= REFUSED_SKEW {
        findings.fail(name, "clock", found, remedy);
    } else if apart >= clock::MOST_SKEW {
        findings.warn(name, "clock", found, remedy);
    } else {
        findings.ok(name, "clock", found);
    }
    true
}

/// Is the credential accepted?
async fn examine_access(findings: &mut Findings<'_>, account: &BlobAccount) -> bool {
    let blob = BlobRef { container: ContainerName::new(NO_CONTAINER), name: "none".to_owned() };
    match account.properties(&blob).await {
        Ok(_) => {
            findings.ok(account.name(), "credential", "accepted");
            true
        }
        Err(error) => {
            findings.failed(account.name(), "credential", error);
            false
        }
    }
}

/// Can containers be listed and, on the source, blobs be read as copies read them? Returns one of its blobs.
pub(super) async fn examine_reading<'a>(
    findings: &mut Findings<'_>,
    account: &'a BlobAccount,
    containers: &[ContainerName],
) -> Option<Sample<'a>> {
    let name = account.name();
    let mut listed = None;
    for container in containers {
        match account.list(container).try_next().await {
            Ok(page) => {
                let blob = page.unwrap_or_default().into_iter().min_by_key(fitness);
                let found = blob.is_some();
                listed = Some((container, blob));
                if found {
                    break;
                }
            }
            // Some assets have lost their container.
            Err(error) if error.failure().and_then(Failure::code) == Some("ContainerNotFound") => {}
            Err(error) => {
                findings.failed(name, "list", error);
                return None;
            }
        }
    }
    let Some((container, blob)) = listed else {
        if findings.endpoint.side == Side::Source {
            let found = if is_storage_account(findings.endpoint) {
                "not tested: there is no container"
            } else {
                "not tested: no asset has a container here"
            };
            findings.warn(name, "list", found, "check it once there is one");
        }
        return None;
    };
    findings.ok(name, "list", format!("container {container} may be listed"));
    if findings.endpoint.side == Side::Source {
        examine_signature(findings, account, container, blob.as_ref()).await;
    }
    blob.map(|blob| Sample { account, container: container.clone(), blob })
}

/// The sort key of blobs for a test copy: the first one can be copied, is not empty, and is small.
fn fitness(blob: &Blob) -> (bool, bool, bool, u64) {
    let archived = blob.tier.as_deref() == Some("Archive");
    (blob.kind != BlobKind::Block, archived, blob.length == 0, blob.length)
}

/// Are our signatures for copies accepted?
async fn examine_signature(
    findings: &mut Findings<'_>,
    account: &BlobAccount,
    container: &ContainerName,
    blob: Option<&Blob>,
) {
    let name = account.name();
    let Some(blob) = blob else {
        return findings.warn(name, "read", "not tested: no blob was found", "check it once there is one");
    };
    let read = match account.copy_source(container, blob).await {
        Ok(source) => account.read_as_a_copy_does(&source).await,
        Err(error) => Err(error),
    };
    match read {
        Ok(()) => findings.ok(name, "read", "a blob may be read with a signature, as copies do"),
        Err(error) => findings.failed(name, "read", error),
    }
}
