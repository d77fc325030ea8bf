//! What a container's access control list says: the level of public access, and stored access policies.

use std::collections::{BTreeMap, BTreeSet};

use azure_core::http::Method;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use url::Url;

use super::account::BlobAccount;
use super::properties::{control_call, header};
use super::public_access::{PUBLIC, read_level};
use super::write::write_call;
use crate::error::{CallError, Error};
use crate::model::{ContainerName, PublicAccess};

/// The prefix of a service's XML.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The access control list of a container.
#[derive(Debug, Clone)]
pub struct Acl {
    /// What anybody may read.
    pub(super) level: Option<PublicAccess>,
    /// The stored access policies, as the service writes them.
    pub(super) written: Bytes,
}

/// A stored access policy, to which signatures refer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Policy {
    /// Seconds since 1970; if it is missing, the signature contains it.
    start: Option<i64>,
    expiry: Option<i64>,
    permissions: BTreeSet<char>,
}

/// The list as the service writes it. A time may be only a date.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Identifiers {
    signed_identifier: Vec<Identifier>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Identifier {
    id: String,
    access_policy: Terms,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Terms {
    start: String,
    expiry: String,
    permission: String,
}

impl Terms {
    fn policy(&self) -> Option<Policy> {
        let permissions = self.permission.trim().chars().collect();
        // A signature that uses the policy contains the missing times itself.
        let time = |text: &str| if text.trim().is_empty() { Some(None) } else { seconds(text.trim()).map(Some) };
        Some(Policy { start: time(&self.start)?, expiry: time(&self.expiry)?, permissions })
    }
}

/// A time in seconds; `None`: it cannot be read.
fn seconds(text: &str) -> Option<i64> {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    let at = text.parse::<Timestamp>().ok().or_else(|| text.parse::<Date>().ok().and_then(midnight))?;
    Some(at.as_second())
}

impl Acl {
    fn of(level: Option<PublicAccess>, body: &[u8]) -> Self {
        Self { level, written: Bytes::copy_from_slice(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)) }
    }

    /// Have both the same stored access policies? Those that cannot be read are compared as they are written.
    pub fn has_policies_of(&self, other: &Self) -> bool {
        match (self.policies(), other.policies()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.written == other.written,
        }
    }

    /// The policies by their ids, if all of them can be read.
    fn policies(&self) -> Option<BTreeMap<String, Policy>> {
        let read: Identifiers = azure_core::xml::from_xml(&self.written).ok()?;
        read.signed_identifier.into_iter().map(|one| Some((one.id, one.access_policy.policy()?))).collect()
    }
}

impl BlobAccount {
    /// The access control list of a container. Only the account's key or the role of an owner permits reading it, not a
    /// signature.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn acl(&self, container: &ContainerName) -> Result<Acl, Error> {
        Ok(self.read_acl(container).await?)
    }

    /// Gives a container the stored access policies of another one. What anybody may read stays as it is.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn set_policies(&self, container: &ContainerName, of: &Acl) -> Result<(), Error> {
        let level = self.read_acl(container).await?.level;
        Ok(self.write_acl(container, of.written.clone(), level).await?)
    }

    fn acl_url(&self, container: &ContainerName) -> Url {
        let mut url = self.container_url(container);
        url.query_pairs_mut().append_pair("restype", "container").append_pair("comp", "acl");
        url
    }

    pub(super) async fn read_acl(&self, container: &ContainerName) -> Result<Acl, CallError> {
        let call = control_call("GetContainerAcl", "read the access policies of container", container.as_str());
        let url = &self.acl_url(container);
        self.read
            .run(call, |_| async move {
                let mut request = self.request(url.clone(), Method::Get);
                request.insert_header("accept", "application/xml");
                let answer = self.send(&mut request, &[200]).await?;
                let level = header(answer.headers(), PUBLIC).map(|level| read_level(&level));
                Ok(Acl::of(level, answer.body()))
            })
            .await
    }

    /// Sets the level and the policies in one request, which removes everything that it does not contain.
    pub(super) async fn write_acl(
        &self,
        container: &ContainerName,
        policies: Bytes,
        level: Option<PublicAccess>,
    ) -> Result<(), CallError> {
        let call = write_call("SetContainerAcl", "set the public access of container", container.as_str(), 0);
        let (url, policies) = (&self.acl_url(container), &policies);
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

    fn acl(policies: &str) -> Acl {
        let body = format!("\u{feff}<?xml version=\"1.0\"?><SignedIdentifiers>{policies}</SignedIdentifiers>");
        Acl::of(None, body.as_bytes())
    }

    fn policy(id: &str, expiry: &str, permissions: &str) -> String {
        let policy = format!("<Expiry>{expiry}</Expiry><Permission>{permissions}</Permission>");
        format!("<SignedIdentifier><Id>{id}</Id><AccessPolicy>{policy}</AccessPolicy></SignedIdentifier>")
    }

    #[test]
    fn policies_are_equal_in_any_order_and_with_any_format_of_times() {
        let one = acl(&[policy("a", "2027-01-01T00:00:00.0000000Z", "rl"), policy("b", "2027-01-01", "r")].concat());
        let other = acl(&[policy("b", "2027-01-01", "r"), policy("a", "2027-01-01T00:00:00Z", "lr")].concat());
        assert!(one.has_policies_of(&other));
        for differs in [policy("a", "2028-01-01T00:00:00Z", "rl"), policy("a", "2027-01-01T00:00:00Z", "r")] {
            assert!(!one.has_policies_of(&acl(&[differs, policy("b", "2027-01-01", "r")].concat())));
        }
        assert!(acl("").has_policies_of(&acl("")) && !one.has_policies_of(&acl("")));
        let odd = |permissions: &str| acl(&policy("a", "tomorrow", permissions));
        assert!(odd("r").policies().is_none() && odd("r").has_policies_of(&odd("r")));
        assert!(!odd("r").has_policies_of(&odd("w")) && !odd("r").has_policies_of(&acl("")));
    }
}
