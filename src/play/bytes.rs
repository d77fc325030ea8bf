//! Reads a sample of all blobs on both sides, byte by byte, and compares.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::assets;
use super::found::Found;
use super::sample::Sample;
use super::titles::{container, listing};
use crate::blob::BlobAccount;
use crate::config::policy::Accepted;
use crate::connect::{Endpoint, Pair};
use crate::engine::Options;
use crate::error::Error;
use crate::model::{Asset, AssetId, Blob, BlobRef, ContainerName, Mark};
use crate::verdict::{Cause, Finding};

/// The bytes of one request. Larger parts would not be faster, and would need more memory.
const PIECE: u64 = 4 << 20;
/// Blobs that are read at the same time, on both sides.
const AT_ONCE: usize = 8;

/// The result of reading. `blobs` = `same` + `different` + `unchecked`.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct BytesRead {
    /// Blobs that were chosen.
    pub blobs: u64,
    /// Bytes that were read, on both sides together.
    pub bytes: u64,
    /// Equal, byte by byte.
    pub same: u64,
    /// Not equal.
    pub different: u64,
    /// Blobs that could not be read.
    pub unchecked: u64,
    /// Assets in scope that were left out: the target does not have them, or there is a cause.
    pub left_out: u64,
    /// The seed of the sample; empty if everything was read.
    pub seed: String,
    /// The problems and findings.
    #[serde(flatten)]
    pub found: Found,
}

/// How the bytes of one blob compare.
#[derive(Debug)]
enum Read {
    Same(u64),
    Different(u64, String),
    Unchecked(u64, String),
}

/// Reads a sample of the blobs of all assets in scope, without those in `skip`, on both sides.
///
/// # Errors
/// Errors after which continuing is useless: refused credentials, a library that cannot be listed.
pub async fn read_bytes(
    pair: &Pair,
    options: &Options,
    skip: &BTreeSet<AssetId>,
    sample: &Sample,
) -> Result<BytesRead, Error> {
    let left_out = AtomicU64::new(0);
    let mut all = BytesRead { seed: sample.seed.clone(), ..BytesRead::default() };
    let mut accepted = Accepted::new(&options.policy.accept);
    // The blob with the lowest position, as long as none is chosen.
    let mut lowest: Option<(u64, Asset, Blob)> = None;
    let mut pages = assets::in_scope(pair, options, skip, &left_out);
    while let Some(page) = pages.try_next().await? {
        for asset in page {
            let (finding, other) = all.asset(pair, &asset, sample, &mut accepted).await?;
            if let Some(finding) = finding {
                all.found.find(&asset, finding, &mut accepted);
            }
            if let Some((place, blob)) = other
                && lowest.as_ref().is_none_or(|(known, ..)| place < *known)
            {
                lowest = Some((place, asset, blob));
            }
        }
    }
    // No sample is empty.
    if let Some((_, asset, blob)) = lowest.filter(|_| all.blobs == 0) {
        let read = Sides::of(pair, &asset).await?.read(blob).await?;
        all.add(&asset, read, &mut accepted);
    }
    if all.same + all.different == 0 {
        all.found.prove_nothing(unchecked("no blob was read, so nothing is proven"), &mut accepted);
    }
    all.left_out = left_out.load(Ordering::Relaxed);
    all.found.sort();
    Ok(all)
}

type Other = Option<(u64, Blob)>;

impl BytesRead {
    /// Reads the chosen blobs of an asset. Returns why it could not be listed, and the blob with the lowest position
    /// that was not chosen.
    async fn asset(
        &mut self,
        pair: &Pair,
        asset: &Asset,
        sample: &Sample,
        accepted: &mut Accepted,
    ) -> Result<(Option<Finding>, Other), Error> {
        let Some((account, name)) = container(&pair.source, asset) else {
            return Ok((Some(unchecked("its container is not known")), None));
        };
        let (mut sides, mut other): (Option<Sides<'_>>, Other) = (None, None);
        let mut pages = listing(&pair.source, asset, account, &name);
        loop {
            let page = match pages.try_next().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok((None, other)),
                Err(error) if assets::ends_all(&error) => return Err(error),
                Err(error) => return Ok((Some(unchecked(&error.to_string())), other)),
            };
            let mut chosen = Vec::new();
            for blob in page {
                let place = sample.place(asset.label(), &blob.name);
                if sample.takes(place) {
                    chosen.push(blob);
                } else if other.as_ref().is_none_or(|(known, _)| place < *known) {
                    other = Some((place, blob));
                }
            }
            if chosen.is_empty() {
                continue;
            }
            if sides.is_none() {
                sides = Some(Sides::of(pair, asset).await?);
            }
            let Some(sides) = &sides else { continue };
            let mut read = stream::iter(chosen).map(|blob| sides.read(blob)).buffer_unordered(AT_ONCE);
            while let Some(read) = read.try_next().await? {
                self.add(asset, read, accepted);
            }
        }
    }

