//! What a run writes to the target, tried on a scratch asset: made, a blob written into its container, one copied into it from
//! each source storage account, removed.

use bytes::Bytes;

use super::{Findings, Sample, Verdict};
use crate::blob::BlobAccount;
use crate::clock;
use crate::connect::Endpoint;
use crate::error::Error;
use crate::model::{Asset, AssetEncryption, BlobProperties, BlobRef, ContainerName, NewAsset};
use crate::verdict::Cause;

/// What the scratch asset is called; with the time it is also what it says it is a copy of, which no source has.
const SCRATCH: &str = "mediamirror-doctor";

/// Tries, where that was asked for, in each storage account of the target; else says what is not proven. Without a way in, or
/// without the target's lock, there is nothing to try.
pub(super) async fn examine(findings: &mut Findings<'_>, samples: &[Sample<'_>], write_test: bool) {
    if findings
        .checks
        .iter()
        .any(|check| check.verdict == Verdict::Fail && !matches!(check.check, "clock" | "configured"))
    {
        return;
    }
    let endpoint = findings.endpoint;
    let account = endpoint.media.account();
    if !write_test {
        let remedy = "prove it with --write-test, which makes and removes an asset";
        for storage in &endpoint.storage {
            findings.warn(storage.name(), "write", "not proven: writing blobs", remedy);
        }
        return findings.warn(account, "media-write", "not proven: making assets, file records and locators", remedy);
    }
    let mut made = true;
    for storage in &endpoint.storage {
        made &= try_storage(findings, storage, samples).await;
    }
    if made {
        findings.ok(account, "media-write", "a scratch asset was made and removed");
    }
}

/// Makes a scratch asset in one storage account, writes and copies into it, and removes it. Could it be made and removed?
async fn try_storage(findings: &mut Findings<'_>, storage: &BlobAccount, samples: &[Sample<'_>]) -> bool {
    let endpoint = findings.endpoint;
    let account = endpoint.media.account();
    let scratch = NewAsset {
        name: Some(SCRATCH.to_owned()),
        alternate_id: format!("{SCRATCH}-{}", clock::now().as_millisecond()),
        encryption: AssetEncryption::None,
        // The only one needs no choice, which older versions of the API do not offer.
        storage_account: (endpoint.storage.len() > 1).then(|| storage.name().clone()),
    };
    let asset = match endpoint.media.create_asset(&scratch).await {
        Ok(asset) => asset,
        Err(error) => {
            findings.failed(account, "media-write", error);
            return false;
        }
    };
    match write(findings, &asset).await {
        Ok(()) => findings.ok(storage.name(), "write", "a blob was written into a scratch asset's container"),
        Err(error) => findings.failed(storage.name(), "write", error),
    }
    for sample in samples {
        match copy(findings, &asset, sample).await {
            Ok(()) => {
                let found = format!("its service copied a blob from storage account {}", sample.account.name());
                findings.ok(storage.name(), "copy", found);
            }
            Err(error) => findings.failed(storage.name(), "copy", error),
        }
    }
    // Whatever became of the blobs.
    let Err(error) = endpoint.media.delete_asset(&asset.id).await else { return true };
    let found = format!("the scratch asset {} was made and is still there: {error}", asset.id);
    findings.failed(account, "media-write", error);
    if let Some(check) = findings.checks.last_mut() {
        check.found = found;
    }
    false
}

async fn write(findings: &Findings<'_>, asset: &Asset) -> Result<(), Error> {
    let (account, container) = place(findings.endpoint, asset).await?;
    let blob = BlobRef { container, name: "proof".to_owned() };
    account.put_blob(&blob, Bytes::from_static(b"proof"), &BlobProperties::default()).await?;
    Ok(())
}

/// One copy as a run makes it: the target's service reads the source.
async fn copy(findings: &Findings<'_>, asset: &Asset, sample: &Sample<'_>) -> Result<(), Error> {
    let (account, container) = place(findings.endpoint, asset).await?;
    let to = BlobRef { container, name: format!("copy from {}", sample.account.name()) };
    let from = sample.account.copy_source(&sample.container, &sample.blob)?;
    let Err(error) = account.put_from_url(&to, &from).await else { return Ok(()) };
    if error.cause() != Some(Cause::SourceVanished) {
        return Err(error);
    }
    let at = BlobRef { container: sample.container.clone(), name: sample.blob.name.clone() };
    match sample.account.properties(&at).await? {
        // We find it, and the target's service does not.
        Some(_) => Err(Error::Copy { subject: at.to_string(), cause: Cause::SourceNotVisible, failure: None }),
        None => Err(error),
    }
}

/// Where the scratch asset is stored.
async fn place<'a>(endpoint: &'a Endpoint, asset: &Asset) -> Result<(&'a BlobAccount, ContainerName), Error> {
    let container = match &asset.container {
        Some(container) => container.clone(),
        None => endpoint
            .media
            .container(&asset.id)
            .await?
            .ok_or_else(|| Error::found(asset.label(), Cause::NotThereWhenReadBack, "the scratch asset"))?,
    };
    let account = endpoint.blobs(asset.storage_account.as_ref()).ok_or_else(|| {
        let detail = "the media account puts new assets there";
        Error::found(asset.label(), Cause::StorageAccountNotConfigured, detail)
    })?;
    Ok((account, container))
}
