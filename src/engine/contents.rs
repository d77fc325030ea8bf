//! The content of a container. A small one is kept in memory, and a large one is listed again, so that a container of a
//! million blobs takes no more memory than a page. Two of them are compared blob by blob in name order; a large one
//! that is listed in another order is sorted in a temporary table.

pub(crate) mod compare;
pub(crate) mod condition;
pub(crate) mod digest;
pub(crate) mod kept;
pub(crate) mod locate;
pub(crate) mod needs;
pub(crate) mod records;
pub(crate) mod stages;
pub(crate) mod tagging;
mod walk;

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::blob::{BlobAccount, MOST_BLOBS, PageSize, Selected};
use crate::claims::SortedBlobs;
use crate::engine::contents::digest::{BlobsDigest, BlobsSum};
use crate::engine::contents::locate::Place;
use crate::engine::contents::stages::Stages;
use crate::engine::contents::tagging::Tagging;
use crate::error::Error;
use crate::memory::{Room, Turn, WALKED_PAGE};
use crate::model::{Blob, BlobKind, ContainerName, Extent, LeftOut};
pub(crate) use walk::{Walk, compare_names};

/// The most blobs of a container that are kept, if there is memory for them: listing a larger container again costs one
/// request for 5,000 blobs.
const KEPT: u64 = 1_000;

/// The blobs of a container as they were listed.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    pub(crate) account: &'a BlobAccount,
    pub(crate) container: ContainerName,
    /// The part of the container.
    pub(crate) extent: Extent,
    /// All of them in name order; `None`: there are too many, and they are listed again.
    kept: Option<Vec<Arc<Blob>>>,
    /// All of them, if they are too many to keep and are listed in another order: accounts with a hierarchical
    /// namespace list the content of a directory immediately after the directory.
    sorted: Option<SortedBlobs>,
    /// The memory of the kept blobs.
    room: Room,
    /// The memory that all blobs need, in bytes.
    bytes_in_memory: usize,
    /// The number of blobs.
    pub(crate) count: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Their fingerprint, and the longer one that identifies blobs that change later.
    pub(crate) digest: String,
    pub(crate) seal: String,
    /// Folders that are separate assets.
    folders: u64,
    /// Blobs of the container that the configuration leaves out.
    pub(crate) left_out: LeftOut,
    /// The first one that is not a block blob.
    pub(crate) other_kind: Option<String>,
    /// Its blobs that cannot be read.
    pub(crate) flaws: condition::Flaws,
    /// The stages in which its blobs are copied.
    pub(crate) stages: Stages,
    /// The index tags of its blobs.
    pub(crate) tagging: Tagging,
    /// Are there blobs that represent folders?
    pub(crate) has_markers: bool,
    /// What is left out.
    without: Without,
    sum: BlobsSum,
}

/// Blobs that are treated as if they did not exist.
#[derive(Debug, Clone, Default)]
struct Without {
    /// Those that represent folders.
    markers: bool,
    /// Those with these names.
    names: Arc<HashSet<String>>,
}

impl<'a> Contents<'a> {
    /// The empty content of a container that was just created.
    pub(crate) fn none(place: Place<'a>) -> Self {
        let Place { account, container, extent } = place;
        let digest = BlobsDigest::of(&extent).text();
        Self {
            account,
            container,
            extent,
            folders: 0,
            kept: Some(Vec::new()),
            sorted: None,
            room: account.memory().room(),
            bytes_in_memory: 0,
            count: 0,
            bytes: 0,
            digest,
            seal: String::new(),
            left_out: LeftOut::default(),
            other_kind: None,
            flaws: condition::Flaws::default(),
            stages: Stages::default(),
            tagging: Tagging::default(),
            has_markers: false,
            without: Without::default(),
            sum: BlobsSum::default(),
        }
    }

