//! The hosts of a library that is a storage account, and a blob that anyone can read on both sides.

use futures::TryStreamExt as _;
use mediamirror::config::AccountConfig;
use mediamirror::connect::Pair;
use mediamirror::error::Error;
use mediamirror::model::{BlobRef, ContainerName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::hosts::{Origin, Probe, refused};
use crate::cli::failure::CommandFailure;

/// The most public containers that are searched: some are empty, or not mirrored yet.
const CONTAINERS_TRIED: usize = 20;

/// Characters of a blob's name that are not encoded in a URL path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// `streaming_url`, else the storage account's own host; if the account is not part of the host name, it is a prefix.
pub(super) fn blob_host(account: &AccountConfig) -> Result<Origin, CommandFailure> {
    if let Some(url) = &account.streaming_url {
        return Origin::of(&account.account, url).ok_or_else(|| {
            let problem = format!("the `streaming_url` of storage account {} has no host name", account.account);
            refused(problem, "correct it in the configuration")
        });
    }
    let found = account.storage.first().and_then(|storage| Origin::of(&storage.account, &storage.endpoint));
    found.ok_or_else(|| {
        let problem = format!("the endpoint of storage account {} is not a host name", account.account);
        refused(problem, "correct `endpoint` of that storage account in the configuration")
    })
}

/// A blob in a container that is public on both sides.
pub(super) async fn probe(pair: &Pair) -> Result<Probe, CommandFailure> {
    let found = find(pair).await.map_err(|error| CommandFailure::of(&error, false))?;
    found.ok_or_else(|| {
        let problem = "there is no path for health probes: no blob is public on both sides";
        refused(problem, "run `mediamirror sync` first, and make a container with blobs public on both sides")
    })
}

async fn find(pair: &Pair) -> Result<Option<Probe>, Error> {
    let (source, target) = (&pair.source, &pair.target);
    // The public access of a container is its locator.
    let (mut pages, mut tried) = (source.library.locators(), 0);
    while let Some(page) = pages.try_next().await? {
        for public in page {
            if tried == CONTAINERS_TRIED {
                return Ok(None);
            }
            tried += 1;
            if target.library.locator(&public.id).await?.is_none() {
                continue;
            }
            let container = ContainerName::new(public.asset.as_str());
            let Some(first) = source.storage[0].list(&container).try_next().await? else { continue };
            let Some(blob) = first.into_iter().next() else { continue };
            let at = BlobRef { container, name: blob.name };
            if target.storage[0].properties(&at).await?.is_some() {
                return Ok(Some(probe_of(&at)));
            }
        }
    }
    Ok(None)
}

fn probe_of(at: &BlobRef) -> Probe {
    let path = format!("/{}/{}", at.container, utf8_percent_encode(&at.name, PATH));
    Probe { path, what: format!("blob {at}, which anyone can read") }
}

#[cfg(test)]
mod tests {
    use mediamirror::config::{Limits, ServiceConfig, StorageConfig, StorageCredential};
    use mediamirror::redact::Secret;

    use super::*;

    #[test]
    fn viewers_are_switched_between_the_configured_hosts_if_there_are_any() {
        let mut account = AccountConfig {
            account: "store".to_owned(),
            service: ServiceConfig::Blobs,
            storage: vec![StorageConfig {
                account: "store".to_owned(),
                endpoint: "http://127.0.0.1:10000/store".parse().unwrap(),
                credential: StorageCredential::Key(Secret::new("a2V5".to_owned())),
            }],
            streaming_url: None,
            limits: Limits::default(),
        };
        let own = blob_host(&account).unwrap();
        assert_eq!((own.root().as_str(), own.prefix.as_str()), ("http://127.0.0.1:10000", "/store"));
        account.streaming_url = Some("https://cdn.example.com/".parse().unwrap());
        let configured = blob_host(&account).unwrap();
        assert_eq!((configured.root().as_str(), configured.prefix.as_str()), ("https://cdn.example.com", ""));
    }

    #[test]
    fn the_path_of_a_blob_is_encoded_as_in_a_url() {
        let at = BlobRef { container: ContainerName::new("films"), name: "a b/c'${d}#1%.ts".to_owned() };
        assert_eq!(probe_of(&at).path, "/films/a%20b/c%27%24%7Bd%7D%231%25.ts");
    }
}
