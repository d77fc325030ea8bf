//! Listing a container, page by page. It is also how the state of asynchronous copies is followed: 5,000 states for one
//! request.

mod page;

use std::sync::atomic::Ordering;

use azure_core::http::{Context, Method, Request};
use futures::stream::{self, BoxStream, StreamExt};

use super::BlobAccount;
use crate::call::Call;
use crate::error::{CallError, Error, Failure};
use crate::model::{Blob, ContainerName};
use crate::retry::Idempotency;
use page::Page;

/// The most the service gives at once.
const PAGE_SIZE: &str = "5000";

/// Where a listing stands.
enum Cursor {
    Start,
    After(String),
    End,
}

impl BlobAccount {
    /// All blobs of a container in name order, committed ones only, in pages of up to 5,000, with copy state, metadata and tags.
    /// A page may be empty; the listing ends with the stream.
    pub fn list(&self, container: &ContainerName) -> BoxStream<'_, Result<Vec<Blob>, Error>> {
        let container = container.clone();
        stream::try_unfold(Cursor::Start, move |cursor| {
            let container = container.clone();
            async move {
                let marker = match cursor {
                    Cursor::Start => None,
                    Cursor::After(marker) => Some(marker),
                    Cursor::End => return Ok(None),
                };
                let page = self.page(&container, marker.as_deref()).await?;
                let next = page.next.map_or(Cursor::End, Cursor::After);
                Ok(Some((page.blobs, next)))
            }
        })
        .boxed()
    }

    /// One page. An account that does not give tags (a hierarchical namespace has none) is listed without, from then on.
    async fn page(&self, container: &ContainerName, marker: Option<&str>) -> Result<Page, CallError> {
        let tags = !self.without_tags.load(Ordering::Relaxed);
        match self.page_with(container, marker, tags).await {
            Err(error) if tags && refuses_tags(&error.failure) => {
                let page = self.page_with(container, marker, false).await?;
                if !self.without_tags.swap(true, Ordering::Relaxed) {
                    tracing::warn!(account = %self.name, "lists no tags; blobs are mirrored without their index tags");
                }
                Ok(page)
            }
            result => result,
        }
    }

    async fn page_with(&self, container: &ContainerName, marker: Option<&str>, tags: bool) -> Result<Page, CallError> {
        let mut url = self.container_url(container);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("restype", "container").append_pair("comp", "list");
            query.append_pair("include", if tags { "copy,metadata,tags" } else { "copy,metadata" });
            query.append_pair("maxresults", PAGE_SIZE);
            if let Some(marker) = marker {
                query.append_pair("marker", marker);
            }
        }
        let call = Call {
            operation: "ListBlobs",
            attempted: "list container",
            subject: container.as_str(),
            idempotency: Idempotency::Repeatable,
            bytes: 0,
            source: None,
        };
        let url = &url;
        self.read
            .run(call, |_| async move {
                let mut request = Request::new(url.clone(), Method::Get);
                request.insert_header("accept", "application/xml");
                request.insert_header("x-ms-version", self.version.clone());
                let answer = self.pipeline.send(&Context::new(), &mut request, Some(super::expect(&[200]))).await?;
                let page = page::parse(answer.body().as_ref())
                    .map_err(|why| Failure::Unexpected(format!("a page of the listing cannot be read: {why}")))?;
                if page.next.is_some() && page.next.as_deref() == marker {
                    return Err(Failure::Unexpected("the listing does not advance".to_owned()));
                }
                Ok(page)
            })
            .await
    }
}

/// Is it (or may it be) the tags that were refused? A request that was not even authenticated says nothing about them.
fn refuses_tags(failure: &Failure) -> bool {
    matches!(failure.status(), Some(400 | 403 | 409)) && failure.code() != Some("AuthenticationFailed")
}
