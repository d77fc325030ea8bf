//! Finds the titles of an asset: the manifests and files with which viewers start.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

use super::named::Kind;
use super::place::Hosts;
use crate::blob::{BlobAccount, PageSize};
use crate::clock;
use crate::connect::{Endpoint, Pair};
use crate::error::Error;
use crate::model::{Asset, AssetFile, AssetId, Blob, ContainerName, Locator, LocatorKind, Side};
use crate::transport::is_loopback;

/// Characters of a name that are not encoded in a segment of a URL's path (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name that no host has (RFC 2606).
const NO_HOST: &str = "source.invalid";

/// The reason for not playing a private container.
const PRIVATE: &str = "the container is not public, so viewers read it with signatures or through another host, which \
                       `streaming_url` does not name";

/// What a viewer can choose: the manifests of one film, each with the same path on both hosts.
#[derive(Debug, Clone)]
pub(super) struct Title {
    /// The asset that has it.
    pub(super) asset: Asset,
    /// Its name within the asset.
    pub(super) name: String,
    /// The hosts that serve it.
    pub(super) hosts: Arc<Hosts>,
    /// Where a viewer starts: paths below the base of both hosts.
    pub(super) starts: Vec<(String, Kind)>,
}

impl Title {
    /// The number of manifests with which viewers start; the others are files.
    pub(super) fn manifests(&self) -> u64 {
        self.starts.iter().filter(|(_, kind)| *kind != Kind::File).count() as u64
    }
}

/// The titles of an asset, or why they cannot be requested as a viewer does.
pub(super) type Titles<'a> = BoxStream<'a, Result<Title, Unplayable>>;

/// Why a title is not played.
#[derive(Debug)]
pub(super) enum Unplayable {
    /// Viewers cannot read it without a signature, or the host is not known.
    Closed(String),
    /// It could not be checked.
    Failed(Error),
}

impl From<Error> for Unplayable {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The titles of an asset of that side. Those of the target are played only from its own host.
pub(super) fn of<'a>(pair: &'a Pair, side: Side, asset: &'a Asset) -> Titles<'a> {
    if endpoint(pair, side).library.capabilities().locators {
        let title = stream::once(of_locators(pair, side, asset));
        title.try_filter(|title| std::future::ready(!title.starts.is_empty())).boxed()
    } else {
        of_blobs(pair, side, asset)
    }
}

fn endpoint(pair: &Pair, side: Side) -> &Endpoint {
    match side {
        Side::Source => &pair.source,
        Side::Target => &pair.target,
    }
}

/// Everything that the streaming locators of an asset publish, as one title.
async fn of_locators(pair: &Pair, side: Side, asset: &Asset) -> Result<Title, Unplayable> {
    let library = &endpoint(pair, side).library;
    let skew = library.clock_skew().unwrap_or_default();
    let now = clock::now().checked_add(skew).unwrap_or_else(|_| clock::now());
    let mut locators = library.locators_of_asset(&asset.id).await?;
    let live = |locator: &Locator| locator.expiry > now && locator.start.is_none_or(|start| start <= now);
    locators.retain(|locator| locator.kind == LocatorKind::Streaming && live(locator));
    let name = asset.label().to_owned();
    let mut title = Title { asset: asset.clone(), name, hosts: Arc::new(nowhere()), starts: Vec::new() };
    let Some(first) = locators.first() else { return Ok(title) };
    let hosts = match side {
        Side::Source => {
            let there = pair.target.library.locators_of(std::slice::from_ref(&first.id)).await?;
            let there = there.into_iter().next().flatten();
            let (from, to) = (base(&pair.source, Some(first)), base(&pair.target, there.as_ref()));
            from.zip(to).map(|(from, to)| hosts(pair, from, to))
        }
        Side::Target => base(&pair.target, Some(first)).map(|to| target_alone(pair, to)),
    };
    let Some(hosts) = hosts else {
        return Err(Unplayable::Closed(
            "the streaming host is not known: set `streaming_url` on both sides".to_owned(),
        ));
    };
    title.hosts = Arc::new(hosts);
    let files = library.files_of(std::slice::from_ref(&asset.id)).await?.into_iter().next().unwrap_or_default();
    for locator in &locators {
        let path = locator.path.as_deref().and_then(|path| Url::parse(path).ok());
        let root = path.as_ref().map_or_else(|| format!("/{}/", locator.id), |path| path.path().to_owned());
        title.starts.extend(files.iter().flat_map(|file| starts_of(root.trim_start_matches('/'), file)));
    }
    Ok(title)
}

/// The requests of viewers for a file: a server manifest in each protocol, any other file directly.
fn starts_of(root: &str, file: &AssetFile) -> Vec<(String, Kind)> {
    let url = format!("{root}{}", encoded(&file.name));
    let name = file.name.to_ascii_lowercase();
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("ism") => vec![
            (format!("{url}/manifest"), Kind::Document),
            (format!("{url}/manifest(format=m3u8-aapl)"), Kind::Hls),
            (format!("{url}/manifest(format=mpd-time-csf)"), Kind::Dash),
        ],
        // The server's own list of the fragments.
        Some("ismc") | None => Vec::new(),
        Some(_) => vec![(url, Kind::File)],
    }
}

/// Each manifest among the blobs of a container is a title; if viewers cannot read them, the first one reports that.
fn of_blobs<'a>(pair: &'a Pair, side: Side, asset: &'a Asset) -> Titles<'a> {
    let titles = stream::once(is_closed(endpoint(pair, side), asset)).map(move |closed| match closed {
        Ok(false) => manifests(pair, side, asset),
        Ok(true) => {
            let closed =
                |found: Result<Title, Unplayable>| found.and_then(|_| Err(Unplayable::Closed(PRIVATE.to_owned())));
            manifests(pair, side, asset).take(1).map(closed).boxed()
        }
        Err(error) => stream::once(std::future::ready(Err(error.into()))).boxed(),
    });
    titles.flatten().boxed()
}

