//! Whole sets, page by page, each entity once.
//!
//! The service cuts every answer at a page and promises no order between pages, so rows may come twice; none is passed
//! on twice.

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};

use super::calls::safe;
use super::entities;
use super::odata::{self, Row};
use super::wire::{Ask, Wire};
use crate::call::Call;
use crate::error::{Asked, CallError, Error, Failure};
use crate::retry::final_disposition;

/// Rows the service gives at most (documented).
pub(super) const PAGE: usize = 1000;

/// What to list.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// The API's name of the operation.
    pub(super) operation: &'static str,
    /// The action as in "failed to …".
    pub(super) attempted: &'static str,
    /// What it is done to, for people.
    pub(super) subject: String,
    /// Path below the root, escaped, without query.
    pub(super) path: String,
    /// The filter, not escaped.
    pub(super) filter: Option<String>,
}

impl Query {
    fn call(&self) -> Call<'_> {
        safe(self.operation, self.attempted, &self.subject)
    }

    fn page(&self, skip: usize) -> Ask<'static> {
        let mut path = format!("{}?$skip={skip}&$top={PAGE}", self.path);
        if let Some(filter) = &self.filter {
            path.push_str("&$filter=");
            path.push_str(&odata::escape(filter));
        }
        Ask::get(path)
    }
}

/// The progress of a listing.
struct Progress {
    skip: usize,
    seen: Seen,
    ended: bool,
}

/// All rows as stream of pages, made into what is wanted by `read`; rows that `read` makes nothing of are left out.
pub(super) fn pages<T: Send + 'static>(
    wire: Arc<Wire>,
    query: Query,
    read: fn(&Row) -> Result<Option<T>, Failure>,
) -> BoxStream<'static, Result<Vec<T>, Error>> {
    let start = Progress { skip: 0, seen: Seen::default(), ended: false };
    stream::try_unfold(start, move |mut progress| {
        let (wire, query) = (Arc::clone(&wire), query.clone());
        async move {
            if progress.ended {
                return Ok(None);
            }
            let rows = wire.rows(query.call(), &query.page(progress.skip)).await?;
            let page = take(&rows, &mut progress, read).map_err(|failure| unreadable(&query, failure))?;
            Ok(Some((page, progress)))
        }
    })
    .boxed()
}

/// All rows at once, for listings known to be short.
pub(super) async fn all<T: Send + 'static>(
    wire: &Arc<Wire>,
    query: Query,
    read: fn(&Row) -> Result<Option<T>, Failure>,
) -> Result<Vec<T>, CallError> {
    let mut progress = Progress { skip: 0, seen: Seen::default(), ended: false };
    let mut found = Vec::new();
    while !progress.ended {
        let rows = wire.rows(query.call(), &query.page(progress.skip)).await?;
        found.extend(take(&rows, &mut progress, read).map_err(|failure| unreadable(&query, failure))?);
    }
    Ok(found)
}

/// Takes a page in: what is new in it, and whether it was the last one.
fn take<T>(
    rows: &[Row],
    progress: &mut Progress,
    read: fn(&Row) -> Result<Option<T>, Failure>,
) -> Result<Vec<T>, Failure> {
    progress.skip += rows.len();
    progress.ended = rows.len() < PAGE;
    let (mut page, mut fresh) = (Vec::with_capacity(rows.len()), 0);
    for row in rows {
        if progress.seen.insert(entities::id(row)?) {
            fresh += 1;
            page.extend(read(row)?);
        }
    }
    if fresh == 0 && !progress.ended {
        return Err(Failure::Unexpected("the same page again: the service does not heed `$skip`".to_owned()));
    }
    Ok(page)
}

/// A page that came but cannot be read.
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

/// The ids of a listing so far; sixteen bytes each where they end in a GUID, as all do.
#[derive(Debug, Default)]
struct Seen {
    guids: HashSet<u128>,
    others: HashSet<String>,
}

impl Seen {
    /// Is it new?
    fn insert(&mut self, id: &str) -> bool {
        let guid = id.rsplit(':').next().and_then(|guid| uuid::Uuid::try_parse(guid).ok());
        match guid {
            Some(guid) => self.guids.insert(guid.as_u128()),
            None => self.others.insert(id.to_owned()),
        }
    }
}
