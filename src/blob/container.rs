//! The containers of an account: listing, creating, their metadata, deleting.

use std::collections::{BTreeMap, HashMap};

use azure_core::http::Method;
use azure_storage_blob::models::{BlobContainerClientCreateOptions, ListContainersResponse};
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;

use super::account::BlobAccount;
use super::list::fewer;
use super::properties::{ABSENT, control_call, header, refused_with};
use super::public_access::{PUBLIC, read_level};
use super::write::write_call;
use crate::error::{CallError, Error, Failure};
use crate::memory::LISTED_PAGE;
use crate::model::{ContainerName, PublicAccess};

/// The most that the service lists at once.
const PAGE_SIZE: usize = 5_000;
/// The most XML elements of a page. A container takes a dozen, and one more for each entry of its metadata. A parsed element takes
/// many times as much memory as its text.
const MOST_ELEMENTS: usize = 50 * PAGE_SIZE;
/// The prefix of metadata headers.
const META: &str = "x-ms-meta-";

/// A container as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: ContainerName,
    /// Its metadata. Names compare without case; they are in lower case here.
    pub metadata: BTreeMap<String, String>,
    /// The last change of the container itself (not of its blobs), to the second.
    pub last_modified: Option<Timestamp>,
    /// What anybody may read without a signature; `None`: nothing.
    pub public: Option<PublicAccess>,
}

/// The result of creating a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerCreation {
    /// It was created.
    Made,
    /// It existed already. This is also the result if an earlier attempt created it and its answer was lost.
    AlreadyThere,
}

/// The position in a listing.
enum Cursor {
    Start,
    After(String),
    End,
}

/// Parses a page, that was requested with at most `size` containers.
fn read_page(xml: &[u8], size: usize) -> Result<ListContainersResponse, Failure> {
    let unreadable = |why: &str| Failure::Unexpected(format!("a page of the list of containers {why}"));
    // An element has at most two tags.
    if memchr::memchr_iter(b'<', xml).count() > 2 * MOST_ELEMENTS {
        return Err(Failure::TooLarge(LISTED_PAGE));
    }
    let page: ListContainersResponse = azure_core::xml::from_xml(xml).map_err(|_| unreadable("cannot be read"))?;
    if page.container_items.len() > size { Err(unreadable("has more entries than were asked for")) } else { Ok(page) }
}

