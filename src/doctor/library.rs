//! Checks the library: its token and its API, all its assets, streaming.

use std::collections::BTreeMap;

use futures::TryStreamExt;

use super::{Findings, is_storage_account};
use crate::error::{Asked, CallError, Disposition, Error, Failure};
use crate::model::{AccountName, Asset, ContainerName, Side};
use crate::verdict::Cause;

/// The most containers of a storage account that are searched for a blob to read: several, because some assets are
/// empty.
const CONTAINERS_TRIED: usize = 5;
/// Leftovers of earlier tests that one test removes.
const MOST_LEFTOVERS: usize = 100;

/// The result of listing all assets. It has only a few names per storage account.
#[derive(Debug, Default)]
pub(super) struct Listed {
    assets: u64,
    /// Storage accounts that hold assets, each with its first containers.
    accounts: BTreeMap<AccountName, Vec<ContainerName>>,
    /// Scratch assets of interrupted write tests.
    pub(super) leftovers: Vec<Asset>,
}

impl Listed {
    /// The first containers of that storage account.
    pub(super) fn containers(&self, account: &AccountName) -> &[ContainerName] {
        self.accounts.get(account).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, asset: Asset, default: Option<&AccountName>) {
        self.assets += 1;
        if asset.is_scratch() {
            if self.leftovers.len() < MOST_LEFTOVERS {
                self.leftovers.push(asset);
            }
            return;
        }
        let Some(account) = asset.storage_account.as_ref().or(default) else { return };
        if !self.accounts.contains_key(account) {
            self.accounts.insert(account.clone(), Vec::new());
        }
        if let (Some(containers), Some(container)) = (self.accounts.get_mut(account), asset.container)
            && containers.len() < CONTAINERS_TRIED
        {
            containers.push(container);
        }
    }
}

/// Does the service issue a token and accept it? A service without tokens uses the storage account's own credential,
/// which has its own checks.
pub(super) async fn examine_access(findings: &mut Findings<'_>) -> bool {
    let library = &findings.endpoint.library;
    if !library.capabilities().tokens {
        return true;
    }
    let account = library.account();
    match library.check_access().await {
        Ok(()) => {
            findings.ok(account, "token", "given");
            findings.ok(account, "media-api", "answers, and accepts the token");
            return true;
        }
        Err(error) if error.is_of_tokens() => findings.failed(account, "token", error),
        Err(error) => findings.failed(account, "media-api", error),
    }
    false
}

/// Lists all assets, as a run does. Checks that all their storage accounts are configured.
pub(super) async fn examine_library(findings: &mut Findings<'_>) -> Listed {
    let endpoint = findings.endpoint;
    let (library, account) = (&endpoint.library, endpoint.library.account());
    let default = endpoint.storage.first().map(|storage| storage.name());
    let mut seen = Listed::default();
    let mut pages = library.assets();
    let listed = loop {
        match pages.try_next().await {
            Ok(Some(page)) => page.into_iter().for_each(|asset| seen.add(asset, default)),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let check = if is_storage_account(endpoint) { "containers" } else { "assets" };
    match listed {
        Ok(()) => findings.ok(account, check, format!("may be listed ({})", seen.assets)),
        Err(error) => findings.failed(account, check, error),
    }
    for name in seen.accounts.keys().filter(|name| endpoint.blobs(Some(name)).is_none()) {
        let found = format!("holds assets of media account {account}, and is not configured");
        findings.fail(name, "configured", found, Cause::StorageAccountNotConfigured.remedy());
    }
    seen
}

/// Is there a streaming endpoint for the locators' URLs? Without one, nothing plays from the target. The source's
/// endpoints can be stopped on purpose after a failover.
pub(super) async fn examine_streaming(findings: &mut Findings<'_>) {
    let library = &findings.endpoint.library;
    if !library.capabilities().streaming_hosts {
        return;
    }
    let account = library.account();
    match library.streaming_hosts().await {
        Ok(hosts) if hosts.iter().any(|host| host.running) => {
            let running: Vec<&str> = hosts.iter().filter(|host| host.running).map(|host| host.url.as_str()).collect();
            findings.ok(account, "streaming", format!("running: {}", running.join(", ")));
        }
        Ok(hosts) => {
            let found = if hosts.is_empty() { "no endpoint" } else { "no endpoint is running" };
            let remedy = "start a streaming endpoint; without one, no URL of this account plays";
            match findings.endpoint.side {
                Side::Source => findings.warn(account, "streaming", found, remedy),
                Side::Target => findings.fail(account, "streaming", found, remedy),
            }
        }
        Err(error) => findings.failed(account, "streaming", error),
    }
}

/// Does the configured streaming host answer, with any status? The request has no credentials, as those of viewers.
pub(super) async fn examine_streaming_url(findings: &mut Findings<'_>) {
    let endpoint = findings.endpoint;
    let (Some(url), account) = (&endpoint.streaming_url, endpoint.library.account()) else { return };
    match endpoint.ask_as_viewer(url).await {
        Ok(status) => findings.ok(account, "streaming-url", format!("{url} answers (HTTP {status})")),
        Err(failure) => findings.failed(account, "streaming-url", unreachable(url, failure)),
    }
}

fn unreachable(url: &url::Url, failure: Failure) -> Error {
    let (subject, asked) = (format!("streaming_url {url}"), Asked::Service);
    CallError { attempted: "reach", subject, failure, attempts: 1, disposition: Disposition::Permanent, asked }.into()
}
