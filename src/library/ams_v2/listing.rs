//! Lists whole sets, page by page. A long listing requests several pages at the same time, so that it is not slow with
//! a high latency.
//!
//! The service guarantees no order between pages, so a row can occur twice. A row is left out if one of the last pages
//! had it. Rows that are repeated after more than fifty pages are passed on: the ids of millions of rows would take
//! more memory than everything else.

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::{self, BoxStream, FuturesOrdered, StreamExt};

use super::calls::safe;
use super::entities;
use super::odata::{self, PAGE, Row};
use super::wire::{Ask, Wire};
use crate::call::Call;
use crate::error::{Asked, CallError, Error, Failure};
use crate::retry::final_disposition;

/// What to list.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// The API's name of the operation.
    pub(super) operation: &'static str,
    /// The action as in "failed to …".
    pub(super) attempted: &'static str,
    /// The subject, for messages.
    pub(super) subject: String,
    /// Path below the root, escaped, without query.
    pub(super) path: String,
    /// The filter, not escaped.
    pub(super) filter: Option<String>,
}

impl Query {
    pub(super) fn call(&self) -> Call<'_> {
        safe(self.operation, self.attempted, &self.subject)
    }

    pub(super) fn page(&self, number: usize) -> Ask<'static> {
        let skip = number * PAGE;
        let mut path = format!("{}?$skip={skip}&$top={PAGE}", self.path);
        if let Some(filter) = &self.filter {
            path.push_str("&$filter=");
            path.push_str(&odata::escape(filter));
        }
        Ask::get(path)
    }
}

/// The most pages that are requested at the same time. Those after the last one are useless.
const AT_ONCE: usize = 8;

/// The progress of a listing.
#[derive(Default)]
struct Progress {
    /// Pages that were processed, all full except the last one.
    pages: usize,
    seen: Seen,
    ended: bool,
}

impl Progress {
    /// How many pages are requested at the same time: more for a longer listing, so that a short one has no useless
    /// requests.
    fn at_once(&self) -> usize {
        (2 * self.pages.saturating_sub(1)).clamp(1, AT_ONCE)
    }
}

/// All rows as a stream of pages, converted by `read`; rows for which `read` returns nothing are left out.
pub(super) fn pages<T: Send + 'static>(
    wire: Arc<Wire>,
    query: Query,
    read: fn(&Row) -> Result<Option<T>, Failure>,
) -> BoxStream<'static, Result<Vec<T>, Error>> {
    let start = (Progress::default(), FuturesOrdered::new());
    stream::try_unfold(start, move |(mut progress, mut coming)| {
        let (wire, query) = (Arc::clone(&wire), query.clone());
        async move {
            if progress.ended {
                return Ok(None);
            }
            while coming.len() < progress.at_once() {
                coming.push_back(page_at(Arc::clone(&wire), query.clone(), progress.pages + coming.len()));
            }
            let rows = coming.next().await.expect("one page at least was asked for")?;
            let page = take(&rows, &mut progress, read).map_err(|failure| unreadable(&query, failure))?;
            Ok(Some((page, (progress, coming))))
        }
    })
    .boxed()
}

async fn page_at(wire: Arc<Wire>, query: Query, page: usize) -> Result<Vec<Row>, CallError> {
    wire.rows(query.call(), &query.page(page)).await
}

/// All rows together, for short listings.
pub(super) async fn all<T: Send + 'static>(
    wire: &Arc<Wire>,
    query: Query,
    read: fn(&Row) -> Result<Option<T>, Failure>,
) -> Result<Vec<T>, CallError> {
    // All rows are kept in memory, so all ids can be kept, too.
    let mut progress = Progress { seen: Seen { most: usize::MAX, ..Seen::default() }, ..Progress::default() };
    let mut found = Vec::new();
    while !progress.ended {
        let rows = wire.rows(query.call(), &query.page(progress.pages)).await?;
        found.extend(take(&rows, &mut progress, read).map_err(|failure| unreadable(&query, failure))?);
    }
    Ok(found)
}

/// Processes a page: returns its new rows, and whether it was the last one.
fn take<T>(
    rows: &[Row],
    progress: &mut Progress,
    read: fn(&Row) -> Result<Option<T>, Failure>,
) -> Result<Vec<T>, Failure> {
    progress.pages += 1;
    progress.ended = rows.len() < PAGE;
    let (mut page, mut fresh) = (Vec::with_capacity(rows.len()), 0);
    for row in rows {
        if progress.seen.insert(entities::id(row)?) {
            fresh += 1;
            page.extend(read(row)?);
        }
    }
    if fresh == 0 && !progress.ended {
        return Err(same_page());
    }
    Ok(page)
}

/// The failure if a full page has nothing new.
pub(super) fn same_page() -> Failure {
    Failure::Unexpected("the same page again: the service does not heed `$skip`".to_owned())
}

/// The error for an unreadable page.
pub(super) fn unreadable(query: &Query, failure: Failure) -> CallError {
    CallError {
        attempted: query.attempted,
        subject: query.subject.clone(),
        disposition: final_disposition(&failure),
        failure,
        attempts: 1,
        asked: Asked::Service,
    }
}

/// Ids in each of two sets: those of fifty pages.
const REMEMBERED: usize = 50 * PAGE;

/// The ids of the last fifty to a hundred pages.
#[derive(Debug)]
struct Seen {
    /// Size of a set. When the newer set is full, the older one is dropped.
    most: usize,
    newer: Ids,
    older: Ids,
}

impl Default for Seen {
    fn default() -> Self {
        Self { most: REMEMBERED, newer: Ids::default(), older: Ids::default() }
    }
}

/// A set of ids. An id with a GUID at its end, as all known ones have, takes sixteen bytes.
#[derive(Debug, Default)]
struct Ids {
    guids: HashSet<u128>,
    others: HashSet<String>,
}

impl Seen {
    /// Is it new?
    fn insert(&mut self, id: &str) -> bool {
        if self.newer.len() == self.most {
            self.older = std::mem::take(&mut self.newer);
        }
        !self.older.has(id) && self.newer.insert(id)
    }
}

impl Ids {
    fn len(&self) -> usize {
        self.guids.len() + self.others.len()
    }

    fn has(&self, id: &str) -> bool {
        guid(id).map_or_else(|| self.others.contains(id), |guid| self.guids.contains(&guid))
    }

    fn insert(&mut self, id: &str) -> bool {
        guid(id).map_or_else(|| self.others.insert(id.to_owned()), |guid| self.guids.insert(guid))
    }
}

/// The GUID at the end of an id.
fn guid(id: &str) -> Option<u128> {
    uuid::Uuid::try_parse(id.rsplit(':').next()?).ok().map(|guid| guid.as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_within_fifty_pages_are_found_and_at_most_a_hundred_pages_are_kept() {
        let mut seen = Seen::default();
        let id = |n: usize| if n.is_multiple_of(2) { format!("nb:cid:UUID:{n:032x}") } else { format!("odd {n}") };
        for n in 0..5 * REMEMBERED {
            assert!(seen.insert(&id(n)), "{n}");
            let before = n.saturating_sub(REMEMBERED - 1);
            assert!(!seen.insert(&id(before)), "{before} at {n}");
            assert!(seen.newer.len() + seen.older.len() <= 2 * REMEMBERED);
        }
    }
}