/// Can viewers not read a container? (A streaming host can have its own permissions.)
async fn is_closed(side: &Endpoint, asset: &Asset) -> Result<bool, Error> {
    if side.streaming_url.is_some() {
        return Ok(false);
    }
    // The public access of a folder is that of its container.
    let Some(container) = &asset.container else { return Ok(true) };
    let locators = side.library.locators_of_asset(&AssetId::new(container.as_str())).await?;
    Ok(!locators.iter().any(|locator| locator.kind == LocatorKind::Public))
}

/// The manifests among the blobs of a container.
fn manifests<'a>(pair: &'a Pair, side: Side, asset: &'a Asset) -> Titles<'a> {
    let hosts = match (side, base(&pair.source, None), base(&pair.target, None)) {
        (Side::Source, Some(from), Some(to)) => hosts(pair, from, to),
        (Side::Target, _, Some(to)) => target_alone(pair, to),
        _ => return stream::empty().boxed(),
    };
    let side = endpoint(pair, side);
    let Some((account, container)) = container(side, asset) else { return stream::empty().boxed() };
    let (hosts, root) = (Arc::new(hosts), encoded(container.as_str()));
    let pages = listing(side, asset, account, &container).map_err(Unplayable::from).map_ok(move |page| {
        let (hosts, root) = (Arc::clone(&hosts), root.clone());
        let titles = page.into_iter().filter_map(move |blob| {
            let kind = manifest_kind(&blob.name)?;
            let starts = vec![(format!("{root}/{}", encoded(&blob.name)), kind)];
            Some(Title { asset: asset.clone(), name: blob.name, hosts: Arc::clone(&hosts), starts })
        });
        stream::iter(titles.map(Ok))
    });
    pages.try_flatten().boxed()
}

fn manifest_kind(blob: &str) -> Option<Kind> {
    match blob.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "m3u8" => Some(Kind::Hls),
        "mpd" => Some(Kind::Dash),
        _ => None,
    }
}

/// The blobs of an asset of that side, page by page.
pub(super) fn listing<'a>(
    side: &Endpoint,
    asset: &Asset,
    account: &'a BlobAccount,
    container: &ContainerName,
) -> BoxStream<'a, Result<Vec<Blob>, Error>> {
    let extent = side.library.extent(&asset.id);
    account.list_by(container, &extent, PageSize::LARGEST).map_ok(|page| page.blobs).boxed()
}

/// The container of an asset, and its account.
pub(super) fn container<'a>(side: &'a Endpoint, asset: &Asset) -> Option<(&'a Arc<BlobAccount>, ContainerName)> {
    side.blobs(asset.storage_account.as_ref()).zip(asset.container.clone())
}

/// The base URL for viewers of a side, with a slash at its end. HTTP is replaced by HTTPS, except on this machine.
fn base(side: &Endpoint, locator: Option<&Locator>) -> Option<Url> {
    let mut base = match (&side.streaming_url, locator) {
        (Some(url), _) => url.clone(),
        (None, Some(locator)) => {
            let path = Url::parse(locator.path.as_deref()?).ok()?;
            Url::parse(&path[..Position::BeforePath]).ok()?
        }
        (None, None) if !side.library.capabilities().locators => side.storage_urls.first()?.clone(),
        (None, None) => return None,
    };
    base = as_viewers_read(base);
    base.set_query(None);
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    side.viewer.allow(&base);
    Some(base)
}

/// A URL for viewers: with HTTPS instead of HTTP, except on this machine.
pub(super) fn as_viewers_read(mut url: Url) -> Url {
    if url.scheme() == "http" && !is_loopback(&url) {
        let changed = url.set_scheme("https").is_ok();
        debug_assert!(changed, "both schemes are of one kind");
    }
    url
}

/// Both hosts, with the other names that a manifest can use for them. A name that both sides have is ignored.
fn hosts(pair: &Pair, source: Url, target: Url) -> Hosts {
    let names = |side: &Endpoint| -> Vec<String> {
        let urls = side.storage_urls.iter().chain(&side.streaming_url);
        urls.filter_map(|url| url.host_str().map(str::to_owned)).collect()
    };
    let mut names = [names(&pair.source), names(&pair.target)];
    names[0].extend(source.host_str().map(str::to_owned));
    names[1].extend(target.host_str().map(str::to_owned));
    let [there, here] = &names;
    let only =
        |names: &[String], others: &[String]| names.iter().filter(|name| !others.contains(name)).cloned().collect();
    Hosts { source_names: only(there, here), target_names: only(here, there), source, target }
}

/// Only the target's host. The source's host can be unknown: a placeholder replaces it, with the target's paths.
fn target_alone(pair: &Pair, target: Url) -> Hosts {
    let mut source = target.clone();
    let renamed = source.set_host(Some(NO_HOST)).is_ok();
    debug_assert!(renamed, "a base has a host that can be replaced");
    hosts(pair, source, target)
}

/// A placeholder if nothing is requested.
fn nowhere() -> Hosts {
    let url: Url = "https://localhost/".parse().expect("a constant URL is one");
    Hosts { source: url.clone(), target: url, source_names: Vec::new(), target_names: Vec::new() }
}

/// A name as an encoded path with its slashes.
fn encoded(name: &str) -> String {
    let segments = name.split('/').map(|segment| utf8_percent_encode(segment, SEGMENT).to_string());
    segments.collect::<Vec<_>>().join("/")
}