impl BlobAccount {
    /// All containers in name order, with their metadata, in pages of up to 5,000.
    pub fn containers(&self) -> BoxStream<'_, Result<Vec<Container>, Error>> {
        stream::try_unfold((Cursor::Start, PAGE_SIZE), move |(cursor, mut size)| async move {
            let marker = match cursor {
                Cursor::Start => None,
                Cursor::After(marker) => Some(marker),
                Cursor::End => return Ok(None),
            };
            let page = loop {
                match (self.containers_page(marker.as_deref(), size).await, fewer(size)) {
                    (Err(CallError { failure: Failure::TooLarge(_), .. }), Some(fewer)) => size = fewer,
                    (page, _) => break page?,
                }
            };
            let next = page.next_marker.filter(|next| !next.is_empty()).map_or(Cursor::End, Cursor::After);
            let containers = page.container_items.into_iter().filter_map(listed).collect();
            Ok(Some((containers, (next, size))))
        })
        .boxed()
    }

    async fn containers_page(&self, marker: Option<&str>, size: usize) -> Result<ListContainersResponse, CallError> {
        let mut url = self.endpoint.clone();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("comp", "list")
                .append_pair("include", "metadata")
                .append_pair("maxresults", &size.to_string());
            if let Some(marker) = marker {
                query.append_pair("marker", marker);
            }
        }
        let call = control_call("ListContainers", "list the containers of", self.name.as_str());
        let url = &url;
        self.read
            .run(call, |_| async move {
                let mut request = self.request(url.clone(), Method::Get);
                request.insert_header("accept", "application/xml");
                let answer = self.send(&mut request, &[200]).await?;
                let page = read_page(answer.body(), size)?;
                if page.next_marker.as_deref().is_some_and(|next| !next.is_empty() && Some(next) == marker) {
                    return Err(Failure::Unexpected("the listing does not advance".to_owned()));
                }
                Ok(page)
            })
            .await
    }

    /// One container, or `None`.
    pub async fn container(&self, container: &ContainerName) -> Result<Option<Container>, Error> {
        let mut url = self.container_url(container);
        url.query_pairs_mut().append_pair("restype", "container");
        let url = &url;
        let call = control_call("GetContainerProperties", "look at container", container.as_str());
        let found = self.read.run(call, |_| async move {
            let mut request = self.request(url.clone(), Method::Head);
            let answer = self.send(&mut request, &[200]).await?;
            let metadata = answer.headers().iter().filter_map(|(name, value)| {
                let key = name.as_str().strip_prefix(META)?;
                Some((key.to_owned(), value.as_str().to_owned()))
            });
            let public = header(answer.headers(), PUBLIC).map(|level| read_level(&level));
            Ok(Container { name: container.clone(), metadata: metadata.collect(), last_modified: None, public })
        });
        match found.await {
            Ok(found) => Ok(Some(found)),
            Err(error) if refused_with(&error, ABSENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Is the container there?
    pub async fn container_exists(&self, container: &ContainerName) -> Result<bool, Error> {
        Ok(self.container(container).await?.is_some())
    }

    /// Creates a container, unless it is there already.
    pub async fn create_container(&self, container: &ContainerName) -> Result<ContainerCreation, Error> {
        self.create_container_with(container, &BTreeMap::new()).await
    }

    /// Creates a container with that metadata. If it exists, its metadata is not changed.
    pub async fn create_container_with(
        &self,
        container: &ContainerName,
        metadata: &BTreeMap<String, String>,
    ) -> Result<ContainerCreation, Error> {
        let client = &self.service.blob_container_client(container.as_str());
        let call = write_call("CreateContainer", "create container", container.as_str(), 0);
        let created = self.write.run(call, |_| async move {
            let metadata = (!metadata.is_empty()).then(|| headers_of(metadata));
            let options = BlobContainerClientCreateOptions { metadata, ..BlobContainerClientCreateOptions::default() };
            client.create(Some(options)).await?;
            Ok(())
        });
        match created.await {
            Ok(()) => Ok(ContainerCreation::Made),
            Err(error) if refused_with(&error, &["ContainerAlreadyExists"]) => Ok(ContainerCreation::AlreadyThere),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces the metadata of a container.
    pub async fn set_container_metadata(
        &self,
        container: &ContainerName,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let client = &self.service.blob_container_client(container.as_str());
        let call = write_call("SetContainerMetadata", "set the metadata of container", container.as_str(), 0);
        let written = self.write.run(call, |_| async move {
            client.set_metadata(&headers_of(metadata), None).await?;
            Ok(())
        });
        Ok(written.await?)
    }

    /// Deletes a container with all its blobs. It is a success if the container does not exist. The service frees its
    /// name after half a minute at the earliest.
    pub async fn delete_container(&self, container: &ContainerName) -> Result<(), Error> {
        let client = &self.service.blob_container_client(container.as_str());
        let call = write_call("DeleteContainer", "delete container", container.as_str(), 0);
        let deleted = self.write.run(call, |_| async move {
            client.delete(None).await?;
            Ok(())
        });
        match deleted.await {
            Err(error) if !refused_with(&error, &["ContainerNotFound", "ContainerBeingDeleted"]) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn headers_of(metadata: &BTreeMap<String, String>) -> HashMap<String, String> {
    metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A container of a page; `None` if it is deleted or has no name.
fn listed(item: azure_storage_blob::models::ContainerItem) -> Option<Container> {
    let name = item.name.filter(|_| item.deleted != Some(true))?;
    let properties = item.properties.unwrap_or_default();
    Some(Container {
        name: ContainerName::new(name),
        metadata: item.metadata.unwrap_or_default().into_iter().map(|(k, v)| (k.to_lowercase(), v)).collect(),
        public: properties.public_access.map(|level| read_level(level.as_ref())),
        last_modified: properties.last_modified.and_then(|at| Timestamp::from_second(at.unix_timestamp()).ok()),
    })
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::super::fake::{Answer, Fake, answer, refusal};
    use super::*;

    fn page(containers: &str, next: &str) -> Answer {
        answer(200, &[]).with_body(format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"http://a/\">\
             <Containers>{containers}</Containers><NextMarker>{next}</NextMarker></EnumerationResults>"
        ))
    }

    #[tokio::test]
    async fn a_page_with_more_containers_than_were_asked_for_is_refused() {
        let fake = Fake::new([page(&"<Container><Name>c</Name></Container>".repeat(PAGE_SIZE + 1), "")]);
        let error = fake.account("acct").containers().try_concat().await.unwrap_err().to_string();
        assert!(error.contains("has more entries than were asked for"), "{error}");
    }

    #[tokio::test]
    async fn a_page_of_containers_that_takes_too_much_memory_is_asked_for_in_smaller_pages() {
        let metadata = format!("<Metadata>{}</Metadata>", "<y/>".repeat(2 * MOST_ELEMENTS));
        let heavy = page(&format!("<Container><Name>c</Name>{metadata}</Container>"), "");
        let fake = Fake::new([heavy, page("<Container><Name>c</Name></Container>", "")]);
        assert_eq!(fake.account("acct").containers().try_concat().await.unwrap().len(), 1);
        let asked: Vec<String> = fake.asked().iter().map(|asked| asked.url.query().unwrap().to_owned()).collect();
        assert!(asked[0].ends_with("maxresults=5000") && asked[1].ends_with("maxresults=500"), "{asked:?}");
    }

    #[tokio::test]
    async fn containers_are_listed_page_by_page_with_their_metadata() {
        let first = "<Container><Name>films</Name><Properties><Last-Modified>Sun, 22 Nov 2026 19:50:50 GMT\
                     </Last-Modified><Etag>\"0x1\"</Etag><PublicAccess>blob</PublicAccess></Properties><Metadata><Owner>me &amp; you</Owner></Metadata>\
                     </Container>";
        let second =
            "<Container><Name>series</Name><Properties><Etag>\"0x2\"</Etag></Properties><Metadata /></Container>";
        let fake = Fake::new([page(first, "m1"), page("", "m2"), page(second, "")]);
        let listed: Vec<Vec<Container>> = fake.account("acct").containers().try_collect().await.unwrap();
        let listed = listed.concat();
        assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["films", "series"]);
        assert_eq!(listed[0].metadata, BTreeMap::from([("owner".to_owned(), "me & you".to_owned())]));
        assert_eq!(listed[0].last_modified, "2026-11-22T19:50:50Z".parse().ok());
        assert!(listed[1].metadata.is_empty());
        assert_eq!((listed[0].public, listed[1].public), (Some(PublicAccess::Blobs), None));
        let asked = fake.asked();
        assert!(asked[1].url.query().unwrap().ends_with("marker=m1"), "{}", asked[1].url);
    }

    #[tokio::test]
    async fn a_listing_of_containers_that_does_not_advance_is_an_error() {
        let fake = Fake::new([page("", "m1"), page("", "m1")]);
        let listed: Result<Vec<_>, Error> = fake.account("acct").containers().try_collect().await;
        assert!(listed.unwrap_err().to_string().contains("does not advance"));
        let fake = Fake::new([answer(200, &[]).with_body("<html>hello")]);
        let listed: Result<Vec<_>, Error> = fake.account("acct").containers().try_collect().await;
        listed.unwrap_err();
    }

    #[tokio::test]
    async fn a_container_is_created_or_exists_already_and_one_being_deleted_is_an_error() {
        let (container, metadata) = (ContainerName::new("c"), BTreeMap::from([("k".to_owned(), "v".to_owned())]));
        let absent = Fake::new([answer(201, &[])]);
        assert_eq!(
            absent.account("acct").create_container_with(&container, &metadata).await.unwrap(),
            ContainerCreation::Made
        );
        assert_eq!(absent.asked()[0].header("x-ms-meta-k"), "v");
        let there = Fake::new([refusal(409, "ContainerAlreadyExists")]).account("acct");
        assert_eq!(there.create_container_with(&container, &metadata).await.unwrap(), ContainerCreation::AlreadyThere);
        let going = Fake::new([refusal(409, "ContainerBeingDeleted")]).account("acct");
        assert!(going.create_container_with(&container, &metadata).await.is_err());
    }

    #[tokio::test]
    async fn a_deleted_container_is_none_and_can_be_deleted_again() {
        let container = ContainerName::new("c");
        let gone = Fake::new([refusal(404, "ContainerNotFound"), refusal(404, "ContainerNotFound")]).account("acct");
        assert_eq!(gone.container(&container).await.unwrap(), None);
        gone.delete_container(&container).await.unwrap();
        let leased = Fake::new([refusal(412, "LeaseIdMissing")]).account("acct");
        leased.delete_container(&container).await.unwrap_err();
        let forbidden = Fake::new([refusal(403, "AuthorizationFailure")]).account("acct");
        forbidden.container_exists(&container).await.unwrap_err();
    }

    #[tokio::test]
    async fn the_metadata_of_a_container_is_read_and_replaced() {
        let container = ContainerName::new("c");
        let fake = Fake::new([answer(200, &[("x-ms-meta-a", "1")]), answer(200, &[])]);
        let account = fake.account("acct");
        let found = account.container(&container).await.unwrap().unwrap();
        assert_eq!(found.metadata, BTreeMap::from([("a".to_owned(), "1".to_owned())]));
        account.set_container_metadata(&container, &found.metadata).await.unwrap();
        let asked = fake.asked();
        assert_eq!((asked[1].header("x-ms-meta-a"), asked[1].method.as_str()), ("1", "PUT"));
    }
}
