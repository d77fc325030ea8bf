//! A container with many folders is listed in ranges of names, several pages at the same time: a page can be requested
//! only with the marker of the previous one, and a service takes a second for each. One request for the folders ahead
//! shows where ranges can begin.
//!
//! A request that waits for its turn holds a slot of its lane, so the requests ahead are polled whenever a page is
//! awaited, and a reader of such a listing must not wait for anything else between two pages.
//!
//! The blobs have the same order as if the pages are read one after the other, and none is left out, even if the
//! service lists in another order: the first blob after a range has to be the first blob of the next range. Otherwise
//! the listing continues after the last blob that was returned, page by page. A service that ignores `startFrom` is
//! found in this way, too.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;

use super::page::Page;
use super::{PageSize, Part};
use crate::blob::account::BlobAccount;
use crate::error::{CallError, Failure};
use crate::memory::WALKED_PAGE;

/// Smaller pages are used to check a container, not to list all of it.
const SMALLEST_PAGE: usize = 100;
/// The number of pages that are read one after the other before the folders ahead are requested.
const PAGES_BEFORE_FOLDERS: u32 = 2;
/// The most folders of a page. With more, listing the folders costs too many requests in addition to listing the blobs.
const MOST_FOLDERS: usize = 500;
/// The blobs of a range, in tenths of a page: a range that fits into a page takes one request.
const TENTHS: usize = 9;

/// A part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Range {
    /// The service starts with the first blob that has this name or a later one.
    pub(super) from: Option<String>,
    /// It ends in front of the first blob that has this name or a later one.
    before: Option<String>,
    /// The marker of its next page; `None`: the page with its first blob.
    pub(super) marker: Option<String>,
    /// The blobs in front of the first one that has this name or a later one were returned already.
    resume: Option<String>,
}

/// How a listing is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// One page after the other.
    Single,
    /// Several pages at the same time, if that is possible.
    Ahead,
}

/// A page of a range.
struct Read {
    page: Page,
    /// The rest of the range.
    rest: Option<Range>,
    /// The first blob that the service listed.
    first: Option<String>,
    /// Where the range ended.
    seam: Option<Seam>,
}

/// The end of a range within a page.
struct Seam {
    /// The first blob after it.
    first: String,
    /// The listing from that blob on, without ranges.
    rest: Range,
}

/// A page that was requested before its turn, and its share of the memory for such pages.
type Ahead = (Range, Result<Read, CallError>, Option<OwnedSemaphorePermit>);

/// A listing in progress.
pub(super) struct Listing<'a> {
    account: &'a BlobAccount,
    part: Part,
    size: PageSize,
    pace: Pace,
    /// The range that is being read, page by page.
    current: Option<Range>,
    /// The end of the previous range; the next page is the first one of the following range.
    seam: Option<Seam>,
    /// The following ranges, in order.
    waiting: VecDeque<Range>,
    /// First pages of ranges before those in `waiting`: received ones, and requested ones.
    came: VecDeque<Ahead>,
    ahead: FuturesOrdered<BoxFuture<'a, Ahead>>,
    /// Full pages since the folders were last requested, and how many are needed before they are requested again.
    pages: u32,
    patience: u32,
}

impl<'a> Listing<'a> {
    /// `pace`: may it request several pages at the same time?
    pub(super) fn of(account: &'a BlobAccount, part: Part, size: PageSize, pace: Pace) -> Self {
        Self {
            pace,
            account,
            part,
            size,
            current: Some(Range::default()),
            seam: None,
            waiting: VecDeque::new(),
            came: VecDeque::new(),
            ahead: FuturesOrdered::new(),
            pages: 0,
            patience: PAGES_BEFORE_FOLDERS,
        }
    }

