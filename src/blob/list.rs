//! Listing a container, page by page. It is also how the state of asynchronous copies is followed: 5,000 states for one
//! request.

mod page;

use std::sync::atomic::Ordering;

use azure_core::http::Method;
use futures::stream::{self, BoxStream, StreamExt};

use super::BlobAccount;
use super::properties::control_call;
use crate::error::{CallError, Error, Failure};
use crate::model::{Blob, ContainerName};
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
        let call = control_call("ListBlobs", "list container", container.as_str());
        let url = &url;
        self.read
            .run(call, |_| async move {
                let mut request = self.request(url.clone(), Method::Get);
                request.insert_header("accept", "application/xml");
                let answer = self.send(&mut request, &[200]).await?;
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

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::super::fake::{Answer, Fake, answer, refusal};
    use super::*;

    fn page(names: &[&str], next: &str) -> Answer {
        let mut blobs = String::new();
        for name in names {
            let properties = "<Properties><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties>";
            blobs = format!("{blobs}<Blob><Name>{name}</Name>{properties}</Blob>");
        }
        let body =
            format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>");
        answer(200, &[]).with_body(body)
    }

    async fn names(account: &BlobAccount) -> Result<Vec<String>, Error> {
        let pages: Vec<Vec<Blob>> = account.list(&ContainerName::new("c")).try_collect().await?;
        Ok(pages.into_iter().flatten().map(|blob| blob.name).collect())
    }

    #[tokio::test]
    async fn pages_follow_each_other_empty_ones_included() {
        let fake = Fake::new([page(&["a", "b"], "m &amp; 1"), page(&[], "m2"), page(&["c"], "")]);
        assert_eq!(names(&fake.account("acct")).await.unwrap(), ["a", "b", "c"]);
        let asked = fake.asked();
        let markers: Vec<Option<String>> = asked
            .iter()
            .map(|asked| {
                asked.url.query_pairs().find(|(name, _)| name == "marker").map(|(_, value)| value.into_owned())
            })
            .collect();
        assert_eq!(markers, [None, Some("m & 1".to_owned()), Some("m2".to_owned())]);
        assert!(asked[0].url.query().unwrap().contains("include=copy%2Cmetadata%2Ctags&maxresults=5000"));
    }

    #[tokio::test]
    async fn a_marker_that_repeats_ends_the_listing_in_an_error() {
        let fake = Fake::new([page(&["a"], "m")]);
        let error = names(&fake.account("acct")).await.unwrap_err().to_string();
        assert!(error.contains("does not advance"), "{error}");
        assert_eq!(fake.asked().len(), 2);
    }

    #[tokio::test]
    async fn an_account_that_refuses_tags_is_listed_without_from_then_on() {
        let fake = Fake::new([refusal(403, "AuthorizationPermissionMismatch"), page(&["a"], ""), page(&["b"], "")]);
        let account = fake.account("acct");
        assert_eq!(names(&account).await.unwrap(), ["a"]);
        assert_eq!(names(&account).await.unwrap(), ["b"]);
        let asked = fake.asked();
        let tagged: Vec<bool> = asked.iter().map(|asked| asked.url.query().unwrap().contains("tags")).collect();
        assert_eq!(tagged, [true, false, false]);
    }

    #[tokio::test]
    async fn a_refusal_that_is_not_about_tags_is_told_and_tags_stay_asked_for() {
        let fake = Fake::new([refusal(403, "AccountIsDisabled"), refusal(403, "AccountIsDisabled"), page(&["a"], "")]);
        let account = fake.account("acct");
        assert!(names(&account).await.unwrap_err().to_string().contains("AccountIsDisabled"));
        names(&account).await.unwrap();
        assert!(fake.asked()[2].url.query().unwrap().contains("tags"));
    }

    #[tokio::test]
    async fn a_missing_container_is_told_by_its_code() {
        let fake = Fake::new([refusal(404, "ContainerNotFound")]);
        let error = names(&fake.account("acct")).await.unwrap_err();
        assert_eq!(error.failure().and_then(Failure::code), Some("ContainerNotFound"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_cannot_be_read_is_an_error_and_a_busy_service_is_waited_for() {
        let broken = answer(200, &[]).with_body("<EnumerationResults><Blobs>");
        let fake = Fake::new([refusal(503, "ServerBusy"), broken]);
        let error = names(&fake.account("acct")).await.unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}
