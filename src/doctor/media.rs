//! The media account: token, API, assets, streaming; on the target, whether assets may be made.

use futures::TryStreamExt as _;

use super::Findings;
use crate::error::Error;
use crate::media::v2::ASK_TOKEN;
use crate::model::{Asset, AssetEncryption, AssetId, NewAsset};

/// An id no asset has.
const NO_ASSET: &str = "nb:cid:UUID:00000000-0000-0000-0000-000000000000";
/// What the scratch asset is called, and what it says it is a copy of: nothing that any source has.
const SCRATCH: &str = "mediamirror-doctor";

/// Reads what a run reads. Gives the first page of assets, none where they cannot be listed.
pub(super) async fn examine(findings: &mut Findings<'_>) -> Vec<Asset> {
    let endpoint = findings.endpoint;
    let (media, account) = (&endpoint.media, endpoint.media.account());
    match media.asset(&AssetId::new(NO_ASSET)).await {
        Ok(_) => {
            findings.ok(account, "token", "given");
            findings.ok(account, "media-api", "answers, and accepts the token");
        }
        Err(error) if matches!(&error, Error::Call(call) if call.attempted == ASK_TOKEN) => {
            findings.failed(account, "token", error);
            return Vec::new();
        }
        Err(error) => {
            findings.failed(account, "media-api", error);
            return Vec::new();
        }
    }
    examine_streaming(findings).await;
    match media.assets().try_next().await {
        Ok(page) => {
            let page = page.unwrap_or_default();
            findings.ok(account, "assets", format!("may be listed ({} on the first page)", page.len()));
            page
        }
        Err(error) => {
            findings.failed(account, "assets", error);
            Vec::new()
        }
    }
}

/// Is there anything that would answer under the locators' URLs?
async fn examine_streaming(findings: &mut Findings<'_>) {
    let account = findings.endpoint.media.account();
    match findings.endpoint.media.streaming_hosts().await {
        Ok(hosts) if hosts.iter().any(|host| host.running) => {
            let running: Vec<&str> = hosts.iter().filter(|host| host.running).map(|host| host.url.as_str()).collect();
            findings.ok(account, "streaming", format!("running: {}", running.join(", ")));
        }
        Ok(hosts) => {
            let found = if hosts.is_empty() { "no endpoint" } else { "no endpoint is running" };
            findings.warn(account, "streaming", found, "start a streaming endpoint, or no URL of this account plays");
        }
        Err(error) => findings.failed(account, "streaming", error),
    }
}

/// May assets be made and removed? Asked by doing so, where that was asked for and the API lets us in at all.
pub(super) async fn examine_writing(findings: &mut Findings<'_>, write_test: bool) {
    let endpoint = findings.endpoint;
    let account = endpoint.media.account();
    if findings.checks.iter().any(|check| check.error.is_some() && matches!(check.check, "token" | "media-api")) {
        return;
    }
    if !write_test {
        let found = "not proven: making assets, file records and locators";
        return findings.warn(
            account,
            "media-write",
            found,
            "prove it with --write-test, which makes and removes an asset",
        );
    }
    let scratch = NewAsset {
        name: Some(SCRATCH.to_owned()),
        alternate_id: format!("{SCRATCH}-{}", crate::clock::now().as_millisecond()),
        encryption: AssetEncryption::None,
        storage_account: None,
    };
    let asset = match endpoint.media.create_asset(&scratch).await {
        Ok(asset) => asset,
        Err(error) => return findings.failed(account, "media-write", error),
    };
    match endpoint.media.delete_asset(&asset.id).await {
        Ok(()) => findings.ok(account, "media-write", "a scratch asset was made and removed"),
        Err(error) => findings.failed(account, "media-write", error),
    }
}