    /// The next page; `None`: there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, CallError> {
        if let Some(range) = self.current.take() {
            return self.read_on(range).await.map(Some);
        }
        self.request_ahead();
        let next = match self.came.pop_front() {
            Some(next) => Some(next),
            None => self.ahead.next().await,
        };
        let Some((range, read, _permit)) = next else { return Ok(None) };
        match read {
            // It is requested again, in smaller pages.
            Err(CallError { failure: Failure::TooLarge(_), .. }) => self.read_on(range).await.map(Some),
            Err(CallError { failure: Failure::Refused { status: 400 | 409 | 501, .. }, .. }) if self.seam.is_some() => {
                self.account.without_ranges.store(true, Ordering::Relaxed);
                Ok(Some(self.without_ranges()))
            }
            read => Ok(Some(self.take(&range, read?))),
        }
    }

    /// The next page of the range whose turn it is.
    async fn read_on(&mut self, range: Range) -> Result<Page, CallError> {
        let read = loop {
            match (self.read_and_drive(&range).await, self.size.smaller()) {
                (Err(CallError { failure: Failure::TooLarge(_), .. }), Some(smaller)) => self.size = smaller,
                (read, _) => break read?,
            }
        };
        let page = self.take(&range, read);
        if self.current.as_ref().is_some_and(|rest| rest.before.is_none()) && self.may_be_split(&page) {
            self.split(&page).await?;
        }
        Ok(page)
    }

    /// One page of a range. The requests ahead continue meanwhile.
    async fn read_and_drive(&mut self, range: &Range) -> Result<Read, CallError> {
        let mut read = std::pin::pin!(read(self.account, &self.part, range, self.size));
        loop {
            tokio::select! {
                read = &mut read => return read,
                Some(next) = self.ahead.next() => self.came.push_back(next),
            }
        }
    }

    /// Continues after a page.
    fn take(&mut self, range: &Range, read: Read) -> Page {
        if self.seam.as_ref().is_some_and(|seam| read.first.as_ref() != Some(&seam.first)) {
            return self.without_ranges();
        }
        self.seam = read.seam;
        self.current = read.rest;
        if range.before.is_some() && self.seam.is_none() && self.current.is_none() {
            // The listing is over; later ranges have only blobs that are newer than that answer.
            self.drop_ranges();
        }
        read.page
    }

    /// Continues page by page from the end of the previous range; returns an empty page.
    fn without_ranges(&mut self) -> Page {
        self.drop_ranges();
        self.pace = Pace::Single;
        self.current = self.seam.take().map(|seam| seam.rest);
        Page::default()
    }

    fn drop_ranges(&mut self) {
        self.waiting.clear();
        self.came.clear();
        self.ahead.clear();
    }

    /// Requests the first pages of the next ranges: always of the next one, and of more if there is memory.
    fn request_ahead(&mut self) {
        while !self.waiting.is_empty() {
            let permit = self.account.memory().page_ahead();
            if permit.is_none() && !(self.ahead.is_empty() && self.came.is_empty()) {
                break;
            }
            let Some(range) = self.waiting.pop_front() else { break };
            let (account, part) = (self.account, self.part.clone());
            let size = PageSize { bytes: self.size.bytes.min(WALKED_PAGE), ..self.size };
            let first = async move {
                let first = read(account, &part, &range, size).await;
                (range, first, permit)
            };
            self.ahead.push_back(first.boxed());
        }
    }

    /// Is a request for the folders after that page worthwhile?
    fn may_be_split(&mut self, page: &Page) -> bool {
        let is_full = page.blobs.len() == self.size.blobs && self.size.blobs >= SMALLEST_PAGE;
        self.pages += u32::from(is_full);
        is_full
            && self.pace == Pace::Ahead
            && self.pages >= self.patience
            && !self.part.by_folder
            && !self.account.without_ranges.load(Ordering::Relaxed)
    }

    /// Splits the rest into ranges that begin with folders.
    async fn split(&mut self, page: &Page) -> Result<(), CallError> {
        let (Some(first), Some(last)) = (page.blobs.first(), page.blobs.last()) else { return Ok(()) };
        let above = folder_of_both(&first.name, &last.name);
        let here = folders_within(above, page.blobs.iter().map(|blob| blob.name.as_str()));
        if !(2..=MOST_FOLDERS).contains(&here) {
            return Ok(());
        }
        self.pages = 0;
        self.patience *= 2;
        let part = Part { prefix: above.to_owned(), by_folder: true, ..self.part.clone() };
        // Only parts of its first and its last folder may be on the page.
        let each = ((here - 1) * TENTHS / 10).max(1);
        let ahead = folders_behind(self.account, &part, &last.name).await?;
        let starts: Vec<String> = ahead.into_iter().skip(each - 1).step_by(each).collect();
        let Some(mut range) = self.current.take_if(|_| !starts.is_empty()) else { return Ok(()) };
        for start in starts {
            let next = Range { from: Some(start.clone()), ..Range::default() };
            self.waiting.push_back(Range { before: Some(start), ..std::mem::replace(&mut range, next) });
        }
        self.waiting.push_back(range);
        self.patience = PAGES_BEFORE_FOLDERS;
        Ok(())
    }
}

