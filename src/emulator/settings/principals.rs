//! The principals of Entra ID: their credentials, and what they may do.

use serde::Deserialize;

/// A principal: an application, or the identity of the machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrincipalSettings {
    /// Application id.
    pub client_id: String,
    /// Tenant, by id or by domain.
    pub tenant: String,
    /// Client secret, if it has one.
    #[serde(default)]
    pub secret: Option<String>,
    /// Certificate (PEM) whose key signs its assertions, if it has one.
    #[serde(default)]
    pub certificate: Option<String>,
    /// The token of another issuer that is accepted instead of a secret; compared literally.
    #[serde(default)]
    pub federated_token: Option<String>,
    /// Is it an identity of this machine? Then the machine's identity service, at the token service's address, issues its
    /// tokens without any proof.
    #[serde(default)]
    pub managed: bool,
    /// Its roles on storage accounts.
    #[serde(default)]
    pub roles: Vec<RoleAssignment>,
    /// The media accounts that it may use.
    #[serde(default)]
    pub media: Vec<String>,
}

/// A role on a storage account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleAssignment {
    /// The storage account.
    pub account: String,
    /// The role.
    pub role: Role,
}

/// The roles for blobs that Azure has built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Storage Blob Data Reader.
    Reader,
    /// Storage Blob Data Contributor.
    Contributor,
    /// Storage Blob Data Owner.
    Owner,
    /// Storage Blob Delegator.
    Delegator,
}