    fn add(&mut self, asset: &Asset, read: Read, accepted: &mut Accepted) {
        self.blobs += 1;
        let (count, bytes, finding) = match read {
            Read::Same(bytes) => (&mut self.same, bytes, None),
            Read::Different(bytes, what) => (&mut self.different, bytes, Some(Finding::new(Cause::BytesDiffer, what))),
            Read::Unchecked(bytes, why) => (&mut self.unchecked, bytes, Some(unchecked(&why))),
        };
        *count += 1;
        self.bytes += bytes;
        if let Some(finding) = finding {
            self.found.find(asset, finding, accepted);
        }
    }
}

fn unchecked(why: &str) -> Finding {
    Finding::new(Cause::BytesUnchecked, why)
}

/// A container, and its account.
type Container<'a> = (&'a BlobAccount, ContainerName);

/// Both containers of an asset, or why one is unknown.
struct Sides<'a>(Result<[Container<'a>; 2], String>);

fn unknown<T>() -> Result<T, String> {
    Err("its copy is not known".to_owned())
}

impl<'a> Sides<'a> {
    async fn of(pair: &'a Pair, asset: &Asset) -> Result<Self, Error> {
        if !pair.target.library.capabilities().locators {
            // Both sides have the same names.
            let here = |side: &'a Endpoint| Some((side.storage.first()?.as_ref(), asset.container.clone()?));
            let [Some(from), Some(to)] = [&pair.source, &pair.target].map(here) else { return Ok(Self(unknown())) };
            return Ok(Self(Ok([from, to])));
        }
        let prefix = Mark::prefix(pair.source.library.account(), &asset.id);
        let mut copies = match pair.target.library.assets_by_mark(&prefix).await {
            Ok(copies) => copies,
            Err(error) if assets::ends_all(&error) => return Err(error),
            Err(error) => return Ok(Self(Err(error.to_string()))),
        };
        // The comparison reports missing and duplicate copies.
        let (Some(copy), 0) = (copies.pop(), copies.len()) else { return Ok(Self(unknown())) };
        let both = [(&pair.source, asset), (&pair.target, &copy)].map(|(side, asset)| one(side, asset));
        let [Some(from), Some(to)] = both else { return Ok(Self(unknown())) };
        Ok(Self(Ok([from, to])))
    }

    async fn read(&self, blob: Blob) -> Result<Read, Error> {
        let sides = match &self.0 {
            Ok(sides) => sides,
            Err(why) => return Ok(Read::Unchecked(0, format!("{}: {why}", blob.name))),
        };
        let at = |side: usize| BlobRef { container: sides[side].1.clone(), name: blob.name.clone() };
        let copy = match sides[1].0.properties(&at(1)).await {
            Ok(Some(copy)) => copy,
            Ok(None) => return Ok(Read::Different(0, format!("{}: missing on the target", blob.name))),
            Err(error) if assets::ends_all(&error) => return Err(error),
            Err(error) => return Ok(Read::Unchecked(0, format!("{}: {error}", blob.name))),
        };
        if copy.length != blob.length {
            let what = format!("{}: length {} instead of {}", blob.name, copy.length, blob.length);
            return Ok(Read::Different(0, what));
        }
        let (from, to) = (at(0), at(1));
        let (mut here, mut there, mut done) = (Sha256::new(), Sha256::new(), 0_u64);
        while done < blob.length {
            let length = PIECE.min(blob.length - done);
            let pieces = futures::try_join!(
                sides[0].0.read_range(&from, &blob, done, length),
                sides[1].0.read_range(&to, &copy, done, length)
            );
            match pieces {
                Ok((piece, copied)) => {
                    here.update(&piece);
                    there.update(&copied);
                }
                Err(error) if assets::ends_all(&error) => return Err(error),
                Err(error) => return Ok(Read::Unchecked(2 * done, format!("{}: {error}", blob.name))),
            }
            done += length;
        }
        let digests: [[u8; 32]; 2] = [here.finalize().into(), there.finalize().into()];
        let same = digests[0] == digests[1];
        let what = || format!("{}: other bytes, of the same length {}", blob.name, blob.length);
        Ok(if same { Read::Same(2 * done) } else { Read::Different(2 * done, what()) })
    }
}

fn one<'a>(side: &'a Endpoint, asset: &Asset) -> Option<Container<'a>> {
    container(side, asset).map(|(account, name)| (&**account, name))
}