/// The folders of a part that begin after a blob; none if the service cannot list them.
async fn folders_behind(account: &BlobAccount, part: &Part, blob: &str) -> Result<Vec<String>, CallError> {
    let behind = Range { from: Some(blob.to_owned()), ..Range::default() };
    let listed = match account.page(part, &behind, PageSize::LARGEST).await {
        Err(CallError { failure: Failure::Refused { status: 400 | 409 | 501, .. }, .. }) => None,
        Err(CallError { failure: Failure::TooLarge(_), .. }) => return Ok(Vec::new()),
        page => Some(page?),
    };
    let is_before = |name: &String| name.as_str() < blob && !blob.starts_with(name.as_str());
    let Some(Page { mut folders, .. }) = listed.filter(|page| !page.folders.iter().any(is_before)) else {
        account.without_ranges.store(true, Ordering::Relaxed);
        return Ok(Vec::new());
    };
    folders.retain(|folder| folder.as_str() > blob);
    folders.sort_unstable();
    Ok(folders)
}

/// One page of a range.
async fn read(account: &BlobAccount, part: &Part, range: &Range, size: PageSize) -> Result<Read, CallError> {
    let mut page = account.page(part, range, size).await?;
    let first = page.blobs.first().map(|blob| blob.name.clone());
    let at = |page: &Page, name: &String| page.blobs.iter().position(|blob| blob.name >= *name);
    let mut resume = range.resume.clone();
    if let Some(name) = &resume {
        let done = at(&page, name);
        page.blobs.drain(..done.unwrap_or(page.blobs.len()));
        resume = resume.filter(|_| done.is_none());
    }
    let end = range.before.as_ref().and_then(|before| at(&page, before));
    let seam = end.map(|end| Seam {
        first: page.blobs[end].name.clone(),
        rest: Range { resume: range.before.clone(), before: None, ..range.clone() },
    });
    page.blobs.truncate(end.unwrap_or(page.blobs.len()));
    let marker = page.next.take().filter(|_| seam.is_none());
    let rest = marker.map(|marker| Range { marker: Some(marker), resume, ..range.clone() });
    Ok(Read { page, rest, first, seam })
}

/// The common folder of both, with its slash.
fn folder_of_both<'n>(one: &'n str, other: &str) -> &'n str {
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let end = one.as_bytes()[..same].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    &one[..end]
}

/// The number of folders inside that folder that the blobs are in; their names are in order.
fn folders_within<'n>(above: &str, names: impl Iterator<Item = &'n str>) -> usize {
    let (mut count, mut before) = (0, None);
    for name in names {
        let folder = name.get(above.len()..).and_then(|rest| rest.split_once('/')).map(|(folder, _)| folder);
        count += usize::from(folder.is_some() && folder != before);
        before = folder.or(before);
    }
    count
}

#[cfg(test)]
mod tests;
