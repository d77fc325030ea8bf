//! The write test: makes a scratch asset in each storage account of the target, writes a blob into it, lets the service
//! copy one blob of each source storage account into it, and removes it.

use bytes::Bytes;
use futures::TryStreamExt as _;
use tokio_util::sync::CancellationToken;

use super::{Findings, Sample, Verdict, WriteTest, is_storage_account, rights, scratch};
use crate::blob::{BlobAccount, TagAccess};
use crate::connect::Endpoint;
use crate::error::Error;
use crate::model::{Asset, BlobProperties, BlobRef, ContainerName};
use crate::verdict::Cause;

/// Checks that are not about permissions to write.
const UNRELATED: &[&str] = &["clock", "configured", "streaming", "streaming-url"];

/// Runs the write test if requested; otherwise reports what is not tested. Without access or without the target's lock,
/// nothing is tested.
pub(super) async fn examine(
    findings: &mut Findings<'_>,
    samples: &[Sample<'_>],
    leftovers: Vec<Asset>,
    test: &WriteTest,
) {
    let failed = |check: &super::Check| check.verdict == Verdict::Fail && !UNRELATED.contains(&check.check);
    if findings.checks.iter().any(failed) {
        return;
    }
    let endpoint = findings.endpoint;
    let account = endpoint.library.account();
    let WriteTest::Until(stop) = test else {
        return not_tested(findings);
    };
    let reused = scratch::remove_leftovers(findings, leftovers).await;
    let mut removed = true;
    for storage in &endpoint.storage {
        if stop.is_cancelled() {
            return;
        }
        let Some(asset) = created(findings, storage, reused.clone()).await else {
            removed = false;
            continue;
        };
        try_storage(findings, storage, &asset, samples, stop).await;
        removed &= remove(findings, &asset).await;
    }
    if removed {
        findings.ok(account, check(endpoint), format!("a scratch {} was created and removed", noun(endpoint)));
    }
}

fn not_tested(findings: &mut Findings<'_>) {
    let endpoint = findings.endpoint;
    let noun = noun(endpoint);
    let remedy = format!("run doctor with --write-test, which creates a scratch {noun} and deletes it again");
    for storage in &endpoint.storage {
        findings.warn(storage.name(), "write", "not tested: writing blobs", &remedy);
    }
    let what = if is_storage_account(endpoint) {
        "not tested: creating containers"
    } else {
        "not tested: creating assets, file records and locators"
    };
    findings.warn(endpoint.library.account(), check(endpoint), what, &remedy);
}

/// The name of the check that creates and removes one.
fn check(endpoint: &Endpoint) -> &'static str {
    if is_storage_account(endpoint) { "container-write" } else { "media-write" }
}

/// The word for an asset there.
fn noun(endpoint: &Endpoint) -> &'static str {
    if is_storage_account(endpoint) { "container" } else { "asset" }
}

async fn created(findings: &mut Findings<'_>, storage: &BlobAccount, reused: Option<Asset>) -> Option<Asset> {
    if reused.is_some() {
        return reused;
    }
    match scratch::create(findings.endpoint, storage).await {
        Ok(asset) => Some(asset),
        Err(error) => {
            findings.failed(findings.endpoint.library.account(), check(findings.endpoint), error);
            None
        }
    }
}

/// Writes into a scratch asset, and copies a blob of each source storage account into it.
async fn try_storage(
    findings: &mut Findings<'_>,
    storage: &BlobAccount,
    asset: &Asset,
    samples: &[Sample<'_>],
    stop: &CancellationToken,
) {
    match write(findings, asset).await {
        Ok(()) => {
            findings.ok(storage.name(), "write", "a blob was written into a scratch container");
            examine_tags(findings, storage, asset).await;
        }
        Err(error) => findings.failed(storage.name(), "write", error),
    }
    for sample in samples {
        let from = sample.account.name();
        let copied = tokio::select! {
            copied = copy(findings, asset, sample) => copied,
            () = stop.cancelled() => return,
        };
        match copied {
            Ok(Copied::Whole) => {
                findings.ok(storage.name(), "copy", format!("its service copied a blob from storage account {from}"));
            }
            Ok(Copied::InBlocks) => {
                let found = format!(
                    "its service copied a blob from storage account {from} in blocks, because it does not implement \
                     Put Blob From URL"
                );
                findings.ok(storage.name(), "copy", found);
            }
            Err(error) => {
                let found = format!("its service did not copy a blob from storage account {from}: {error}");
                findings.failed_as(storage.name(), "copy", found, error);
            }
        }
    }
}

/// Checks whether tags can be read here. An account with containers has already shown it.
async fn examine_tags(findings: &mut Findings<'_>, storage: &BlobAccount, asset: &Asset) {
    if storage.tag_access() != TagAccess::Readable {
        return;
    }
    // Later checks report all other errors.
    if let Ok((account, container)) = scratch::place(findings.endpoint, asset).await {
        let _ = account.list(&container).try_next().await;
    }
    rights::examine_tags_of(findings, storage);
}

/// Removes the scratch asset with its blobs. Returns whether it is removed.
async fn remove(findings: &mut Findings<'_>, asset: &Asset) -> bool {
    let endpoint = findings.endpoint;
    let account = endpoint.library.account();
    if !scratch::may_remove(endpoint) {
        let found =
            format!("the scratch container {} stays, because the signature does not permit deleting it", asset.id);
        findings.warn(account, check(endpoint), found, "remove it with another tool; the next test uses it again");
        return false;
    }
    let Err(error) = endpoint.library.delete_asset(&asset.id).await else { return true };
    let found = format!("the scratch {} {} was created and is still there: {error}", noun(endpoint), asset.id);
    findings.failed_as(account, check(endpoint), found, error);
    false
}

async fn write(findings: &Findings<'_>, asset: &Asset) -> Result<(), Error> {
    let (account, container) = scratch::place(findings.endpoint, asset).await?;
    let blob = BlobRef { container, name: "proof".to_owned() };
    account.put_blob(&blob, Bytes::from_static(b"proof"), &BlobProperties::default()).await?;
    Ok(())
}

/// How the service copied a blob.
enum Copied {
    Whole,
    InBlocks,
}

/// One copy as a run makes it: the target's service reads the source.
async fn copy(findings: &Findings<'_>, asset: &Asset, sample: &Sample<'_>) -> Result<Copied, Error> {
    let (account, container) = scratch::place(findings.endpoint, asset).await?;
    let error = match copy_into(account, container, sample).await {
        Err(error) if error.cause() == Some(Cause::SourceVanished) => error,
        copied => return copied,
    };
    let at = BlobRef { container: sample.container.clone(), name: sample.blob.name.clone() };
    match sample.account.properties(&at).await? {
        // We can read it, but the target's service cannot.
        Some(_) => Err(Error::Copy { subject: at.to_string(), cause: Cause::SourceNotVisible, failure: None }),
        None => Err(error),
    }
}

async fn copy_into(account: &BlobAccount, container: ContainerName, sample: &Sample<'_>) -> Result<Copied, Error> {
    let to = BlobRef { container, name: format!("copy from {}", sample.account.name()) };
    let from = sample.account.copy_source(&sample.container, &sample.blob).await?;
    if !account.lacks_put_from_url() {
        match account.put_from_url(&to, &from).await {
            // This answer showed it.
            Err(_) if account.lacks_put_from_url() => {}
            copied => return copied.map(|_| Copied::Whole),
        }
    }
    account.put_blocks_from_url(&to, &from).await.map(|_| Copied::InBlocks)
}
