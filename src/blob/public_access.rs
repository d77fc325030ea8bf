//! What anyone can read in a container without a credential.

use super::account::BlobAccount;
use super::properties::refused_with;
use crate::error::Error;
use crate::model::{ContainerName, PublicAccess};
use crate::verdict::Cause;

/// The header that sets and shows the level.
pub(super) const PUBLIC: &str = "x-ms-blob-public-access";

/// Reads the service's name of a level. An unknown one is treated as the level that permits more.
pub(super) fn read_level(level: &str) -> PublicAccess {
    if level.eq_ignore_ascii_case(PublicAccess::Blobs.name()) { PublicAccess::Blobs } else { PublicAccess::Container }
}

impl BlobAccount {
    /// Sets what anyone can read in a container; `None`: nothing. It does not change the stored access policies.
    ///
    /// # Errors
    /// [`Cause::PublicAccess`]: the account forbids public containers, or it is used by a shared access signature,
    /// which the service never accepts for this, or by a principal whose role does not permit it.
    pub async fn set_public_access(&self, container: &ContainerName, level: Option<PublicAccess>) -> Result<(), Error> {
        let not_set = |why: &str| Error::found(container.as_str(), Cause::PublicAccess, why);
        if self.shared_access().is_some() {
            return Err(not_set("a shared access signature does not allow it"));
        }
        let written = match self.read_acl(container).await {
            Ok(acl) => self.write_acl(container, acl.written, level).await,
            Err(error) => Err(error),
        };
        match written {
            Err(error) if refused_with(&error, &["PublicAccessNotPermitted"]) => {
                Err(not_set("the storage account does not allow public containers"))
            }
            // The role may have all other permissions, so this does not end the run.
            Err(error) if refused_with(&error, &["AuthorizationPermissionMismatch"]) => {
                Err(not_set("the role of the principal does not allow it"))
            }
            written => Ok(written?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::fake::{Fake, answer, refusal};

    #[tokio::test]
    async fn an_insufficient_role_has_its_own_cause_and_is_not_a_missing_permission() {
        let fake = Fake::new([refusal(403, "AuthorizationPermissionMismatch")]);
        let error = fake.account("acct").set_public_access(&ContainerName::new("films"), None).await.unwrap_err();
        assert_eq!(error.cause(), Some(Cause::PublicAccess), "{error}");
    }

    #[tokio::test]
    async fn the_stored_policies_are_sent_back_unchanged() {
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
