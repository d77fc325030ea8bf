//! How to sign in: an account key, a shared access signature, or a principal of Entra ID.

pub(super) mod certificate;

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::redact::Secret;
use certificate::ClientCertificate;

/// Entra ID of the public cloud.
pub(super) const AUTHORITY: &str = "https://login.microsoftonline.com";
/// The identity service that only virtual machines of Azure can reach.
pub(super) const MACHINE: &str = "http://169.254.169.254";

/// How to sign in to a storage account.
#[derive(Debug, Clone, PartialEq)]
pub enum StorageCredential {
    /// The account key, in base64.
    Key(Secret),
    /// An account's shared access signature, `sv=…&sig=…`.
    Sas(Secret),
    /// A principal of Entra ID with roles on the account.
    SignIn(SignIn),
}

/// How a principal of Entra ID signs in.
#[derive(Debug, Clone, PartialEq)]
pub enum SignIn {
    /// An application.
    Application {
        /// `https://login.microsoftonline.com/<tenant>/oauth2/v2.0/token`.
        token_url: Url,
        /// Application id.
        client_id: String,
        /// Its credential.
        proof: Proof,
    },
    /// The managed identity of the machine or container that this runs on.
    ManagedIdentity {
        /// The service that issues its tokens.
        service: IdentityService,
        /// Which identity, if there are several.
        client_id: Option<String>,
    },
    /// The user that is signed in to the Azure CLI.
    AzureCli {
        /// The tenant, if it is not the CLI's default one.
        tenant: Option<String>,
    },
}

/// The credential of an application.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    /// A client secret.
    Secret(Secret),
    /// A certificate, whose key signs an assertion.
    Certificate(Arc<ClientCertificate>),
    /// A token of another issuer that the application trusts, such as a Kubernetes cluster. It is in a file that the issuer
    /// renews.
    TokenFile(PathBuf),
}

/// A service that issues the tokens of managed identities.
#[derive(Debug, Clone, PartialEq)]
pub enum IdentityService {
    /// The instance metadata service (IMDS) of a virtual machine, by its root.
    Machine(Url),
    /// That of App Service, Functions and Container Apps, with the required value of its header.
    Host(Url, Secret),
}

impl SignIn {
    /// The service that issues the tokens; `None` if a program does.
    pub fn token_service(&self) -> Option<&Url> {
        match self {
            Self::Application { token_url: url, .. }
            | Self::ManagedIdentity {
                service: IdentityService::Machine(url) | IdentityService::Host(url, _), ..
            } => Some(url),
            Self::AzureCli { .. } => None,
        }
    }
}

/// Where the tokens of a tenant are requested.
pub(super) fn token_url(authority: &Url, tenant: &str) -> Url {
    let mut url = authority.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend([tenant, "oauth2", "v2.0", "token"]);
    }
    url
}

/// Is the host a link-local address? Only hosts on the same link can be reached there.
pub fn is_link_local(url: &Url) -> bool {
    matches!(url.host(), Some(url::Host::Ipv4(ip)) if ip.is_link_local())
}