    /// Where they are.
    pub(crate) fn place(&self) -> Place<'a> {
        Place { account: self.account, container: self.container.clone(), extent: self.extent.clone() }
    }

    /// Lists the blobs of an asset.
    pub(crate) async fn list(place: Place<'a>) -> Result<Self, Error> {
        Self::list_all(Self::none(place)).await
    }

    /// Lists them again without the blobs that represent folders.
    pub(crate) async fn list_without_markers(&self) -> Result<Self, Error> {
        let without = Without { markers: true, ..self.without.clone() };
        Self::list_all(Self { without, ..Self::none(self.place()) }).await
    }

    /// Lists them again without the blobs with these names.
    pub(crate) async fn list_without(&self, names: HashSet<String>) -> Result<Self, Error> {
        let without = Without { names: Arc::new(names), ..self.without.clone() };
        Self::list_all(Self { without, ..Self::none(self.place()) }).await
    }

    async fn list_all(mut contents: Self) -> Result<Self, Error> {
        let (mut blobs, mut digest) = (Vec::new(), BlobsDigest::of(&contents.extent));
        let (mut last, mut in_order, mut keeps) = (String::new(), true, true);
        let mut pages = contents.account.list_ahead(&contents.container, &contents.extent);
        while let Some(Selected { blobs: mut page, left_out, folders }) = pages.try_next().await? {
            contents.left_out.add(left_out);
            contents.folders += folders;
            contents.has_markers |= page.iter().any(Blob::is_folder_marker);
            contents.leave_out(&mut page);
            without_repetition(&mut page, &last);
            let before = contents.bytes_in_memory;
            for blob in &page {
                contents.count += 1;
                contents.bytes_in_memory += blob.bytes_in_memory();
                contents.bytes += blob.length;
                contents.sum.add(blob);
                digest.add(blob);
                contents.stages.add(blob);
                contents.tagging = contents.tagging.max(Tagging::of(blob));
                if blob.kind != BlobKind::Block && contents.other_kind.is_none() {
                    contents.other_kind = Some(blob.name.clone());
                }
                contents.flaws.add(blob);
                in_order &= last <= blob.name;
                last.clone_from(&blob.name);
            }
            keeps &= contents.count <= KEPT && contents.room.take(contents.bytes_in_memory - before);
            if keeps {
                blobs.extend(page.into_iter().map(Arc::new));
            } else {
                blobs = Vec::new();
                contents.room.clear();
            }
        }
        drop(pages);
        contents.kept = keeps.then_some(blobs);
        if !in_order {
            contents.put_in_order().await?;
            digest = contents.digest_in_order().await?;
        }
        (contents.digest, contents.seal) = digest.texts();
        Ok(contents)
    }

    /// Sorts blobs that were not listed in name order. A large container is listed again for that.
    async fn put_in_order(&mut self) -> Result<(), Error> {
        match self.kept.take() {
            Some(blobs) => self.kept = Some(sorted(blobs)),
            None => self.sorted = Some(self.list_into_table().await?),
        }
        Ok(())
    }

    async fn list_into_table(&self) -> Result<SortedBlobs, Error> {
        let sorted = SortedBlobs::open()?;
        let mut pages = self.account.list_by(&self.container, &self.extent, PageSize::LARGEST);
        while let Some(Selected { blobs: mut page, .. }) = pages.try_next().await? {
            self.leave_out(&mut page);
            sorted.add(&page.iter().collect::<Vec<_>>())?;
        }
        Ok(sorted)
    }

    /// The fingerprint of sorted blobs, which is that of a listing in name order.
    async fn digest_in_order(&self) -> Result<BlobsDigest, Error> {
        let _turn = self.account.memory().walk(Turn::Compare).await;
        let (mut digest, mut walk) = (BlobsDigest::of(&self.extent), self.walk());
        while let Some(blob) = walk.next().await? {
            digest.add(&blob);
        }
        Ok(digest)
    }

    fn leave_out(&self, page: &mut Vec<Blob>) {
        let Without { markers, names } = &self.without;
        if *markers || !names.is_empty() {
            let passed = |blob: &Blob| names.contains(&blob.name) || (*markers && blob.is_folder_marker());
            page.retain(|blob| !passed(blob));
        }
    }

    /// The size of the pages in which the container is read: 5,000 blobs, or fewer if they have much metadata.
    fn page_size(&self) -> PageSize {
        let each = self.bytes_in_memory / usize::try_from(self.count).unwrap_or(usize::MAX).max(1);
        // Some pages are larger than the average.
        let blobs = (WALKED_PAGE / 4 * 3 / each.max(1)).clamp(1, MOST_BLOBS);
        PageSize { blobs, bytes: WALKED_PAGE }
    }

    /// All blobs in name order.
    pub(crate) fn walk(&self) -> Walk<'_> {
        match &self.kept {
            Some(blobs) => Walk::Kept(blobs.iter()),
            None if let Some(sorted) = &self.sorted => {
                Walk::Sorted { sorted, page: Vec::new().into_iter(), last: String::new(), most: self.page_size().blobs }
            }
            None => {
                Walk::Listed { pages: self.pages(), page: Vec::new().into_iter(), last: String::new(), contents: self }
            }
        }
    }

    /// Returns those names that belong to blobs. If the blobs are not kept, this lists the container again.
    pub(crate) async fn which_of<'n>(&self, mut names: HashSet<&'n str>) -> Result<HashSet<&'n str>, Error> {
        if let Some(blobs) = &self.kept {
            names.retain(|name| blobs.binary_search_by(|blob| blob.name.as_str().cmp(name)).is_ok());
            return Ok(names);
        }
        let mut found = HashSet::new();
        if names.is_empty() {
            return Ok(found);
        }
        let _turn = self.account.memory().walk(Turn::Compare).await;
        let mut walk = self.walk();
        while let Some(blob) = walk.next().await? {
            found.extend(names.get(blob.name.as_str()));
        }
        Ok(found)
    }

    fn pages(&self) -> BoxStream<'_, Result<Vec<Blob>, Error>> {
        let pages = self.account.list_by(&self.container, &self.extent, self.page_size());
        pages.map_ok(|page| page.blobs).boxed()
    }

    /// Is it empty? Blobs that are left out and folders that are separate assets count as content.
    pub(crate) fn is_empty(&self) -> bool {
        self.count + self.left_out.blobs() + self.folders == 0
    }

    /// Records that a blob has a new state, or was deleted.
    pub(crate) fn exchange(&mut self, old: &Blob, new: Option<&Arc<Blob>>) -> Result<(), Error> {
        self.sum.remove(old);
        if let Some(new) = new {
            self.sum.add(new);
            self.tagging = self.tagging.max(Tagging::of(new));
        }
        if let Some(sorted) = &self.sorted {
            match new {
                Some(new) => sorted.add(&[new])?,
                None => sorted.remove(&old.name)?,
            }
        }
        if let Some(blobs) = &mut self.kept
            && let Ok(at) = blobs.binary_search_by(|blob| blob.name.cmp(&old.name))
        {
            match new {
                Some(new) => blobs[at] = Arc::clone(new),
                None => drop(blobs.remove(at)),
            }
        }
        Ok(())
    }

    /// The number of requests for verifying a copy of it.
    pub(crate) fn verification(&self) -> u64 {
        self.count.div_ceil(MOST_BLOBS as u64).max(1) + 2 * self.walk_requests()
    }

    /// The number of requests for reading it once.
    pub(crate) fn walk_requests(&self) -> u64 {
        if self.kept.is_some() || self.sorted.is_some() {
            0
        } else {
            self.count.div_ceil(self.page_size().blobs as u64).max(1)
        }
    }

    /// Are these the same blobs in the same states, in any order?
    pub(crate) fn is_of(&self, sum: BlobsSum) -> bool {
        self.sum == sum
    }
}

/// Removes blobs that a page lists twice, or that the previous page listed.
fn without_repetition(page: &mut Vec<Blob>, last: &str) {
    page.dedup_by(|next, blob| next.name == blob.name);
    if page.first().is_some_and(|first| first.name == last) {
        page.remove(0);
    }
}

fn sorted(mut blobs: Vec<Arc<Blob>>) -> Vec<Arc<Blob>> {
    blobs.sort_by(|a, b| a.name.cmp(&b.name));
    blobs.dedup_by(|next, blob| next.name == blob.name);
    blobs
}
