//! The media account: token, API, assets, streaming.

use std::collections::BTreeSet;

use futures::TryStreamExt as _;

use super::Findings;
use crate::model::{AccountName, Asset};
use crate::verdict::Cause;

/// Reads what a run reads. Gives the first page of assets, none where they cannot be listed.
pub(super) async fn examine(findings: &mut Findings<'_>) -> Vec<Asset> {
    let endpoint = findings.endpoint;
    let (media, account) = (&endpoint.media, endpoint.media.account());
    match media.check_access().await {
        Ok(()) => {
            findings.ok(account, "token", "given");
            findings.ok(account, "media-api", "answers, and accepts the token");
        }
        Err(error) if error.is_of_tokens() => {
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
            examine_places(findings, &page);
            page
        }
        Err(error) => {
            findings.failed(account, "assets", error);
            Vec::new()
        }
    }
}

/// Are all storage accounts configured that hold assets of the page?
fn examine_places(findings: &mut Findings<'_>, page: &[Asset]) {
    let endpoint = findings.endpoint;
    let used: BTreeSet<&AccountName> = page.iter().filter_map(|asset| asset.storage_account.as_ref()).collect();
    for name in used.into_iter().filter(|name| endpoint.blobs(Some(name)).is_none()) {
        let found = format!("holds assets of media account {}, and is not configured", endpoint.media.account());
        findings.fail(name, "configured", found, Cause::StorageAccountNotConfigured.remedy());
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
