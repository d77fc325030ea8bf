//! What anybody may read of a container without a credential.

use azure_core::http::Method;
use bytes::Bytes;
use url::Url;

use super::account::BlobAccount;
use super::properties::{control_call, refused_with};
use super::write::write_call;
use crate::error::{CallError, Error};
use crate::model::{ContainerName, PublicAccess};
use crate::verdict::Cause;

/// The header that sets and shows the level.
pub(super) const PUBLIC: &str = "x-ms-blob-public-access";
/// What a service puts before its XML.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads the service's word for a level. One that is not known permits more rather than less.
pub(super) fn read_level(level: &str) -> PublicAccess {
    if level.eq_ignore_ascii_case(PublicAccess::Blobs.name()) { PublicAccess::Blobs } else { PublicAccess::Container }
}

impl BlobAccount {
    /// Sets what anybody may read of a container; `None`: nothing. Its stored access policies stay as they are.
    ///
    /// # Errors
    /// [`Cause::PublicAccess`]: the account forbids public containers, or it is used by a shared access signature, which
    /// the service never accepts for this, or by a principal whose role does not permit it.
    pub async fn set_public_access(&self, container: &ContainerName, level: Option<PublicAccess>) -> Result<(), Error> {
        let not_set = |why: &str| Error::found(container.as_str(), Cause::PublicAccess, why);
        if self.shared_access().is_some() {
            return Err(not_set("a shared access signature does not allow it"));
        }
        let mut url = self.container_url(container);
        url.query_pairs_mut().append_pair("restype", "container").append_pair("comp", "acl");
        // The same request sets both, and what it does not contain is removed.
        let written = match self.stored_policies(container, &url).await {
            Ok(policies) => self.write_acl(container, &url, policies, level).await,
            Err(error) => Err(error),
        };
        match written {
            Err(error) if refused_with(&error, &["PublicAccessNotPermitted"]) => {
                Err(not_set("the storage account does not allow public containers"))
            }
            // The other permissions suffice: this is no reason to end the run.
            Err(error) if refused_with(&error, &["AuthorizationPermissionMismatch"]) => {
                Err(not_set("the role of the principal does not allow it"))
            }
            written => Ok(written?),
        }
    }

    /// The stored access policies of a container, as the service writes them.
    async fn stored_policies(&self, container: &ContainerName, url: &Url) -> Result<Bytes, CallError> {
        let call = control_call("GetContainerAcl", "read the access policies of container", container.as_str());
        self.read
            .run(call, |_| async move {
                let mut request = self.request(url.clone(), Method::Get);
                request.insert_header("accept", "application/xml");
                let answer = self.send(&mut request, &[200]).await?;
                let policies = answer.body().strip_prefix(BYTE_ORDER_MARK).unwrap_or(answer.body());
                Ok(Bytes::copy_from_slice(policies))
            })
            .await
    }

    async fn write_acl(
        &self,
        container: &ContainerName,
        url: &Url,
        policies: Bytes,
        level: Option<PublicAccess>,
    ) -> Result<(), CallError> {
        let call = write_call("SetContainerAcl", "set the public access of container", container.as_str(), 0);
        let policies = &policies;
        self.write
            .run(call, |_| async move {
                let mut request = self.request(url.clone(), Method::Put);
                request.insert_header("content-type", "application/xml");
                if let Some(level) = level {
                    request.insert_header(PUBLIC, level.name());
                }
                request.set_body(policies.clone());
                self.send(&mut request, &[200]).await?;
                Ok(())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::fake::{Fake, answer, refusal};

    #[tokio::test]
    async fn a_role_that_does_not_suffice_is_a_cause_of_its_own_and_not_a_lost_permission() {
        let fake = Fake::new([refusal(403, "AuthorizationPermissionMismatch")]);
        let error = fake.account("acct").set_public_access(&ContainerName::new("films"), None).await.unwrap_err();
        assert_eq!(error.cause(), Some(Cause::PublicAccess), "{error}");
    }

    #[tokio::test]
    async fn the_stored_policies_are_sent_back_as_they_were() {
        let policies = "<SignedIdentifiers><SignedIdentifier><Id>a</Id></SignedIdentifier></SignedIdentifiers>";
        let read = answer(200, &[]).with_body(format!("\u{feff}{policies}"));
        let fake = Fake::new([read, answer(200, &[])]);
        let films = ContainerName::new("films");
        fake.account("acct").set_public_access(&films, Some(PublicAccess::Blobs)).await.unwrap();
        let asked = fake.asked();
        assert_eq!(asked[1].url.query(), Some("restype=container&comp=acl"));
        assert_eq!((asked[1].header(PUBLIC), asked[1].body.as_str()), ("blob", policies));
    }
}
