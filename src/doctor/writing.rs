//! What a run writes to the target, tried on a scratch asset: made, a blob written into its container, removed.

use bytes::Bytes;

use super::{Findings, Verdict};
use crate::clock;
use crate::error::Error;
use crate::model::{Asset, AssetEncryption, BlobProperties, BlobRef, NewAsset};
use crate::verdict::Cause;

/// What the scratch asset is called; with the time it is also what it says it is a copy of, which no source has.
const SCRATCH: &str = "mediamirror-doctor";

/// Tries, where that was asked for; else says what is not proven. Without a way in there is nothing to try.
pub(super) async fn examine(findings: &mut Findings<'_>, write_test: bool) {
    if findings.checks.iter().any(|check| check.verdict == Verdict::Fail && check.check != "clock") {
        return;
    }
    let endpoint = findings.endpoint;
    let account = endpoint.media.account();
    let Some(storage) = endpoint.storage.first() else { return };
    if !write_test {
        let remedy = "prove it with --write-test, which makes and removes an asset";
        findings.warn(storage.name(), "write", "not proven: writing blobs", remedy);
        return findings.warn(account, "media-write", "not proven: making assets, file records and locators", remedy);
    }
    let scratch = NewAsset {
        name: Some(SCRATCH.to_owned()),
        alternate_id: format!("{SCRATCH}-{}", clock::now().as_millisecond()),
        encryption: AssetEncryption::None,
        storage_account: None,
    };
    let asset = match endpoint.media.create_asset(&scratch).await {
        Ok(asset) => asset,
        Err(error) => return findings.failed(account, "media-write", error),
    };
    match write(findings, &asset).await {
        Ok(()) => findings.ok(storage.name(), "write", "a blob was written into a scratch asset's container"),
        Err(error) => findings.failed(storage.name(), "write", error),
    }
    // Whatever became of the blob.
    match endpoint.media.delete_asset(&asset.id).await {
        Ok(()) => findings.ok(account, "media-write", "a scratch asset was made and removed"),
        Err(error) => {
            let found = format!("the scratch asset {} was made and is still there: {error}", asset.id);
            findings.failed(account, "media-write", error);
            if let Some(check) = findings.checks.last_mut() {
                check.found = found;
            }
        }
    }
}

async fn write(findings: &Findings<'_>, asset: &Asset) -> Result<(), Error> {
    let endpoint = findings.endpoint;
    let container = match &asset.container {
        Some(container) => container.clone(),
        None => endpoint.media.container(&asset.id).await?,
    };
    let account = endpoint.blobs(asset.storage_account.as_ref()).ok_or_else(|| {
        let detail = "the media account puts new assets there";
        Error::found(asset.label(), Cause::StorageAccountNotConfigured, detail)
    })?;
    let blob = BlobRef { container, name: "proof".to_owned() };
    account.put_blob(&blob, Bytes::from_static(b"proof"), &BlobProperties::default()).await?;
    Ok(())
}
